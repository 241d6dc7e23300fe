//! Values as they lie in an engine, where other programs read and write them too.
//!
//! A string lies there as it is, and base64 as its bytes, unless these are text. Every other value is [`MARK`] and
//! then JSON, as in a line of `cache_dump`: `\0json:7`, `\0json:{"dateTime":"20240101T00:00:00"}`.
//! So is a string that itself begins with the mark. What others have written is a string, or base64 if it is no text;
//! that goes for what begins with the mark too, if no value follows.

use std::borrow::Cow;

use plugin_api::Value;

use crate::json_lines::{read_value, write_value};

/// Bytes that tell a value of another type from a string. No text that people write begins like this.
pub(super) const MARK: &str = "\0json:";

/// The bytes of a value.
pub(super) fn encode(value: &Value) -> Cow<'_, [u8]> {
    match value {
        Value::Base64(bytes) if std::str::from_utf8(bytes).is_err() => Cow::Borrowed(bytes),
        value => match value.as_str().filter(|text| !text.starts_with(MARK)) {
            // A date is a text of a type of its own.
            Some(text) if !matches!(value, Value::DateTime(_)) => Cow::Borrowed(text.as_bytes()),
            _ => Cow::Owned(format!("{MARK}{}", write_value(value)).into_bytes()),
        },
    }
}

/// The value of bytes.
pub(super) fn decode(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Err(error) => Value::Base64(error.into_bytes().into()),
        Ok(text) => match text.strip_prefix(MARK).map(read_value) {
            Some(Ok(value)) => value,
            _ => text.into(),
        },
    }
}

/// Read bytes as a value in an engine, whatever they are. The value is the same when it is written and read.
pub fn engine_values(data: &[u8]) {
    let value = decode(data.to_vec());
    let bytes = encode(&value).into_owned();
    let again = decode(bytes.clone());
    assert_eq!(encode(&again), bytes, "a value is written as it was");
    assert!(again == value || format!("{value:?}").contains("NaN"), "{value:?} comes back as {again:?}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_lie_there_as_they_are() {
        for text in ["", "bar baz", "7", "{\"i8\":7}", "json:7", "\0json", "ä"] {
            assert_eq!(encode(&text.into()), text.as_bytes());
            assert_eq!(decode(text.into()), Value::from(text));
        }
        let bytes = vec![0xff, 0, 1];
        assert_eq!(decode(bytes.clone()), Value::Base64(bytes.clone().into()));
        assert_eq!(encode(&Value::Base64(bytes.clone().into())), bytes);
    }

    #[test]
    fn other_types_say_what_they_are() {
        for (value, text) in [
            (Value::Nil, "null"),
            (true.into(), "true"),
            (7.into(), "7"),
            (Value::Int64(7), r#"{"i8":7}"#),
            (0.5.into(), "0.5"),
            (f64::INFINITY.into(), r#"{"double":"inf"}"#),
            (Value::DateTime("20240101T00:00:00".into()), r#"{"dateTime":"20240101T00:00:00"}"#),
            (Value::Base64(b"text".to_vec().into()), r#"{"base64":"dGV4dA=="}"#),
            (Value::array([1.into(), "x".into()]), r#"[1,"x"]"#),
            (Value::structure([("a", Value::Nil)]), r#"{"struct":[["a",null]]}"#),
            ("\0json:7".into(), r#""\u0000json:7""#),
        ] {
            assert_eq!(encode(&value), format!("{MARK}{text}").as_bytes());
            assert_eq!(decode(encode(&value).into_owned()), value);
        }
        let Value::Double(number) = decode(encode(&f64::NAN.into()).into_owned()) else { panic!("no double") };
        assert!(number.is_nan());
    }

    #[test]
    fn what_is_corrupt_is_the_string_that_it_is() {
        for text in ["\0json:", "\0json:{", "\0json:{\"i9\":7}", "\0json:7 7"] {
            assert_eq!(decode(text.into()), Value::from(text));
            engine_values(text.as_bytes());
        }
    }
}
