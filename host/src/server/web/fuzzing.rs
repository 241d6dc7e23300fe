//! Queries, forms, calls of the page's script and panels of plugins, of whatever bytes.

use percent_encoding::percent_decode_str;

use super::{
    calls::read,
    form::{Form, escape, quote},
    panel::shown,
};
use crate::xmlrpc::{NESTING_LIMIT, is_deeper};

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

/// Read bytes as a call of the page's script, whose parameters come back as JSON; and as a panel of a plugin.
pub fn page_calls(data: &[u8]) {
    if let Ok(call) = read(data) {
        assert!(call.params.iter().all(|value| !is_deeper(value, NESTING_LIMIT)), "no deeper than XML-RPC may be");
        let text = serde_json::to_string(&call.params).expect("what was read can be written");
        let again = format!("{{\"method\": {}, \"params\": {text}}}", serde_json::json!(call.method));
        let again = read(again.as_bytes()).expect("and read");
        assert_eq!((again.method, again.params), (call.method, call.params), "and is the same then");
    }
    if let Ok(panel) = serde_json::from_slice(data)
        && let Ok(shown) = shown("plugin._panel_x", &panel)
    {
        let list = |name: &str| shown[name].as_array().expect("a list").iter();
        assert!(list("columns").all(serde_json::Value::is_string) && list("rows").all(serde_json::Value::is_array));
        for action in list("actions").chain(list("forms")) {
            let method = action["method"].as_str().expect("a text");
            assert!(method.starts_with("plugin.") && action["label"].is_string(), "it calls its own plugin alone");
        }
    }
}
