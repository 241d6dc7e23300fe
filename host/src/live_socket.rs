//! Probe for a listener on a unix socket: where there is one, the file is not ours to take.

use std::{os::fd::AsRawFd as _, path::Path};

use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, socket},
};

/// Return whether somebody listens there. Only a refused connection proves that nobody does; one that is not permitted,
/// or that finds a full queue, does not. Waits for nobody.
pub(crate) fn somebody_listens(file: &Path) -> bool {
    // What cannot be the address of a socket is none.
    let Ok(address) = UnixAddr::new(file) else { return false };
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let connected = socket(AddressFamily::Unix, SockType::Stream, flags, None)
        .and_then(|socket| connect(socket.as_raw_fd(), &address));
    !matches!(connected, Err(Errno::ECONNREFUSED | Errno::ENOENT | Errno::ENOTDIR))
}

#[cfg(test)]
mod tests {
    use nix::sys::socket::{Backlog, bind, listen};

    use super::*;

    #[test]
    fn who_has_a_full_queue_is_there() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("s");
        assert!(!somebody_listens(&file));
        assert!(!somebody_listens(&file.join("x".repeat(200))));
        let address = UnixAddr::new(&file).unwrap();
        let new = |flags| socket(AddressFamily::Unix, SockType::Stream, flags, None).unwrap();
        let busy = new(SockFlag::empty());
        bind(busy.as_raw_fd(), &address).unwrap();
        assert!(!somebody_listens(&file), "it does not listen yet");
        listen(&busy, Backlog::new(1).unwrap()).unwrap();
        let mut waiting = Vec::new();
        loop {
            let client = new(SockFlag::SOCK_NONBLOCK);
            if connect(client.as_raw_fd(), &address) == Err(Errno::EAGAIN) {
                break;
            }
            waiting.push(client);
        }
        assert!(somebody_listens(&file));
    }
}
