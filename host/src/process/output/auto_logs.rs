//! `AUTO` log files: `<process>-stdout---<identifier>-XXXXXXXX.log` in `childlogdir`, gone with the next start.

use std::{
    collections::hash_map::RandomState,
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, Hasher as _},
    io::{self, ErrorKind},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::events::Channel;

/// Letters of the random part of a name: those of Python's `mkstemp`, which makes Supervisor's names. The `tempfile`
/// crate draws capitals as well: [`is_auto`], and an operator's patterns, would have to take more for a file of ours,
/// and so remove more, to spare us the few lines of [`random`].
const LETTERS: &[u8; 37] = b"abcdefghijklmnopqrstuvwxyz0123456789_";
const RANDOM_LEN: usize = 8;

/// Make an empty file for one channel of a process, readable by its owner alone.
pub fn create(childlogdir: &Path, process: &str, channel: Channel, identifier: &str) -> io::Result<PathBuf> {
    loop {
        let random = random();
        let path = childlogdir.join(format!("{process}-{}---{identifier}-{random}.log", channel.name()));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
}

fn random() -> String {
    // Each `RandomState` has its own random keys.
    let bits = RandomState::new().build_hasher().finish().to_ne_bytes();
    bits.iter().map(|&bits| char::from(LETTERS[usize::from(bits) % LETTERS.len()])).collect()
}

/// Remove the `AUTO` files that an earlier supervisord of this identifier left, and their backups, but for our own.
/// Return warnings for the log.
pub fn clean(childlogdir: &Path, identifier: &str, is_own: impl Fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(childlogdir) else { return vec!["Could not clear childlog dir".to_owned()] };
    entries
        .filter_map(Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(|name| is_auto(name, identifier)))
        .filter(|entry| !is_own(&entry.path()))
        .filter_map(|entry| {
            let path = entry.path();
            fs::remove_file(&path).err().map(|_| format!("Failed to clean up '{}'", path.display()))
        })
        .collect()
}

/// Return whether a file name is one that [`create`] gave for this very identifier, or a backup of it.
fn is_auto(name: &str, identifier: &str) -> bool {
    let Some((front, rest)) = name.rsplit_once(&format!("---{identifier}-")) else { return false };
    let Some((random, backup)) = rest.split_once(".log") else { return false };
    let is_backup = |text: &str| {
        text.strip_prefix('.').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    (front.ends_with("-stdout") || front.ends_with("-stderr"))
        && random.len() == RANDOM_LEN
        && random.bytes().all(|byte| LETTERS.contains(&byte))
        && (backup.is_empty() || is_backup(backup))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_and_cleaned_by_identifier() {
        let dir = tempfile::tempdir().unwrap();
        let mine = create(dir.path(), "web", Channel::Stdout, "sup").unwrap();
        let backup = PathBuf::from(format!("{}.1", mine.display()));
        fs::write(&backup, "").unwrap();
        let other = create(dir.path(), "web", Channel::Stdout, "sup-b").unwrap();
        let unrelated = dir.path().join("web-stdout---sup-notes.log");
        fs::write(&unrelated, "").unwrap();
        assert!(mine.file_name().unwrap().to_str().unwrap().starts_with("web-stdout---sup-"));

        let new = create(dir.path(), "web", Channel::Stdout, "sup").unwrap();

        assert!(clean(dir.path(), "sup", |path| path == new).is_empty());
        assert!(new.exists());
        assert!(!mine.exists() && !backup.exists());
        assert!(other.exists() && unrelated.exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_a_warning() {
        assert_eq!(clean(Path::new("/nonexistent/dir"), "sup", |_| false), ["Could not clear childlog dir"]);
    }
}
