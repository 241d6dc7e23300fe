//! The opening of a log: as a file, or as a stream that somebody else reads.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions},
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd, RawFd},
        unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _},
    },
    path::{Component, Path, PathBuf, absolute},
    sync::OnceLock,
};

use crate::linux::descriptors;

/// Symbolic links that are followed, as many as the kernel does.
const LINKS: usize = 40;

/// Descriptors beyond the standard three that this process was started with.
static INHERITED: OnceLock<Vec<OwnedFd>> = OnceLock::new();

/// Keep files that were open when this process began, for logs that are named as their descriptors.
pub fn keep_inherited(files: Vec<OwnedFd>) {
    // There is one beginning.
    let _ = INHERITED.set(files);
}

/// Get the files that were [kept](keep_inherited).
pub fn inherited() -> &'static [OwnedFd] {
    INHERITED.get().map_or(&[], Vec::as_slice)
}

/// A log that was opened.
pub(super) struct Opened {
    pub(super) file: File,
    /// True for an ordinary file, which may be rotated.
    pub(super) rotates: bool,
    /// True where a write may wait for a reader.
    pub(super) waits: bool,
}

/// Open a log for appending.
pub(super) fn open(path: &Path) -> io::Result<Opened> {
    // Our own streams are duplicated: a socket cannot be opened by its name, a terminal may belong to another user, and
    // who has become another user may not look into /proc any more.
    if let Some(number) = own_descriptor(path) {
        return of_our_own(duplicate(number)?.into());
    }
    // Not blocking: opening a FIFO that nobody reads would take for ever.
    let file =
        OpenOptions::new().append(true).create(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let rotates = !is_special(&file)? && !is_below_dev_or_proc(path);
    Ok(Opened { file, rotates, waits: false })
}

/// Open a log to be read, without waiting for who might write to a FIFO.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// Open a log for appending that is there already.
pub(super) fn open_to_append(path: &Path) -> io::Result<File> {
    File::options().append(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// Open a stream that we were given, and that others may share: so may they its flags, which therefore stay as they
/// are.
pub(super) fn of_our_own(file: File) -> io::Result<Opened> {
    if !is_special(&file)? {
        return Ok(Opened { file, rotates: false, waits: false });
    }
    // Opened anew it has flags of its own. That fails for a socket, and for what belongs to another user.
    let path = descriptors::path(file.as_raw_fd());
    match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        Ok(file) => Ok(Opened { file, rotates: false, waits: false }),
        Err(_) => Ok(Opened { file, rotates: false, waits: true }),
    }
}

/// Make a second descriptor of a file that we were started with. All others are nobody's log: they come and go.
fn duplicate(number: RawFd) -> io::Result<OwnedFd> {
    match number {
        0 => io::stdin().as_fd().try_clone_to_owned(),
        1 => io::stdout().as_fd().try_clone_to_owned(),
        2 => io::stderr().as_fd().try_clone_to_owned(),
        _ => match inherited().iter().find(|file| file.as_raw_fd() == number) {
            Some(file) => file.try_clone(),
            None => Err(io::Error::other(format!("supervisord was started without a descriptor {number}"))),
        },
    }
}

/// Find the number of the descriptor of ours that a path names, directly or by symbolic links.
fn own_descriptor(path: &Path) -> Option<RawFd> {
    let path = absolute(path).ok()?;
    let parts = |path: &Path| path.components().rev().map(|part| part.as_os_str().to_owned()).collect::<Vec<_>>();
    let (mut found, mut rest): (PathBuf, Vec<OsString>) = (PathBuf::new(), parts(&path));
    let mut links = 0;
    while let Some(part) = rest.pop() {
        match Path::new(&part).components().next()? {
            Component::CurDir => continue,
            Component::ParentDir => {
                found.pop();
                continue;
            }
            Component::RootDir => found.clear(),
            Component::Normal(_) | Component::Prefix(_) => {}
        }
        found.push(part);
        if rest.is_empty()
            && let Some(number) = number_of_descriptor(&found)
        {
            return Some(number);
        }
        if let Ok(target) = fs::read_link(&found) {
            links += 1;
            if links > LINKS {
                return None;
            }
            found.pop();
            rest.extend(parts(&target));
        }
    }
    None
}

/// Read the number in a name of a descriptor: one of every Linux, or of our own pid.
fn number_of_descriptor(path: &Path) -> Option<RawFd> {
    let path = path.to_str()?;
    let number = match path {
        "/dev/stdin" => return Some(0),
        "/dev/stdout" => return Some(1),
        "/dev/stderr" => return Some(2),
        _ => path.strip_prefix("/dev/fd/").or_else(|| descriptors::number_in_proc(path))?,
    };
    number.bytes().all(|digit| digit.is_ascii_digit()).then(|| number.parse().ok()).flatten()
}

/// Tell whether a file is the one, the pipe or the terminal that our stdout is.
pub(super) fn is_stdout(file: &File) -> bool {
    let identity = |file: &File| file.metadata().map(|found| (found.dev(), found.ino())).ok();
    let stdout = io::stdout().as_fd().try_clone_to_owned().ok().map(File::from);
    stdout.is_some_and(|stdout| identity(&stdout).is_some() && identity(&stdout) == identity(file))
}

fn is_special(file: &File) -> io::Result<bool> {
    let kind = file.metadata()?.file_type();
    Ok(kind.is_fifo() || kind.is_char_device() || kind.is_block_device() || kind.is_socket())
}

/// Tell whether a path names a stream or a device rather than a file of somebody's. Such a one is nobody's to remove.
pub fn is_of_the_system(path: &Path) -> bool {
    is_below_dev_or_proc(path) || own_descriptor(path).is_some()
}

fn is_below_dev_or_proc(path: &Path) -> bool {
    descriptors::is_in_proc(path) || path.starts_with("/dev") && !path.starts_with("/dev/shm")
}

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, process};

    use super::*;

    #[test]
    fn descriptors_of_ours_are_known_by_all_their_names() {
        let pid = process::id();
        for (path, number) in [
            ("/dev/stdin".to_owned(), Some(0)),
            ("/dev/stdout".to_owned(), Some(1)),
            ("/dev/../dev/./stderr".to_owned(), Some(2)),
            ("/dev/fd/1".to_owned(), Some(1)),
            ("/dev/fd/17".to_owned(), Some(17)),
            ("/proc/self/fd/2".to_owned(), Some(2)),
            ("/proc/thread-self/fd/2".to_owned(), Some(2)),
            (format!("/proc/{pid}/fd/3"), Some(3)),
            (format!("/proc/{pid}/task/{pid}/fd/3"), Some(3)),
            ("/proc/self/task/../fd/1".to_owned(), Some(1)),
            (format!("/proc/{}/fd/1", nix::unistd::getppid()), None),
            ("/dev/fd".to_owned(), None),
            ("/dev/fd/x".to_owned(), None),
            ("/dev/fd/+1".to_owned(), None),
            ("/dev/fd/99999999999".to_owned(), None),
            ("/proc/self/fd/1/x".to_owned(), None),
            ("/proc/self/fdinfo/1".to_owned(), None),
            ("/dev/null".to_owned(), None),
            ("/no/such/file".to_owned(), None),
        ] {
            assert_eq!(own_descriptor(Path::new(&path)), number, "{path}");
        }
    }

    #[test]
    fn links_to_descriptors_are_followed() {
        let directory = tempfile::tempdir().unwrap();
        let link = |target: &str, name: &str| {
            let path = directory.path().join(name);
            symlink(target, &path).unwrap();
            path
        };
        assert_eq!(own_descriptor(&link("/dev/stderr", "a")), Some(2));
        assert_eq!(own_descriptor(&link("a", "b")), Some(2));
        assert_eq!(own_descriptor(&link(&format!("/proc/{}/fd", process::id()), "d").join("5")), Some(5));
        assert_eq!(own_descriptor(&link("/dev", "e").join("fd/../fd/1")), Some(1));
        assert_eq!(own_descriptor(&link("loop", "loop")), None);
        assert_eq!(own_descriptor(&link("nowhere", "f")), None);
        assert!(is_of_the_system(&directory.path().join("b")));
    }

    #[test]
    fn a_descriptor_that_we_were_not_started_with_is_no_log() {
        let file = File::open("/dev/null").unwrap();
        let error = open(Path::new(&format!("/dev/fd/{}", file.as_raw_fd()))).err().unwrap();
        assert_eq!(error.to_string(), format!("supervisord was started without a descriptor {}", file.as_raw_fd()));
    }

    #[test]
    fn files_in_shared_memory_are_files() {
        for (path, expected) in
            [("/dev/stdout", true), ("/proc/self/fd/7", true), ("/dev/shm/x.log", false), ("/device", false)]
        {
            assert_eq!(is_of_the_system(Path::new(path)), expected, "{path}");
        }
    }
}
