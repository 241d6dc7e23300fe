//! Sockets of the HTTP servers, bound before anything serves them, so that one that cannot be bound ends supervisord
//! with a message on the terminal.

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    os::fd::{AsRawFd, RawFd},
    os::unix::{
        fs::{FileTypeExt, MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen, socket},
        stat::{Mode, fchmod},
    },
    unistd::{Uid, User},
};
use serde::{Deserialize, Serialize};

use crate::{
    config::{HttpServer, ServerAddress},
    handed_fds,
    live_socket::somebody_listens,
    text::stderr_line::stderr_line,
};

/// Connections that may wait to be accepted, as far as the kernel lets them.
const BACKLOG: i32 = 1024;

/// Sockets of all HTTP servers. Dropping this removes the socket files.
#[derive(Debug, Default)]
pub struct Listeners {
    pub(super) sockets: Vec<(BoundSocket, HttpServer)>,
    pub(super) files: Vec<SocketFile>,
    /// Files of sockets that another supervisord had and this one has not.
    pub(super) unused: Vec<SocketFile>,
}

/// Socket of an HTTP server as one supervisord hands it over to the next.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerSocket {
    /// Address that it listens at.
    pub address: ServerAddress,
    /// Number of the descriptor.
    pub fd: RawFd,
}

impl ServerSocket {
    fn is_of(&self, server: &HttpServer) -> bool {
        match (&self.address, &server.address) {
            (ServerAddress::Inet { host, port, .. }, ServerAddress::Inet { host: host2, port: port2, .. }) => {
                (host, port) == (host2, port2)
            }
            (ServerAddress::Unix { file, .. }, ServerAddress::Unix { file: file2, .. }) => file == file2,
            _ => false,
        }
    }
}

/// Make it of [`BACKLOG`], or where libc knows of no kernel that takes so many, as musl, of all that ours takes.
fn backlog() -> Backlog {
    Backlog::new(BACKLOG).unwrap_or(Backlog::MAXALLOWABLE)
}

/// Socket that listens.
#[derive(Debug)]
pub(super) enum BoundSocket {
    Inet(TcpListener),
    Unix(UnixListener),
}

impl AsRawFd for BoundSocket {
    fn as_raw_fd(&self) -> RawFd {
        match self {
            Self::Inet(socket) => socket.as_raw_fd(),
            Self::Unix(socket) => socket.as_raw_fd(),
        }
    }
}

/// Reason why an HTTP server's socket could not be opened, in Supervisor's words.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Address at which somebody answers already.
    #[error(
        "Another program is already listening on a port that one of our HTTP servers is configured to use.  \
         Shut this program down first before starting supervisord."
    )]
    InUse,
    /// Refusal of the system.
    #[error("Cannot open an HTTP server: socket.error reported {}", describe(.0))]
    Io(#[source] io::Error),
    /// Refusal of the system, with the address.
    #[error("{error}\n  at {address} of [{section}]")]
    At {
        /// The refusal.
        error: Box<BindError>,
        /// Address `127.0.0.1:80` or `/run/supervisor.sock`.
        address: String,
        /// Section of the config with that address.
        section: String,
    },
    /// Owner of the socket file whom only root may set.
    #[error(
        "Not permitted to chown {file} to uid/gid ({uid}, {gid}); adjust \"sockchown\" value in config file or on \
         command line to values that the current user ({user}) can successfully chown"
    )]
    Chown {
        /// The socket file.
        file: String,
        /// User id, or -1 where it was to stay.
        uid: i64,
        /// Group id, or -1 where it was to stay.
        gid: i64,
        /// User who runs supervisord.
        user: String,
    },
}

fn describe(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => match Errno::from_raw(number) {
            Errno::UnknownErrno => number.to_string(),
            errno => format!("errno.{errno:?} ({number})"),
        },
        // What std itself refuses: a path that does not fit into a socket address.
        None => "AF_UNIX path too long".to_owned(),
    }
}

impl BindError {
    /// Add the address where the system refuses; Supervisor leaves it at a number.
    fn of(self, server: &HttpServer) -> Self {
        if !matches!(self, Self::Io(_)) {
            return self;
        }
        let address = match &server.address {
            ServerAddress::Inet { host, port, .. } => format!("{host}:{port}"),
            ServerAddress::Unix { file, .. } => file.display().to_string(),
        };
        Self::At { error: Box::new(self), address, section: server.section.clone() }
    }
}

impl From<io::Error> for BindError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::AddrInUse { Self::InUse } else { Self::Io(error) }
    }
}

impl From<Errno> for BindError {
    fn from(errno: Errno) -> Self {
        Self::from(io::Error::from(errno))
    }
}

impl Listeners {
    /// Open all sockets, or none: what was opened before the one that fails is closed and removed again.
    pub fn bind(servers: &[HttpServer]) -> Result<Self, BindError> {
        Self::bind_beside(servers, &[])
    }

