//! Ways by which a program says by itself that it is ready: the socket of `NOTIFY_SOCKET`, or a pipe at a descriptor.
//!
//! Each run has one of its own, so that nothing that is left of an earlier run is taken for it.

use std::{
    ffi::CString,
    fs, io,
    os::{
        fd::{AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        linux::net::SocketAddrExt as _,
        unix::net::UnixDatagram,
    },
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, setsockopt, socket, sockopt},
    unistd::{Pid, getpgid, getsid, pipe2},
};

use super::{
    credentials,
    notice::{MAX_DATAGRAM, Notice},
};
use crate::config::Ready;

/// Generations between a program and a descendant of it that is still known as one.
const MAX_GENERATIONS: usize = 64;

/// End of the way that the child gets.
#[derive(Debug, Default)]
pub struct ChildEnd {
    /// Further variables of its environment.
    pub(super) variables: Vec<CString>,
    /// Writing end of a pipe, and the descriptor as which it gets that.
    pub(super) pipe: Option<(OwnedFd, RawFd)>,
}

/// Make the way that `ready=` asks for, if it does: our end, which never blocks, and the child's.
pub fn open(ready: Option<&Ready>, watchdog: Duration) -> Result<(Option<OwnedFd>, ChildEnd), Errno> {
    match ready {
        None | Some(Ready::Probe(_)) => Ok((None, ChildEnd::default())),
        Some(Ready::Fd(number)) => {
            let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
            // Our end only: the flag belongs to the open file.
            fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            Ok((Some(ours), ChildEnd { variables: Vec::new(), pipe: Some((theirs, *number)) }))
        }
        Some(Ready::Notify) => {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
            setsockopt(&socket, sockopt::PassCred, &true)?;
            // The kernel chooses an abstract name that nobody has: no file, and every user reaches it.
            bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
            let socket = UnixDatagram::from(socket);
            let address = socket.local_addr().map_err(|_| Errno::last())?;
            let name = address.as_abstract_name().ok_or(Errno::EADDRNOTAVAIL)?;
            let mut variables = vec![[b"NOTIFY_SOCKET=@", name].concat()];
            if !watchdog.is_zero() {
                variables.push(format!("WATCHDOG_USEC={}", watchdog.as_micros()).into_bytes());
            }
            let variables = variables.into_iter().filter_map(|variable| CString::new(variable).ok()).collect();
            Ok((Some(socket.into()), ChildEnd { variables, pipe: None }))
        }
    }
}

/// Read the next datagram. `None` is one that was sent by nobody of the process with that pid; an error of the kind
/// `WouldBlock` is that there is none. Never waits.
///
/// A sender is of that process if it is the process, in its process group or its session, or a descendant of it. One
/// that is gone already when its notice is read is nobody.
pub fn receive(socket: BorrowedFd<'_>, pid: i32) -> io::Result<Option<Notice>> {
    let mut bytes = [0; MAX_DATAGRAM];
    let (length, sender) = credentials::receive(socket, &mut bytes)?;
    Ok(belongs(sender, pid).then(|| Notice::parse(&bytes[..length])))
}

fn belongs(sender: i32, pid: i32) -> bool {
    if sender <= 0 {
        return false;
    }
    let (sender, process) = (Pid::from_raw(sender), Pid::from_raw(pid));
    sender == process
        || getpgid(Some(sender)) == Ok(process)
        || getsid(Some(sender)) == Ok(process)
        || is_descendant(sender.as_raw(), pid)
}

fn is_descendant(mut sender: i32, pid: i32) -> bool {
    for _ in 0..MAX_GENERATIONS {
        match parent(sender) {
            Some(parent) if parent == pid => return true,
            Some(parent) if parent > 1 => sender = parent,
            _ => return false,
        }
    }
    false
}

fn parent(pid: i32) -> Option<i32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name, in parentheses, may hold anything. Behind it are the state and the parent.
    stat.rsplit_once(')')?.1.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write as _,
        os::{fd::AsFd as _, linux::net::SocketAddrExt as _, unix::net::SocketAddr},
        process::Command,
    };

    use super::*;

    fn notify() -> (OwnedFd, UnixDatagram) {
        let (ours, child) = open(Some(&Ready::Notify), Duration::from_millis(1500)).unwrap();
        let variables: Vec<_> = child.variables.iter().map(|variable| variable.to_str().unwrap()).collect();
        assert_eq!(variables[1], "WATCHDOG_USEC=1500000");
        let name = variables[0].strip_prefix("NOTIFY_SOCKET=@").unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
        (ours.unwrap(), sender)
    }

    fn received(socket: &OwnedFd, pid: i32) -> Vec<Option<Notice>> {
        let mut notices = Vec::new();
        loop {
            match receive(socket.as_fd(), pid) {
                Ok(notice) => notices.push(notice),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return notices;
                }
            }
        }
    }

    #[test]
    fn a_notice_counts_of_the_process_and_its_descendants_alone() {
        let (socket, sender) = notify();
        let own: i32 = std::process::id().try_into().unwrap();
        sender.send(b"READY=1").unwrap();
        assert_eq!(received(&socket, own), [Some(Notice { is_ready: true, ..Notice::default() })]);
        // To our parent we are a descendant, to our child we are not.
        let parent = nix::unistd::getppid().as_raw();
        sender.send(b"READY=1").unwrap();
        assert_eq!(received(&socket, parent), [Some(Notice { is_ready: true, ..Notice::default() })]);
        let mut child = Command::new("/bin/sleep").arg("1000").spawn().unwrap();
        sender.send(b"READY=1").unwrap();
        assert_eq!(received(&socket, child.id().try_into().unwrap()), [None]);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_pipe_is_made_for_a_descriptor_and_nothing_for_a_probe() {
        let (ours, child) = open(Some(&Ready::Fd(7)), Duration::ZERO).unwrap();
        let (pipe, number) = child.pipe.unwrap();
        assert_eq!(number, 7);
        fs::File::from(pipe).write_all(b"\n").unwrap();
        assert_eq!(nix::unistd::read(ours.unwrap(), &mut [0; 8]), Ok(1));
        assert!(open(None, Duration::ZERO).unwrap().0.is_none());
    }
}
