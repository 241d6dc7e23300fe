//! Lines of a program's log in the forms `text` and `json`.
//!
//! They wait as the program wrote them, behind one head for all that came at one moment, and are given their form when
//! they are written: short lines take much more room then.

use std::{io::Write as _, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde::Serialize;

use super::{
    line_buffer::{LinePart, Lines},
    target::{LineForm, Source},
};
use crate::{logger::Timestamps, text::namespec::make_namespec};

/// Number of bytes from which on what has its form is written, at the end of a line.
const ENOUGH: usize = 64 * 1024;

/// Form of the lines of one output, with what stands in each of them.
#[derive(Debug)]
pub(super) struct LineFormat {
    form: LineForm,
    /// Members of an object that say whose line it is, or the full name of the process.
    origin: String,
}

/// Members of an object that say whose line it is.
#[derive(Serialize)]
struct Origin<'a> {
    program: &'a str,
    group: &'a str,
    pid: i32,
    stream: &'a str,
}

impl LineFormat {
    pub(super) fn new(form: LineForm, source: &Source) -> Self {
        let Source { process, group, pid, channel } = source;
        let origin = match form {
            LineForm::Text => make_namespec(group, process),
            LineForm::Json => {
                let origin = Origin { program: process, group, pid: *pid, stream: channel.name() };
                let object = serde_json::to_string(&origin).expect("texts and numbers can be written");
                object.trim_matches(['{', '}']).to_owned()
            }
        };
        Self { form, origin }
    }

    /// Make what stands before the text of each line that comes at that moment.
    pub(super) fn head(&self, time: SystemTime, times: &mut Timestamps) -> LineHead {
        let text = match self.form {
            LineForm::Text => format!("{} {} ", times.text(time), self.origin),
            LineForm::Json => format!("{{\"time\":\"{}\",{},", times.rfc3339(time), self.origin),
        };
        LineHead { form: self.form, text }
    }
}

/// Text that stands before each of some lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LineHead {
    form: LineForm,
    text: String,
}

/// Lines, or a part of one, that wait for their form.
#[derive(Debug)]
pub(super) struct LogLines {
    head: LineHead,
    part: Option<LinePart>,
    text: Vec<u8>,
}

impl LogLines {
    pub(super) fn new(head: &LineHead, lines: Lines<'_>) -> Self {
        Self { head: head.clone(), part: lines.part, text: lines.text.to_vec() }
    }

    /// Count the bytes that it holds.
    pub(super) fn len(&self) -> usize {
        self.head.text.len() + self.text.len()
    }

    /// Return whether further lines may be [added](Self::add): they have the same head, and fit into so many bytes.
    pub(super) fn may_take(&self, head: &LineHead, lines: Lines<'_>, most: usize) -> bool {
        // A part stands alone, and a line without an end is the last of its stream.
        let are_lines = self.part.is_none() && lines.part.is_none() && self.text.ends_with(b"\n");
        are_lines && self.text.len() + lines.text.len() <= most && self.head == *head
    }

    /// Add further lines behind the same head.
    pub(super) fn add(&mut self, lines: Lines<'_>) {
        self.text.extend_from_slice(lines.text);
    }

    /// Give the lines their form, and hand over some at a time, each with its end. `out` is a buffer, empty before and
    /// after.
    pub(super) fn write(&self, out: &mut Vec<u8>, mut each: impl FnMut(&[u8])) {
        for line in self.text.split_inclusive(|&byte| byte == b'\n') {
            self.line(line.strip_suffix(b"\n").unwrap_or(line), out);
            if out.len() >= ENOUGH {
                each(out);
                out.clear();
            }
        }
        if !out.is_empty() {
            each(out);
            out.clear();
        }
    }

    fn line(&self, line: &[u8], out: &mut Vec<u8>) {
        let LineHead { form, text: head } = &self.head;
        // Writing to a `Vec` cannot fail.
        match form {
            LineForm::Text => {
                out.extend_from_slice(head.as_bytes());
                if let Some(LinePart { number, is_last }) = self.part {
                    let _ = write!(out, "[part {number}{}] ", if is_last { ", the last" } else { "" });
                }
                out.extend_from_slice(line);
            }
            LineForm::Json if self.part.is_none() && is_object(line) => out.extend_from_slice(line),
            LineForm::Json => {
                out.extend_from_slice(head.as_bytes());
                if let Some(LinePart { number, is_last }) = self.part {
                    let _ = write!(out, "\"part\":{number},{}", if is_last { "" } else { "\"partial\":true," });
                }
                out.extend_from_slice(b"\"message\":");
                let text = String::from_utf8_lossy(line);
                let _ = serde_json::to_writer(&mut *out, &*text);
                if let std::borrow::Cow::Owned(_) = text {
                    // Nothing is lost of what is no text.
                    let _ = write!(out, ",\"message_base64\":\"{}\"", BASE64.encode(line));
                }
                out.push(b'}');
            }
        }
        out.push(b'\n');
    }
}

