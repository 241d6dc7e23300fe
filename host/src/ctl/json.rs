//! Values as JSON, for `--json`.
//!
//! What JSON does not have is an object or a text: base64 is `{"base64": "AP8="}`, a time its text, and a double that
//! is no number `"inf"`, `"-inf"` or `"nan"`. Of several members with one name the last counts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use plugin_api::Value;
use serde::{
    Serialize, Serializer,
    ser::{SerializeMap as _, SerializeSeq as _},
};

/// Write a value as one line of JSON, without its end.
pub(super) fn to_line(value: &Value) -> String {
    serde_json::to_string(&Json(value)).expect("texts and numbers can be written")
}

/// Make a text of output a value: bytes that are no text are `{"base64": …}`.
pub(super) fn text_or_bytes(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => Value::Base64(bytes.to_vec().into()),
    }
}

struct Json<'a>(&'a Value);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Nil => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Int(number) => serializer.serialize_i32(*number),
            Value::Int64(number) => serializer.serialize_i64(*number),
            Value::Double(number) if number.is_finite() => serializer.serialize_f64(*number),
            Value::Double(number) => serializer.collect_str(&number.to_string().to_lowercase()),
            Value::String(text) | Value::DateTime(text) => serializer.serialize_str(text),
            Value::Shared(text) => serializer.serialize_str(text),
            Value::Base64(bytes) => {
                let mut object = serializer.serialize_map(Some(1))?;
                object.serialize_entry("base64", &STANDARD.encode(bytes))?;
                object.end()
            }
            Value::Array(items) => {
                let mut array = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| array.serialize_element(&Json(item)))?;
                array.end()
            }
            Value::Struct(members) => {
                let mut object = serializer.serialize_map(None)?;
                let is_last = |index: usize, name: &str| members[index + 1..].iter().all(|later| later.name != name);
                for (index, member) in members.iter().enumerate() {
                    // A struct of a client may be large, and one of ours has each name once.
                    if members.len() > LARGE || is_last(index, &member.name) {
                        object.serialize_entry(member.name.as_str(), &Json(&member.value))?;
                    }
                }
                object.end()
            }
        }
    }
}

/// Members of a struct from which on names that come twice are written twice: most readers take the last, too.
const LARGE: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_json() {
        let table = [
            (Value::Nil, "null"),
            (true.into(), "true"),
            (Value::Int(-1), "-1"),
            (Value::Int64(1 << 40), "1099511627776"),
            (Value::Double(1.0), "1.0"),
            (Value::Double(f64::NEG_INFINITY), "\"-inf\""),
            (Value::Double(f64::NAN), "\"nan\""),
            ("a\"\né\u{1b}".into(), "\"a\\\"\\né\\u001b\""),
            (Value::DateTime("20240101T00:00:00".into()), "\"20240101T00:00:00\""),
            (text_or_bytes(b"\0\xff"), "{\"base64\":\"AP8=\"}"),
            (text_or_bytes(b"x"), "\"x\""),
            (Value::array([1.into(), Value::array([])]), "[1,[]]"),
            (Value::structure([("b", 1.into()), ("a", 2.into()), ("b", 3.into())]), "{\"a\":2,\"b\":3}"),
        ];
        for (value, expected) in table {
            assert_eq!(to_line(&value), expected);
        }
    }
}
