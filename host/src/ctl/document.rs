//! The document that an action prints with `--json`: one object, `{"processes": […], "errors": […]}`.
//!
//! An action gives members and items of lists; errors come of themselves, as `errors`, and what it prints as text, as
//! `output`. `host/JSON.md` has the members of each action.

use plugin_api::{Value, abi::Member};

use super::json;

/// Words that an error begins with for people.
const ERROR_SIGNS: [&str; 4] = ["ERROR: ", "Error: ", "error: ", "*** "];

/// Object that grows until it is printed.
#[derive(Debug, Default)]
pub(super) struct Document {
    members: Vec<(String, Value)>,
    /// Values that a plugin printed.
    values: Vec<Value>,
    errors: Vec<Value>,
    /// Lines of text.
    output: Vec<String>,
    /// Set where the lines of a stream are printed: nothing more has to follow them.
    has_streamed: bool,
}

impl Document {
    /// Set a member.
    pub(super) fn set(&mut self, name: &str, value: Value) {
        match self.members.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => self.members.push((name.to_owned(), value)),
        }
    }

    /// Make sure that there is a list of this name.
    pub(super) fn begin_list(&mut self, name: &str) {
        if self.members.iter().all(|(known, _)| known != name) {
            self.members.push((name.to_owned(), Value::array([])));
        }
    }

    /// Add an item to a list.
    pub(super) fn push(&mut self, list: &str, item: Value) {
        self.begin_list(list);
        let list = self.members.iter_mut().find(|(known, _)| known == list);
        if let Some((_, Value::Array(items))) = list {
            items.push(item);
        }
    }

    /// Add a value that a plugin printed.
    pub(super) fn push_value(&mut self, value: Value) {
        self.values.push(value);
    }

    /// Add an error, by its text for people and the number of its fault.
    pub(super) fn push_error(&mut self, text: &str, code: Option<i32>) {
        let message = ERROR_SIGNS.iter().find_map(|sign| text.strip_prefix(sign)).unwrap_or(text);
        let code = code.map(|code| ("code", code.into()));
        self.errors.push(Value::structure([("message", message.into())].into_iter().chain(code)));
    }

    /// Add a line of text.
    pub(super) fn push_output(&mut self, text: &str) {
        self.output.push(text.to_owned());
    }

    /// Note that a stream is printed.
    pub(super) fn note_stream(&mut self) {
        self.has_streamed = true;
    }

    /// Take the line of the document, without its end; `None` where a stream has said all. The next one is empty again.
    pub(super) fn take_line(&mut self) -> Option<String> {
        let Self { mut members, mut values, errors, output, has_streamed } = std::mem::take(self);
        match values.len() {
            0 => {}
            1 => members.extend(values.pop().map(|value| ("value".to_owned(), value))),
            _ => members.push(("values".to_owned(), Value::array(values))),
        }
        if !output.is_empty() {
            members.push(("output".to_owned(), output.join("\n").into()));
        }
        if !errors.is_empty() {
            members.push(("errors".to_owned(), Value::array(errors)));
        }
        let is_needed = !has_streamed || !members.is_empty();
        let members = members.into_iter().map(|(name, value)| Member::new(name.as_str(), value));
        is_needed.then(|| json::to_line(&Value::Struct(members.collect())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fill: impl FnOnce(&mut Document)) -> String {
        let mut document = Document::default();
        fill(&mut document);
        document.take_line().unwrap()
    }

    #[test]
    fn all_that_an_action_says_is_in_one_object() {
        assert_eq!(line(|_| {}), "{}");
        let text = line(|it| {
            it.push_output("a");
            it.push_output("b");
        });
        assert_eq!(text, r#"{"output":"a\nb"}"#);
        assert_eq!(line(|it| it.push_value(1.into())), r#"{"value":1}"#);
        let text = line(|it| {
            it.push_value(1.into());
            it.push_value(2.into());
            it.push_error("error: BAD_NAME: x", Some(10));
            it.push_error("*** Unknown syntax: y", None);
        });
        let errors = r#"[{"message":"BAD_NAME: x","code":10},{"message":"Unknown syntax: y"}]"#;
        assert_eq!(text, format!(r#"{{"values":[1,2],"errors":{errors}}}"#));
        let text = line(|it| {
            it.begin_list("none");
            it.push("some", 1.into());
            it.set("one", 1.into());
            it.set("one", 2.into());
        });
        assert_eq!(text, r#"{"none":[],"some":[1],"one":2}"#);
    }

    #[test]
    fn nothing_follows_a_stream_but_errors() {
        let mut document = Document::default();
        document.note_stream();
        assert_eq!(document.take_line(), None);
        document.note_stream();
        document.push_error("Error: gone", None);
        assert_eq!(document.take_line().as_deref(), Some(r#"{"errors":[{"message":"gone"}]}"#));
        assert_eq!(document.take_line().as_deref(), Some("{}"));
    }
}
