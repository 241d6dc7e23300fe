//! Reading of files into sections: the main file, and what its `[include]` names.

use std::{fs, io, path::Path, sync::Arc};

use glob::Pattern;

use super::{
    error::{ConfigError, Place},
    expand::Names,
    ini,
    options::include as options,
    paths::{absolute, dirname},
    sections::{Raw, Sections},
    toml,
    types::{Level, Message},
};
use crate::text::repr::repr;

/// Read the main config file.
pub(super) fn read_main(path: &str) -> Result<Sections, ConfigError> {
    let mut sections = Sections::default();
    if !Path::new(path).exists() {
        return Err(ConfigError::new(format!("could not find config file {path}")));
    }
    let bytes = fs::read(path).map_err(|_| ConfigError::new(format!("could not read config file {path}")))?;
    read(&bytes, path, &mut sections)?;
    Ok(sections)
}

/// Tell by its name whether a file is in TOML.
pub(super) fn is_toml(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"))
}

fn read(bytes: &[u8], path: &str, sections: &mut Sections) -> Result<(), ConfigError> {
    let file: Arc<str> = path.into();
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let at = error.valid_up_to();
        let line = bytes[..at].split(|&byte| byte == b'\n').count();
        let why = match error.error_len() {
            None => "unexpected end of data",
            Some(_) if bytes[at] < 0xc2 || bytes[at] > 0xf4 => "invalid start byte",
            Some(_) => "invalid continuation byte",
        };
        ConfigError::new(format!("'utf-8' codec can't decode byte 0x{:02x} in position {at}: {why}", bytes[at]))
            .at(Place { file: Arc::clone(&file), line })
    })?;
    if is_toml(path) { toml::read(text, &file, sections) } else { ini::read(text, &file, sections) }
}

/// Outcome of reading the included files, besides their sections.
#[derive(Debug, Default)]
pub(super) struct Included {
    /// Warnings and notes for the log.
    pub(super) messages: Vec<Message>,
    /// Errors of files that could not be read or understood.
    pub(super) errors: Vec<ConfigError>,
    /// Errors of files that the user who runs us may not read.
    pub(super) denied: Vec<ConfigError>,
}

/// Read the files that `[include]` names on top of `sections`, which `main` gave.
///
/// Patterns are relative to the main file, and an included file includes no further ones. A file that matches and
/// cannot be read is an error here, which Supervisor passes over in silence; a directory that matches is passed over.
pub(super) fn read_included(main: &str, here: &str, names: &Names, sections: &mut Sections) -> Included {
    let mut included = Included::default();
    if sections.get("include").is_none() {
        return included;
    }
    sections.replace_here(here);
    let section = sections.get("include").expect("it was there before").clone();
    let Some(entry) = sections.entry(&section, options::files.key) else {
        let message = ".ini file has [include] section, but no files setting";
        included.errors.push(ConfigError::new(message).in_section("include", &section.place));
        return included;
    };
    let place = entry.place.clone();
    let fail = |message: String| {
        let mut error = ConfigError::new(message).at(place.clone()).in_section("include", &place);
        error.key = Some(options::files.key.into());
        error
    };
    let patterns = match patterns(&entry.raw, names) {
        Ok(patterns) => patterns,
        Err(message) => {
            included.errors.push(fail(message));
            return included;
        }
    };

    let main = absolute(main);
    let base = dirname(&main);
    for pattern in patterns {
        let (shown, files) = match matches(base, &pattern) {
            Ok(found) => found,
            Err(message) => {
                included.errors.push(fail(message));
                continue;
            }
        };
        if files.is_empty() {
            included
                .messages
                .push(Message { level: Level::Warn, text: format!("No file matches via include \"{shown}\"") });
        }
        for file in files {
            if Path::new(&file).is_dir() {
                let text = format!("Ignored the directory \"{file}\", which matches the include \"{shown}\"");
                included.messages.push(Message { level: Level::Warn, text });
                continue;
            }
            let text = format!("Included extra file \"{file}\" during parsing");
            included.messages.push(Message { level: Level::Info, text });
            match fs::read(&file) {
                Ok(bytes) => {
                    if let Err(error) = read(&bytes, &file, sections) {
                        included.errors.push(error);
                    }
                    sections.replace_here(dirname(&absolute(&file)));
                }
                Err(why) => {
                    let error = fail(format!("could not read included file {file}: {why}"));
                    let denied = why.kind() == io::ErrorKind::PermissionDenied;
                    if denied { included.denied.push(error) } else { included.errors.push(error) }
                }
            }
        }
    }
    included
}

/// Read the patterns of `files=`: split on white space in a text, one by one in a TOML array.
fn patterns(raw: &Raw, names: &Names) -> Result<Vec<String>, String> {
    let expand = |text: &str| names.expand(text, "include.files");
    match raw {
        Raw::Text(text) => Ok(expand(text)?.split_whitespace().map(str::to_owned).collect()),
        Raw::List(items) => items
            .iter()
            .map(|item| match item {
                Raw::Text(text) => expand(text),
                other => Err(format!("files in [include] takes strings, not {}", other.kind())),
            })
            .collect(),
        other => Err(format!("files in [include] takes a string or an array of strings, not {}", other.kind())),
    }
}

