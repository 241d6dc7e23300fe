//! One process at a time has a file.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Seek, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// Time for a process that has just ended to be gone, with all that it had begun.
const PATIENCE: Duration = Duration::from_millis(500);

/// A lock beside the file, which ends with the process. It holds the process id of who has it.
#[derive(Debug)]
pub(super) struct Lock(#[allow(dead_code, reason = "the lock is as long as the file is open")] File);

/// Take the lock. The error says who has it, or why it cannot be taken.
pub(super) fn take(path: &Path) -> Result<Lock, String> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let in_words = |error: std::io::Error| format!("cannot lock {}: {error}", name.display());
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&name)
        .map_err(in_words)?;
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < end => thread::sleep(Duration::from_millis(10)),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let pid = pid.trim();
                let who = if pid.is_empty() { "another process".to_owned() } else { format!("the process {pid}") };
                return Err(format!("{} is in use by {who}", path.display()));
            }
            Err(TryLockError::Error(error)) => return Err(in_words(error)),
        }
    }
    file.set_len(0).map_err(in_words)?;
    file.rewind().map_err(in_words)?;
    writeln!(file, "{}", std::process::id()).map_err(in_words)?;
    Ok(Lock(file))
}
