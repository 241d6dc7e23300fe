//! Directories in which plugins keep what has to survive a restart.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _},
    path::{Path, PathBuf},
};

use crate::config::Supervisord;

/// Advice in faults about a directory that cannot be made.
const OPTION: &str = "plugin_data_dir in [supervisord] names another place";

/// Path of the directory of a plugin of this supervisord, made when it is first asked for.
pub(crate) fn of(supervisord: &Supervisord, plugin: &str) -> Result<PathBuf, String> {
    let no_home = || format!("there is no home for the data of plugins; {OPTION}");
    make(&supervisord.plugin_data().ok_or_else(no_home)?, plugin)
}

/// Make the directory of a plugin, with those that lead to it, unless it is there. Only its owner may enter it.
fn make(parent: &Path, plugin: &str) -> Result<PathBuf, String> {
    if plugin.is_empty() || plugin == "." || plugin == ".." || plugin.contains('/') {
        return Err(format!("'{plugin}' cannot be the name of a directory; name the section otherwise"));
    }
    let directory = parent.join(plugin);
    let in_words = |error: io::Error| format!("cannot make {}: {error}; {OPTION}", directory.display());
    fs::create_dir_all(parent).map_err(in_words)?;
    match fs::DirBuilder::new().mode(0o700).create(&directory) {
        Ok(()) => return Ok(directory),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(in_words(error)),
    }
    // A link would lead to what somebody else has chosen.
    let found = fs::symlink_metadata(&directory).map_err(in_words)?;
    if !found.is_dir() || found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(format!("{} is not a directory of the user of supervisord; {OPTION}", directory.display()));
    }
    Ok(directory)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_private() {
        let dir = tempfile::tempdir().unwrap();
        let parent = dir.path().join("a/b");
        let made = make(&parent, "board").unwrap();
        assert_eq!(made, parent.join("board"));
        assert_eq!(fs::metadata(&made).unwrap().mode() & 0o777, 0o700);
        fs::write(made.join("notes"), "x").unwrap();
        assert_eq!(make(&parent, "board"), Ok(made.clone()));
        assert!(made.join("notes").exists());
    }

    #[test]
    fn what_is_no_directory_of_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["", ".", "..", "a/b"] {
            assert!(make(dir.path(), name).unwrap_err().contains("cannot be the name of a directory"), "{name:?}");
        }
        std::os::unix::fs::symlink("/tmp", dir.path().join("link")).unwrap();
        fs::write(dir.path().join("file"), "").unwrap();
        for name in ["link", "file"] {
            let error = make(dir.path(), name).unwrap_err();
            assert!(error.contains("is not a directory of the user") && error.contains("plugin_data_dir"), "{error}");
        }
        assert!(make(&dir.path().join("file"), "x").unwrap_err().starts_with("cannot make "));
    }
}
