//! The client that supervisorctl speaks through: one call after the other, over a connection that is kept.

use std::io::{self, Read as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plugin_api::abi::{Fault, Value};

use super::{
    decode::{decode_list, decode_response},
    encode::encode_call,
    problem::DecodeError,
    transport::{BAD_REQUEST, Connection, Endpoint, Head, OK, PARTIAL_CONTENT, Stream, UNAUTHORIZED},
};
use crate::text::url::credentials_in;

/// Failure of a call. Each message is one line for a person.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server answered with a fault.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// An address at which nobody listens.
    #[error("{url} refused connection")]
    Refused {
        /// The server's URL.
        url: String,
    },
    /// A socket file that is not there.
    #[error("{url} no such file")]
    NoSuchFile {
        /// The server's URL.
        url: String,
    },
    /// User name and password are missing or wrong.
    #[error("Server requires authentication")]
    Unauthorized {
        /// The server's URL.
        url: String,
    },
    /// The server answered with another status than 200.
    #[error("{url} answered {code} {reason}")]
    Status {
        /// The server's URL.
        url: String,
        /// The status, such as 404.
        code: u16,
        /// The text beside it.
        reason: String,
    },
    /// The URL is none that a server can have.
    #[error("cannot use the server URL {url:?}: {what}")]
    BadUrl {
        /// The URL as it was given.
        url: String,
        /// Words for what would be right.
        what: &'static str,
    },
    /// The server cannot be reached, or the connection broke.
    #[error("{url}: {source}")]
    Io {
        /// The server's URL.
        url: String,
        /// Error of the operating system.
        source: io::Error,
    },
    /// The server did not answer as a supervisord does.
    #[error("{url} {what}")]
    Protocol {
        /// The server's URL.
        url: String,
        /// Words for what the server did.
        what: String,
    },
}

/// Bytes of a refusal that are read.
const REFUSAL_LIMIT: u64 = 4 << 10;

/// An XML-RPC client of one server.
///
/// ```no_run
/// use supervisor_host::xmlrpc::Client;
///
/// let mut client = Client::new("unix:///run/supervisor.sock", None, None)?;
/// let state = client.call("supervisor.getState", &[])?;
/// # Ok::<(), supervisor_host::xmlrpc::ClientError>(())
/// ```
#[derive(Debug)]
pub struct Client {
    url: String,
    endpoint: Endpoint,
    /// The whole header line, with its end.
    authorization: String,
    /// Kept from call to call.
    connection: Option<Connection>,
}

impl Client {
    /// Make a client of the server at an `http://[user:password@]host[:port]` or `unix:///path` URL. Nothing is sent
    /// yet.
    ///
    /// Credentials are sent if both a user name and a password are given; these come before those in the URL.
    pub fn new(url: &str, username: Option<&str>, password: Option<&str>) -> Result<Self, ClientError> {
        let endpoint = Endpoint::parse(url).map_err(|what| ClientError::BadUrl { url: url.to_owned(), what })?;
        let in_url = credentials_in(url);
        let given = username.zip(password);
        let authorization = match given.or(in_url.as_ref().map(|(username, password)| (&**username, &**password))) {
            Some((username, password)) => {
                format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{username}:{password}")))
            }
            None => String::new(),
        };
        Ok(Self { url: url.to_owned(), endpoint, authorization, connection: None })
    }

    /// The server's URL as it was given.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Call a method and wait for its result, however long that takes.
    pub fn call(&mut self, method: &str, params: &[Value]) -> Result<Value, ClientError> {
        let body = self.answer(method, params)?;
        self.result(decode_response(&body))
    }

    /// Call a method whose result is an array, and make an item of each of its elements as [`decode_list`] does.
    pub fn call_list<T>(
        &mut self,
        method: &str,
        params: &[Value],
        item: impl Fn(Value) -> T,
    ) -> Result<Vec<T>, ClientError> {
        let body = self.answer(method, params)?;
        self.result(decode_list(&body, item))
    }

    /// Send a call and wait for the body of its answer.
    fn answer(&mut self, method: &str, params: &[Value]) -> Result<Vec<u8>, ClientError> {
        let request = self.request(method, params)?;
        let mut connection = self.send(&request)?;
        let head = connection.head().map_err(|error| self.error(error))?;
        if head.code != OK {
            return Err(self.status(head.code, head.reason));
        }
        let keep_alive = head.keep_alive;
        let body = connection.body(head).map_err(|error| self.error(error))?;
        if keep_alive {
            self.connection = Some(connection);
        }
        Ok(body)
    }

