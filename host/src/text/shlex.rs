//! Words as Python's `shlex` splits them, in both of its modes.
//!
//! A program's `command=` and the lines of `supervisorctl` are split as a POSIX shell would, by [`split`]. The values
//! of `environment=` go through shlex's older mode, where quotes stay in the word and punctuation stands alone, by
//! [`words`]. The two modes differ in small ways at every step, so this is one lexer that follows Python's, state by
//! state.

use std::{borrow::Cow, collections::VecDeque};

use super::python;

/// Error of a text that cannot be split, in Python's words, which end up in Supervisor's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShlexError {
    /// A quote is open at the end.
    #[error("No closing quotation")]
    NoClosingQuotation,
    /// A backslash is the last character.
    #[error("No escaped character")]
    NoEscapedCharacter,
}

/// Split as Python's `shlex.split(text)`: POSIX rules, `#` is an ordinary character.
pub fn split(text: &str) -> Result<Vec<String>, ShlexError> {
    Lexer { posix: true, further_word_characters: "", ..Lexer::new(text) }.collect()
}

/// Quote a word, if it has to be, so that [`split`] takes it for one.
pub fn quote(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| !python::is_space(c) && !matches!(c, '\'' | '"' | '\\');
    if !word.is_empty() && word.chars().all(is_plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', "'\"'\"'")))
    }
}

/// Split as Python's `shlex.shlex(text)` with `further_word_characters` added to its `wordchars`: quotes stay in the
/// word, `#` begins a comment, every character that is neither of a word nor white space is a word of its own.
pub fn words(text: &str, further_word_characters: &str) -> Result<Vec<String>, ShlexError> {
    Lexer { further_word_characters, ..Lexer::new(text) }.collect()
}

struct Lexer<'a> {
    /// POSIX rules, white space as the only separator, no comments; else shlex's older mode.
    posix: bool,
    further_word_characters: &'a str,
    rest: std::str::Chars<'a>,
    state: State,
    token: String,
    pushed_back: VecDeque<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Between,
    Word,
    Quoted(char),
    /// After a backslash; then back to what it interrupted.
    Escaped(Option<char>),
    End,
}

