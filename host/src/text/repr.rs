//! Python's `repr()` of a string, which stands in many of Supervisor's messages.

use std::fmt::Write as _;

use plugin_api::abi::Value;

/// Show `text` as Python's `repr` does: quoted with `'`, or with `"` where that saves escapes.
pub fn repr(text: &str) -> String {
    plugin_api::repr(&Value::String(text.into()))
}

/// Show `text` as Python's `ascii()` does: like [`repr`], and everything beyond ASCII is escaped.
pub fn ascii(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    for c in repr(text).chars() {
        if c.is_ascii() {
            shown.push(c);
        } else {
            escape(c, &mut shown);
        }
    }
    shown
}

fn escape(c: char, shown: &mut String) {
    let code = u32::from(c);
    match code {
        0..=0xff => write!(shown, "\\x{code:02x}"),
        0x100..=0xffff => write!(shown, "\\u{code:04x}"),
        _ => write!(shown, "\\U{code:08x}"),
    }
    .expect("writing to a String cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_python_shows() {
        for (text, shown) in [
            ("", "''"),
            ("cat", "'cat'"),
            ("it's", "\"it's\""),
            ("\"it's\"", "'\"it\\'s\"'"),
            ("a\\b\n\r\t", "'a\\\\b\\n\\r\\t'"),
            ("\0\x7f\u{85}", "'\\x00\\x7f\\x85'"),
            ("é 日本 😀", "'é 日本 😀'"),
            ("\u{feff}[x]", "'\\ufeff[x]'"),
            ("\u{a0}\u{200b}\u{2028}", "'\\xa0\\u200b\\u2028'"),
            ("e\u{301}", "'e\u{301}'"),
            ("\u{301}", "'\u{301}'"),
            ("\u{e0001}", "'\\U000e0001'"),
        ] {
            assert_eq!(repr(text), shown, "{text:?}");
        }
        assert_eq!(ascii("é😀'"), "\"\\xe9\\U0001f600'\"");
    }
}
