//! Numbers, texts and values as bytes. Numbers are little-endian; a text is its length in 32 bits and its UTF-8.

use plugin_api::{Value, abi::Member};

use super::{cached::Cached, clock::Deadline};

/// Most arrays and structs that may stand inside each other: more than any client or plugin can store.
const DEPTH: u32 = 200;

/// Type of a string.
const STRING: u8 = 6;

/// Bytes to read from. Every method answers none if they are not there or make no sense.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Return true if everything has been read.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u32()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    pub(super) fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A value as it lies in memory. A short string, as most are, is copied but once.
    pub(super) fn cached(&mut self, deadline: Option<Deadline>) -> Option<Cached> {
        match self.0 {
            [STRING, rest @ ..] if deadline.is_none() => {
                let mut text = Self(rest);
                let (value, rest) = (text.text()?, text.0);
                self.0 = rest;
                Some(Cached::from_text(value))
            }
            _ => Some(Cached::new(self.value()?, deadline)),
        }
    }

    pub(super) fn value(&mut self) -> Option<Value> {
        self.value_within(DEPTH)
    }

    fn value_within(&mut self, depth: u32) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        Some(match self.u8()? {
            0 => Value::Nil,
            1 => Value::Bool(false),
            2 => Value::Bool(true),
            3 => Value::Int(self.array().map(i32::from_le_bytes)?),
            4 => Value::Int64(self.array().map(i64::from_le_bytes)?),
            5 => Value::Double(self.array().map(f64::from_le_bytes)?),
            STRING => Value::from(self.text()?),
            7 => Value::DateTime(self.text()?.into()),
            8 => Value::Base64(self.bytes()?.into()),
            9 => {
                let number = self.u32()?;
                Value::Array((0..number).map(|_| self.value_within(depth)).collect::<Option<Vec<_>>>()?.into())
            }
            10 => {
                let number = self.u32()?;
                let mut member = || Some(Member { name: self.text()?.into(), value: self.value_within(depth)? });
                Value::Struct((0..number).map(|_| member()).collect::<Option<Vec<_>>>()?.into())
            }
            _ => return None,
        })
    }
}

/// Append a text.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_bytes(out, text.as_bytes());
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    // A request is bounded far below that.
    let len = u32::try_from(len).expect("nothing in a cache has 4 GiB");
    out.extend_from_slice(&len.to_le_bytes());
}

/// Append a value as it lies in memory: as [`put_value`] does, and a short string without a copy of it.
pub(super) fn put_cached(out: &mut Vec<u8>, cached: &Cached) {
    match cached {
        Cached::Short(text) => put_string(out, text),
        Cached::Other(_) => cached.peek(|value| put_value(out, value)),
    }
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    out.push(STRING);
    put_text(out, text);
}

/// Append a value: a byte for its type, and what it takes.
pub(super) fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::String(text) => put_string(out, text),
        Value::Shared(text) => put_string(out, text),
        Value::DateTime(date) => {
            out.push(7);
            put_text(out, date);
        }
        Value::Nil => out.push(0),
        Value::Bool(value) => out.push(1 + u8::from(*value)),
        Value::Int(number) => {
            out.push(3);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Int64(number) => {
            out.push(4);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Double(number) => {
            out.push(5);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Value::Base64(bytes) => {
            out.push(8);
            put_bytes(out, bytes);
        }
        Value::Array(items) => {
            out.push(9);
            put_len(out, items.len());
            items.iter().for_each(|item| put_value(out, item));
        }
        Value::Struct(members) => {
            out.push(10);
            put_len(out, members.len());
            for member in members {
                put_text(out, &member.name);
                put_value(out, &member.value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_as_they_went() {
        let inner = Value::structure([("b", Value::Int64(1)), ("", Value::Nil), ("b", f64::MIN_POSITIVE.into())]);
        for value in [
            Value::Nil,
            true.into(),
            false.into(),
            i32::MIN.into(),
            Value::Int64(i64::MAX),
            (-0.5).into(),
            "ä\0".into(),
            Value::shared("x".repeat(5000)),
            Value::DateTime("20240101T00:00:00".into()),
            Value::Base64(vec![0, 255].into()),
            Value::array([inner, Value::array([])]),
        ] {
            let mut bytes = Vec::new();
            put_value(&mut bytes, &value);
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.value(), Some(value));
            assert!(reader.is_empty());
            for len in 0..bytes.len().min(100) {
                assert_eq!(Reader::new(&bytes[..len]).value(), None);
            }
        }
        assert_eq!(Reader::new(&[11]).value(), None);
        assert_eq!(Reader::new(&[9, 1, 0, 0, 0].repeat(1_000)).value(), None);
    }
}
