//! The bytes of a document as text: its encoding, and the characters that XML does not have.

use std::borrow::Cow;

use super::problem::{DecodeError, Problem};

/// Read a body as text of which all characters are allowed.
pub(super) fn text_of(body: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    let text = any_text_of(body)?;
    match foreign_character(text.as_bytes()) {
        None => Ok(text),
        Some(at) => Err(DecodeError { problem: Problem::Character, at }),
    }
}

/// Read a body as text, with characters that XML does not have: Supervisor writes those of a log as they are.
pub(super) fn any_text_of(body: &[u8]) -> Result<Cow<'_, str>, DecodeError> {
    Ok(match declared_encoding(body) {
        None => utf8(body)?.into(),
        Some(name) if is_one_of(name, &["utf-8", "utf8"]) => utf8(body)?.into(),
        // `ServerProxy(url, encoding='iso-8859-1')`: rare enough for a copy.
        Some(name) if is_one_of(name, &["iso-8859-1", "iso8859-1", "latin-1", "latin1"]) => {
            body.iter().map(|byte| char::from(*byte)).collect::<String>().into()
        }
        // Others are ASCII for the most part, or UTF-8 all the same; Supervisor does not look at the declaration.
        Some(_) => utf8(body).map_err(|error| DecodeError { problem: Problem::Encoding, ..error })?.into(),
    })
}

fn utf8(body: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(body).map_err(|error| DecodeError { problem: Problem::NotUtf8, at: error.valid_up_to() })
}

/// Find the encoding that the XML declaration names.
fn declared_encoding(body: &[u8]) -> Option<&[u8]> {
    let declaration = body.strip_prefix(b"<?xml")?;
    let declaration = &declaration[..declaration.iter().position(|byte| *byte == b'>')?];
    let word = declaration.windows(8).position(|word| word == b"encoding")?;
    let mut quoted = declaration[word + 8..].split(|byte| matches!(byte, b'"' | b'\''));
    quoted.next()?.trim_ascii().eq(b"=").then(|| quoted.next())?
}

fn is_one_of(name: &[u8], names: &[&str]) -> bool {
    names.iter().any(|one| one.as_bytes().eq_ignore_ascii_case(name))
}

/// Find the first character that XML does not have. `text` is UTF-8.
#[expect(clippy::needless_bitwise_bool, reason = "branches would keep the loop from vector instructions")]
pub(super) fn foreign_character(text: &[u8]) -> Option<usize> {
    let is_control = |byte: u8| byte < b' ' && !is_blank(byte);
    // Both are looked for at once.
    let (control, suspect) = text
        .iter()
        .fold((false, false), |(control, suspect), byte| (control | is_control(*byte), suspect | (*byte == 0xef)));
    if !control && !suspect {
        return None;
    }
    // U+FFFE and U+FFFF are three bytes long.
    let is_foreign = |at: &usize| is_control(text[*at]) || matches!(text[*at..], [0xef, 0xbf, 0xbe | 0xbf, ..]);
    (0..text.len()).find(is_foreign)
}

/// Tell whether a byte is white space, as XML has it.
#[expect(clippy::needless_bitwise_bool, reason = "branches would keep its callers from vector instructions")]
pub(super) fn is_blank(byte: u8) -> bool {
    (byte == b' ') | (byte == b'\t') | (byte == b'\n') | (byte == b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_read_or_refused() {
        let text = |encoding: &str, name: &[u8]| {
            let mut body = format!("<?xml version=\"1.0\" encoding={encoding}?>").into_bytes();
            body.extend_from_slice(name);
            let text = text_of(&body).map_err(|error| error.problem)?;
            Ok(text.split_once("?>").unwrap().1.to_owned())
        };
        let name = || Ok("é".to_owned());
        assert_eq!(text("'utf-8'", "é".as_bytes()), name());
        assert_eq!(text("\"US-ASCII\"", b"e"), Ok("e".to_owned()));
        assert_eq!(text("\"ISO-8859-1\"", b"\xe9"), name());
        assert_eq!(text("'latin1' standalone='yes'", b"\xe9"), name());
        assert_eq!(text("'windows-1252'", b"e"), Ok("e".to_owned()));
        assert_eq!(text("'windows-1252'", "é".as_bytes()), name());
        assert_eq!(text("'windows-1252'", b"\xe9"), Err(Problem::Encoding));
        assert_eq!(text("'utf-8'", b"\xe9"), Err(Problem::NotUtf8));
    }

    #[test]
    fn characters_that_xml_does_not_have_are_found() {
        for (text, at) in [("ab\u{b}", Some(2)), ("\u{ffef}\u{fffe}", Some(3)), ("\t\n\r\u{ffef}\u{7f}", None)] {
            assert_eq!(foreign_character(text.as_bytes()), at, "{text:?}");
        }
    }
}
