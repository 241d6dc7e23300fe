//! Entries as lines of JSON that keep every type.
//!
//! A line is an object with `key`, `value` and, of an entry that expires, `seconds`. A string, a boolean, nil, a
//! double, an array, and an integer are what JSON has for them; an integer of 64 bits is what 32 do not hold. What JSON
//! does not have is an object with one member: `{"i8": 7}` for an integer of 64 bits that 32 would hold,
//! `{"double": "inf"}`, `{"dateTime": "20240101T00:00:00"}`, `{"base64": "AP8="}`, and `{"struct": [["name", 1]]}`,
//! which keeps the order of its members.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use plugin_api::{Value, abi::Member};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

/// Most arrays and objects of JSON that may stand inside each other: three for each struct of a value, of which
/// supervisord takes no more than 80 inside each other, from a client or a plugin.
const NESTING: usize = 3 * 96;

/// An entry of a line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// Key of the entry.
    pub(crate) key: String,
    /// Value of the entry.
    pub(crate) value: Value,
    /// The time that it has left; 0 if it stays.
    pub(crate) seconds: f64,
}

/// The line of an entry, without its end.
pub(crate) fn write(entry: &Entry) -> String {
    let mut line = Map::new();
    line.insert("key".to_owned(), entry.key.as_str().into());
    line.insert("value".to_owned(), to_json(&entry.value));
    if entry.seconds > 0.0 {
        line.insert("seconds".to_owned(), entry.seconds.into());
    }
    Json::Object(line).to_string()
}

/// A value alone, as it stands in a line.
#[cfg(feature = "engine")]
pub(crate) fn write_value(value: &Value) -> String {
    to_json(value).to_string()
}

/// The value of a text that has nothing else. The error says what is wrong with it.
#[cfg(feature = "engine")]
pub(crate) fn read_value(text: &str) -> Result<Value, String> {
    parse(text).and_then(from_json)
}

/// The entry of a line. The error says what is wrong with it.
pub(crate) fn read(line: &str) -> Result<Entry, String> {
    let mut line: Map<String, Json> = parse(line)?;
    let Some(Json::String(key)) = line.remove("key") else { return Err("'key' is missing, or no string".to_owned()) };
    let value = line.remove("value").ok_or("'value' is missing")?;
    let seconds = match line.remove("seconds") {
        None => 0.0,
        Some(seconds) => seconds.as_f64().ok_or("'seconds' is no number")?,
    };
    match line.keys().next() {
        Some(unknown) => Err(format!("'{unknown}' is not known; known are 'key', 'value' and 'seconds'")),
        None => Ok(Entry { key, value: from_json(value)?, seconds }),
    }
}

/// The JSON of a text, unless it is nested deeper than any value.
fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    if nesting(text) > NESTING {
        return Err("it is nested deeper than any value".to_owned());
    }
    let mut reader = serde_json::Deserializer::from_str(text);
    // Its own limit is below what can be cached.
    reader.disable_recursion_limit();
    T::deserialize(&mut reader).and_then(|read| reader.end().map(|()| read)).map_err(|error| error.to_string())
}

/// Number of arrays and objects of a line that stand inside each other, or more where it is no JSON.
fn nesting(line: &str) -> usize {
    let (mut depth, mut most, mut in_string, mut bytes) = (0_usize, 0, false, line.bytes());
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => drop(bytes.next()),
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        most = most.max(depth);
    }
    most
}

fn to_json(value: &Value) -> Json {
    match value {
        Value::Nil => Json::Null,
        Value::Bool(value) => (*value).into(),
        Value::Int(number) => (*number).into(),
        Value::Int64(number) if i32::try_from(*number).is_ok() => json!({ "i8": number }),
        Value::Int64(number) => (*number).into(),
        Value::Double(number) if number.is_finite() => (*number).into(),
        Value::Double(number) => json!({ "double": number.to_string() }),
        Value::String(text) => text.as_str().into(),
        Value::Shared(text) => text.as_str().into(),
        Value::DateTime(text) => json!({ "dateTime": text.as_str() }),
        Value::Base64(bytes) => json!({ "base64": BASE64_STANDARD.encode(bytes) }),
        Value::Array(items) => items.iter().map(to_json).collect(),
        Value::Struct(members) => {
            let pair = |member: &Member| json!([member.name.as_str(), to_json(&member.value)]);
            json!({ "struct": members.iter().map(pair).collect::<Vec<_>>() })
        }
    }
}