    /// Open all sockets, or none, but for those that another supervisord has handed over: they are taken as they are.
    /// The files of those that no server has any more are removed with the [`Listeners`] that are dropped, once they
    /// have been [prepared](Self::prepare) and serve.
    pub fn bind_beside(servers: &[HttpServer], handed_over: &[ServerSocket]) -> Result<Self, BindError> {
        let mut listeners = Self::default();
        for server in servers {
            if let Some(known) = handed_over.iter().find(|known| known.is_of(server)) {
                listeners.take_over(known, server).map_err(|error| BindError::from(error).of(server))?;
                continue;
            }
            let socket = match &server.address {
                ServerAddress::Inet { addresses, .. } => bind_inet(addresses).map(BoundSocket::Inet),
                ServerAddress::Unix { file, chmod, uid, gid } => {
                    bind_unix(file, *chmod, *uid, *gid).map(|(listener, file)| {
                        listeners.files.push(file);
                        BoundSocket::Unix(listener)
                    })
                }
            };
            let socket = socket.map_err(|error| error.of(server))?;
            listeners.sockets.push((socket, server.clone()));
        }
        for unused in handed_over.iter().filter(|known| !servers.iter().any(|server| known.is_of(server))) {
            if let ServerAddress::Unix { file, .. } = &unused.address {
                listeners.unused.extend(SocketFile::new(file).ok().map(SocketFile::not_ours_yet));
            }
        }
        Ok(listeners)
    }

    /// Go on at a socket that listens already.
    fn take_over(&mut self, known: &ServerSocket, server: &HttpServer) -> io::Result<()> {
        let socket = handed_fds::duplicate(known.fd)?;
        let socket = match &server.address {
            ServerAddress::Inet { .. } => BoundSocket::Inet(socket.into()),
            ServerAddress::Unix { file, chmod, uid, gid } => {
                // Somebody may have removed it. Those who are connected stay so.
                if let Ok(known_file) = SocketFile::new(file) {
                    self.files.push(known_file.not_ours_yet());
                    if known.address != server.address {
                        fs::set_permissions(file, fs::Permissions::from_mode(*chmod))?;
                        std::os::unix::fs::lchown(file, *uid, *gid)?;
                    }
                }
                BoundSocket::Unix(socket.into())
            }
        };
        self.sockets.push((socket, server.clone()));
        Ok(())
    }
}

/// Bind the first address that works.
fn bind_inet(addresses: &[SocketAddr]) -> Result<TcpListener, BindError> {
    let mut failed = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpListener::bind(address) {
            Ok(listener) => {
                listen(&listener, backlog())?;
                listener.set_nonblocking(true)?;
                return Ok(listener);
            }
            Err(error) => failed = error,
        }
    }
    Err(failed.into())
}

/// A socket file of ours: removed when dropped, unless another took its place.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
    /// False as long as it may be that another supervisord goes on with it.
    is_ours: bool,
}

