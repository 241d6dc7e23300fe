//! The HTTP that a client of supervisord needs, over inet and unix sockets of the standard library.
//!
//! There is no HTTP library here because `supervisorctl status` should be over before one has started.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use crate::text::url::authority_of;

/// Status of an answer that is what was asked for.
pub(super) const OK: u16 = 200;
/// Status of an answer that is a part of what is there.
pub(super) const PARTIAL_CONTENT: u16 = 206;
/// Status of an answer without user name and password, or with wrong ones.
pub(super) const UNAUTHORIZED: u16 = 401;

/// Status of an answer to what cannot be meant.
pub(super) const BAD_REQUEST: u16 = 400;

/// Bytes of a status line with its headers, and of any other line, that a server may send.
const HEAD_LIMIT: u64 = 64 * 1024;
/// Bytes of an answer that is read as a whole. The largest real ones are logs, 50 MB unless configured otherwise.
const BODY_LIMIT: u64 = 1 << 30;
/// Bytes up to which an answer has its memory before it has come.
const BODY_RESERVE: u64 = 4 << 20;

/// Address of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    Inet { host: String, port: u16 },
    Unix(PathBuf),
}

impl Endpoint {
    /// Read `http://[user:password@]host[:port]` or `unix:///path`; the path of an `http` URL means nothing, as with
    /// Supervisor.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        if let Some(path) = url.strip_prefix("unix://") {
            return if path.is_empty() { Err("a path is missing") } else { Ok(Self::Unix(path.into())) };
        }
        let Some(rest) = url.strip_prefix("http://") else {
            return Err("it must begin with http:// or unix://");
        };
        let (_, authority) = authority_of(rest);
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or("a `]` is missing")?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() {
            return Err("a host is missing");
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => 80,
            Some("") => 80,
            Some(port) => port.parse().map_err(|_| "the port must be a number up to 65535")?,
            None => return Err("after the host only a port may follow"),
        };
        Ok(Self::Inet { host: host.to_owned(), port })
    }

    /// Open a connection.
    pub(super) fn connect(&self) -> io::Result<Connection> {
        let socket = match self {
            Self::Inet { host, port } => {
                let socket = TcpStream::connect((host.as_str(), *port))?;
                // A request is one write, so there is nothing to gather and no reason to hold its end back.
                socket.set_nodelay(true)?;
                Socket::Inet(socket)
            }
            Self::Unix(path) => Socket::Unix(UnixStream::connect(path)?),
        };
        Ok(Connection(BufReader::new(socket)))
    }
}

/// Form of the `Host` header.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inet { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Inet { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(_) => f.write_str("localhost"),
        }
    }
}

#[derive(Debug)]
enum Socket {
    Inet(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        match self {
            Self::Inet(socket) => socket.set_nonblocking(nonblocking),
            Self::Unix(socket) => socket.set_nonblocking(nonblocking),
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Inet(socket) => socket.read(buffer),
            Self::Unix(socket) => socket.read(buffer),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Inet(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection on which answers are read.
#[derive(Debug)]
pub(super) struct Connection(BufReader<Socket>);

/// Status line and headers of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) code: u16,
    pub(super) reason: String,
    /// True where another request may follow on the same connection.
    pub(super) keep_alive: bool,
    framing: Framing,
}

/// Way to find the end of a body.
#[derive(Debug)]
enum Framing {
    /// A number of bytes that are left.
    Length(u64),
    /// A number of bytes that are left in the present chunk; further chunks follow.
    Chunked(u64),
    UntilClose,
}

/// Make the error of an answer that did not follow HTTP. Travels as [`io::ErrorKind::InvalidData`].
fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "closed the connection in the middle of an answer")
}

impl Connection {
    /// Make a connection over a socket that is open. It reads up to `most` bytes at once.
    pub(super) fn of_unix(socket: UnixStream, most: usize) -> Self {
        Self(BufReader::with_capacity(most, Socket::Unix(socket)))
    }

    pub(super) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.0.get_mut().write_all(request)
    }