/// Find what matches a pattern, sorted, and join the pattern to its base as messages show it.
///
/// The glob crate matches the names; the walk is ours, because the crate's own panics at names that are not UTF-8, and
/// treats names with a leading dot otherwise than Python. What cannot be looked at has no matches, as for Python, a loop
/// of links or a directory that is not for us to list; but where there are no descriptors or the disk is broken, nobody
/// knows what is there, and that is an error.
fn matches(base: &str, pattern: &str) -> Result<(String, Vec<String>), String> {
    let (base, shown) = match pattern.strip_prefix('/') {
        Some(_) => ("", pattern.to_owned()),
        None => (base.trim_end_matches('/'), format!("{}/{pattern}", base.trim_end_matches('/'))),
    };
    let mut found = vec![base.to_owned()];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if part.contains(['*', '?', '[']) {
            let name = Pattern::new(&as_rust_pattern(part))
                .map_err(|error| format!("the include pattern {} is not valid: {error}", repr(pattern)))?;
            let hidden_too = part.starts_with('.');
            let listed = |directory: &String| {
                names_in(directory, |found| name.matches(found) && (hidden_too || !found.starts_with('.')))
            };
            let names: Result<Vec<_>, _> = found.iter().map(listed).collect();
            found = names?.concat();
        } else {
            let mut there = Vec::new();
            for path in found.iter().map(|directory| format!("{directory}/{part}")) {
                let looked = fs::symlink_metadata(&path);
                if known(looked).map_err(|why| format!("could not look for {path}: {why}"))?.is_some() {
                    there.push(path);
                }
            }
            found = there;
        }
    }
    found.sort_unstable();
    Ok((shown, found))
}

/// List the paths of what a directory holds and `wanted` wants.
fn names_in(directory: &str, wanted: impl Fn(&str) -> bool) -> Result<Vec<String>, String> {
    let directory_or_root = if directory.is_empty() { "/" } else { directory };
    let cannot = |why: io::Error| format!("could not list the directory {directory_or_root}: {why}");
    let mut names = Vec::new();
    for entry in known(fs::read_dir(directory_or_root)).map_err(cannot)?.into_iter().flatten() {
        let name = entry.map_err(cannot)?.file_name().to_string_lossy().into_owned();
        if wanted(&name) {
            names.push(format!("{directory}/{name}"));
        }
    }
    Ok(names)
}

/// Take what cannot be looked at for nothing, unless another look could find it there.
fn known<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    let may_be_there = |error: &io::Error| {
        let lacks = [libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::EIO, libc::ESTALE];
        error.raw_os_error().is_some_and(|number| lacks.contains(&number))
    };
    match result {
        Err(error) if !may_be_there(&error) => Ok(None),
        result => result.map(Some),
    }
}

/// Translate a Python pattern for the glob crate: `**` is no more than `*`, and a `[` that nothing closes is
/// itself.
fn as_rust_pattern(pattern: &str) -> String {
    let characters: Vec<char> = pattern.chars().collect();
    let mut translated = String::new();
    let mut at = 0;
    while let Some(&c) = characters.get(at) {
        match c {
            '*' if translated.ends_with('*') => {}
            '[' => {
                let first = at + 1 + usize::from(characters.get(at + 1) == Some(&'!'));
                let closing = (first + 1..characters.len()).find(|&end| characters[end] == ']');
                match closing {
                    Some(end) => {
                        translated.extend(&characters[at..=end]);
                        at = end;
                    }
                    None => translated.push_str("[[]"),
                }
            }
            c => translated.push(c),
        }
        at += 1;
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_python() {
        let directory = tempfile::tempdir().unwrap();
        let base = directory.path().join("with [brackets]");
        fs::create_dir_all(base.join("d/e")).unwrap();
        for name in ["b.conf", "a.conf", ".hidden.conf", "x[y.conf", "1.conf", "d/c.conf", "d/e/deep.conf"] {
            fs::write(base.join(name), "").unwrap();
        }
        let found = |pattern: &str| {
            let base = base.to_str().unwrap();
            let (_, files) = matches(base, pattern).unwrap();
            files.iter().map(|file| file.strip_prefix(&format!("{base}/")).unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(found("*.conf"), ["1.conf", "a.conf", "b.conf", "x[y.conf"]);
        assert_eq!(found("**/*.conf"), ["d/c.conf"]);
        assert_eq!(found("***.conf"), found("*.conf"));
        assert_eq!(found(".*.conf"), [".hidden.conf"]);
        assert_eq!(found("[!ab].conf"), ["1.conf"]);
        assert_eq!(found("[a-b].conf"), ["a.conf", "b.conf"]);
        assert_eq!(found("x[y.conf"), ["x[y.conf"]);
        assert_eq!(found("?.conf"), ["1.conf", "a.conf", "b.conf"]);
        assert_eq!(found("a.conf"), ["a.conf"]);
        assert!(found("nope.conf").is_empty());
        assert!(found("{a,b}.conf").is_empty());
        // Links that lead to themselves, and a name that is none, match nothing.
        std::os::unix::fs::symlink("loop", base.join("loop")).unwrap();
        assert_eq!(found("*/c.conf"), ["d/c.conf"]);
        assert!(found("loop/*").is_empty() && found(&format!("*/{}", "x".repeat(300))).is_empty());
        assert_eq!(matches(base.to_str().unwrap(), "d/*").unwrap().0, format!("{}/d/*", base.display()));
    }
}
