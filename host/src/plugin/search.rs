//! Where the library of a plugin is looked for, and who may have written it.

use std::{
    env,
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fs::Metadata,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::unistd::{Gid, Group, Uid, User};

use super::error::PluginError;
use crate::config::{FactorySpec, Library};

/// The directories that are searched for plugins, in order.
#[derive(Clone, Debug)]
pub struct SearchPath {
    directories: Vec<PathBuf>,
}

impl SearchPath {
    /// `plugin_path` of the config; then `SUPERVISOR_PLUGIN_PATH`, whose directories are separated by colons; then the
    /// executable's own directory; then `../lib/supervisor` from that.
    pub fn new(plugin_path: &[PathBuf]) -> Self {
        let mut directories = plugin_path.to_vec();
        if let Some(list) = env::var_os("SUPERVISOR_PLUGIN_PATH") {
            directories.extend(env::split_paths(&list).filter(|directory| !directory.as_os_str().is_empty()));
        }
        if let Some(beside) = env::current_exe().ok().as_deref().and_then(Path::parent) {
            directories.push(beside.to_owned());
            if let Some(prefix) = beside.parent() {
                directories.push(prefix.join("lib/supervisor"));
            }
        }
        Self { directories }
    }

    /// The library's file, absolute and without symbolic links.
    pub(super) fn find(&self, spec: &FactorySpec) -> Result<PathBuf, PluginError> {
        let found = match &spec.library {
            Library::BuiltIn => return Err(PluginError::BuiltIn { spec: spec.text.clone() }),
            Library::Path(path) => path.clone(),
            Library::Named(name) => {
                let file = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
                let candidates = self.directories.iter().map(|directory| directory.join(&file));
                candidates.into_iter().find(|path| path.exists()).ok_or_else(|| PluginError::Missing {
                    spec: spec.text.clone(),
                    file,
                    searched: self.directories.clone(),
                })?
            }
        };
        found.canonicalize().map_err(|error| PluginError::Unreachable { path: found, reason: error.to_string() })
    }
}

/// Refuses a library that somebody other than root and the running user can write, or put another in the place of.
/// `path` has no symbolic links.
pub(super) fn check_writers(path: &Path) -> Result<(), PluginError> {
    let directory = path.parent().unwrap_or(path);
    for (what, subject) in [("the file", path), ("its directory", directory)] {
        let unreachable =
            |error: std::io::Error| PluginError::Unreachable { path: path.to_owned(), reason: error.to_string() };
        let metadata = subject.metadata().map_err(unreachable)?;
        if let Some(who) = other_writer(&metadata) {
            return Err(PluginError::Writable { path: path.to_owned(), what, subject: subject.to_owned(), who });
        }
    }
    Ok(())
}

// Bits of a file's mode.
const STICKY: u32 = 0o1000;
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;

/// Who else can write this file, or change what this directory has; as far as its mode tells.
fn other_writer(metadata: &Metadata) -> Option<String> {
    let (mode, owner) = (metadata.mode(), Uid::from_raw(metadata.uid()));
    if !owner.is_root() && owner != Uid::effective() {
        let name = User::from_uid(owner).ok().flatten().map_or_else(|| owner.to_string(), |user| user.name);
        return Some(format!("its owner, {name}"));
    }
    // In a sticky directory each can only remove what is its own.
    if metadata.is_dir() && mode & STICKY != 0 {
        return None;
    }
    if mode & OTHERS_WRITE != 0 {
        return Some("everybody".to_owned());
    }
    let group = Gid::from_raw(metadata.gid());
    if mode & GROUP_WRITES != 0 && !is_private(group, owner) {
        let name = Group::from_gid(group).ok().flatten().map_or_else(|| group.to_string(), |group| group.name);
        return Some(format!("the group {name}"));
    }
    None
}

/// Whether `group` has nobody in it but `owner` and root. Where every user has a group of that kind, as on Debian and
/// Fedora, files are made writable by the group, and that is nobody else.
fn is_private(group: Gid, owner: Uid) -> bool {
    let (Ok(Some(group)), Ok(Some(owner))) = (Group::from_gid(group), User::from_uid(owner)) else { return false };
    group.gid == owner.gid
        && group.name == owner.name
        && group.mem.iter().all(|name| *name == owner.name || name == "root")
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use super::*;

    fn spec(library: Library) -> FactorySpec {
        FactorySpec { text: "shelf:make_shelf".into(), library, factory: "make_shelf".into() }
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_directory_wins() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let file = format!("{DLL_PREFIX}shelf{DLL_SUFFIX}");
        fs::write(second.path().join(&file), "").unwrap();
        let search = SearchPath::new(&[first.path().to_owned(), second.path().to_owned()]);
        let find = || search.find(&spec(Library::Named("shelf".into()))).unwrap();
        assert_eq!(find(), second.path().join(&file).canonicalize().unwrap());
        fs::write(first.path().join(&file), "").unwrap();
        assert_eq!(find(), first.path().join(&file).canonicalize().unwrap());
    }

    #[test]
    fn what_is_missing_is_named() {
        let search = SearchPath { directories: vec!["/nonexistent/a".into(), "/nonexistent/b".into()] };
        let error = search.find(&spec(Library::Named("shelf".into()))).unwrap_err().to_string();
        assert_eq!(
            error,
            "no file libshelf.so for the plugin 'shelf:make_shelf'\n\
             looked in /nonexistent/a, /nonexistent/b; `plugin_path` in the config adds a directory"
        );
        let error = search.find(&spec(Library::Path("/nonexistent/x.so".into()))).unwrap_err().to_string();
        assert_eq!(error, "cannot open the plugin /nonexistent/x.so: No such file or directory (os error 2)");
        let error = search.find(&spec(Library::BuiltIn)).unwrap_err().to_string();
        assert_eq!(error, "'shelf:make_shelf' is not a plugin, and there is no such factory in supervisor itself");
    }

    #[test]
    fn others_may_not_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("libshelf.so");
        fs::write(&path, "").unwrap();
        let error = || check_writers(&path).unwrap_err().to_string();

        set_mode(&path, 0o755);
        assert!(check_writers(&path).is_ok());
        set_mode(&path, 0o757);
        assert_eq!(
            error(),
            format!(
                "will not load the plugin {path}: the file {path} can be written by everybody\n\
                 only root and the user who runs this may be able to write it",
                path = path.display()
            )
        );
        set_mode(&path, 0o644);
        set_mode(directory.path(), 0o777);
        assert!(error().contains(": its directory /"), "{}", error());
        set_mode(directory.path(), 0o1777);
        assert!(check_writers(&path).is_ok());
    }
}
