//! Fields of a query or a form that a browser sends, and the quoting of texts for URLs and HTML.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The fields of a query and of a form, each name once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    /// Read the fields as Supervisor does: of the query the first value of a name counts, of the form the last; the
    /// form counts more; and a field without a value is not there.
    pub(super) fn new(query: &str, body: &str) -> Self {
        let mut form = Self::default();
        for (name, value) in fields(query) {
            if form.get(&name).is_none() {
                form.0.push((name.into_owned(), value.into_owned()));
            }
        }
        for (name, value) in fields(body) {
            form.0.retain(|(known, _)| *known != name);
            form.0.push((name.into_owned(), value.into_owned()));
        }
        form
    }

    /// Value of a field.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

fn fields(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(text.as_bytes()).filter(|(_, value)| !value.is_empty())
}

/// Quote a text for a URL as Python's `urllib.parse.quote` does.
pub(super) fn quote(text: &str) -> String {
    const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b'/');
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// Escape a text for HTML, also within quotes.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_query_and_form() {
        let form = Form::new("processname=g%3Acat&action=stop&action=start&message=", "action=re+start&x");
        assert_eq!(form.get("processname"), Some("g:cat"));
        assert_eq!(form.get("action"), Some("re start"));
        assert_eq!((form.get("message"), form.get("x")), (None, None));
    }

    #[test]
    fn quoting_is_pythons() {
        assert_eq!(quote("Process g:é stopped/x~"), "Process%20g%3A%C3%A9%20stopped/x~");
    }

    #[test]
    fn nothing_in_a_text_is_markup() {
        assert_eq!(escape("<a href='x'>&\"\0"), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;\u{fffd}");
    }
}
