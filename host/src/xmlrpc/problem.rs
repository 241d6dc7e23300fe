//! Errors of a document that is read.

use super::limits::NESTING_LIMIT;

/// Problem of a document, and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (byte {at})")]
pub struct DecodeError {
    /// Problem that ended the reading.
    pub problem: Problem,
    /// Bytes that had been read.
    pub at: usize,
}

/// Problem of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each message says it")]
pub enum Problem {
    #[error("the XML ends too early")]
    Truncated,
    #[error("not well-formed XML")]
    Syntax,
    #[error("an end tag does not match its start tag")]
    Mismatch,
    #[error("text or a second element after the end of the document")]
    Trailing,
    #[error("not UTF-8")]
    NotUtf8,
    #[error("the declared encoding is not supported; send UTF-8")]
    Encoding,
    #[error("a DOCTYPE is not allowed")]
    Doctype,
    #[error("an entity other than &amp; &lt; &gt; &quot; &apos;")]
    Entity,
    #[error("a character reference that XML does not allow")]
    CharacterReference,
    #[error("a character that XML does not allow; send such text as base64")]
    Character,
    #[error("values are nested deeper than {NESTING_LIMIT} levels")]
    TooDeep,
    #[error("no method name")]
    NoMethodName,
    #[error("neither a result nor a fault")]
    NoResult,
    #[error("a fault without an integer faultCode and a string faultString")]
    Fault,
    #[error("a <param> without a value")]
    Param,
    #[error("a value of unknown type")]
    Type,
    #[error("an element inside a single value")]
    NotText,
    #[error("an <array> without <data>")]
    Array,
    #[error("something other than a <value> in <data>")]
    Data,
    #[error("a struct member that is not a <name> and a <value>")]
    Member,
    #[error("not an integer")]
    Int,
    #[error("an integer of more than 64 bits")]
    IntRange,
    #[error("not a double")]
    Double,
    #[error("not a date such as 20260131T23:59:59")]
    DateTime,
    #[error("not base64")]
    Base64,
}
