//! Writer of manual pages in roff, with the macros of man(7).

use std::fmt::Write as _;

use crate::version;

/// A manual page that is being written. Texts are plain: what means something to roff is escaped. What stands between
/// backquotes in a paragraph or an item becomes bold.
pub(super) struct Page(String);

impl Page {
    /// Begin a page: `name` is in `section`, and `purpose` stands behind the dash.
    pub(super) fn new(name: &str, section: u8, purpose: &str) -> Self {
        let mut page = Self(".\\\" Made from the program's own tables; a change here is lost.\n".to_owned());
        let title = escaped(&name.to_uppercase());
        page.line(format_args!(".TH {title} {section} \"\" \"supervisor {}\" \"Supervisor\"", version::OWN));
        page.heading("NAME");
        page.line(format_args!("{} \\- {}", escaped(name), escaped(purpose)));
        page
    }

    /// Begin a section.
    pub(super) fn heading(&mut self, title: &str) {
        self.line(format_args!(".SH {}", escaped(title)));
    }

    /// Write a paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.line(format_args!(".PP\n{}", marked(text)));
    }

    /// Write a bold term, and text below it, indented.
    pub(super) fn item(&mut self, term: &str, text: &str) {
        let text = if text.is_empty() { "\\&".to_owned() } else { marked(text) };
        self.line(format_args!(".TP\n\\fB{}\\fR\n{text}", escaped(term)));
    }

    /// Write one more paragraph of an item.
    pub(super) fn more(&mut self, text: &str) {
        self.line(format_args!(".br\n{}", marked(text)));
    }

    /// Write lines as they are.
    pub(super) fn example(&mut self, text: &str) {
        self.line(format_args!(".PP\n.in +4n\n.nf"));
        for line in text.lines() {
            self.line(format_args!("{}", if line.is_empty() { "\\&".to_owned() } else { escaped(line) }));
        }
        self.line(format_args!(".fi\n.in"));
    }

    /// End the page.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{text}").expect("memory takes all");
    }
}

/// Escape a text so that roff prints it as it is, a hyphen as the one that is typed in commands.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    // A control character is one at the start of a line alone.
    if text.starts_with(['.', '\'']) {
        escaped.push_str("\\&");
    }
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '"' => escaped.push_str("\\(dq"),
            _ if character.is_ascii() => escaped.push(character),
            _ => write!(escaped, "\\[u{:04X}]", u32::from(character)).expect("memory takes all"),
        }
    }
    escaped
}

/// Escape a text, with bold in place of backquotes.
fn marked(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    pieces.map(|(at, piece)| if at % 2 == 1 { format!("\\fB{}\\fR", escaped(piece)) } else { escaped(piece) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_means_anything_to_roff() {
        assert_eq!(escaped(".so /etc/passwd"), "\\&.so /etc/passwd");
        assert_eq!(escaped("'a' \\n -x ~ ^"), "\\&\\(aqa\\(aq \\en \\-x \\(ti \\(ha");
        assert_eq!(escaped("…"), "\\[u2026]");
        assert_eq!(marked("the `-n` of it"), "the \\fB\\-n\\fR of it");
    }

    #[test]
    fn a_page() {
        let mut page = Page::new("a.conf", 5, "a file");
        page.item("key", "");
        page.example("x\n\n.y");
        let text = page.finish();
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(lines[0].starts_with(".TH A.CONF 5 \"\" \"supervisor "));
        assert_eq!(lines[1..6], [".SH NAME", "a.conf \\- a file", ".TP", "\\fBkey\\fR", "\\&"]);
        assert_eq!(lines[6..], [".PP", ".in +4n", ".nf", "x", "\\&", "\\&.y", ".fi", ".in"]);
    }
}
