//! Bytes to [`Value`]s, in one pass over the borrowed text.
//!
//! quick-xml cuts the text into pieces that borrow from the body; the functions below follow the structure of an
//! XML-RPC document and make the values on the way. What Supervisor lets pass, passes: any name for the root element,
//! `<params>` missing or before `<methodName>`, text and comments between elements, values without a type. Elements
//! may have a prefix (`<ex:nil/>`), as Apache's clients write them.
//!
//! An error never quotes the document: it may hold a password, or be 100 MB long.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use abi_stable::std_types::{RString, RVec};
use plugin_api::abi::{Fault, Member, Value};
use quick_xml::encoding::EncodingError;
use quick_xml::errors::{IllFormedError, SyntaxError};
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::scalar::{decode_base64, parse_date_time, parse_double, parse_int};
use super::{MethodCall, NESTING_LIMIT};

/// Why a document could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem} (byte {at})")]
pub struct DecodeError {
    /// What is wrong.
    pub problem: Problem,
    /// How many bytes had been read.
    pub at: u64,
}

/// What can be wrong with a document.
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
    #[error("values are nested deeper than {limit} levels")]
    TooDeep { limit: usize },
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

/// Reads a `<methodCall>`.
///
/// ```
/// let call = supervisor_host::xmlrpc::decode_call(
///     b"<methodCall><methodName>system.listMethods</methodName></methodCall>",
/// )?;
/// assert_eq!((call.name.as_str(), call.params.len()), ("system.listMethods", 0));
/// # Ok::<(), supervisor_host::xmlrpc::DecodeError>(())
/// ```
pub fn decode_call(body: &[u8]) -> Result<MethodCall, DecodeError> {
    document(body, NESTING_LIMIT, |decoder, empty| decoder.call(empty))
}

/// Reads a `<methodResponse>`: the value, or the fault that was given instead.
pub fn decode_response(body: &[u8]) -> Result<Result<Value, Fault>, DecodeError> {
    document(body, NESTING_LIMIT + NESTING_LIMIT / 2, |decoder, empty| decoder.response(empty))
}

/// Reads a whole document: `content` reads what is inside the root element.
fn document<T>(
    body: &[u8],
    limit: usize,
    content: impl Fn(&mut Decoder<'_>, bool) -> Result<T, Problem>,
) -> Result<T, DecodeError> {
    let mut latin1 = false;
    let mut decoder = Decoder::new(body, limit);
    let result = decoder.document(&content, &mut latin1);
    if latin1 && !body.is_ascii() {
        // Rare enough for a copy: `ServerProxy(url, encoding='iso-8859-1')`.
        let text: String = body.iter().map(|byte| char::from(*byte)).collect();
        let mut decoder = Decoder::new(text.as_bytes(), limit);
        return decoder.document(&content, &mut false).map_err(|problem| decoder.error(problem));
    }
    result.map_err(|problem| decoder.error(problem))
}

/// The elements of XML-RPC.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    MethodName,
    Params,
    Param,
    Fault,
    Value,
    Int,
    I8,
    Boolean,
    String,
    Double,
    DateTime,
    Base64,
    Nil,
    Array,
    Data,
    Struct,
    Member,
    Name,
    Other,
}

impl Tag {
    fn named(name: &str) -> Self {
        match name {
            "value" => Self::Value,
            "string" => Self::String,
            "int" | "i4" | "i1" | "i2" => Self::Int,
            "i8" | "biginteger" => Self::I8,
            "boolean" => Self::Boolean,
            "double" | "float" => Self::Double,
            "dateTime.iso8601" => Self::DateTime,
            "base64" => Self::Base64,
            "nil" => Self::Nil,
            "array" => Self::Array,
            "data" => Self::Data,
            "struct" => Self::Struct,
            "member" => Self::Member,
            "name" => Self::Name,
            "params" => Self::Params,
            "param" => Self::Param,
            "methodName" => Self::MethodName,
            "fault" => Self::Fault,
            _ => match name.rsplit_once(':') {
                Some((_, local)) => Self::named(local),
                None => Self::Other,
            },
        }
    }
}

/// A start tag.
#[derive(Clone, Copy)]
struct Start {
    tag: Tag,
    /// `<x/>`: there is no content and no end tag to come.
    empty: bool,
}

/// One piece of the document.
enum Piece<'a> {
    Start(Start),
    End,
    Text(Cow<'a, str>),
    Char(char),
}

struct Decoder<'a> {
    body: &'a [u8],
    reader: Reader<&'a [u8]>,
    limit: usize,
}

impl<'a> Decoder<'a> {
    fn new(body: &'a [u8], limit: usize) -> Self {
        Self { body, reader: Reader::from_reader(body), limit }
    }

