//! `supervisord.conf`: INI as Python's `RawConfigParser` reads it with `inline_comment_prefixes=(';', '#')` and
//! `strict=False`, which is how Supervisor sets it up.
//!
//! The dialect in short: a line that is indented deeper than the key before it continues that key's value, over blank
//! and comment lines too; `;` and `#` begin a comment at the start of a line and after white space, also within
//! quotes; `=` or `:` ends a key, and keys are folded to lower case; sections and keys may repeat, and the last value
//! wins; what follows the last `]` of a header is ignored.

use std::{fmt::Write as _, sync::Arc};

use super::{
    error::{ConfigError, Place},
    sections::{Entry, Raw, SectionId, Sections},
};
use crate::text::{
    python::{is_space, strip},
    repr::repr,
};

/// A value that may still be continued.
struct Open {
    target: SectionId,
    key: String,
    lines: Vec<String>,
    place: Place,
}

/// Read `text` on top of what `sections` already holds. `file` is the name that messages show.
///
/// The error's text is that of Python's `ParsingError` (all lines that make no sense) or `MissingSectionHeaderError`.
pub(super) fn read(text: &str, file: &Arc<str>, sections: &mut Sections) -> Result<(), ConfigError> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut target: Option<SectionId> = None;
    let mut open: Option<Open> = None;
    let mut indent_of_key = 0;
    let mut bad_lines: Vec<(usize, &str)> = Vec::new();

    for (number, line) in text.split_inclusive('\n').enumerate() {
        let place = Place { file: Arc::clone(file), line: number + 1 };
        let comment = comment_start(line);
        let value = strip(&line[..comment.unwrap_or(line.len())]);
        if value.is_empty() {
            // A blank line belongs to the value if more of it follows; a comment leaves no trace.
            if let (None, Some(open)) = (comment, &mut open) {
                open.lines.push(String::new());
            }
            continue;
        }
        let indent = line.chars().take_while(|&c| is_space(c)).count();
        if let Some(open) = open.as_mut().filter(|_| indent > indent_of_key) {
            open.lines.push(value.to_owned());
            continue;
        }
        indent_of_key = indent;
        if let Some(header) = header(value) {
            commit(open.take(), sections);
            target = Some(sections.open(header, &place));
        } else if let Some(target) = target {
            match value.split_once(['=', ':']) {
                Some((key, rest)) if !strip(key).is_empty() => {
                    commit(open.take(), sections);
                    let key = strip(key).to_lowercase();
                    open = Some(Open { target, key, lines: vec![strip(rest).to_owned()], place });
                }
                Some(_) => {
                    bad_lines.push((number + 1, line));
                    commit(open.take(), sections);
                }
                None => bad_lines.push((number + 1, line)),
            }
        } else {
            let message = format!(
                "File contains no section headers.\nfile: {}, line: {}\n{}",
                repr(file),
                number + 1,
                repr(line)
            );
            return Err(ConfigError::new(message).at(place));
        }
    }
    commit(open, sections);

    let Some(&(first, _)) = bad_lines.first() else { return Ok(()) };
    let mut message = format!("Source contains parsing errors: {}", repr(file));
    for (number, line) in bad_lines {
        write!(message, "\n\t[line {number:2}]: {}", repr(line)).expect("writing to a String cannot fail");
    }
    Err(ConfigError::new(message).at(Place { file: Arc::clone(file), line: first }))
}

fn commit(open: Option<Open>, sections: &mut Sections) {
    if let Some(Open { target, key, lines, place }) = open {
        let text = lines.join("\n").trim_end_matches(is_space).to_owned();
        sections.set(target, &key, Entry { raw: Raw::Text(text), place });
    }
}

/// Read the name in `[name]`, up to the last bracket of the line.
fn header(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?;
    let end = inside.rfind(']')?;
    (end > 0).then(|| &inside[..end])
}

