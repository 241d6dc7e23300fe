//! How a log is opened: as a file, or as a stream that somebody else reads.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::{FileTypeExt as _, OpenOptionsExt as _},
    },
    path::Path,
};

pub(super) struct Opened {
    pub(super) file: File,
    /// It is an ordinary file.
    pub(super) rotates: bool,
    /// A write may wait for a reader.
    pub(super) waits: bool,
}

/// Opens for appending.
pub(super) fn open(path: &Path) -> io::Result<Opened> {
    // Our own streams are duplicated: a socket cannot be opened by its name, and a terminal may belong to another user.
    let inherited = match path.to_str() {
        Some("/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1") => Some(io::stdout().as_fd().try_clone_to_owned()?),
        Some("/dev/stderr" | "/dev/fd/2" | "/proc/self/fd/2") => Some(io::stderr().as_fd().try_clone_to_owned()?),
        _ => None,
    };
    if let Some(fd) = inherited {
        return of_our_own(fd.into());
    }
    // Not blocking: opening a FIFO that nobody reads would take for ever.
    let file =
        OpenOptions::new().append(true).create(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    let rotates = !is_special(&file)? && !is_of_the_system(path);
    Ok(Opened { file, rotates, waits: false })
}

/// Opens a log to be read. Without waiting for who might write to a FIFO.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// A stream that we were given, and that others may share: so may they its flags, which therefore stay as they are.
pub(super) fn of_our_own(file: File) -> io::Result<Opened> {
    if !is_special(&file)? {
        return Ok(Opened { file, rotates: false, waits: false });
    }
    // Opened anew it has flags of its own. That fails for a socket, and for what belongs to another user.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path) {
        Ok(file) => Ok(Opened { file, rotates: false, waits: false }),
        Err(_) => Ok(Opened { file, rotates: false, waits: true }),
    }
}

fn is_special(file: &File) -> io::Result<bool> {
    let kind = file.metadata()?.file_type();
    Ok(kind.is_fifo() || kind.is_char_device() || kind.is_block_device() || kind.is_socket())
}

/// Whether a path names a stream or a device rather than a file of somebody's. Such a one is nobody's to remove.
pub fn is_of_the_system(path: &Path) -> bool {
    path.starts_with("/proc") || path.starts_with("/dev") && !path.starts_with("/dev/shm")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_shared_memory_are_files() {
        for (path, expected) in
            [("/dev/stdout", true), ("/proc/self/fd/7", true), ("/dev/shm/x.log", false), ("/device", false)]
        {
            assert_eq!(is_of_the_system(Path::new(path)), expected, "{path}");
        }
    }
}