    fn error(&self, problem: Problem) -> DecodeError {
        DecodeError { problem, at: self.reader.buffer_position() }
    }

    fn document<T>(
        &mut self,
        content: impl Fn(&mut Self, bool) -> Result<T, Problem>,
        latin1: &mut bool,
    ) -> Result<T, Problem> {
        let root = loop {
            match self.reader.read_event().map_err(|error| problem_of(&error))? {
                Event::Start(_) => break Start { tag: Tag::Other, empty: false },
                Event::Empty(_) => break Start { tag: Tag::Other, empty: true },
                Event::Decl(declaration) => *latin1 = is_latin1(&declaration, self.body)?,
                Event::Text(text) if is_blank(&text) => {}
                Event::Comment(_) | Event::PI(_) => {}
                Event::DocType(_) => return Err(Problem::Doctype),
                Event::Eof => return Err(Problem::Truncated),
                _ => return Err(Problem::Syntax),
            }
        };
        let result = content(self, root.empty)?;
        loop {
            match self.reader.read_event().map_err(|error| problem_of(&error))? {
                Event::Eof => return Ok(result),
                Event::Text(text) if is_blank(&text) => {}
                Event::Comment(_) | Event::PI(_) => {}
                _ => return Err(Problem::Trailing),
            }
        }
    }

