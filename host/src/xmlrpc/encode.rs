//! [`Value`]s to bytes, laid out as Python's `xmlrpc.client` lays them out.

use std::io::Write as _;

use plugin_api::abi::{Fault, Value};

use super::scalar::{encode_base64, encode_double};
use super::xml::run_length;

const HEADER: &[u8] = b"<?xml version='1.0'?>\n";

/// Appends the answer to a call.
///
/// A string that XML cannot carry is written as `<base64>` of its UTF-8. A name of a member and the text of a fault,
/// which must stay text, have U+FFFD in place of such a character.
pub fn encode_response(value: &Value, out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER);
    out.extend_from_slice(b"<methodResponse>\n<params>\n<param>\n");
    encode_value(value, out);
    out.extend_from_slice(b"</param>\n</params>\n</methodResponse>\n");
}

/// Appends the refusal of a call.
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

/// Appends a call.
pub fn encode_call(name: &str, params: &[Value], out: &mut Vec<u8>) {
    out.extend_from_slice(HEADER);
    out.extend_from_slice(b"<methodCall>\n<methodName>");
    encode_text(name, out);
    out.extend_from_slice(b"</methodName>\n<params>\n");
    for param in params {
        out.extend_from_slice(b"<param>\n");
        encode_value(param, out);
        out.extend_from_slice(b"</param>\n");
    }
    out.extend_from_slice(b"</params>\n</methodCall>\n");
}

fn encode_value(value: &Value, out: &mut Vec<u8>) {
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
        Value::Double(number) => {
            out.extend_from_slice(b"<value><double>");
            encode_double(*number, out);
            out.extend_from_slice(b"</double></value>\n");
        }
        Value::String(text) => encode_string(text, out),
        Value::Shared(text) => encode_string(text, out),
        Value::DateTime(text) => {
            out.extend_from_slice(b"<value><dateTime.iso8601>");
            encode_text(text, out);
            out.extend_from_slice(b"</dateTime.iso8601></value>\n");
        }
        Value::Base64(bytes) => encode_bytes(bytes, out),
        Value::Array(values) => {
            out.extend_from_slice(b"<value><array><data>\n");
            for value in values {
                encode_value(value, out);
            }
            out.extend_from_slice(b"</data></array></value>\n");
        }
        Value::Struct(members) => {
            out.extend_from_slice(b"<value><struct>\n");
            for member in members {
                out.extend_from_slice(b"<member>\n<name>");
                encode_text(&member.name, out);
                out.extend_from_slice(b"</name>\n");
                encode_value(&member.value, out);
                out.extend_from_slice(b"</member>\n");
            }
            out.extend_from_slice(b"</struct></value>\n");
        }
    }
}

fn encode_int(number: i64, out: &mut Vec<u8>) {
    write!(out, "{number}").expect("a vector takes all that is written to it");
}

fn encode_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"<value><base64>\n");
    encode_base64(bytes, out);
    out.extend_from_slice(b"</base64></value>\n");
}

fn encode_string(text: &str, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(b"<value><string>");
    if escape(text, out, |_| false) {
        out.extend_from_slice(b"</string></value>\n");
    } else {
        out.truncate(start);
        encode_bytes(text.as_bytes(), out);
    }
}

/// Writes a text that cannot become base64.
fn encode_text(text: &str, out: &mut Vec<u8>) {
    escape(text, out, |out| {
        out.extend_from_slice("\u{fffd}".as_bytes());
        true
    });
}

/// Writes a text with what XML asks to be escaped, in runs as long as can be.
///
/// Of a character that XML cannot carry `otherwise` decides: it writes what stands for it, or gives up with `false`.
fn escape(text: &str, out: &mut Vec<u8>, otherwise: impl Fn(&mut Vec<u8>) -> bool) -> bool {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 32);
    let (mut written, mut at) = (0, 0);
    loop {
        at += run_length(&bytes[at..], is_special);
        let (length, replacement): (usize, Option<&[u8]>) = match bytes[at..] {
            [] => break,
            [b'&', ..] => (1, Some(b"&amp;")),
            [b'<', ..] => (1, Some(b"&lt;")),
            [b'>', ..] => (1, Some(b"&gt;")),
            [b'\r', ..] => (1, Some(b"&#13;")),
            // U+FFFE and U+FFFF; other characters that begin with this byte are fine.
            [0xef, 0xbf, 0xbe | 0xbf, ..] => (3, None),
            [0xef, ..] => {
                at += 3;
                continue;
            }
            _ => (1, None),
        };
        out.extend_from_slice(&bytes[written..at]);
        match replacement {
            Some(replacement) => out.extend_from_slice(replacement),
            None if otherwise(out) => {}
            None => return false,
        }
        at += length;
        written = at;
    }
    out.extend_from_slice(&bytes[written..]);
    true
}

/// Whether a byte needs a second look.
fn is_special(byte: u8) -> bool {
    (byte < b' ' && byte != b'\n' && byte != b'\t') | (byte == b'&') | (byte == b'<') | (byte == b'>') | (byte == 0xef)
}
