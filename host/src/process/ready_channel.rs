//! Ways by which a program says by itself that it is ready: the socket of `NOTIFY_SOCKET`, or a pipe at a descriptor.
//!
//! Each run has one of its own, so that nothing that is left of an earlier run is taken for it.

use std::{
    ffi::CString,
    fs::{self, Permissions},
    io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::{ffi::OsStrExt as _, fs::PermissionsExt as _, net::UnixDatagram},
    },
    path::Path,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, getsockname, socket},
    unistd::{Pid, getpgid, getsid, mkdtemp, pipe2},
};

use super::notice::{MAX_DATAGRAM, Notice};
use crate::{
    config::Ready,
    linux::{credentials, in_memory::is_in_memory, process_table, unix_sockets},
};

/// Generations between a program and a descendant of it that is still known as one.
const MAX_GENERATIONS: usize = 64;

/// Directories in which the sockets may be: in memory, so that to make one waits for no disk.
const DIRECTORIES: [&str; 2] = ["/run", "/dev/shm"];

/// Beginning of the name of the directory that a socket has to itself.
const PREFIX: &str = "supervisord-notify-";

/// Our end of the way. A socket that has a file loses it when this is dropped.
#[derive(Debug)]
pub struct ReadyChannel(OwnedFd);

impl From<OwnedFd> for ReadyChannel {
    fn from(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for ReadyChannel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl Drop for ReadyChannel {
    fn drop(&mut self) {
        let Ok(address) = getsockname::<UnixAddr>(self.0.as_raw_fd()) else { return };
        if let Some(path) = address.path()
            && let Some(directory) = path.parent()
            && directory.file_name().is_some_and(|name| name.as_bytes().starts_with(PREFIX.as_bytes()))
        {
            // Somebody may have tidied up before.
            let _ = fs::remove_file(path).and_then(|()| fs::remove_dir(directory));
        }
    }
}

/// Take away the files of sockets that nobody has open any more: those of a supervisord that was killed.
pub fn remove_leftovers() {
    let directories = DIRECTORIES.iter().flat_map(fs::read_dir).flatten().flatten();
    for directory in directories.filter(|entry| entry.file_name().as_bytes().starts_with(PREFIX.as_bytes())) {
        let path = directory.path().join("socket");
        let connected = UnixDatagram::unbound().and_then(|socket| socket.connect(&path));
        if connected.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
            // Those of others are theirs.
            let _ = fs::remove_file(path).and_then(|()| fs::remove_dir(directory.path()));
        }
    }
}

/// End of the way that the child gets.
#[derive(Debug, Default)]
pub struct ChildEnd {
    /// Further variables of its environment.
    pub(super) variables: Vec<CString>,
    /// Writing end of a pipe, and the descriptor as which it gets that.
    pub(super) pipe: Option<(OwnedFd, RawFd)>,
}

/// Make the way that `ready=` asks for, if it does: our end, which never blocks, and the child's.
pub fn open(ready: Option<&Ready>, watchdog: Duration) -> Result<(Option<ReadyChannel>, ChildEnd), Errno> {
    match ready {
        None | Some(Ready::Probe(_)) => Ok((None, ChildEnd::default())),
        Some(Ready::Fd(number)) => {
            let (ours, theirs) = pipe2(OFlag::O_CLOEXEC)?;
            // Our end only: the flag belongs to the open file.
            fcntl(&ours, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            Ok((Some(ours.into()), ChildEnd { variables: Vec::new(), pipe: Some((theirs, *number)) }))
        }
        Some(Ready::Notify) => {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
            unix_sockets::pass_credentials(&socket)?;
            let socket = UnixDatagram::from(socket);
            let name = DIRECTORIES.into_iter().find_map(|directory| bind_in(&socket, Path::new(directory)).ok());
            let name = name.map_or_else(|| unix_sockets::bind_without_file(&socket), Ok)?;
            let mut variables = vec![[b"NOTIFY_SOCKET=", name.as_slice()].concat()];
            if !watchdog.is_zero() {
                variables.push(format!("WATCHDOG_USEC={}", watchdog.as_micros()).into_bytes());
            }
            let variables = variables.into_iter().filter_map(|variable| CString::new(variable).ok()).collect();
            Ok((Some(OwnedFd::from(socket).into()), ChildEnd { variables, pipe: None }))
        }
    }
}

/// Give the socket a file in a directory of its own below this one, which is in memory. Return its name.
///
/// Not every program that notifies knows of names without a file, and those are of one network namespace.
fn bind_in(socket: &UnixDatagram, directory: &Path) -> Result<Vec<u8>, Errno> {
    if !is_in_memory(directory)? {
        return Err(Errno::EINVAL);
    }
    let own = mkdtemp(&directory.join(format!("{PREFIX}XXXXXX")))?;
    let path = own.join("socket");
    let let_all = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode));
    let made = UnixAddr::new(&path).and_then(|address| bind(socket.as_raw_fd(), &address)).and_then(|()| {
        // Of any `user=`: whoever sends is looked at, and can read nothing here.
        let all_may = let_all(&path, 0o666).and_then(|()| let_all(&own, 0o711));
        all_may.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default()))
    });
    if let Err(errno) = made {
        let _ = (fs::remove_file(&path), fs::remove_dir(&own));
        return Err(errno);
    }
    Ok(path.into_os_string().into_encoded_bytes())
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
        match process_table::stat(sender) {
            Some(stat) if stat.parent == pid => return true,
            Some(stat) if stat.parent > 1 => sender = stat.parent,
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::{io::Write as _, process::Command};

    use super::*;

    fn notify() -> (ReadyChannel, UnixDatagram) {
        let (ours, child) = open(Some(&Ready::Notify), Duration::from_millis(1500)).unwrap();
        let variables: Vec<_> = child.variables.iter().map(|variable| variable.to_str().unwrap()).collect();
        assert_eq!(variables[1], "WATCHDOG_USEC=1500000");
        let name = variables[0].strip_prefix("NOTIFY_SOCKET=").unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect_addr(&unix_sockets::address(name.as_bytes()).unwrap()).unwrap();
        (ours.unwrap(), sender)
    }

    fn received(socket: &ReadyChannel, pid: i32) -> Vec<Option<Notice>> {
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
    fn a_socket_has_a_file_for_as_long_as_it_lasts() {
        let (socket, sender) = notify();
        if let Some(path) = sender.peer_addr().unwrap().as_pathname() {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o666);
            remove_leftovers();
            assert!(path.exists(), "it is in use");
            // As of a supervisord that was killed.
            let socket = std::mem::ManuallyDrop::new(socket);
            nix::unistd::close(socket.as_fd().as_raw_fd()).unwrap();
            assert!(path.exists());
            remove_leftovers();
            assert!(!path.exists() && !path.parent().unwrap().exists());
            let (socket, sender) = notify();
            let path = sender.peer_addr().unwrap().as_pathname().unwrap().to_owned();
            drop(socket);
            assert!(!path.exists() && !path.parent().unwrap().exists());
        }
    }

    #[test]
    fn a_socket_has_a_file_only_in_memory() {
        let here = tempfile::tempdir().unwrap();
        let is_in_memory = is_in_memory(here.path()).unwrap();
        assert_eq!(bind_in(&UnixDatagram::unbound().unwrap(), here.path()).is_ok(), is_in_memory);
    }

    #[test]
    fn a_pipe_is_made_for_a_descriptor_and_nothing_for_a_probe() {
        let (ours, child) = open(Some(&Ready::Fd(7)), Duration::ZERO).unwrap();
        let (pipe, number) = child.pipe.unwrap();
        assert_eq!(number, 7);
        fs::File::from(pipe).write_all(b"\n").unwrap();
        assert_eq!(nix::unistd::read(ours.unwrap().as_fd(), &mut [0; 8]), Ok(1));
        assert!(open(None, Duration::ZERO).unwrap().0.is_none());
    }
}
