//! [`Value`]s to bytes, laid out as Python's `xmlrpc.client` lays them out.

use std::{borrow::Cow, io::Write as _};

use plugin_api::abi::{Fault, Value};

use super::{
    body::foreign_character,
    limits::{ANSWER_NESTING_LIMIT, NESTING_LIMIT, too_large},
    scalar::encode_base64,
    xml::run_length,
};

const HEADER: &[u8] = b"<?xml version='1.0'?>\n";

/// Room that is left for a document.
#[derive(Clone, Copy)]
struct Room {
    /// Levels that may still be opened.
    levels: usize,
    /// Length that the output may reach, in bytes.
    end: usize,
}

/// Append the answer to a call; or, where it would be longer than `limit` bytes or is nested too deep to be written,
/// the fault that says so.
///
/// A string that XML cannot carry is written as `<base64>` of its UTF-8. A name of a member and the text of a fault,
/// which must stay text, are made [`readable`].
pub fn encode_response(value: &Value, limit: usize, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(HEADER);
    out.extend_from_slice(b"<methodResponse>\n<params>\n<param>\n");
    let room = Room { levels: ANSWER_NESTING_LIMIT, end: start.saturating_add(limit) };
    if let Err(fault) = encode_value(value, room, out) {
        out.truncate(start);
        // What was written so far may be as much as the limit.
        out.shrink_to(start + 1024);
        return encode_fault(&fault, out);
    }
    out.extend_from_slice(b"</param>\n</params>\n</methodResponse>\n");
}

/// Append the refusal of a call.
pub fn encode_fault(fault: &Fault, out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER);
    out.extend_from_slice(
        b"<methodResponse>\n<fault>\n<value><struct>\n<member>\n<name>faultCode</name>\n<value><int>",
    );
    encode_int(fault.code.into(), out);
    out.extend_from_slice(b"</int></value>\n</member>\n<member>\n<name>faultString</name>\n<value><string>");
    encode_text(&fault.text, out);
    out.extend_from_slice(b"</string></value>\n</member>\n</struct></value>\n</fault>\n</methodResponse>\n");
}

/// Append a call, which is as large as the caller makes it.
///
/// # Errors
/// A fault if the parameters are nested deeper than any server of ours would read.
pub fn encode_call(name: &str, params: &[Value], out: &mut Vec<u8>) -> Result<(), Fault> {
    out.extend_from_slice(HEADER);
    out.extend_from_slice(b"<methodCall>\n<methodName>");
    encode_text(name, out);
    out.extend_from_slice(b"</methodName>\n<params>\n");
    let room = Room { levels: NESTING_LIMIT, end: usize::MAX };
    for param in params {
        out.extend_from_slice(b"<param>\n");
        encode_value(param, room, out).map_err(|_| {
            Fault::bad_arguments_with(format_args!("the call is nested more than {NESTING_LIMIT} deep"))
        })?;
        out.extend_from_slice(b"</param>\n");
    }
    out.extend_from_slice(b"</params>\n</methodCall>\n");
    Ok(())
}

fn encode_value(value: &Value, room: Room, out: &mut Vec<u8>) -> Result<(), Fault> {
    match value {
        // Python writes no line feed after this one.
        Value::Nil => out.extend_from_slice(b"<value><nil/></value>"),
        Value::Bool(false) => out.extend_from_slice(b"<value><boolean>0</boolean></value>\n"),
        Value::Bool(true) => out.extend_from_slice(b"<value><boolean>1</boolean></value>\n"),
        Value::Int(number) => {
            out.extend_from_slice(b"<value><int>");
            encode_int((*number).into(), out);
            out.extend_from_slice(b"</int></value>\n");
        }
        Value::Int64(number) => {
            out.extend_from_slice(b"<value><i8>");
            encode_int(*number, out);
            out.extend_from_slice(b"</i8></value>\n");
        }
        Value::Double(_) => {
            out.extend_from_slice(b"<value><double>");
            // Python's `float()` reads `nan` and `inf` too.
            out.extend_from_slice(plugin_api::repr(value).as_bytes());
            out.extend_from_slice(b"</double></value>\n");
        }
        Value::String(text) => encode_string(text, room, out)?,
        Value::Shared(text) => encode_string(text, room, out)?,
        Value::DateTime(text) => {
            out.extend_from_slice(b"<value><dateTime.iso8601>");
            room.check(out, text.len())?;
            encode_text(text, out);
            out.extend_from_slice(b"</dateTime.iso8601></value>\n");
        }
        Value::Base64(bytes) => encode_bytes(bytes, room, out)?,
        Value::Array(values) => {
            let room = room.inside()?;
            out.extend_from_slice(b"<value><array><data>\n");
            for value in values {
                encode_value(value, room, out)?;
            }
            out.extend_from_slice(b"</data></array></value>\n");
        }
        Value::Struct(members) => {
            let room = room.inside()?;
            out.extend_from_slice(b"<value><struct>\n");
            for member in members {
                out.extend_from_slice(b"<member>\n<name>");
                room.check(out, member.name.len())?;
                encode_text(&member.name, out);
                out.extend_from_slice(b"</name>\n");
                encode_value(&member.value, room, out)?;
                out.extend_from_slice(b"</member>\n");
            }
            out.extend_from_slice(b"</struct></value>\n");
        }
    }
    room.check(out, 0)
}

