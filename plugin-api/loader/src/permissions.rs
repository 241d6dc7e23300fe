//! Check of those who may have written a library.

use std::{fs::Metadata, os::unix::fs::MetadataExt, path::Path};

use nix::unistd::{Gid, Group, Uid, User};

use crate::PluginError;

/// Refuse a library that somebody other than root and the running user can write, or put another in the place of.
/// `path` has no symbolic links.
pub(crate) fn check_permissions(path: &Path) -> Result<(), PluginError> {
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

/// Name of somebody else who can write this file, or change what this directory has; as far as its mode tells.
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

/// Return true if `group` has nobody in it but `owner` and root. Where every user has a group of that kind, as on
/// Debian and Fedora, files are made writable by the group, and that is nobody else.
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

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn others_may_not_write() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap().join("libshelf.so");
        fs::write(&path, "").unwrap();
        let error = || check_permissions(&path).unwrap_err().to_string();

        set_mode(&path, 0o755);
        assert!(check_permissions(&path).is_ok());
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
        assert!(check_permissions(&path).is_ok());
    }
}
