//! Bytes to [`Value`]s, in one pass over the borrowed text.
//!
//! [`xml::Reader`] cuts the text into pieces that borrow from the body; the functions below follow the structure of an
//! XML-RPC document and make the values on the way. What Supervisor lets pass, passes: any name for the root element,
//! `<params>` missing or before `<methodName>`, text and comments between elements, values without a type. Elements
//! may have a prefix (`<ex:nil/>`), as Apache's clients write them.
//!
//! What is spelt as usual never comes to that: [`usual`](super::usual) reads it by comparing.
//!
//! An error never quotes the document: it may hold a password, or be 100 MB long.

use std::borrow::Cow;

use abi_stable::std_types::RVec;
use plugin_api::abi::{Fault, Member, Value};

use super::{
    body::{any_text_of, is_blank, text_of},
    limits::{ANSWER_NESTING_LIMIT, NESTING_LIMIT},
    members::keep_last,
    problem::{DecodeError, Problem},
    scalar::{decode_base64, parse_date_time, parse_double, parse_int, parse_int_value},
    usual::{read_usual_call, read_usual_list, read_usual_response},
    xml::{self, Piece, unescape},
};

/// A call as it came from a client.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCall {
    /// Name of the method as it was written, blanks and all: `cache.fetch`.
    pub name: String,
    /// Parameters in their order.
    pub params: RVec<Value>,
}

/// Read a `<methodCall>`.
///
/// ```
/// let call = supervisor_host::xmlrpc::decode_call(
///     b"<methodCall><methodName>system.listMethods</methodName></methodCall>",
/// )?;
/// assert_eq!((call.name.as_str(), call.params.len()), ("system.listMethods", 0));
/// # Ok::<(), supervisor_host::xmlrpc::DecodeError>(())
/// ```
pub fn decode_call(body: &[u8]) -> Result<MethodCall, DecodeError> {
    match read_usual_call(body) {
        Some((name, params)) => Ok(MethodCall { name, params }),
        None => decode_call_as_xml(body),
    }
}

/// Read a `<methodCall>` of whatever form.
pub(super) fn decode_call_as_xml(body: &[u8]) -> Result<MethodCall, DecodeError> {
    Decoder::new(&text_of(body)?, NESTING_LIMIT).document(Decoder::call)
}

/// Read a `<methodResponse>`: the value, or the fault that was given instead.
pub fn decode_response(body: &[u8]) -> Result<Result<Value, Fault>, DecodeError> {
    read_usual_response(body).map_or_else(|| decode_response_as_xml(body), |value| Ok(Ok(value)))
}

/// Read a `<methodResponse>` of an array, and make an item of each of its elements as it is read, so that the elements
/// of a large one are never in memory together. An answer that is no array has none.
pub fn decode_list<T>(body: &[u8], item: impl Fn(Value) -> T) -> Result<Result<Vec<T>, Fault>, DecodeError> {
    if let Some(items) = read_usual_list(body, &item) {
        return Ok(Ok(items));
    }
    let elements = |value| if let Value::Array(values) = value { values } else { RVec::new() };
    let answer = decode_response_as_xml(body)?;
    Ok(answer.map(|value| elements(value).into_iter().map(item).collect()))
}

/// Read a `<methodResponse>` of whatever form.
pub(super) fn decode_response_as_xml(body: &[u8]) -> Result<Result<Value, Fault>, DecodeError> {
    Decoder::new(&any_text_of(body)?, ANSWER_NESTING_LIMIT).document(Decoder::response)
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

struct Decoder<'a> {
    reader: xml::Reader<'a>,
    limit: usize,
}

impl<'a> Decoder<'a> {
    fn new(text: &'a str, limit: usize) -> Self {
        // A level of values takes three elements: value, struct, member; a few more are around and inside.
        Self { reader: xml::Reader::new(text, 3 * limit + 8), limit }
    }

    /// Read the whole document; `content` reads what is inside the root element.
    fn document<T>(mut self, content: impl FnOnce(&mut Self) -> Result<T, Problem>) -> Result<T, DecodeError> {
        let result = self.begin().and_then(|()| content(&mut self)).and_then(|result| self.finish().map(|()| result));
        result.map_err(|problem| DecodeError { problem, at: self.reader.position() })
    }

    /// Read to the inside of the root element.
    fn begin(&mut self) -> Result<(), Problem> {
        loop {
            match self.reader.next()? {
                Piece::Start => return Ok(()),
                Piece::Text if self.reader.piece().bytes().all(is_blank) => {}
                Piece::Eof => return Err(Problem::Truncated),
                _ => return Err(Problem::Syntax),
            }
        }
    }

    /// Read what follows the root element.
    fn finish(&mut self) -> Result<(), Problem> {
        loop {
            match self.reader.next()? {
                Piece::Eof => return Ok(()),
                Piece::Text if self.reader.piece().bytes().all(is_blank) => {}
                _ => return Err(Problem::Trailing),
            }
        }
    }

    /// Find the next element inside the present one, `None` at its end. Text between elements means nothing.
    #[inline]
    fn child(&mut self) -> Result<Option<Tag>, Problem> {
        // As good as always it is no more than a line feed.
        self.reader.blanks();
        loop {
            match self.reader.next()? {
                Piece::Start => return Ok(Some(Tag::named(self.reader.piece()))),
                Piece::End => return Ok(None),
                Piece::Text => {}
                Piece::Escaped => drop(unescape(self.reader.piece())?),
                Piece::Eof => return Err(Problem::Truncated),
            }
        }
    }