impl Room {
    /// Enter one more level.
    fn inside(self) -> Result<Self, Fault> {
        match self.levels.checked_sub(1) {
            Some(levels) => Ok(Self { levels, ..self }),
            None => Err(Fault::failed_with("the answer is nested too deep")),
        }
    }

    /// Check that so many bytes may follow.
    fn check(self, out: &[u8], more: usize) -> Result<(), Fault> {
        if out.len().saturating_add(more) <= self.end { Ok(()) } else { Err(too_large()) }
    }
}

fn encode_int(number: i64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("a vector takes all that is written to it");
}

fn encode_bytes(bytes: &[u8], room: Room, out: &mut Vec<u8>) -> Result<(), Fault> {
    room.check(out, bytes.len())?;
    out.extend_from_slice(b"<value><base64>\n");
    encode_base64(bytes, out);
    out.extend_from_slice(b"</base64></value>\n");
    Ok(())
}

fn encode_string(text: &str, room: Room, out: &mut Vec<u8>) -> Result<(), Fault> {
    room.check(out, text.len())?;
    let start = out.len();
    out.extend_from_slice(b"<value><string>");
    if escape(text, out) {
        out.extend_from_slice(b"</string></value>\n");
        Ok(())
    } else {
        out.truncate(start);
        encode_bytes(text.as_bytes(), room, out)
    }
}

/// Write a text that cannot become base64.
fn encode_text(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    if !escape(text, out) {
        out.truncate(start);
        escape(&readable(text), out);
    }
}

/// Make text that XML can carry of any: for a control character stands its picture, such as `␛`, and U+FFFD for the
/// two others that XML does not have. For what is there to be read, and need not come back as it was.
pub fn readable(text: &str) -> Cow<'_, str> {
    let stand_in = |c| match c {
        '\t' | '\n' | '\r' => None,
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)),
        '\u{fffe}' | '\u{ffff}' => Some(char::REPLACEMENT_CHARACTER),
        _ => None,
    };
    if foreign_character(text.as_bytes()).is_none() {
        return text.into();
    }
    text.chars().map(|c| stand_in(c).unwrap_or(c)).collect::<String>().into()
}

/// Write a text with what XML asks to be escaped, in runs as long as can be.
///
/// At a character that XML cannot carry it gives up with `false`.
fn escape(text: &str, out: &mut Vec<u8>) -> bool {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 32);
    let (mut written, mut at) = (0, 0);
    loop {
        at += plain_length(&bytes[at..]);
        let replacement: &[u8] = match bytes[at..] {
            [] => break,
            [b'&', ..] => b"&amp;",
            [b'<', ..] => b"&lt;",
            [b'>', ..] => b"&gt;",
            [b'\r', ..] => b"&#13;",
            // U+FFFE and U+FFFF; other characters that begin with this byte are fine.
            [0xef, 0xbf, 0xbe | 0xbf, ..] => return false,
            [0xef, ..] => {
                at += 3;
                continue;
            }
            _ => return false,
        };
        out.extend_from_slice(&bytes[written..at]);
        out.extend_from_slice(replacement);
        at += 1;
        written = at;
    }
    out.extend_from_slice(&bytes[written..]);
    true
}

