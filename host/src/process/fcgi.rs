//! Listening socket that the processes of `[fcgi-program:x]` share: opened for the first that runs, closed after
//! the last.
//!
//! Names of hosts were looked up when the config was read; but the file of a unix socket may lie on a disk that does
//! not answer. So it is not the main thread that opens one.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::fs::{FileTypeExt as _, PermissionsExt as _, chown},
    },
    path::Path,
    sync::{Arc, Weak},
};

use nix::sys::socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket};
use parking_lot::Mutex;

use crate::{
    config::{FcgiAddress, FcgiSocket},
    handed_fds,
    live_socket::somebody_listens,
    logger::Logger,
};

/// Socket of a group, open or not.
#[derive(Debug)]
pub struct SharedSocket {
    config: FcgiSocket,
    open: Mutex<Weak<Listening>>,
}

/// Open socket. Processes that run keep it; it is closed when the last one lets it go.
#[derive(Debug)]
pub struct Listening {
    socket: OwnedFd,
    url: String,
    logger: Logger,
}

impl SharedSocket {
    /// Make the socket of a group, not open yet.
    pub fn new(config: FcgiSocket) -> Self {
        Self { config, open: Mutex::default() }
    }

    /// Return the socket, opened if nobody has it. Blocks on the file system. The error is Supervisor's text.
    pub fn open(&self, logger: &Logger) -> Result<Arc<Listening>, String> {
        let mut open = self.open.lock();
        if let Some(listening) = open.upgrade() {
            return Ok(listening);
        }
        let url = self.config.to_string();
        logger.info(format_args!("Creating socket {url}"));
        let socket =
            listen_on(&self.config).map_err(|error| format!("Could not create FastCGI socket {url}: {error}"))?;
        let listening = Arc::new(Listening { socket, url, logger: logger.clone() });
        *open = Arc::downgrade(&listening);
        Ok(listening)
    }

    /// Take over the socket of another supervisord, by the number of its descriptor.
    pub(crate) fn adopt(&self, number: RawFd, logger: &Logger) -> io::Result<Arc<Listening>> {
        let (socket, url) = (handed_fds::take(number)?, self.config.to_string());
        let listening = Arc::new(Listening { socket, url, logger: logger.clone() });
        *self.open.lock() = Arc::downgrade(&listening);
        Ok(listening)
    }

    /// Open and close it, to fail early where it cannot be had. Where somebody listens already it is left alone: that
    /// may be another supervisord of the same config, which this one is about to find out. If it does not, the first
    /// process takes the place of what an earlier one has left behind. Blocks on the file system.
    pub fn try_open(&self, logger: &Logger) -> Result<(), String> {
        match &self.config.address {
            FcgiAddress::Unix { file, .. } if somebody_listens(file) => Ok(()),
            _ => self.open(logger).map(drop),
        }
    }

    /// Have whoever opens it wait until this is dropped.
    #[cfg(test)]
    pub(crate) fn hold(&self) -> impl Drop + '_ {
        self.open.lock()
    }
}

impl AsFd for Listening {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // The file of a socket stays, as Supervisor leaves it: the next one takes its place.
        self.logger.info(format_args!("Closing socket {}", self.url));
    }
}

fn listen_on(config: &FcgiSocket) -> io::Result<OwnedFd> {
    let socket = match &config.address {
        FcgiAddress::Unix { file, owner, mode } => unix(file, *owner, *mode)?,
        FcgiAddress::Tcp { addresses, .. } => inet(addresses)?,
    };
    let backlog = config.backlog.map_or(Ok(Backlog::MAXALLOWABLE), |backlog| {
        // The kernel cuts what is above its own limit; nix refuses what is above that which libc knows of, 128 with musl.
        Backlog::new(backlog).or(Ok::<_, nix::Error>(Backlog::MAXALLOWABLE))
    })?;
    listen(&socket, backlog)?;
    Ok(socket)
}

/// Make a unix socket. Nobody can connect before it listens, and then its file has its owner and mode.
fn unix(file: &Path, owner: Option<(u32, Option<u32>)>, mode: u32) -> io::Result<OwnedFd> {
    let address = UnixAddr::new(file)?;
    // Only a socket is in the way of nothing: any other file is somebody's.
    if fs::symlink_metadata(file).is_ok_and(|found| found.file_type().is_socket()) {
        fs::remove_file(file)?;
    }
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    bind(socket.as_raw_fd(), &address)?;
    let prepared = owner
        .map_or(Ok(()), |(uid, gid)| chown(file, Some(uid), gid))
        .map_err(|error| in_words("Could not change ownership of socket file", &error))
        .and_then(|()| {
            fs::set_permissions(file, fs::Permissions::from_mode(mode))
                .map_err(|error| in_words("Could not change permissions of socket file", &error))
        });
    if let Err(error) = prepared {
        let _ = fs::remove_file(file);
        return Err(error);
    }
    Ok(socket)
}

fn in_words(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Bind to the first address that works. The socket listens already; to listen again changes its backlog.
fn inet(addresses: &[SocketAddr]) -> io::Result<OwnedFd> {
    TcpListener::bind(addresses).map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use std::os::unix::{fs::MetadataExt as _, net::UnixStream};

    use super::*;
    use crate::process::{fixtures, output};

    fn at(file: &Path) -> SharedSocket {
        let address = FcgiAddress::Unix { file: file.to_owned(), owner: None, mode: 0o640 };
        SharedSocket::new(FcgiSocket { address, backlog: Some(60_000) })
    }

    #[test]
    fn it_is_open_as_long_as_somebody_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let (output, logger) = output::start(&fixtures::supervisord(dir.path())).unwrap();
        let file = dir.path().join("s");
        let shared = at(&file);
        let first = shared.open(&logger).unwrap();
        let second = shared.open(&logger).unwrap();
        assert!(Arc::ptr_eq(&first, &second));
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o640);
        drop(first);
        UnixStream::connect(&file).unwrap();
        drop(second);
        assert!(UnixStream::connect(&file).is_err());
        drop(shared.open(&logger).unwrap());
        output.stop(std::time::Duration::from_secs(5));
        let log = fs::read_to_string(dir.path().join("supervisord.log")).unwrap();
        let url = format!("unix://{}", file.display());
        let said: Vec<_> = log.lines().map(|line| line[24..].replace(&url, "URL")).collect();
        assert_eq!(said, ["INFO Creating socket URL", "INFO Closing socket URL"].repeat(2));
    }

    #[test]
    fn who_listens_already_is_not_disturbed_by_a_try() {
        let dir = tempfile::tempdir().unwrap();
        let (output, logger) = output::start(&fixtures::supervisord(dir.path())).unwrap();
        let file = dir.path().join("s");
        let other = at(&file).open(&logger).unwrap();
        at(&file).try_open(&logger).unwrap();
        UnixStream::connect(&file).unwrap();
        drop(other);
        at(&file).try_open(&logger).unwrap();
        output.stop(std::time::Duration::from_secs(5));
        let log = fs::read_to_string(dir.path().join("supervisord.log")).unwrap();
        assert_eq!(log.matches("Creating").count(), 2);
    }

    #[test]
    fn a_file_that_is_no_socket_is_not_taken_away() {
        let dir = tempfile::tempdir().unwrap();
        let (output, logger) = output::start(&fixtures::supervisord(dir.path())).unwrap();
        let file = dir.path().join("s");
        fs::write(&file, "precious").unwrap();
        let error = at(&file).open(&logger).unwrap_err();
        assert!(error.starts_with("Could not create FastCGI socket unix:///"), "{error}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
        output.stop(std::time::Duration::from_secs(5));
    }
}