/// Return whether a line is one JSON object, blanks around it aside.
fn is_object(line: &[u8]) -> bool {
    let trimmed = line.trim_ascii();
    trimmed.starts_with(b"{")
        && trimmed.ends_with(b"}")
        && std::str::from_utf8(trimmed).is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use serde_json::{Value, json};

    use super::*;
    use crate::events::Channel;

    fn source(group: &str) -> Source {
        Source { process: "web_0".to_owned(), group: group.to_owned(), pid: 7, channel: Channel::Stderr }
    }

    /// Give lines of `g:web_0` their form.
    fn formed(form: LineForm, text: &[u8], part: Option<LinePart>) -> Vec<u8> {
        let time = UNIX_EPOCH + Duration::from_millis(1_500);
        let head = LineFormat::new(form, &source("g")).head(time, &mut Timestamps::default());
        let mut formed = Vec::new();
        LogLines::new(&head, Lines { text, part }).write(&mut Vec::new(), |lines| formed.extend_from_slice(lines));
        formed
    }

    fn objects(text: &[u8], part: Option<LinePart>) -> Vec<Value> {
        let formed = String::from_utf8(formed(LineForm::Json, text, part)).unwrap();
        formed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn text_has_time_and_name_before_each_line() {
        let time = Timestamps::default().text(UNIX_EPOCH + Duration::from_millis(1_500));
        let formed = |text: &[u8], part| String::from_utf8(formed(LineForm::Text, text, part)).unwrap();
        assert_eq!(formed(b"one\n\nend", None), format!("{time} g:web_0 one\n{time} g:web_0 \n{time} g:web_0 end\n"));
        let part = |number, is_last| Some(LinePart { number, is_last });
        assert_eq!(formed(b"x", part(1, false)), format!("{time} g:web_0 [part 1] x\n"));
        assert_eq!(formed(b"x\n", part(3, true)), format!("{time} g:web_0 [part 3, the last] x\n"));
        assert_eq!(LineFormat::new(LineForm::Text, &source("web_0")).origin, "web_0");
    }

    #[test]
    fn json_makes_each_line_an_object() {
        let time = Timestamps::default().rfc3339(UNIX_EPOCH + Duration::from_millis(1_500));
        let object = |message: &str| json!({"time": time, "program": "web_0", "group": "g", "pid": 7, "stream": "stderr", "message": message});
        let text = "plain\n\n\"é\\\t\u{0}\u{1b}[m\r\n[1]\n{\"a\":1\nend";
        let messages = ["plain", "", "\"é\\\t\u{0}\u{1b}[m\r", "[1]", "{\"a\":1", "end"];
        assert_eq!(objects(text.as_bytes(), None), messages.map(object));
        let formed = formed(LineForm::Json, b"x\n", None);
        assert!(formed.starts_with(b"{\"time\":\"") && formed.ends_with(b",\"message\":\"x\"}\n"), "in that order");
    }

    #[test]
    fn what_is_an_object_is_kept_as_it_is() {
        for line in [
            "{}",
            " {\"time\": 5, \"a\": [1, {\"b\": null}], \"a\": 1e999} \t\r",
            "{\"message\":\"\\u00e9\"}",
            &("{\"a\":".repeat(1000) + "1" + &"}".repeat(1000)),
        ] {
            assert_eq!(formed(LineForm::Json, format!("{line}\n").as_bytes(), None), format!("{line}\n").as_bytes());
        }
        for line in [
            &b"{"[..],
            b"{}{}",
            b"{} x",
            b"{a:1}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":1,}",
            b"[{}]",
            b"\"{}\"",
            b"{\"a\":\"\t\"}",
        ] {
            assert_ne!(formed(LineForm::Json, line, None).strip_suffix(b"\n").unwrap(), line);
        }
        let part = Some(LinePart { number: 2, is_last: true });
        assert_eq!(objects(b"{}", part)[0]["message"], "{}", "it is the end of something else");
    }

    #[test]
    fn parts_are_marked_and_bytes_that_are_no_text_kept() {
        let part = |number, is_last| Some(LinePart { number, is_last });
        let object = &objects(b"x", part(1, false))[0];
        assert_eq!((&object["part"], &object["partial"], &object["message"]), (&json!(1), &json!(true), &json!("x")));
        let object = &objects(b"x\n", part(2, true))[0];
        assert_eq!((&object["part"], object.get("partial")), (&json!(2), None));
        let object = &objects(b"a\xffb\n", None)[0];
        assert_eq!(object["message"], "a\u{fffd}b");
        assert_eq!(BASE64.decode(object["message_base64"].as_str().unwrap()).unwrap(), b"a\xffb");
        assert_eq!(objects("\u{fffd}\n".as_bytes(), None)[0].get("message_base64"), None);
    }

    #[test]
    fn much_is_handed_over_by_whole_lines() {
        let head = LineFormat::new(LineForm::Json, &source("g")).head(UNIX_EPOCH, &mut Timestamps::default());
        let text = b"y\n".repeat(30_000);
        let (mut count, mut pieces) = (0, 0);
        LogLines::new(&head, Lines { text: &text, part: None }).write(&mut Vec::new(), |piece| {
            assert!(piece.ends_with(b"}\n") && piece.len() < 2 * ENOUGH);
            count += piece.split(|&byte| byte == b'\n').count() - 1;
            pieces += 1;
        });
        assert_eq!(count, 30_000);
        assert!(pieces > 30, "{pieces}");
    }
}