/// Count the bytes before the first that needs a second look.
fn plain_length(bytes: &[u8]) -> usize {
    const SPECIAL: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0;
        while byte < table.len() {
            table[byte] = is_special(byte.to_le_bytes()[0]);
            byte += 1;
        }
        table
    };
    // Names and short texts are most of what there is, and for these a table is the quickest.
    let (short, long) = bytes.split_at(bytes.len().min(32));
    match short.iter().position(|byte| SPECIAL[usize::from(*byte)]) {
        Some(length) => length,
        None => short.len() + run_length(long, is_special),
    }
}

/// Tell whether a byte needs a second look.
#[expect(clippy::needless_bitwise_bool, reason = "branches would keep `run_length` from vector instructions")]
const fn is_special(byte: u8) -> bool {
    (byte < b' ' && byte != b'\n' && byte != b'\t') | (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == 0xef)
}

#[cfg(test)]
mod tests {
    use abi_stable::std_types::RVec;

    use super::*;

    fn encoded(value: &Value) -> String {
        let mut out = Vec::new();
        encode_value(value, Room { levels: 1, end: usize::MAX }, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    // The expected texts are what xmlrpc.client of Python 3.11 writes.

    #[test]
    fn a_response_is_what_python_writes() {
        let mut out = b"before".to_vec();
        let value = Value::structure([
            ("name", "cat".into()),
            ("pid", Value::Int(-5)),
            ("list", Value::array([Value::Bool(true), Value::Nil, Value::Double(1.5), Value::Array(RVec::new())])),
            ("when", Value::DateTime("20260131T23:59:59".into())),
            ("bytes", Value::Base64(b"hello".to_vec().into())),
        ]);
        encode_response(&value, usize::MAX, &mut out);
        let expected = "before<?xml version='1.0'?>\n<methodResponse>\n<params>\n<param>\n<value><struct>\n\
            <member>\n<name>name</name>\n<value><string>cat</string></value>\n</member>\n\
            <member>\n<name>pid</name>\n<value><int>-5</int></value>\n</member>\n\
            <member>\n<name>list</name>\n<value><array><data>\n<value><boolean>1</boolean></value>\n\
            <value><nil/></value><value><double>1.5</double></value>\n\
            <value><array><data>\n</data></array></value>\n</data></array></value>\n</member>\n\
            <member>\n<name>when</name>\n\
            <value><dateTime.iso8601>20260131T23:59:59</dateTime.iso8601></value>\n</member>\n\
            <member>\n<name>bytes</name>\n<value><base64>\naGVsbG8=\n</base64></value>\n</member>\n\
            </struct></value>\n</param>\n</params>\n</methodResponse>\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_fault_is_what_python_writes() {
        let mut out = Vec::new();
        encode_fault(&Fault::new(10, "BAD_NAME: <x>\u{1b}"), &mut out);
        let expected = "<?xml version='1.0'?>\n<methodResponse>\n<fault>\n<value><struct>\n\
            <member>\n<name>faultCode</name>\n<value><int>10</int></value>\n</member>\n\
            <member>\n<name>faultString</name>\n\
            <value><string>BAD_NAME: &lt;x&gt;\u{241b}</string></value>\n</member>\n\
            </struct></value>\n</fault>\n</methodResponse>\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_call_is_what_python_writes() {
        let mut out = Vec::new();
        encode_call("cache.store", &["a".into(), Value::Int(1)], &mut out).unwrap();
        let expected = "<?xml version='1.0'?>\n<methodCall>\n<methodName>cache.store</methodName>\n<params>\n\
            <param>\n<value><string>a</string></value>\n</param>\n\
            <param>\n<value><int>1</int></value>\n</param>\n</params>\n</methodCall>\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn a_call_that_is_nested_too_deep_is_not_made() {
        let nested = |levels: usize| (0..levels).fold(Value::Int(1), |value, _| Value::array([value]));
        let call = |levels| encode_call("a.b", &[nested(levels)], &mut Vec::new());
        assert_eq!(call(NESTING_LIMIT), Ok(()));
        for levels in [NESTING_LIMIT + 1, 2000] {
            let fault = call(levels).unwrap_err();
            assert_eq!(fault.text, "BAD_ARGUMENTS: the call is nested more than 64 deep", "{levels}");
        }
    }

    #[test]
    fn large_integers_are_i8() {
        assert_eq!(encoded(&Value::Int64(5)), "<value><i8>5</i8></value>\n");
        assert_eq!(encoded(&Value::Int64(i64::MIN)), "<value><i8>-9223372036854775808</i8></value>\n");
    }

    #[test]
    fn doubles_are_what_python_prints() {
        for (number, text) in [(1.0, "1.0"), (1e-9, "1e-09"), (f64::NAN, "nan"), (f64::NEG_INFINITY, "-inf")] {
            assert_eq!(encoded(&Value::Double(number)), format!("<value><double>{text}</double></value>\n"));
        }
    }

    #[test]
    fn text_is_escaped_wherever_it_stands() {
        for before in 0..70 {
            let start = "x".repeat(before);
            let text = format!("{start}<&>\"'\r\n\t\u{ffef}\u{7f}é{start}");
            let expected = format!("{start}&lt;&amp;&gt;\"'&#13;\n\t\u{ffef}\u{7f}é{start}");
            let expected = format!("<value><string>{expected}</string></value>\n");
            assert_eq!(encoded(&text.as_str().into()), expected);
            assert_eq!(encoded(&Value::shared(text)), expected);
        }
    }

    #[test]
    fn text_that_xml_cannot_carry_is_base64() {
        for character in ['\0', '\u{1b}', '\u{1f}', '\u{fffe}', '\u{ffff}'] {
            let text = format!("<a>{character}");
            let mut line = Vec::new();
            encode_base64(text.as_bytes(), &mut line);
            let line = String::from_utf8(line).unwrap();
            assert_eq!(encoded(&text.as_str().into()), format!("<value><base64>\n{line}</base64></value>\n"));
            let name = encoded(&Value::structure([(text.as_str(), Value::Nil)]));
            assert!(name.contains(&format!("<name>&lt;a&gt;{}</name>", readable(&character.to_string()))), "{name}");
        }
    }

    #[test]
    fn for_what_xml_cannot_carry_something_readable_stands() {
        let text = "\0\x01\x08\x0b\x1b[1m\x1f\u{fffe}\u{ffff}";
        assert_eq!(readable(text), "\u{2400}\u{2401}\u{2408}\u{240b}\u{241b}[1m\u{241f}\u{fffd}\u{fffd}");
        let fine = "\t\n\r <é>\u{7f}\u{80}\u{241b}\u{ffef}\u{fffd}\u{1f600}";
        assert!(matches!(readable(fine), Cow::Borrowed(text) if text == fine));
    }

    #[test]
    fn an_answer_that_is_too_large_becomes_a_fault() {
        let texts = [
            Value::from("x".repeat(1000)),
            Value::shared("x".repeat(1000)),
            Value::array((0..1000).map(Value::Int)),
            Value::structure([("x".repeat(1000), Value::Nil)]),
            Value::Base64(vec![0; 1000].into()),
            Value::DateTime("x".repeat(1000).into()),
            Value::from("&".repeat(300)),
        ];
        for value in texts {
            let (mut whole, mut cut) = (b"before".to_vec(), b"before".to_vec());
            encode_response(&value, 1 << 20, &mut whole);
            assert!(whole.len() > 1000);
            encode_response(&value, 1000, &mut cut);
            let cut = String::from_utf8(cut).unwrap();
            assert!(cut.starts_with("before<?xml") && cut.contains("FAILED: the answer is too large"), "{cut}");
        }
    }

    #[test]
    fn an_answer_that_is_nested_too_deep_becomes_a_fault() {
        let nested = |levels: usize| (0..levels).fold(Value::Int(1), |value, _| Value::array([value]));
        for (levels, fault) in [(ANSWER_NESTING_LIMIT, false), (ANSWER_NESTING_LIMIT + 1, true), (2000, true)] {
            let mut out = Vec::new();
            encode_response(&nested(levels), usize::MAX, &mut out);
            let text = String::from_utf8(out).unwrap();
            assert_eq!(text.contains("FAILED: the answer is nested too deep"), fault, "{levels}");
        }
    }
}