    /// Get the result of an answer that was read.
    fn result<T>(&self, read: Result<Result<T, Fault>, DecodeError>) -> Result<T, ClientError> {
        match read {
            Ok(result) => Ok(result?),
            Err(error) => Err(self.protocol(format!("sent an answer that cannot be read: {error}"))),
        }
    }

    /// Get a path such as `/logtail/cat`, the answer as it comes, over a connection of its own.
    pub fn get_stream(&self, path: &str) -> Result<Stream, ClientError> {
        let (connection, head) = self.get(path, "")?;
        if head.code == OK { Ok(Stream::new(connection, head)) } else { Err(self.status(head.code, head.reason)) }
    }

    /// Get a path as [`get_stream`](Self::get_stream) does. Where the server answers with status 400, the inner error
    /// is its text about what was asked.
    pub fn get_stream_or_refusal(&self, path: &str) -> Result<Result<Stream, String>, ClientError> {
        let (connection, head) = self.get(path, "")?;
        if head.code != BAD_REQUEST {
            let is_ok = head.code == OK;
            return if is_ok {
                Ok(Ok(Stream::new(connection, head)))
            } else {
                Err(self.status(head.code, head.reason))
            };
        }
        let mut why = Vec::new();
        let read = Stream::new(connection, head).take(REFUSAL_LIMIT).read_to_end(&mut why);
        read.map_err(|error| self.error(error))?;
        Ok(Err(String::from_utf8_lossy(&why).trim_end().to_owned()))
    }

    /// Get a part of what is at a path, such as `bytes=-100`. `None` where the server does not give out parts.
    pub fn get_part(&self, path: &str, range: &str) -> Result<Option<Stream>, ClientError> {
        let (connection, head) = self.get(path, &format!("Range: {range}\r\n"))?;
        Ok((head.code == PARTIAL_CONTENT).then(|| Stream::new(connection, head)))
    }