impl SocketFile {
    fn new(path: &Path) -> io::Result<Self> {
        let metadata = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), identity: (metadata.dev(), metadata.ino()), is_ours: true })
    }

    /// Return it as one that is not removed before it has become [ours](Self::become_ours).
    fn not_ours_yet(mut self) -> Self {
        self.is_ours = false;
        self
    }

    pub(super) fn become_ours(&mut self) {
        self.is_ours = true;
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_ours && fs::symlink_metadata(&self.path).is_ok_and(|m| (m.dev(), m.ino()) == self.identity) {
            // Nothing can be done about a directory that lost its write permission meanwhile.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Bind a unix socket: under a name of its own first, and link that to the real one, which fails if there is a file
/// already: so two supervisords that start at once never both believe that they have it.
fn bind_unix(
    file: &Path,
    chmod: u32,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<(UnixListener, SocketFile), BindError> {
    let mut own_name = file.as_os_str().to_owned();
    own_name.push(format!(".{}", std::process::id()));
    let own_name = PathBuf::from(own_name);
    // Left over from one with our pid.
    let _ = fs::remove_file(&own_name);

    let listener = bind_private(&own_name)?;
    let own_file = SocketFile::new(&own_name)?;
    fs::set_permissions(&own_name, fs::Permissions::from_mode(chmod))?;
    while let Err(error) = fs::hard_link(&own_name, file) {
        if error.kind() != io::ErrorKind::AlreadyExists {
            return Err(error.into());
        }
        if !fs::symlink_metadata(file).is_ok_and(|metadata| metadata.file_type().is_socket()) {
            // Supervisor would delete whatever stands there.
            return Err(BindError::Io(Errno::EEXIST.into()));
        }
        if somebody_listens(file) {
            return Err(BindError::InUse);
        }
        stderr_line(format_args!("Unlinking stale socket {}", file.display()));
        match fs::remove_file(file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    drop(own_file);
    let socket_file = SocketFile::new(file)?;
    chown(file, uid, gid)?;
    listener.set_nonblocking(true)?;
    Ok((listener, socket_file))
}

/// Bind a socket file to which nobody may connect before its mode is what it should be. On Linux a socket file gets the
/// mode that its socket has before it is bound, which needs no umask: that is everybody's, and the log may be rotated
/// at this very moment.
fn bind_private(path: &Path) -> Result<UnixListener, BindError> {
    // What std itself refuses.
    let address = UnixAddr::new(path).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(socket.as_raw_fd(), &address)?;
    listen(&socket, backlog())?;
    Ok(socket.into())
}

fn chown(file: &Path, uid: Option<u32>, gid: Option<u32>) -> Result<(), BindError> {
    if uid.is_none() && gid.is_none() {
        return Ok(());
    }
    match std::os::unix::fs::lchown(file, uid, gid) {
        Err(error) if error.raw_os_error() == Some(Errno::EPERM as i32) => Err(BindError::Chown {
            file: file.display().to_string(),
            uid: uid.map_or(-1, i64::from),
            gid: gid.map_or(-1, i64::from),
            user: current_user(),
        }),
        other => Ok(other?),
    }
}

fn current_user() -> String {
    let uid = Uid::effective();
    User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn unix(file: &Path) -> HttpServer {
        HttpServer {
            section: "unix_http_server".to_owned(),
            address: ServerAddress::Unix { file: file.to_owned(), chmod: 0o700, uid: None, gid: None },
            credentials: None,
            metrics: false,
        }
    }

    fn inet(port: u16) -> HttpServer {
        HttpServer {
            section: "inet_http_server".to_owned(),
            address: ServerAddress::Inet {
                host: "127.0.0.1".to_owned(),
                port,
                addresses: vec![SocketAddr::from(([127, 0, 0, 1], port))],
                allowed_hosts: Vec::new(),
            },
            credentials: None,
            metrics: false,
        }
    }

    #[test]
    fn the_socket_file_has_its_mode_and_goes_with_its_owner() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.sock");
        let listeners = Listeners::bind(&[unix(&file)]).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1, "no name but the real one is left");
        assert!(UnixStream::connect(&file).is_ok());
        drop(listeners);
        assert!(!file.exists());
    }

    #[test]
    fn a_socket_file_is_private_from_the_first_moment() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.sock");
        let _listener = bind_private(&file).unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_stale_socket_is_taken_over_and_a_live_one_respected() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.sock");
        drop(UnixListener::bind(&file).unwrap());
        assert!(file.exists(), "std leaves the file behind");
        let first = Listeners::bind(&[unix(&file)]).unwrap();
        let second = Listeners::bind(&[unix(&file)]).unwrap_err();
        assert!(matches!(second, BindError::InUse));
        assert!(UnixStream::connect(&file).is_ok(), "the first one still answers");
        drop(first);
        assert!(!file.exists());
    }

    #[test]
    fn a_successor_keeps_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.sock");
        let first = Listeners::bind(&[unix(&file)]).unwrap();
        fs::remove_file(&file).unwrap();
        let _second = Listeners::bind(&[unix(&file)]).unwrap();
        drop(first);
        assert!(file.exists());
    }

    /// Supervisor's words, and where.
    fn refusal(reason: &str, file: &Path) -> String {
        let file = file.display();
        format!("Cannot open an HTTP server: socket.error reported {reason}\n  at {file} of [unix_http_server]")
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.sock");
        fs::write(&file, "precious").unwrap();
        let error = Listeners::bind(&[unix(&file)]).unwrap_err();
        assert_eq!(error.to_string(), refusal("errno.EEXIST (17)", &file));
        assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn refusals_are_in_supervisors_words() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let error = Listeners::bind(&[inet(taken.local_addr().unwrap().port())]).unwrap_err();
        assert!(error.to_string().starts_with("Another program is already listening on a port"));

        let (nowhere, long) = (Path::new("/nonexistent/s.sock"), format!("/tmp/{}", "x".repeat(200)));
        let error = Listeners::bind(&[unix(nowhere)]).unwrap_err();
        assert_eq!(error.to_string(), refusal("errno.ENOENT (2)", nowhere));

        let error = Listeners::bind(&[unix(Path::new(&long))]).unwrap_err();
        assert_eq!(error.to_string(), refusal("AF_UNIX path too long", Path::new(&long)));
    }

    #[test]
    fn what_was_opened_before_a_failure_is_removed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("s.sock");
        assert!(Listeners::bind(&[unix(&file), unix(Path::new("/nonexistent/s.sock"))]).is_err());
        assert!(!file.exists());
    }
}