impl<'a> Lexer<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            posix: false,
            further_word_characters: "",
            rest: text.chars(),
            state: State::Between,
            token: String::new(),
            pushed_back: VecDeque::new(),
        }
    }

    fn collect(mut self) -> Result<Vec<String>, ShlexError> {
        let mut words = Vec::new();
        while let Some(word) = self.next_word()? {
            words.push(word);
        }
        Ok(words)
    }

    fn in_word(&self, c: char) -> bool {
        self.posix || c.is_ascii_alphanumeric() || c == '_' || self.further_word_characters.contains(c)
    }

    fn skip_line(&mut self) {
        self.rest.by_ref().find(|&c| c == '\n');
    }

    fn next_word(&mut self) -> Result<Option<String>, ShlexError> {
        if let Some(word) = self.pushed_back.pop_front() {
            return Ok(Some(word));
        }
        let mut quoted = false;
        loop {
            if self.state == State::End {
                break;
            }
            let next = self.rest.next();
            match (self.state, next) {
                (State::End, _) => break,
                (State::Between | State::Word, None) => self.state = State::End,
                (State::Quoted(_), None) => return Err(ShlexError::NoClosingQuotation),
                (State::Escaped(_), None) => return Err(ShlexError::NoEscapedCharacter),

                (State::Between | State::Word, Some(' ' | '\t' | '\r' | '\n')) => {
                    self.state = State::Between;
                    if !self.token.is_empty() || (self.posix && quoted) {
                        break;
                    }
                }
                // A comment does not end the word before it: Python's lexer goes on with it in the next line.
                (State::Between | State::Word, Some('#')) if !self.posix => self.skip_line(),
                (State::Between | State::Word, Some('\\')) if self.posix => self.state = State::Escaped(None),
                (State::Between, Some(c @ ('\'' | '"'))) => {
                    if !self.posix {
                        self.token.push(c);
                    }
                    self.state = State::Quoted(c);
                }
                (State::Word, Some(c @ ('\'' | '"'))) => {
                    if self.posix {
                        self.state = State::Quoted(c);
                    } else {
                        self.token.push(c);
                    }
                }
                (State::Between, Some(c)) if self.in_word(c) => {
                    self.token = String::from(c);
                    self.state = State::Word;
                }
                (State::Between, Some(c)) => {
                    self.token = String::from(c);
                    break;
                }
                (State::Word, Some(c)) if self.in_word(c) => self.token.push(c),
                (State::Word, Some(c)) => {
                    self.pushed_back.push_front(String::from(c));
                    self.state = State::Between;
                    break;
                }

                (State::Quoted(quote), Some(c)) => {
                    quoted = true;
                    if c == quote {
                        if self.posix {
                            self.state = State::Word;
                        } else {
                            self.token.push(c);
                            self.state = State::Between;
                            break;
                        }
                    } else if self.posix && c == '\\' && quote == '"' {
                        self.state = State::Escaped(Some(quote));
                    } else {
                        self.token.push(c);
                    }
                }
                (State::Escaped(within), Some(c)) => {
                    // Within quotes only the quote and the backslash can be escaped; before others it stays.
                    if within.is_some_and(|quote| c != '\\' && c != quote) {
                        self.token.push('\\');
                    }
                    self.token.push(c);
                    self.state = within.map_or(State::Word, State::Quoted);
                }
            }
        }
        let word = std::mem::take(&mut self.token);
        Ok((!word.is_empty() || (self.posix && quoted)).then_some(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posix(text: &str) -> Result<Vec<String>, String> {
        split(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_quoted_is_one_word_again() {
        for (word, quoted) in [("plain*:x", "plain*:x"), ("a b", "'a b'"), ("", "''"), ("it's", "'it'\"'\"'s'")] {
            assert_eq!(quote(word), quoted);
            assert_eq!(posix(quoted), Ok(vec![word.to_owned()]));
        }
    }

    #[test]
    fn splits_a_command_as_a_shell_does() {
        for (text, expected) in [
            ("", &[][..]),
            ("  ", &[]),
            ("/bin/cat", &["/bin/cat"]),
            ("a  b\tc\nd", &["a", "b", "c", "d"]),
            ("foo 'bar baz'", &["foo", "bar baz"]),
            ("foo \"bar 'x' baz\"", &["foo", "bar 'x' baz"]),
            ("a\\ b \\'c", &["a b", "'c"]),
            (r#""a\"b" "a\b" "a\\b" 'a\b'"#, &["a\"b", "a\\b", "a\\b", "a\\b"]),
            ("'' \"\"x", &["", "x"]),
            ("a'b'\"c\"", &["abc"]),
            ("echo # not a comment", &["echo", "#", "not", "a", "comment"]),
            ("é=日本", &["é=日本"]),
        ] {
            assert_eq!(posix(text).unwrap(), expected, "{text:?}");
        }
        assert_eq!(posix("/bin/echo \"unclosed").unwrap_err(), "No closing quotation");
        assert_eq!(posix("a '").unwrap_err(), "No closing quotation");
        assert_eq!(posix("a \\").unwrap_err(), "No escaped character");
    }

    #[test]
    fn splits_environment_values_as_the_older_mode_does() {
        for (text, expected) in [
            ("A=1,B=2", &["A", "=", "1", ",", "B", "=", "2"][..]),
            ("A=\"x, y\"", &["A", "=", "\"x, y\""]),
            ("A='x' # c\nB=2", &["A", "=", "'x'", "B", "=", "2"]),
            ("A=b#comment\nc", &["A", "=", "bc"]),
            ("A=b\"c d", &["A", "=", "b\"c", "d"]),
            ("A=$HOME", &["A", "=", "$", "HOME"]),
            ("A=x*y", &["A", "=", "x", "*", "y"]),
            ("A=é", &["A", "=", "é"]),
            ("A=a\\b", &["A", "=", "a", "\\", "b"]),
            ("A=http://h:1/x.y+z-(w)", &["A", "=", "http://h:1/x.y+z-(w)"]),
        ] {
            assert_eq!(words(text, "/.+-():").unwrap(), expected, "{text:?}");
        }
        assert_eq!(words("A=\"x", ""), Err(ShlexError::NoClosingQuotation));
    }
}