    /// The next piece inside the root element.
    fn next(&mut self) -> Result<Piece<'a>, Problem> {
        let start =
            |start: &BytesStart<'_>, empty| Ok(Piece::Start(Start { tag: Tag::named(start.name().as_ref()), empty }));
        loop {
            return match self.reader.read_event().map_err(|error| problem_of(&error))? {
                Event::Start(element) => start(&element, false),
                Event::Empty(element) => start(&element, true),
                Event::End(_) => Ok(Piece::End),
                Event::Text(text) => Ok(Piece::Text(text.into_inner())),
                Event::CData(text) => Ok(Piece::Text(text.into_inner())),
                Event::GeneralRef(reference) => character(&reference).map(Piece::Char),
                Event::Comment(_) | Event::PI(_) => continue,
                Event::DocType(_) => Err(Problem::Doctype),
                Event::Decl(_) => Err(Problem::Syntax),
                Event::Eof => Err(Problem::Truncated),
            };
        }
    }

    /// The next element inside the present one, `None` at its end. Text between elements means nothing.
    fn child(&mut self, empty: bool) -> Result<Option<Start>, Problem> {
        if empty {
            return Ok(None);
        }
        loop {
            match self.next()? {
                Piece::Start(start) => return Ok(Some(start)),
                Piece::End => return Ok(None),
                Piece::Text(_) | Piece::Char(_) => {}
            }
        }
    }

    /// Reads to the end of the present element.
    fn skip(&mut self) -> Result<(), Problem> {
        let mut depth = 0_usize;
        loop {
            match self.next()? {
                Piece::Start(Start { empty: false, .. }) => depth += 1,
                Piece::End if depth == 0 => return Ok(()),
                Piece::End => depth -= 1,
                _ => {}
            }
        }
    }

    fn skip_element(&mut self, start: Start) -> Result<(), Problem> {
        if start.empty { Ok(()) } else { self.skip() }
    }

    fn call(&mut self, empty: bool) -> Result<MethodCall, Problem> {
        let mut name = None;
        let mut params = RVec::new();
        while let Some(start) = self.child(empty)? {
            match start.tag {
                Tag::MethodName => name = Some(self.text(start.empty)?.into_owned()),
                Tag::Params => params = self.params(start.empty)?,
                _ => self.skip_element(start)?,
            }
        }
        match name {
            Some(name) if !name.is_empty() => Ok(MethodCall { name, params }),
            _ => Err(Problem::NoMethodName),
        }
    }

    fn response(&mut self, empty: bool) -> Result<Result<Value, Fault>, Problem> {
        let mut result = Err(Problem::NoResult);
        while let Some(start) = self.child(empty)? {
            match start.tag {
                Tag::Params => {
                    let value = self.params(start.empty)?.pop();
                    result = value.map(Ok).ok_or(Problem::NoResult);
                }
                Tag::Fault => result = Ok(Err(fault_from(self.only_value(start.empty, Problem::Fault)?)?)),
                _ => self.skip_element(start)?,
            }
        }
        result
    }

    fn params(&mut self, empty: bool) -> Result<RVec<Value>, Problem> {
        let mut params = Vec::new();
        while let Some(start) = self.child(empty)? {
            match start.tag {
                Tag::Param => params.push(self.only_value(start.empty, Problem::Param)?),
                _ => return Err(Problem::Param),
            }
        }
        Ok(params.into())
    }

    /// An element that holds one value, `<param>` and `<fault>`.
    fn only_value(&mut self, empty: bool, otherwise: Problem) -> Result<Value, Problem> {
        match self.child(empty)? {
            Some(Start { tag: Tag::Value, empty }) => {
                let value = self.value(empty, 0)?;
                self.skip()?;
                Ok(value)
            }
            _ => Err(otherwise),
        }
    }

    /// What is inside `<value>`: a typed value, or text, blanks and all.
    fn value(&mut self, empty: bool, depth: usize) -> Result<Value, Problem> {
        let mut text = Text::default();
        while !empty {
            match self.next()? {
                Piece::Start(start) => {
                    let value = self.typed(start, depth)?;
                    self.skip()?;
                    return Ok(value);
                }
                Piece::Text(piece) => text.push(piece),
                Piece::Char(piece) => text.push_char(piece, self.rest()),
                Piece::End => break,
            }
        }
        Ok(Value::String(string(text.finish()?)))
    }

    fn typed(&mut self, start: Start, depth: usize) -> Result<Value, Problem> {
        let empty = start.empty;
        Ok(match start.tag {
            Tag::String => Value::String(string(self.text(empty)?)),
            Tag::Int => {
                let number = parse_int(&self.text(empty)?)?;
                i32::try_from(number).map_or(Value::Int64(number), Value::Int)
            }
            Tag::I8 => Value::Int64(parse_int(&self.text(empty)?)?),
            Tag::Boolean => Value::Bool(self.text(empty)? == "1"),
            Tag::Double => Value::Double(parse_double(&self.text(empty)?)?),
            Tag::DateTime => Value::DateTime(parse_date_time(&self.text(empty)?)?.into()),
            Tag::Base64 => Value::Base64(decode_base64(&self.text(empty)?)?.into()),
            Tag::Nil => {
                self.skip_element(start)?;
                Value::Nil
            }
            Tag::Array | Tag::Struct if depth == self.limit => return Err(Problem::TooDeep { limit: self.limit }),
            Tag::Array => Value::Array(self.array(empty, depth + 1)?),
            Tag::Struct => Value::Struct(self.structure(empty, depth + 1)?),
            _ => return Err(Problem::Type),
        })
    }

    fn array(&mut self, empty: bool, depth: usize) -> Result<RVec<Value>, Problem> {
        let Some(Start { tag: Tag::Data, empty }) = self.child(empty)? else {
            return Err(Problem::Array);
        };
        let mut values = Vec::new();
        while let Some(start) = self.child(empty)? {
            match start.tag {
                Tag::Value => values.push(self.value(start.empty, depth)?),
                _ => return Err(Problem::Data),
            }
        }
        self.skip()?;
        Ok(values.into())
    }

    fn structure(&mut self, empty: bool, depth: usize) -> Result<RVec<Member>, Problem> {
        let mut members = Vec::new();
        while let Some(start) = self.child(empty)? {
            match start {
                Start { tag: Tag::Member, empty: false } => members.push(self.member(depth)?),
                _ => return Err(Problem::Member),
            }
        }
        keep_last(&mut members);
        Ok(members.into())
    }

    fn member(&mut self, depth: usize) -> Result<Member, Problem> {
        let Some(Start { tag: Tag::Name, empty }) = self.child(false)? else { return Err(Problem::Member) };
        let name = string(self.text(empty)?);
        let Some(Start { tag: Tag::Value, empty }) = self.child(false)? else { return Err(Problem::Member) };
        let value = self.value(empty, depth)?;
        match self.child(false)? {
            None => Ok(Member { name, value }),
            Some(_) => Err(Problem::Member),
        }
    }

    /// The text inside an element that holds nothing else.
    fn text(&mut self, empty: bool) -> Result<Cow<'a, str>, Problem> {
        let mut text = Text::default();
        while !empty {
            match self.next()? {
                Piece::Text(piece) => text.push(piece),
                Piece::Char(piece) => text.push_char(piece, self.rest()),
                Piece::End => break,
                Piece::Start(_) => return Err(Problem::NotText),
            }
        }
        text.finish()
    }

    /// The document from the present place on.
    fn rest(&self) -> &'a [u8] {
        usize::try_from(self.reader.buffer_position()).ok().and_then(|at| self.body.get(at..)).unwrap_or_default()
    }
}

/// A text that is put together from pieces, and borrowed as long as there is only one.
#[derive(Default)]
struct Text<'a>(Cow<'a, str>);

impl<'a> Text<'a> {
    fn push(&mut self, piece: Cow<'a, str>) {
        if self.0.is_empty() {
            self.0 = piece;
        } else {
            self.0.to_mut().push_str(&piece);
        }
    }

