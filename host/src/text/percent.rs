//! `%2F` and the like in URLs.

use std::borrow::Cow;

/// A part of a URL without its percent signs. What is no UTF-8 then has U+FFFD in its place.
pub fn decoded(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escaped = (byte == b'%')
            .then(|| tail.get(..2))
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &tail[2..] } else { tail };
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_and_the_rest_stays() {
        for (text, expected) in
            [("/%52PC2", "/RPC2"), ("p%3aw%40", "p:w@"), ("%5", "%5"), ("%zz%", "%zz%"), ("%ff", "\u{fffd}")]
        {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }
}
