//! Paths as Python's `os.path` treats them, which differs from Rust's in small ways that users see.

use std::{
    env,
    path::{Path, PathBuf},
};

use nix::unistd::{AccessFlags, User, access, getuid};

/// `os.path.expanduser`: a leading `~` or `~user` becomes a home directory, if there is one.
pub(super) fn expanduser(path: &str) -> String {
    let Some(after) = path.strip_prefix('~') else { return path.to_owned() };
    let (name, rest) = after.split_at(after.find('/').unwrap_or(after.len()));
    let of_account =
        |account: nix::Result<Option<User>>| account.ok().flatten().map(|user| user.dir.to_string_lossy().into_owned());
    let home = if name.is_empty() {
        env::var("HOME").ok().or_else(|| of_account(User::from_uid(getuid())))
    } else {
        of_account(User::from_name(name))
    };
    match home {
        Some(home) => {
            let expanded = format!("{}{rest}", home.trim_end_matches('/'));
            if expanded.is_empty() { "/".to_owned() } else { expanded }
        }
        None => path.to_owned(),
    }
}

/// `os.path.abspath`: made absolute and tidied as text, symbolic links untouched.
pub(super) fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        return normalize(path);
    }
    let cwd = env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    normalize(&format!("{}/{path}", cwd.display()))
}

/// Supervisor's `normalize_path`: home directory, absolute, tidied.
pub(super) fn normalize_path(path: &str) -> String {
    absolute(&expanduser(path))
}

/// `os.path.normpath` of an absolute path.
fn normalize(path: &str) -> String {
    // POSIX leaves the meaning of exactly two leading slashes open, so Python keeps them.
    let root = if path.starts_with("//") && !path.starts_with("///") { "//" } else { "/" };
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{root}{}", parts.join("/"))
}

/// `os.path.dirname`.
pub(super) fn dirname(path: &str) -> &str {
    let head = &path[..path.rfind('/').map_or(0, |slash| slash + 1)];
    let trimmed = head.trim_end_matches('/');
    if trimmed.is_empty() { head } else { trimmed }
}

/// `tempfile.gettempdir()`: the first of `$TMPDIR`, `$TEMP`, `$TMP` and the usual places that can be written.
pub(super) fn temporary_directory() -> PathBuf {
    let from_environment = ["TMPDIR", "TEMP", "TMP"].into_iter().filter_map(|name| env::var(name).ok());
    from_environment
        .filter(|directory| !directory.is_empty())
        .chain(["/tmp", "/var/tmp", "/usr/tmp"].map(str::to_owned))
        .map(|directory| PathBuf::from(absolute(&directory)))
        .find(|directory| is_writable_directory(directory))
        .unwrap_or_else(|| PathBuf::from(absolute(".")))
}

fn is_writable_directory(path: &Path) -> bool {
    path.is_dir() && access(path, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dirname_is_pythons() {
        for (path, expected) in [("a", ""), ("/a", "/"), ("a/b", "a"), ("/a/b/", "/a/b"), ("//a", "//"), ("a//b", "a")]
        {
            assert_eq!(dirname(path), expected, "{path:?}");
        }
    }

    #[test]
    fn absolute_tidies() {
        for (path, expected) in
            [("/a/../b/./c//d/", "/b/c/d"), ("/..", "/"), ("//a", "//a"), ("///a", "/a"), ("/", "/"), ("//..", "//")]
        {
            assert_eq!(absolute(path), expected, "{path:?}");
        }
        assert_eq!(PathBuf::from(absolute("x/../y")), env::current_dir().unwrap().join("y"));
    }

    #[test]
    fn expanduser_knows_accounts() {
        assert_eq!(expanduser("~root/x"), "/root/x");
        assert_eq!(expanduser("~no-such-user/x"), "~no-such-user/x");
        assert_eq!(expanduser("/~/x"), "/~/x");
        assert_eq!(expanduser("~/x"), format!("{}/x", env::var("HOME").unwrap().trim_end_matches('/')));
    }
}