    /// Tell whether the server has closed the connection meanwhile, or sent something that nobody asked for.
    pub(super) fn is_stale(&mut self) -> bool {
        let socket = self.0.get_mut();
        if socket.set_nonblocking(true).is_err() {
            return true;
        }
        let idle = matches!(socket.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        !idle || socket.set_nonblocking(false).is_err()
    }

    /// Read an answer up to its body.
    pub(super) fn head(&mut self) -> io::Result<Head> {
        loop {
            let head = self.any_head()?;
            if !(100..200).contains(&head.code) {
                return Ok(head);
            }
        }
    }

    fn any_head(&mut self) -> io::Result<Head> {
        let mut limited = (&mut self.0).take(HEAD_LIMIT);
        let mut line = String::new();
        if limited.read_line(&mut line)? == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed the connection without an answer"));
        }
        let mut words = line.trim_end().splitn(3, ' ');
        let version = words.next().filter(|word| word.starts_with("HTTP/1."));
        let code = words.next().and_then(|word| word.parse().ok());
        let (Some(version), Some(code)) = (version, code) else { return Err(broken("did not answer in HTTP")) };
        let mut head = Head {
            code,
            reason: words.next().unwrap_or_default().to_owned(),
            keep_alive: version != "HTTP/1.0",
            framing: Framing::UntilClose,
        };
        loop {
            line.clear();
            limited.read_line(&mut line)?;
            if !line.ends_with('\n') {
                return Err(if limited.limit() == 0 { broken("sent too many headers") } else { cut_off() });
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').ok_or_else(|| broken("sent a malformed header"))?;
            let value = value.trim();
            if name.eq_ignore_ascii_case("transfer-encoding") {
                if !value.eq_ignore_ascii_case("chunked") {
                    return Err(broken("used an unknown transfer encoding"));
                }
                head.framing = Framing::Chunked(0);
            } else if name.eq_ignore_ascii_case("content-length") && !matches!(head.framing, Framing::Chunked(_)) {
                head.framing = Framing::Length(value.parse().map_err(|_| broken("sent a malformed Content-Length"))?);
            } else if name.eq_ignore_ascii_case("connection") {
                if value.eq_ignore_ascii_case("close") {
                    head.keep_alive = false;
                } else if value.eq_ignore_ascii_case("keep-alive") {
                    head.keep_alive = true;
                }
            }
        }
        head.keep_alive &= !matches!(head.framing, Framing::UntilClose);
        Ok(head)
    }

    /// Read the whole body.
    pub(super) fn body(&mut self, head: Head) -> io::Result<Vec<u8>> {
        let expected = if let Framing::Length(length) = head.framing { length } else { 0 };
        let mut reader = Body { connection: self, framing: head.framing };
        // With room for all that is to come, each read takes all that is there.
        let mut body = vec![0; usize::try_from(expected.min(BODY_RESERVE)).unwrap_or(0)];
        reader.read_exact(&mut body)?;
        reader.take(BODY_LIMIT + 1).read_to_end(&mut body)?;
        if body.len() as u64 > BODY_LIMIT {
            return Err(broken("sent more than 1 GiB"));
        }
        Ok(body)
    }

    /// Read some bytes of a body, 0 at its end.
    fn read(&mut self, framing: &mut Framing, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        match framing {
            Framing::UntilClose => self.0.read(buffer),
            Framing::Length(left) => self.read_left(left, buffer),
            Framing::Chunked(left) => {
                if *left == 0 {
                    *left = self.chunk_size()?;
                    if *left == 0 {
                        while !self.line()?.is_empty() {}
                        *framing = Framing::Length(0);
                        return Ok(0);
                    }
                }
                let count = self.read_left(left, buffer)?;
                if *left == 0 && !self.line()?.is_empty() {
                    return Err(broken("sent a malformed chunk"));
                }
                Ok(count)
            }
        }
    }

    fn read_left(&mut self, left: &mut u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.by_ref().take(*left).read(buffer)?;
        if count == 0 && *left > 0 {
            return Err(cut_off());
        }
        *left -= count as u64;
        Ok(count)
    }

    fn chunk_size(&mut self) -> io::Result<u64> {
        let line = self.line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        u64::from_str_radix(digits, 16).map_err(|_| broken("sent a malformed chunk"))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.0.by_ref().take(HEAD_LIMIT).read_line(&mut line)?;
        if !line.ends_with('\n') {
            return Err(cut_off());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }
}

struct Body<'a> {
    connection: &'a mut Connection,
    framing: Framing,
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.connection.read(&mut self.framing, buffer)
    }
}

/// The body of an answer as it comes, such as a log that is followed.
#[derive(Debug)]
pub struct Stream {
    connection: Connection,
    framing: Framing,
}

impl Stream {
    pub(super) fn new(connection: Connection, head: Head) -> Self {
        Self { connection, framing: head.framing }
    }
}

/// Access to the socket, for a thread that wants to end the waiting of the one that reads.
impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self.connection.0.get_ref() {
            Socket::Inet(socket) => socket.as_fd(),
            Socket::Unix(socket) => socket.as_fd(),
        }
    }
}

/// Reading of what there is; waits only when there is nothing.
impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.connection.read(&mut self.framing, buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_an_endpoint() {
        let inet = |host: &str, port| Ok(Endpoint::Inet { host: host.into(), port });
        assert_eq!(Endpoint::parse("http://localhost:9001"), inet("localhost", 9001));
        assert_eq!(Endpoint::parse("http://localhost:9001/some/where"), inet("localhost", 9001));
        assert_eq!(Endpoint::parse("http://example.org"), inet("example.org", 80));
        assert_eq!(Endpoint::parse("http://[::1]:9001/"), inet("::1", 9001));
        assert_eq!(Endpoint::parse("http://[::1]"), inet("::1", 80));
        assert_eq!(Endpoint::parse("http://h:"), inet("h", 80));
        assert_eq!(Endpoint::parse("http://u:p@w@h:9001"), inet("h", 9001));
        assert_eq!(Endpoint::parse("unix:///run/s.sock"), Ok(Endpoint::Unix("/run/s.sock".into())));
        assert_eq!(Endpoint::parse("unix://s.sock"), Ok(Endpoint::Unix("s.sock".into())));
    }

    #[test]
    fn other_urls_are_refused() {
        let bad = ["", "localhost:9001", "https://h", "http://", "http://:9001", "http://h:x", "http://h:70000"];
        for url in bad.into_iter().chain(["http://[::1", "http://[::1]x", "unix://"]) {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
    }
}
