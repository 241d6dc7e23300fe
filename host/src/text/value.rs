//! Python's `str()` of what a client has sent, as Supervisor has read it: a date is a `datetime`, and base64 is the
//! text that it holds.

use std::collections::HashMap;

use plugin_api::Value;

use super::repr::repr;

/// Format a value as text: a string as it is, `2024-01-01 00:00:00`, `True`, `{'a': [1, None]}`.
pub fn str(value: &Value) -> String {
    match (value, text(value)) {
        (_, Some(text)) => text.to_owned(),
        (Value::DateTime(date), None) => match fields(date) {
            Some([year, month, day, hour, minute, second]) => format!("{year}-{month}-{day} {hour}:{minute}:{second}"),
            None => date.to_string(),
        },
        (value, None) => repr_of(value),
    }
}

/// Get the text of a string, or of base64 that holds one. Of other bytes Supervisor can make nothing.
fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Base64(bytes) => std::str::from_utf8(bytes).ok(),
        value => value.as_str(),
    }
}

fn repr_of(value: &Value) -> String {
    let list = |items: Vec<String>| items.join(", ");
    match value {
        Value::DateTime(date) => match fields(date).map(|fields| fields.map(|field| field.parse().unwrap_or(0))) {
            Some([year, month, day, hour, minute, 0]) => {
                format!("datetime.datetime({year}, {month}, {day}, {hour}, {minute})")
            }
            Some([year, month, day, hour, minute, second]) => {
                format!("datetime.datetime({year}, {month}, {day}, {hour}, {minute}, {second})")
            }
            None => repr(date),
        },
        Value::Array(items) => format!("[{}]", list(items.iter().map(repr_of).collect())),
        Value::Struct(members) => {
            // Of members of one name the first gives the place and the last the value.
            let mut places = HashMap::new();
            let mut items: Vec<(&str, &Value)> = Vec::with_capacity(members.len());
            for member in members {
                let name = member.name.as_str();
                let place = *places.entry(name).or_insert(items.len());
                match items.get_mut(place) {
                    Some((_, value)) => *value = &member.value,
                    None => items.push((name, &member.value)),
                }
            }
            let item = |(name, value)| format!("{}: {}", repr(name), repr_of(value));
            format!("{{{}}}", list(items.into_iter().map(item).collect()))
        }
        value => text(value).map_or_else(|| plugin_api::repr(value), repr),
    }
}

/// Split year, month, day, hour, minute and second of `20240101T12:34:56`.
fn fields(date: &str) -> Option<[&str; 6]> {
    let places = [(0, 4), (4, 6), (6, 8), (9, 11), (12, 14), (15, 17)];
    let fields =
        places.map(|(from, to)| date.get(from..to).filter(|digits| digits.bytes().all(|b| b.is_ascii_digit())));
    let whole = date.len() == 17 && fields.iter().all(Option::is_some);
    whole.then(|| fields.map(Option::unwrap_or_default))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_shown_as_python_shows_it() {
        let date = |text: &str| Value::DateTime(text.into());
        let bytes = |bytes: &[u8]| Value::Base64(bytes.to_vec().into());
        for (value, shown) in [
            ("it's".into(), "it's"),
            (Value::shared("x"), "x"),
            (5.into(), "5"),
            (Value::Int64(99_999_999_999), "99999999999"),
            (true.into(), "True"),
            (Value::Nil, "None"),
            (Value::Double(100.0), "100.0"),
            (Value::Double(1e20), "1e+20"),
            (date("20240101T00:00:00"), "2024-01-01 00:00:00"),
            (date("09991231T23:59:59"), "0999-12-31 23:59:59"),
            (date("today"), "today"),
            (bytes(b"hello"), "hello"),
            (bytes("€".as_bytes()), "€"),
            (bytes(b"\xff"), "b'\\xff'"),
            (
                Value::array([
                    date("20240101T00:00:00"),
                    date("20240102T03:04:05"),
                    bytes(b"it's"),
                    "a\n".into(),
                    Value::Nil,
                    Value::array([]),
                ]),
                "[datetime.datetime(2024, 1, 1, 0, 0), datetime.datetime(2024, 1, 2, 3, 4, 5), \"it's\", 'a\\n', None, \
                 []]",
            ),
            (
                Value::structure([("b", 1.into()), ("a", date("20240101T00:00:00")), ("b", false.into())]),
                "{'b': False, 'a': datetime.datetime(2024, 1, 1, 0, 0)}",
            ),
        ] {
            assert_eq!(str(&value), shown);
        }
    }
}