    fn get(&self, path: &str, headers: &str) -> Result<(Connection, Head), ClientError> {
        let mut connection = self.connect()?;
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: supervisorctl\r\nAccept: */*\r\n{headers}{}\r\n",
            self.endpoint, self.authorization
        );
        connection.send(request.as_bytes()).map_err(|error| self.error(error))?;
        let head = connection.head().map_err(|error| self.error(error))?;
        Ok((connection, head))
    }

    fn request(&self, method: &str, params: &[Value]) -> Result<Vec<u8>, Fault> {
        let mut body = Vec::new();
        encode_call(method, params, &mut body)?;
        let head = format!(
            "POST /RPC2 HTTP/1.1\r\nHost: {}\r\nUser-Agent: supervisorctl\r\nContent-Type: text/xml\r\n\
             Accept: text/xml\r\n{}Content-Length: {}\r\n\r\n",
            self.endpoint,
            self.authorization,
            body.len()
        );
        Ok([head.as_bytes(), &body].concat())
    }

    /// Send a request over the connection of the last call, or a new one.
    ///
    /// A server closes connections that idle. That is seen before anything is sent, or because not all could be sent,
    /// and then the request goes over a new connection. Once it is sent it is never repeated, because it may have been
    /// obeyed: the answer to `supervisor.shutdown` is easily lost.
    fn send(&mut self, request: &[u8]) -> Result<Connection, ClientError> {
        if let Some(mut kept) = self.connection.take()
            && !kept.is_stale()
            && kept.send(request).is_ok()
        {
            return Ok(kept);
        }
        let mut connection = self.connect()?;
        connection.send(request).map_err(|error| self.error(error))?;
        Ok(connection)
    }

    fn connect(&self) -> Result<Connection, ClientError> {
        self.endpoint.connect().map_err(|source| {
            let url = self.url.clone();
            match source.kind() {
                io::ErrorKind::ConnectionRefused => ClientError::Refused { url },
                io::ErrorKind::NotFound => ClientError::NoSuchFile { url },
                _ => ClientError::Io { url, source },
            }
        })
    }

    fn status(&self, code: u16, reason: String) -> ClientError {
        let url = self.url.clone();
        if code == UNAUTHORIZED { ClientError::Unauthorized { url } } else { ClientError::Status { url, code, reason } }
    }

    fn protocol(&self, what: String) -> ClientError {
        ClientError::Protocol { url: self.url.clone(), what }
    }

    fn error(&self, source: io::Error) -> ClientError {
        match source.kind() {
            io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => self.protocol(source.to_string()),
            _ => ClientError::Io { url: self.url.clone(), source },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;
    use std::sync::mpsc;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// A server that gives these answers to these connections, each after one request, and gives back the requests.
    fn server<const N: usize>(connections: [Vec<String>; N]) -> (String, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let thread = thread::spawn(move || {
            let mut requests = Vec::new();
            for answers in connections {
                let (socket, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(socket);
                for answer in answers {
                    requests.push(request(&mut reader));
                    reader.get_mut().write_all(answer.as_bytes()).unwrap();
                }
            }
            requests
        });
        (url, thread)
    }

    fn request(reader: &mut impl BufRead) -> String {
        let (mut text, mut length) = (String::new(), 0);
        while !text.ends_with("\r\n\r\n") {
            let start = text.len();
            reader.read_line(&mut text).unwrap();
            if let Some(value) = text[start..].strip_prefix("Content-Length: ") {
                length = value.trim().parse().unwrap();
            }
        }
        reader.take(length).read_to_string(&mut text).unwrap();
        text
    }

    const VALUE: &str = "<methodResponse><params><param><value>yes</value></param></params></methodResponse>";

    fn answer(headers: &str, body: &str) -> String {
        format!("HTTP/1.1 200 OK\r\n{headers}\r\n{body}")
    }

    fn plain() -> String {
        answer(&format!("Content-Length: {}\r\n", VALUE.len()), VALUE)
    }

    fn call(client: &mut Client) -> String {
        match client.call("ns.method", &[]) {
            Ok(Value::String(text)) => text.into(),
            Ok(other) => format!("{other:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_connection_is_kept_and_carries_the_credentials() {
        let (url, server) = server([vec![plain(), plain()]]);
        let mut client = Client::new(&url, Some("user"), Some("p:w")).unwrap();
        assert_eq!(call(&mut client), "yes");
        assert_eq!(call(&mut client), "yes");
        let requests = server.join().unwrap();
        assert_eq!(requests.len(), 2);
        assert!(requests[0].starts_with("POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1:"), "{}", requests[0]);
        assert!(requests[1].contains("\r\nAuthorization: Basic dXNlcjpwOnc=\r\n"), "{}", requests[1]);
        assert!(requests[1].contains("<methodName>ns.method</methodName>"), "{}", requests[1]);
    }

    #[test]
    fn credentials_may_stand_in_the_url() {
        let (url, server) = server([vec![plain()], vec![plain()]]);
        let url = url.replace("http://", "http://us%65r:p%3Aw@");
        assert_eq!(call(&mut Client::new(&url, None, None).unwrap()), "yes");
        assert_eq!(call(&mut Client::new(&url, Some("u"), Some("p")).unwrap()), "yes");
        let requests = server.join().unwrap();
        assert!(requests[0].starts_with("POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1:"), "{}", requests[0]);
        assert!(requests[0].contains("\r\nAuthorization: Basic dXNlcjpwOnc=\r\n"), "{}", requests[0]);
        assert!(requests[1].contains("\r\nAuthorization: Basic dTpw\r\n"), "{}", requests[1]);
    }

    #[test]
    fn a_connection_that_the_server_has_closed_is_replaced() {
        let (url, server) = server([vec![plain()], vec![plain()]]);
        let mut client = Client::new(&url, None, None).unwrap();
        assert_eq!(call(&mut client), "yes");
        // Only then: a request that crosses the end of the connection is lost, and not repeated.
        while !client.connection.as_mut().expect("it is kept").is_stale() {
            thread::yield_now();
        }
        assert_eq!(call(&mut client), "yes");
        assert_eq!(server.join().unwrap().len(), 2);
    }

    #[test]
    fn a_request_that_was_sent_is_not_repeated() {
        let (url, server) = server([vec![plain(), String::new()]]);
        let mut client = Client::new(&url, None, None).unwrap();
        assert_eq!(call(&mut client), "yes");
        assert_eq!(call(&mut client), format!("{url} closed the connection without an answer"));
        assert_eq!(server.join().unwrap().len(), 2);
    }

    #[test]
    fn all_ways_to_end_a_body_are_read() {
        let chunks =
            format!("5;x=y\r\n{}\r\n{:X}\r\n{}\r\n0\r\nX: y\r\n\r\n", &VALUE[..5], VALUE.len() - 5, &VALUE[5..]);
        let (url, server) = server([
            vec![answer("Transfer-Encoding: chunked\r\n", &chunks), answer("Connection: close\r\n", VALUE)],
            vec![format!("HTTP/1.0 200 OK\r\ncontent-length:{}\r\n\r\n{VALUE}", VALUE.len())],
            vec![format!("HTTP/1.1 100 Continue\r\n\r\n{}", plain())],
        ]);
        let mut client = Client::new(&url, None, None).unwrap();
        for _ in 0..4 {
            assert_eq!(call(&mut client), "yes");
        }
        server.join().unwrap();
    }

    #[test]
    fn what_is_no_answer_is_an_error_of_one_line() {
        let cases = [
            ("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n".to_owned(), "Server requires authentication"),
            ("HTTP/1.1 500 Internal Server Error\r\n\r\n".to_owned(), "answered 500 Internal Server Error"),
            (answer("Content-Length: 99\r\n", "x"), "closed the connection in the middle of an answer"),
            (answer("Content-Length: many\r\n", ""), "sent a malformed Content-Length"),
            (answer("Transfer-Encoding: chunked\r\n", "x\r\n"), "sent a malformed chunk"),
            (answer(&format!("X: {}\r\n", "x".repeat(70_000)), ""), "sent too many headers"),
            ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), "did not answer in HTTP"),
            (
                answer("Content-Length: 5\r\n", "hello"),
                "sent an answer that cannot be read: not well-formed XML (byte 5)",
            ),
            (
                answer(
                    "",
                    "<methodResponse><fault><value><struct><member><name>faultCode</name><value><int>10</int></value></member><member><name>faultString</name><value>BAD_NAME</value></member></struct></value></fault></methodResponse>",
                ),
                "BAD_NAME",
            ),
        ];
        for (answer, message) in cases {
            let (url, server) = server([vec![answer]]);
            let text = call(&mut Client::new(&url, None, None).unwrap());
            assert!(text.ends_with(message) && !text.contains('\n'), "{text}");
            // The one with 70,000 bytes of headers may find the client gone.
            let _ = server.join();
        }
    }

    #[test]
    fn a_server_that_is_not_there_is_named() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let url = format!("http://localhost:{port}");
        assert_eq!(call(&mut Client::new(&url, None, None).unwrap()), format!("{url} refused connection"));
        let directory = tempfile::tempdir().unwrap();
        let url = format!("unix://{}/s.sock", directory.path().display());
        assert_eq!(call(&mut Client::new(&url, None, None).unwrap()), format!("{url} no such file"));
        let error = Client::new("ftp://h", None, None).unwrap_err();
        assert_eq!(error.to_string(), "cannot use the server URL \"ftp://h\": it must begin with http:// or unix://");
    }

    #[test]
    fn a_log_is_read_from_a_unix_socket_as_it_comes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let (read, was_read) = mpsc::channel();
        let server = thread::spawn(move || {
            let mut reader = BufReader::new(listener.accept().unwrap().0);
            assert!(request(&mut reader).starts_with("GET /logtail/cat HTTP/1.1\r\nHost: localhost\r\n"));
            let head = answer("Transfer-Encoding: chunked\r\n", "4\r\none\n\r\n");
            reader.get_mut().write_all(head.as_bytes()).unwrap();
            was_read.recv().unwrap();
            reader.get_mut().write_all(b"4\r\ntwo\n\r\n0\r\n\r\n").unwrap();
        });
        let client = Client::new(&format!("unix://{}", path.display()), None, None).unwrap();
        let mut log = client.get_stream("/logtail/cat").unwrap();
        let mut buffer = [0; 100];
        let count = log.read(&mut buffer).unwrap();
        assert_eq!(&buffer[..count], b"one\n");
        read.send(()).unwrap();
        let mut rest = String::new();
        log.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "two\n");
        server.join().unwrap();
    }
}