/// Find the beginning of a comment in `line`.
///
/// Python looks at the first `;` and the first `#` of a line together, then at the second of each, and so on, and
/// stops at the first such pair that has one after white space. So in `a;b ;c #d` the comment is `#d`.
fn comment_start(line: &str) -> Option<usize> {
    if strip(line).starts_with(['#', ';']) {
        return Some(0);
    }
    let positions = |prefix: char| line.match_indices(prefix).map(|(at, _)| at);
    let mut semicolons = positions(';');
    let mut hashes = positions('#');
    let begins = |&at: &usize| line[..at].chars().next_back().is_none_or(is_space);
    loop {
        let (semicolon, hash) = (semicolons.next(), hashes.next());
        if semicolon.is_none() && hash.is_none() {
            return None;
        }
        if let Some(start) = semicolon.into_iter().chain(hash).filter(begins).min() {
            return Some(start);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sections as `[name] key=value|key=value`, to be compared with what Python prints.
    fn shown(text: &str) -> Result<String, String> {
        let mut sections = Sections::default();
        read(text, &"x.conf".into(), &mut sections).map_err(|error| error.message)?;
        let section = |section: &super::super::sections::Section| {
            let entries: Vec<String> = sections
                .entries(section)
                .map(|(key, entry)| match &entry.raw {
                    Raw::Text(text) => format!("{key}={text}"),
                    other => panic!("INI gives text only, not {other:?}"),
                })
                .collect();
            format!("[{}] {}", section.name, entries.join("|"))
        };
        Ok(sections.iter().map(section).collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn reads_as(text: &str, expected: &str) {
        assert_eq!(shown(text).as_deref(), Ok(expected), "{text:?}");
    }

    #[test]
    fn keys_and_values() {
        reads_as("[a]\nk=v\nK2 : w = x\nk3:=\n", "[a] k=v|k2=w = x|k3==");
        reads_as("[a]\n KEY with blanks \t=  v  \n", "[a] key with blanks=v");
        reads_as("[a]\nk=\n[b]\nk=1", "[a] k= [b] k=1");
        reads_as("", "");
        reads_as("[a]\r\nk=v\r\n\r\nj=w\rl=m", "[a] k=v|j=w|l=m");
    }

    #[test]
    fn comments() {
        reads_as("[a] ; c\nk=v ; c\nj=a;b # c\nl=;x\nm=#y\n;n=1\n  # o=1\n", "[a] k=v|j=a;b|l=;x|m=#y");
        reads_as("[a]\nk=/bin/echo \"a # b\"\nj=\"a ;b\"", "[a] k=/bin/echo \"a|j=\"a");
        reads_as("[a]\nk=a;b ;c #d\nj=a#b #c ;d\nl=a;b ;c\n", "[a] k=a;b ;c|j=a#b #c|l=a;b");
        reads_as("[a]\nk=x\t;c\nj=x\u{a0}#c", "[a] k=x|j=x");
    }

    #[test]
    fn continuation_lines() {
        reads_as("[a]\nk=1,\n  2,\n\t3\nj=4", "[a] k=1,\n2,\n3|j=4");
        reads_as("[a]\nk=1\n\n  2\n; c\n  ; d\n  3 ; e\n\n\nj=4", "[a] k=1\n\n2\n3|j=4");
        reads_as("[a]\nk=\n  x = 1\n  [b]\n", "[a] k=\nx = 1\n[b]");
        reads_as("  [a]\n  k=1\n    2\n  j=3\nl=4\n m=5", "[a] k=1\n2|j=3|l=4\nm=5");
        reads_as("[a]\n  k=1\n  j=2\n", "[a] k=1|j=2");
        reads_as("[a]\n  [b]\n  k=1\n", "[a]  [b] k=1");
    }

    #[test]
    fn headers_and_repetition() {
        reads_as("[program:x] text\nk=1\n[a]b]\n[p: a ]\n", "[program:x] k=1 [a]b]  [p: a ] ");
        reads_as("[a]\nk=1\nj=2\nK=3\n[b]\n[a]\nj=4\n", "[a] k=3|j=4 [b] ");
        reads_as("[DEFAULT]\nd=1\nk=0\n[a]\nk=2\n[b]\n", "[a] k=2|d=1 [b] d=1|k=0");
    }

    #[test]
    fn lines_that_make_no_sense_are_all_named() {
        let error = |text| shown(text).unwrap_err();
        assert_eq!(
            error("[a]\nk=1\nnonsense\n  more\n=v\n[]\n"),
            "Source contains parsing errors: 'x.conf'\n\t[line  3]: 'nonsense\\n'\n\t[line  5]: '=v\\n'\n\t[line  6]: '[]\\n'"
        );
        assert_eq!(error("k=v\n"), "File contains no section headers.\nfile: 'x.conf', line: 1\n'k=v\\n'");
        assert_eq!(
            error("\u{feff}[supervisord]\n"),
            "File contains no section headers.\nfile: 'x.conf', line: 1\n'\\ufeff[supervisord]\\n'"
        );
    }

    #[test]
    fn entries_know_their_line() {
        let mut sections = Sections::default();
        read("[a]\n\nk=1\n  2\n[b]\n[a]\nj=2\n", &"x.conf".into(), &mut sections).unwrap();
        let a = sections.get("a").unwrap();
        assert_eq!(a.place.to_string(), "x.conf, line 1");
        assert_eq!(a.entry("k").unwrap().place.line, 3);
        assert_eq!(a.entry("j").unwrap().place.line, 7);
    }
}
