//! Errors of a config and their places.

use std::{fmt, path::Path, sync::Arc};

/// A line of a config file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named to us: messages show it so.
    pub file: Arc<str>,
    /// Counted from 1; 0 of what stands in no file, but is read as if it did.
    pub line: usize,
}

impl Place {
    /// Tell whether there is something to be found there.
    pub(super) fn is_in_file(&self) -> bool {
        self.line > 0
    }

    /// Get the directory of the file.
    pub(super) fn directory(&self) -> &Path {
        Path::new(&*self.file).parent().unwrap_or(Path::new(""))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.file, self.line)
    }
}

/// An error of a config. Its `Display` is Supervisor's own text where Supervisor has one, and the reason where there
/// is more to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default())]
pub struct ConfigError {
    /// Message in Supervisor's words: all that clients are told.
    pub message: String,
    /// Reason, where Supervisor does not say it.
    pub reason: Option<Box<str>>,
    /// Name of the section it is in.
    pub section: Option<String>,
    /// Name of the key it is about.
    pub key: Option<Box<str>>,
    /// Place of the key or the section.
    pub place: Option<Place>,
    /// Description of what the key takes.
    pub expected: Option<&'static str>,
}

impl ConfigError {
    /// Make an error that is not about one place.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), reason: None, section: None, key: None, place: None, expected: None }
    }

    /// Make the error of a section that names what is not there, with the reason.
    pub fn unresolved(name: &str, section: &str, reason: impl fmt::Display) -> Self {
        let message = format!("{name} cannot be resolved within [{section}]");
        Self { reason: Some(reason.to_string().into()), section: Some(section.to_owned()), ..Self::new(message) }
    }

    /// Say which section the error is in.
    #[must_use]
    pub(super) fn in_section(mut self, section: &str, place: &Place) -> Self {
        self.section = Some(section.to_owned());
        self.place.get_or_insert_with(|| place.clone());
        self
    }

    /// Say at which place the error is.
    #[must_use]
    pub(super) fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Format the place: `/etc/supervisord.conf, line 12: startsecs in [program:web]`.
    pub fn location(&self) -> Option<String> {
        let place = self.place.as_ref()?;
        Some(match (&self.section, &self.key) {
            (Some(section), Some(key)) => format!("{place}: {key} in [{section}]"),
            (Some(section), None) => format!("{place}: [{section}]"),
            _ => place.to_string(),
        })
    }

    /// Format the message, and in a second line as much of the [location](Self::location) as the message does not name
    /// itself, and what would be right: `  at line 12: startsecs takes a whole number`.
    pub fn described(&self) -> String {
        let message = &self.to_string();
        let Some(place) = &self.place else { return message.clone() };
        let names_file = message.contains(&*place.file);
        // In the words of Python's parser and of our own.
        let lines =
            [format!("[line {:2}]", place.line), format!("line: {}\n", place.line), format!("line {}", place.line)];
        if names_file && lines.iter().any(|line| message.contains(line)) {
            return message.clone();
        }
        let line = if names_file { format!("line {}", place.line) } else { place.to_string() };
        let names =
            |section: &String| [format!("'{section}'"), format!("[{section}]")].iter().any(|it| message.contains(it));
        let what = match (self.section.as_ref().filter(|section| !names(section)), &self.key) {
            (Some(section), Some(key)) => format!(": {key} in [{section}]"),
            (Some(section), None) => format!(": [{section}]"),
            (None, Some(key)) => format!(": {key}"),
            (None, None) => String::new(),
        };
        let expected = self.expected.map_or_else(String::new, |expected| format!(" takes {expected}"));
        format!("{message}\n  at {line}{what}{expected}")
    }
}

/// All errors that were found, at least one. Its `Display` is that of the first: what Supervisor would say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigErrors(Vec<ConfigError>);

impl ConfigErrors {
    /// Get the error that Supervisor would have stopped at.
    pub fn first(&self) -> &ConfigError {
        &self.0[0]
    }

    /// Iterate over the errors, in the order in which Supervisor would have met them.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }

    /// Format all errors with their places, two lines for each.
    pub fn report(&self) -> String {
        self.0.iter().map(|error| error.described() + "\n").collect()
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first().fmt(f)
    }
}

impl std::error::Error for ConfigErrors {}

/// Collection of the errors of a config that is being resolved, so that one does not hide the next.
#[derive(Debug, Default)]
pub(super) struct Collector(std::cell::RefCell<Vec<ConfigError>>);

impl Collector {
    /// Keep an error, unless it is known: each process of a program finds those of its section, and what a group has
    /// found in a key its processes find again, in more words.
    pub(super) fn push(&self, error: ConfigError) {
        let mut errors = self.0.borrow_mut();
        let is_known = |known: &ConfigError| {
            error.message.starts_with(&known.message)
                && (&known.section, &known.key, &known.place) == (&error.section, &error.key, &error.place)
        };
        if !errors.iter().any(is_known) {
            errors.push(error);
        }
    }

    /// Return `value`, if nothing was wrong.
    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigErrors> {
        let errors = self.0.into_inner();
        if errors.is_empty() { Ok(value) } else { Err(ConfigErrors(errors)) }
    }
}
