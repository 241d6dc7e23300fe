//! Files of variables, as `env_file=` names them: what docker's and systemd's have in common.
//!
//! A line is `KEY=VALUE`, empty, or a comment that begins with `#` or `;`. Blanks around key and value do not count. A
//! value may stand between single quotes, which keep all as it is, or double ones, within which a backslash takes the
//! meaning from `"`, `\`, `$` and `` ` ``; in either it may go on over several lines. Nothing is expanded, and no shell
//! is asked. What the two read differently is an error: text behind a closing quote, a key without a value.
//!
//! Such files hold secrets: no error quotes them.

use std::{fs::File, io::Read as _, path::Path};

use super::variables::Variables;

/// Most bytes of a file; more is no file of variables.
const MAX_BYTES: u64 = 1 << 20;

/// Blanks, to us and to all who read such files; a line feed ends a line.
const BLANKS: [char; 5] = [' ', '\t', '\r', '\x0b', '\x0c'];

/// Broken line of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BrokenLine {
    /// Number of the line, from 1.
    pub(super) line: usize,
    /// Description of what is wrong with it.
    pub(super) problem: &'static str,
}

/// Read a file. The error names it, and the line where one is broken.
pub(super) fn read(path: &Path) -> Result<Variables, String> {
    let shown = path.display();
    let cannot = |why: &dyn std::fmt::Display| format!("could not read env_file {shown}: {why}");
    // A pipe that nobody writes to would never be read.
    if !path.metadata().map_err(|error| cannot(&error))?.is_file() {
        return Err(cannot(&"it is no file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| cannot(&error))?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(cannot(&"it has more than 1 MB"));
    }
    parse(&bytes).map_err(|BrokenLine { line, problem }| format!("env_file {shown}, line {line}: {problem}"))
}

/// Parse the content of a file. Of a key that is there twice the last value counts.
pub(super) fn parse(bytes: &[u8]) -> Result<Variables, BrokenLine> {
    let line_of = |at: usize| bytes[..at].split(|byte| *byte == b'\n').count();
    let text = std::str::from_utf8(bytes)
        .map_err(|error| BrokenLine { line: line_of(error.valid_up_to()), problem: "it is not UTF-8" })?;
    if let Some(at) = text.find('\0') {
        return Err(BrokenLine { line: line_of(at), problem: "a variable cannot hold a NUL" });
    }
    let mut rest = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut variables = Variables::default();
    while !rest.is_empty() {
        let broken = |problem| BrokenLine { line: line_of(text.len() - rest.len()), problem };
        let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
        let line = line.trim_matches(BLANKS);
        if line.is_empty() || line.starts_with(['#', ';']) {
            rest = after;
            continue;
        }
        let (name, _) = line.split_once('=').ok_or_else(|| broken("it is not KEY=VALUE"))?;
        let name = name.trim_end_matches(BLANKS);
        if !is_name(name) {
            return Err(broken("a key consists of letters, digits and '_', and begins with no digit"));
        }
        // From the whole rest: a quoted value may go on in the next line.
        let value = rest.split_once('=').map_or("", |(_, value)| value).trim_start_matches(BLANKS);
        let (value, after) = match value.strip_prefix(['"', '\'']) {
            Some(quoted) => {
                let (value, after) = if value.starts_with('"') { double_quoted(quoted) } else { single_quoted(quoted) }
                    .ok_or_else(|| broken("its quote is never closed"))?;
                let (left, after) = after.split_once('\n').unwrap_or((after, ""));
                if !left.trim_matches(BLANKS).is_empty() {
                    return Err(broken("nothing may follow the closing quote"));
                }
                (value, after)
            }
            None => (value.split_once('\n').map_or(value, |(value, _)| value).trim_matches(BLANKS).to_owned(), after),
        };
        variables.set(name.to_owned(), value);
        rest = after;
    }
    Ok(variables)
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Split what follows an opening single quote into the value and what stands behind the closing one.
fn single_quoted(text: &str) -> Option<(String, &str)> {
    text.split_once('\'').map(|(value, after)| (value.to_owned(), after))
}

/// Split what follows an opening double quote into the value and what stands behind the closing one.
fn double_quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => {
                let (_, next) = characters.next()?;
                if !"\"\\$`".contains(next) {
                    value.push('\\');
                }
                value.push(next);
            }
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> Vec<String> {
        let variables = parse(text.as_bytes()).unwrap_or_else(|broken| panic!("{text:?}: {broken:?}"));
        variables.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn lines_are_variables_and_comments() {
        let text = "\u{feff}# a comment\n\n ; another\r\nA=1\r\n  B = two words  \nC=\nD=a=b#c # d\nA=again\nE=$A `x`";
        assert_eq!(shown(text), ["A=again", "B=two words", "C=", "D=a=b#c # d", "E=$A `x`"]);
        assert_eq!(shown(""), [""; 0]);
        assert_eq!(shown("C:=1".replace(':', "").as_str()), ["C=1"]);
        assert_eq!(shown(r"PATH_=C:\x\"), [r"PATH_=C:\x\"]);
    }

    #[test]
    fn quotes_keep_what_stands_between_them() {
        let text = "A=' a \\ \"'\nB=\"a \\\"b\\\" \\\\ \\$x \\n\" \nC='two\n# lines'\nD=\"\"\nE=it's\nF=a \"b\"\n";
        let expected = ["A= a \\ \"", "B=a \"b\" \\ $x \\n", "C=two\n# lines", "D=", "E=it's", "F=a \"b\""];
        assert_eq!(shown(text), expected);
    }

    #[test]
    fn broken_lines_are_named_and_not_quoted() {
        for (text, line, problem) in [
            ("A=1\nsecret\n", 2, "it is not KEY=VALUE"),
            ("export A=1", 1, "a key consists of letters, digits and '_', and begins with no digit"),
            ("1A=1", 1, "a key consists of letters, digits and '_', and begins with no digit"),
            ("=1", 1, "a key consists of letters, digits and '_', and begins with no digit"),
            ("A='x\ny'\nB=\"x\n\n", 3, "its quote is never closed"),
            ("A=\"x\\", 1, "its quote is never closed"),
            ("\nA='x' # y", 2, "nothing may follow the closing quote"),
            ("A='x'y", 1, "nothing may follow the closing quote"),
            ("A=1\nB=\0", 2, "a variable cannot hold a NUL"),
        ] {
            assert_eq!(parse(text.as_bytes()), Err(BrokenLine { line, problem }), "{text:?}");
        }
        assert_eq!(parse(b"A=1\nB=\xff"), Err(BrokenLine { line: 2, problem: "it is not UTF-8" }));
    }

    #[test]
    fn what_is_no_file_of_variables_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let error = |path: &Path| read(path).unwrap_err();
        assert!(error(&dir.path().join("none")).ends_with("/none: No such file or directory (os error 2)"));
        assert!(error(dir.path()).ends_with(": it is no file"));
        assert!(error(Path::new("/dev/zero")).ends_with(": it is no file"));
        let large = dir.path().join("large");
        std::fs::write(&large, "\n".repeat(1 + (1 << 20))).unwrap();
        assert!(error(&large).ends_with("/large: it has more than 1 MB"));
        std::fs::write(&large, "A=1\nB\n").unwrap();
        assert!(error(&large).ends_with("/large, line 2: it is not KEY=VALUE"));
    }
}
