//! Queries and forms of whatever bytes.

use percent_encoding::percent_decode_str;

use super::form::{Form, escape, quote};

/// Read bytes as a query and, after a line feed, as a form; and quote them for a URL and for HTML.
pub fn forms(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (query, body) = text.split_once('\n').unwrap_or((&text, ""));
    let form = Form::new(query, body);
    for name in ["processname", "action", "message", "limit"] {
        if let Some(value) = form.get(name) {
            assert!(!value.is_empty(), "a field without a value is not there");
            // Given as a form it is the same, and counts more than the query.
            let given = Form::new(query, &format!("{name}={}", quote(value)));
            assert_eq!(given.get(name), Some(value));
        }
    }
    let quoted = quote(&text);
    assert!(quoted.bytes().all(|byte| byte.is_ascii_graphic()), "it can stand in a URL");
    assert_eq!(percent_decode_str(&quoted).decode_utf8().as_deref(), Ok(&*text), "what is quoted comes back");
    assert!(!escape(&text).contains(['<', '>', '"', '\'', '\0']), "nothing in a text is markup");
}