    /// Adds a character that stood as a reference. Up to the next tag, what follows in `rest` belongs to this text, so
    /// there is one allocation however many references come.
    fn push_char(&mut self, character: char, rest: &[u8]) {
        if let Cow::Borrowed(start) = self.0 {
            let rest = rest.iter().position(|byte| *byte == b'<').unwrap_or(0);
            let mut text = String::with_capacity(start.len() + rest + character.len_utf8());
            text.push_str(start);
            self.0 = Cow::Owned(text);
        }
        self.0.to_mut().push(character);
    }

    fn finish(self) -> Result<Cow<'a, str>, Problem> {
        if is_xml(self.0.as_bytes()) { Ok(self.0) } else { Err(Problem::Character) }
    }
}

/// Whether a text has only characters that XML has. Said of UTF-8.
fn is_xml(text: &[u8]) -> bool {
    // Both are looked for at once and without branches, which the compiler turns into vector instructions.
    let (control, suspect) = text.iter().fold((false, false), |(control, suspect), byte| {
        (control | (*byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r')), suspect | (*byte == 0xef))
    });
    // U+FFFE and U+FFFF.
    !control && !(suspect && text.windows(3).any(|three| matches!(three, [0xef, 0xbf, 0xbe | 0xbf])))
}

fn is_blank(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'))
}

fn string(text: Cow<'_, str>) -> RString {
    match text {
        Cow::Borrowed(text) => RString::from(text),
        Cow::Owned(text) => RString::from(text),
    }
}

/// The character that a reference stands for.
fn character(reference: &BytesRef<'_>) -> Result<char, Problem> {
    match &**reference {
        "lt" => return Ok('<'),
        "gt" => return Ok('>'),
        "amp" => return Ok('&'),
        "quot" => return Ok('"'),
        "apos" => return Ok('\''),
        _ => {}
    }
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Ok(character),
        Ok(None) => Err(Problem::Entity),
        Err(_) => Err(Problem::CharacterReference),
    }
}

/// Whether the declaration asks for Latin-1. What else is not UTF-8 is refused, unless the body is plain ASCII, which
/// is the same in nearly all of them.
fn is_latin1(declaration: &BytesDecl<'_>, body: &[u8]) -> Result<bool, Problem> {
    let Some(encoding) = declaration.encoding() else { return Ok(false) };
    let encoding = encoding.map_err(|_| Problem::Syntax)?;
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(&encoding));
    if is(&["utf-8", "utf8", "us-ascii", "ascii"]) {
        Ok(false)
    } else if is(&["iso-8859-1", "iso8859-1", "latin-1", "latin1"]) {
        Ok(true)
    } else if body.is_ascii() {
        Ok(false)
    } else {
        Err(Problem::Encoding)
    }
}

/// Of members with the same name the last one's value stays, at the place of the first, as in a Python dictionary.
fn keep_last(members: &mut Vec<Member>) {
    /// Up to here comparing all pairs is faster than hashing.
    const FEW: usize = 24;
    let distinct = if members.len() <= FEW {
        (1..members.len()).all(|at| members[..at].iter().all(|earlier| earlier.name != members[at].name))
    } else {
        let mut seen = HashSet::with_capacity(members.len());
        members.iter().all(|member| seen.insert(member.name.as_str()))
    };
    if distinct {
        return;
    }
    let mut places: HashMap<RString, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<Member> = Vec::with_capacity(members.len());
    for member in members.drain(..) {
        if let Some(place) = places.get(&member.name) {
            kept[*place].value = member.value;
        } else {
            places.insert(member.name.clone(), kept.len());
            kept.push(member);
        }
    }
    *members = kept;
}

fn fault_from(value: Value) -> Result<Fault, Problem> {
    let Value::Struct(members) = value else { return Err(Problem::Fault) };
    let (mut code, mut text) = (None, None);
    for member in members {
        match (member.name.as_str(), member.value) {
            ("faultCode", Value::Int(number)) => code = Some(number),
            ("faultString", Value::String(string)) => text = Some(string),
            _ => {}
        }
    }
    match (code, text) {
        (Some(code), Some(text)) => Ok(Fault { code, text }),
        _ => Err(Problem::Fault),
    }
}

fn problem_of(error: &quick_xml::Error) -> Problem {
    use quick_xml::Error;
    match error {
        Error::Syntax(SyntaxError::UnclosedDoctype) => Problem::Doctype,
        Error::Syntax(SyntaxError::InvalidBangMarkup) => Problem::Syntax,
        Error::Syntax(_) => Problem::Truncated,
        Error::IllFormed(IllFormedError::MismatchedEndTag { .. } | IllFormedError::UnmatchedEndTag(_)) => {
            Problem::Mismatch
        }
        Error::IllFormed(IllFormedError::MissingDoctypeName) => Problem::Doctype,
        Error::Encoding(EncodingError::Utf8(_)) => Problem::NotUtf8,
        _ => Problem::Syntax,
    }
}
