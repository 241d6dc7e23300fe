//! Output of programs as text, as Supervisor shows it.

/// Return output as text; where it is not UTF-8, as Python prints bytes.
pub(crate) fn text(data: &[u8]) -> std::borrow::Cow<'_, str> {
    match std::str::from_utf8(data) {
        Ok(text) => text.into(),
        Err(_) => format!("Undecodable: {}", bytes_repr(data)).into(),
    }
}

/// Return bytes as Python prints them: `b'\x88\n'`.
pub(crate) fn bytes_repr(data: &[u8]) -> String {
    use std::fmt::Write as _;

    let quote = if data.contains(&b'\'') && !data.contains(&b'"') { '"' } else { '\'' };
    let mut out = format!("b{quote}");
    for &byte in data {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            b'\'' if quote == '\'' => out.push_str("\\'"),
            b' '..=b'~' => out.push(byte.into()),
            _ => {
                // Writing to a `String` cannot fail.
                let _ = write!(out, "\\x{byte:02x}");
            }
        }
    }
    out.push(quote);
    out
}
