//! The reading of one section: looks keys up, expands and converts them, and collects what is wrong.

use std::{
    cell::RefCell,
    collections::HashMap,
    path::{Path, PathBuf},
};

use super::{
    env_file,
    error::{Collector, ConfigError},
    expand::Names,
    option::Opt,
    paths::{expanduser, normalize_path},
    sections::{Entry, Raw, Section, Sections},
    variables::Variables,
};
use crate::text::repr::repr;

/// Reader of the keys of one section.
///
/// A value that is wrong is reported to the collector, and the default stands in for it, so that the next key can be
/// looked at: the result is thrown away in the end, the errors are not.
pub(super) struct Reader<'a> {
    sections: &'a Sections,
    pub(super) section: &'a Section,
    errors: &'a Collector,
    /// Names that `%(name)s` may stand for in the values.
    pub(super) names: Names,
    /// True where messages end with the section and its file, as Supervisor's do for sections that make processes.
    names_section: bool,
    /// Files of variables that were read, or the reason why one could not be: each is read once for all processes of a
    /// section.
    env_files: RefCell<HashMap<PathBuf, Result<Variables, String>>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(sections: &'a Sections, section: &'a Section, names: Names, errors: &'a Collector) -> Self {
        Self { sections, section, errors, names, names_section: false, env_files: RefCell::default() }
    }

    /// Have messages end in ` in section 'program:web' (file: '/path')`.
    pub(super) fn naming_section(mut self) -> Self {
        self.names_section = true;
        self
    }

    /// Read a key that has a default.
    pub(super) fn get<T>(&self, option: &Opt<T>) -> T {
        self.find(option).unwrap_or_else(|| option.default_value())
    }

    /// Read a key, if it is there and right. A list may also be a TOML array, whose items must be free of
    /// commas.
    pub(super) fn find<T>(&self, option: &Opt<T>) -> Option<T> {
        let text = match &self.entry(option.key)?.raw {
            Raw::List(items) if option.value_type.is_list => {
                let word = |item| self.expect_string(option, item).and_then(|()| self.expanded(option.key, item));
                let words: Option<Vec<String>> = items.iter().map(word).collect();
                words?.join(",")
            }
            _ => self.text_for(option)?,
        };
        self.convert(option, &text)
    }

    /// Read the expanded text of a key, if it is what the key takes.
    pub(super) fn text_for<T>(&self, option: &Opt<T>) -> Option<String> {
        let raw = &self.entry(option.key)?.raw;
        self.expect_string(option, raw)?;
        self.expanded(option.key, raw)
    }

    /// Read a key that Supervisor expands twice: first as any value, then by the name of its key alone. What it
    /// cannot expand a second time, such as the `100%` that came of `100%%`, is taken as it came out of the first.
    pub(super) fn find_expanded_twice<T>(&self, option: &Opt<T>, again: &Names) -> Option<T> {
        let once = self.text_for(option)?;
        let text = again.expand(&once, option.key).unwrap_or(once);
        self.convert(option, &text)
    }

    /// Convert a text, or report an error that says what would be right.
    pub(super) fn convert<T>(&self, option: &Opt<T>, text: &str) -> Option<T> {
        let converted = (option.value_type.read)(text);
        converted.map_err(|message| self.fail_with(option.key, message, option.value_type.expected)).ok()
    }

    fn expect_string<T>(&self, option: &Opt<T>, raw: &Raw) -> Option<()> {
        if option.value_type.only_strings && matches!(raw, Raw::Scalar(..)) {
            let message = format!("{} takes a string, not {}", option.key, raw.kind());
            self.fail_with(option.key, message, option.value_type.expected);
            return None;
        }
        Some(())
    }

    /// Read `environment=`: its whole text expanded and then split, or a TOML table with each value expanded.
    /// Supervisor names the key alone when an expansion fails here.
    pub(super) fn environment(&self, option: &Opt<Variables>) -> Variables {
        let key = option.key;
        match self.entry(key).map(|entry| &entry.raw) {
            None => Variables::default(),
            Some(Raw::Table(members)) => {
                let pair = |(name, raw): &(String, Raw)| match raw {
                    Raw::Text(_) | Raw::Scalar(..) => Some((name.clone(), self.expanded(key, raw)?)),
                    Raw::List(_) | Raw::Table(_) => {
                        self.fail(key, format!("{key} takes a string for {name}, not {}", raw.kind()));
                        None
                    }
                };
                members.iter().filter_map(pair).collect()
            }
            Some(Raw::List(_)) => {
                self.fail(key, format!("{key} takes a string or a table, not an array"));
                Variables::default()
            }
            Some(raw) => self
                .scalar(key, raw)
                .and_then(|text| self.check(key, self.names.expand(text, key)))
                .and_then(|text| self.convert(option, &text))
                .unwrap_or_default(),
        }
    }

    /// Read `env_file=`: the files with their paths in full, and their variables. Reads the files.
    pub(super) fn env_files(&self, option: &Opt<Vec<String>>) -> (Vec<String>, Variables) {
        let (mut files, mut variables) = (self.get(option), Variables::default());
        for file in &mut files {
            let (mark, path) = file.strip_prefix('?').map_or(("", &**file), |path| ("?", path));
            let path = self.beside(option.key, Path::new(path));
            *file = format!("{mark}{}", path.display());
            // One that may not be looked at is there, perhaps.
            if !mark.is_empty() && matches!(path.try_exists(), Ok(false)) {
                continue;
            }
            match self.env_files.borrow_mut().entry(path).or_insert_with_key(|path| env_file::read(path)) {
                Ok(read) => variables.extend(read.iter().cloned()),
                Err(message) => self.fail(option.key, message.as_str()),
            }
        }
        (files, variables)
    }

    /// A path that a key names, a relative one taken from the directory of the file in which the key stands.
    pub(super) fn beside(&self, key: &str, path: &Path) -> PathBuf {
        let place = self.entry(key).map_or(&self.section.place, |entry| &entry.place);
        let path = place.directory().join(expanduser(&path.to_string_lossy()));
        normalize_path(&path.to_string_lossy()).into()
    }

    /// Read the expanded text of a key.
    pub(super) fn text(&self, key: &str) -> Option<String> {
        self.expanded(key, &self.entry(key)?.raw)
    }

    /// Read the text of a key as it was written.
    pub(super) fn unexpanded(&self, key: &str) -> Option<&str> {
        self.scalar(key, &self.entry(key)?.raw)
    }

    /// Tell whether a key is there.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entry(key).is_some()
    }

    pub(super) fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.sections.entry(self.section, key)
    }

    fn scalar<'r>(&self, key: &str, raw: &'r Raw) -> Option<&'r str> {
        match raw {
            Raw::Text(text) | Raw::Scalar(text, _) => Some(text),
            Raw::List(_) | Raw::Table(_) => {
                self.fail(key, format!("{key} takes a string, not {}", raw.kind()));
                None
            }
        }
    }

    fn expanded(&self, key: &str, raw: &Raw) -> Option<String> {
        let text = self.scalar(key, raw)?;
        self.check(key, self.names.expand(text, &format!("{}.{key}", self.section.name)))
    }

    /// Unwrap a value, or report an error about `key`.
    pub(super) fn check<T>(&self, key: &str, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.fail(key, message)).ok()
    }

    /// Unwrap a value, or report an error about the section.
    pub(super) fn check_section<T>(&self, result: Result<T, String>) -> Option<T> {
        result.map_err(|message| self.fail_section(message)).ok()
    }

    /// Report an error about a key, or about the section if it does not have that key.
    pub(super) fn fail(&self, key: &str, message: impl Into<String>) {
        self.fail_with(key, message, None);
    }

    /// Report an error about a key, with what would be right.
    pub(super) fn fail_with(&self, key: &str, message: impl Into<String>, expected: Option<&'static str>) {
        self.push(Some(key), self.with_ending(message.into()), expected);
    }

    /// Report an error about the section.
    pub(super) fn fail_section(&self, message: impl Into<String>) {
        self.push(None, self.with_ending(message.into()), None);
    }

    fn with_ending(&self, message: String) -> String {
        if !self.names_section {
            return message;
        }
        let (section, file) = (repr(&self.section.name), repr(&self.section.place.file));
        format!("{message} in section {section} (file: {file})")
    }

    fn push(&self, key: Option<&str>, message: String, expected: Option<&'static str>) {
        self.push_error(key, ConfigError { expected, ..ConfigError::new(message) });
    }

    /// Report that what a key names is not there.
    pub(super) fn fail_unresolved(&self, key: &str, name: &str, reason: impl std::fmt::Display) {
        self.push_error(Some(key), ConfigError::unresolved(name, &self.section.name, reason));
    }

    fn push_error(&self, key: Option<&str>, mut error: ConfigError) {
        if let Some((key, entry)) = key.and_then(|key| Some((key, self.entry(key)?))) {
            error.key = Some(key.into());
            error.place = Some(entry.place.clone());
        }
        self.errors.push(error.in_section(&self.section.name, &self.section.place));
    }
}