fn from_json(json: Json) -> Result<Value, String> {
    Ok(match json {
        Json::Null => Value::Nil,
        Json::Bool(value) => value.into(),
        Json::String(text) => text.into(),
        Json::Array(items) => items.into_iter().map(from_json).collect::<Result<Vec<_>, _>>()?.into(),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => return Err(format!("{number} is too large")),
        },
        Json::Object(object) => {
            let mut members = object.into_iter();
            let (Some((kind, json)), None) = (members.next(), members.next()) else {
                return Err("a value that is an object has one member, which names its type".to_owned());
            };
            typed(&kind, json).ok_or_else(|| format!("there is no value of the type '{kind}' like this"))?
        }
    })
}

/// The value of a type that JSON does not have.
fn typed(kind: &str, json: Json) -> Option<Value> {
    Some(match (kind, json) {
        ("i8", json) => Value::Int64(json.as_i64()?),
        ("double", Json::String(text)) => Value::Double(text.parse().ok()?),
        ("dateTime", Json::String(text)) => Value::DateTime(text.into()),
        ("base64", Json::String(text)) => Value::Base64(BASE64_STANDARD.decode(text).ok()?.into()),
        ("struct", Json::Array(members)) => {
            let member = |json| match <[Json; 2]>::try_from(match json {
                Json::Array(pair) => pair,
                _ => return None,
            }) {
                Ok([Json::String(name), value]) => Some(Member { name: name.into(), value: from_json(value).ok()? }),
                _ => None,
            };
            Value::Struct(members.into_iter().map(member).collect::<Option<Vec<_>>>()?.into())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_comes_back() {
        let inner = Value::structure([("b", Value::Int64(1)), ("", Value::Nil), ("b", 0.1.into())]);
        let values = [
            (Value::Nil, "null"),
            (true.into(), "true"),
            ((-7).into(), "-7"),
            (Value::Int64(7), r#"{"i8":7}"#),
            (Value::Int64(1 << 40), "1099511627776"),
            (2.0.into(), "2.0"),
            (0.1.into(), "0.1"),
            (5e-324.into(), "5e-324"),
            (f64::NEG_INFINITY.into(), r#"{"double":"-inf"}"#),
            ("ä\n\0".into(), r#""ä\n\u0000""#),
            (Value::DateTime("20240101T00:00:00".into()), r#"{"dateTime":"20240101T00:00:00"}"#),
            (Value::Base64(vec![0, 255].into()), r#"{"base64":"AP8="}"#),
            (Value::array([inner]), r#"[{"struct":[["b",{"i8":1}],["",null],["b",0.1]]}]"#),
        ];
        for (value, json) in values {
            let entry = Entry { key: "k".to_owned(), value, seconds: 0.0 };
            let line = write(&entry);
            assert_eq!(line, format!(r#"{{"key":"k","value":{json}}}"#));
            assert_eq!(read(&line), Ok(entry));
        }
        let entry = Entry { key: "k".to_owned(), value: 1.into(), seconds: 2.5 };
        assert_eq!(write(&entry), r#"{"key":"k","value":1,"seconds":2.5}"#);
        assert_eq!(read(&write(&entry)), Ok(entry));
    }

    #[test]
    fn what_is_nested_as_deep_as_can_be_comes_back() {
        for deeper in [|value| Value::array([value]), |value| Value::structure([("a[{\\\"", value)])] {
            let nested = |levels| (0..levels).fold(Value::Int(1), |value, _| deeper(value));
            let entry = Entry { key: "k".to_owned(), value: nested(80), seconds: 0.0 };
            assert_eq!(read(&write(&entry)), Ok(entry));
        }
        for deep in ["[".repeat(100_000), r#"{"struct":[["a","#.repeat(1000)] {
            let line = format!(r#"{{"key":"k","value":{deep}"#);
            assert_eq!(read(&line), Err("it is nested deeper than any value".to_owned()));
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (line, error) in [
            ("{}", "'key' is missing, or no string"),
            (r#"{"key":"k"}"#, "'value' is missing"),
            (r#"{"key":"k","value":1,"ttl":1}"#, "'ttl' is not known; known are 'key', 'value' and 'seconds'"),
            (r#"{"key":"k","value":{"a":1,"b":2}}"#, "a value that is an object has one member, which names its type"),
            (r#"{"key":"k","value":{"date":"x"}}"#, "there is no value of the type 'date' like this"),
            (r#"{"key":"k","value":{"base64":"?"}}"#, "there is no value of the type 'base64' like this"),
        ] {
            assert_eq!(read(line), Err(error.to_owned()));
        }
        assert!(read("no JSON").is_err());
    }
}
