//! A command line, from the shell or from the arguments of the process, and the words in it.
//!
//! Supervisor joins its arguments with blanks and reads the result as one line, so `supervisorctl 'tail -100' cat`
//! works, and a quoted argument falls apart. Scripts rely on the first and work around the second, with quotes inside
//! quotes. Both keep their meaning here, and for plugin commands an argument that holds white space and no quotes is
//! the one word that its author meant. Built-in commands take names, in which there is no white space, so theirs is
//! split wherever it stands: `restart "$PROGRAMS"` means several.

use crate::text::{
    python::is_space,
    shlex::{self, ShlexError},
};

/// A line that is run as one command.
#[derive(Clone, Debug)]
pub(super) struct CommandLine {
    /// The whole line, without white space around it, `?` spelled out as `help`.
    text: String,
    /// Length of the command's name at the start of `text`.
    name: usize,
    /// The arguments of the process, where the line was made of them.
    arguments: Vec<String>,
}

impl CommandLine {
    /// A line that somebody typed.
    pub(super) fn typed(text: &str) -> Self {
        Self::new(text, Vec::new())
    }

    /// A line made of the arguments that follow the options.
    pub(super) fn arguments(arguments: &[String]) -> Self {
        Self::new(&arguments.join(" "), arguments.to_vec())
    }

    fn new(text: &str, arguments: Vec<String>) -> Self {
        let text = text.trim_matches(is_space);
        let text = text.strip_prefix('?').map_or_else(|| text.to_owned(), |topic| format!("help {topic}"));
        let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name = text.find(|c| !is_part(c)).unwrap_or(text.len());
        Self { text, name, arguments }
    }

    /// The whole line, as `*** Unknown syntax` shows it.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The command; empty where the line does not begin with one.
    pub(super) fn name(&self) -> &str {
        &self.text[..self.name]
    }

    /// The text after the command, unsplit.
    pub(super) fn rest(&self) -> &str {
        self.text[self.name..].trim_matches(is_space)
    }

    /// The words of a built-in command: split at white space, whatever the quotes.
    pub(super) fn plain_words(&self) -> Vec<String> {
        self.rest().split(is_space).filter(|word| !word.is_empty()).map(str::to_owned).collect()
    }

    /// The words of a plugin's command: split as a shell splits them.
    pub(super) fn shell_words(&self) -> Result<Vec<String>, ShlexError> {
        if self.arguments.iter().skip(1).any(|argument| is_one_word(argument))
            && let Some(Ok(words)) = self.words_of_arguments()
        {
            return Ok(words);
        }
        // Quotes that span arguments, such as `'a` and `b c'`, mean something only when all is joined.
        shlex::split(self.rest())
    }

    fn words_of_arguments(&self) -> Option<Result<Vec<String>, ShlexError>> {
        let (first, others) = self.arguments.split_first()?;
        let mut run = first.trim_start_matches(is_space).strip_prefix(self.name())?.to_owned();
        let mut words = Vec::new();
        for argument in others {
            if is_one_word(argument) {
                match shlex::split(&run) {
                    Ok(split) => words.extend(split),
                    Err(error) => return Some(Err(error)),
                }
                words.push(argument.clone());
                run.clear();
            } else {
                run.push(' ');
                run.push_str(argument);
            }
        }
        Some(shlex::split(&run).map(|split| {
            words.extend(split);
            words
        }))
    }
}

/// Tell whether an argument is one word as it stands: it holds white space and nothing that quotes it. A backslash
/// before each blank quotes too.
fn is_one_word(argument: &str) -> bool {
    let mut escaped = false;
    let mut bare_space = false;
    for c in argument.chars() {
        match c {
            '\'' | '"' => return false,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ => bare_space |= is_space(c),
        }
    }
    bare_space
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(arguments: &[&str]) -> CommandLine {
        let arguments: Vec<String> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        CommandLine::arguments(&arguments)
    }

    #[test]
    fn the_command_is_what_looks_like_a_name() {
        let table = [
            ("status", "status", ""),
            ("  tail -100  cat ", "tail", "-100  cat"),
            ("start-all", "start", "-all"),
            ("?", "help", ""),
            ("?start", "help", "start"),
            ("!ls", "", "!ls"),
            ("", "", ""),
        ];
        for (text, name, rest) in table {
            let line = CommandLine::typed(text);
            assert_eq!((line.name(), line.rest()), (name, rest), "{text:?}");
        }
    }

    #[test]
    fn words_of_a_plugin_command() {
        let table: [(&[&str], &[&str]); 15] = [
            // What Supervisor tears apart, and its users mean as one word.
            (&["cache_store", "foo", "bar baz"], &["foo", "bar baz"]),
            (&["cache_store", "a b", "c d"], &["a b", "c d"]),
            (&["cache_store", "foo", " "], &["foo", " "]),
            (&["cache_store", "foo", " bar"], &["foo", " bar"]),
            (&["cache_store foo", "bar baz"], &["foo", "bar baz"]),
            (&["cache_store", "foo", "C:\\dir name"], &["foo", "C:\\dir name"]),
            // The work-arounds in their scripts.
            (&["cache_store", "foo", "\"bar baz\""], &["foo", "bar baz"]),
            (&["cache_store", "foo", "'bar baz'"], &["foo", "bar baz"]),
            (&["cache_store foo 'bar baz'"], &["foo", "bar baz"]),
            (&["cache_store", "foo 'bar baz'"], &["foo", "bar baz"]),
            (&["cache_store", "foo", "'bar", "baz'"], &["foo", "bar baz"]),
            (&["cache_store", "foo", "\"a", "b c", "d\""], &["foo", "a b c d"]),
            (&["cache_store", "foo", "bar\\ baz"], &["foo", "bar baz"]),
            // What needs no care.
            (&["cache_store", "foo", "bar\\nbaz"], &["foo", "barnbaz"]),
            (&["cache_keys"], &[]),
        ];
        for (arguments, words) in table {
            assert_eq!(line(arguments).shell_words().expect("balanced"), words, "{arguments:?}");
        }
        assert!(line(&["cache_fetch", "it's"]).shell_words().is_err());
        assert!(line(&["cache_store", "it's", "a b"]).shell_words().is_err());
    }

    #[test]
    fn words_of_a_built_in_command() {
        assert_eq!(line(&["tail -100", "cat"]).plain_words(), ["-100", "cat"]);
        assert_eq!(line(&["restart", "web worker"]).plain_words(), ["web", "worker"]);
        assert_eq!(line(&["start", "'a b'"]).plain_words(), ["'a", "b'"]);
    }
}