    /// Read to the end of the present element.
    fn skip(&mut self) -> Result<(), Problem> {
        self.reader.blanks();
        let mut depth = 0_usize;
        loop {
            match self.reader.next()? {
                Piece::Start => depth += 1,
                Piece::End if depth == 0 => return Ok(()),
                Piece::End => depth -= 1,
                Piece::Text => {}
                Piece::Escaped => drop(unescape(self.reader.piece())?),
                Piece::Eof => return Err(Problem::Truncated),
            }
        }
    }

    fn call(&mut self) -> Result<MethodCall, Problem> {
        let mut name = None;
        let mut params = RVec::new();
        while let Some(tag) = self.child()? {
            match tag {
                Tag::MethodName => name = Some(self.text()?.into_owned()),
                Tag::Params => params = self.params()?,
                _ => self.skip()?,
            }
        }
        match name {
            Some(name) if !name.is_empty() => Ok(MethodCall { name, params }),
            _ => Err(Problem::NoMethodName),
        }
    }

    fn response(&mut self) -> Result<Result<Value, Fault>, Problem> {
        let mut result = Err(Problem::NoResult);
        while let Some(tag) = self.child()? {
            match tag {
                Tag::Params => result = self.params()?.pop().map(Ok).ok_or(Problem::NoResult),
                Tag::Fault => result = Ok(Err(fault_from(self.only_value(Problem::Fault)?)?)),
                _ => self.skip()?,
            }
        }
        result
    }

    fn params(&mut self) -> Result<RVec<Value>, Problem> {
        let mut params = Vec::new();
        while let Some(tag) = self.child()? {
            match tag {
                Tag::Param => params.push(self.only_value(Problem::Param)?),
                _ => return Err(Problem::Param),
            }
        }
        Ok(params.into())
    }

    /// Read the inside of an element that holds one value, `<param>` and `<fault>`.
    fn only_value(&mut self, otherwise: Problem) -> Result<Value, Problem> {
        let Some(Tag::Value) = self.child()? else { return Err(otherwise) };
        let value = self.value(0)?;
        self.skip()?;
        Ok(value)
    }

    /// Read the inside of `<value>`: a typed value, or text, blanks and all.
    fn value(&mut self, depth: usize) -> Result<Value, Problem> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.reader.next()? {
                Piece::Start => {
                    let value = self.typed(Tag::named(self.reader.piece()), depth)?;
                    self.skip()?;
                    return Ok(value);
                }
                Piece::End => return Ok(Value::String(text.into())),
                piece => self.add(piece, &mut text)?,
            }
        }
    }

    fn typed(&mut self, tag: Tag, depth: usize) -> Result<Value, Problem> {
        Ok(match tag {
            Tag::String => Value::String(self.text()?.into()),
            Tag::Int => parse_int_value(&self.text()?)?,
            Tag::I8 => Value::Int64(parse_int(&self.text()?)?),
            Tag::Boolean => Value::Bool(self.text()? == "1"),
            Tag::Double => Value::Double(parse_double(&self.text()?)?),
            Tag::DateTime => Value::DateTime(parse_date_time(&self.text()?)?.into()),
            Tag::Base64 => Value::Base64(decode_base64(&self.text()?)?.into()),
            Tag::Nil => {
                self.skip()?;
                Value::Nil
            }
            Tag::Array | Tag::Struct if depth == self.limit => return Err(Problem::TooDeep),
            Tag::Array => Value::Array(self.array(depth + 1)?),
            Tag::Struct => Value::Struct(self.structure(depth + 1)?),
            _ => return Err(Problem::Type),
        })
    }

    fn array(&mut self, depth: usize) -> Result<RVec<Value>, Problem> {
        let Some(Tag::Data) = self.child()? else { return Err(Problem::Array) };
        let mut values = Vec::new();
        while let Some(tag) = self.child()? {
            match tag {
                Tag::Value => values.push(self.value(depth)?),
                _ => return Err(Problem::Data),
            }
        }
        self.skip()?;
        Ok(values.into())
    }

    fn structure(&mut self, depth: usize) -> Result<RVec<Member>, Problem> {
        let mut members = Vec::new();
        while let Some(tag) = self.child()? {
            match tag {
                Tag::Member => members.push(self.member(depth)?),
                _ => return Err(Problem::Member),
            }
        }
        keep_last(&mut members);
        Ok(members.into())
    }

    fn member(&mut self, depth: usize) -> Result<Member, Problem> {
        let Some(Tag::Name) = self.child()? else { return Err(Problem::Member) };
        let name = self.text()?.into();
        let Some(Tag::Value) = self.child()? else { return Err(Problem::Member) };
        let value = self.value(depth)?;
        match self.child()? {
            None => Ok(Member { name, value }),
            Some(_) => Err(Problem::Member),
        }
    }

    /// Read the text inside an element that holds nothing else.
    fn text(&mut self) -> Result<Cow<'a, str>, Problem> {
        let mut text = Cow::Borrowed("");
        loop {
            match self.reader.next()? {
                Piece::Start => return Err(Problem::NotText),
                Piece::End => return Ok(text),
                piece => self.add(piece, &mut text)?,
            }
        }
    }

    /// Add a piece to a text, which is borrowed as long as there is only one.
    fn add(&mut self, piece: Piece, text: &mut Cow<'a, str>) -> Result<(), Problem> {
        let piece = match piece {
            Piece::Escaped => Cow::Owned(unescape(self.reader.piece())?),
            _ => Cow::Borrowed(self.reader.piece()),
        };
        if text.is_empty() {
            *text = piece;
        } else {
            text.to_mut().push_str(&piece);
        }
        Ok(())
    }
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

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
