//! A server of its own for each test, with a few methods to call, and a client that hides nothing.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use plugin_api::{Fault, Value, block_on, namespace, rpc_interface};
use supervisor_host::{
    config::{Credentials, HttpServer, ServerAddress},
    events::Bus,
    logger::{Level, Logger},
    rpc::{Origin, Registry},
    server::{EventSource, Handle, Limits, Listeners, LogName},
    xmlrpc::{decode_response, encode_call},
};
use tempfile::TempDir;

/// How long a client waits for bytes before it says that there are none.
const TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    pub(crate) registry: Arc<Registry>,
    pub(crate) bus: Bus,
    pub(crate) events: Arc<Events>,
    port: u16,
    socket: PathBuf,
    handle: Option<Arc<Handle>>,
    directory: TempDir,
}

/// What happened inside the methods.
#[derive(Default)]
pub(crate) struct Events {
    pub(crate) waiting: AtomicUsize,
    pub(crate) dropped: AtomicUsize,
}

/// The methods that the tests call.
pub(crate) struct Toolbox(Arc<Events>);

#[rpc_interface]
impl Toolbox {
    /// Give back what was given.
    #[rpc(nonblocking)]
    pub fn echo(&self, value: Value) -> Value {
        value
    }

    /// Add.
    ///
    /// # Returns
    /// The sum.
    pub fn add(
        &self,
        /// One summand.
        a: i32,
        /// The other.
        b: Option<i32>,
    ) -> i32 {
        a + b.unwrap_or(0)
    }

    #[rpc(nonblocking)]
    pub fn refuse(&self) -> Result<(), Fault> {
        Err(Fault::bad_name_with("cat"))
    }

    pub fn hang(&self) {
        self.0.waiting.fetch_add(1, SeqCst);
        loop {
            thread::park();
        }
    }

    pub async fn wait(&self) {
        struct Guard(Arc<Events>);
        impl Drop for Guard {
            fn drop(&mut self) {
                self.0.dropped.fetch_add(1, SeqCst);
            }
        }
        let _guard = Guard(self.0.clone());
        self.0.waiting.fetch_add(1, SeqCst);
        std::future::pending::<()>().await;
    }

    pub async fn spin(&self) {
        self.0.waiting.fetch_add(1, SeqCst);
        loop {
            thread::park_timeout(Duration::from_mins(1));
        }
    }

    pub async fn later(&self, value: Value) -> Value {
        self.0.waiting.fetch_add(1, SeqCst);
        let mut woken = false;
        std::future::poll_fn(|cx| {
            if std::mem::replace(&mut woken, true) {
                return std::task::Poll::Ready(());
            }
            let waker = cx.waker().clone();
            thread::spawn(move || {
                thread::sleep(Duration::from_millis(20));
                waker.wake();
            });
            std::task::Poll::Pending
        })
        .await;
        value
    }

    #[rpc(name = "_event")]
    pub fn private(&self) -> i32 {
        1
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(None, Limits::default())
    }

    pub(crate) fn with(credentials: Option<(&str, &str)>, limits: Limits) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("s.sock");
        let credentials = credentials
            .map(|(username, password)| Credentials { username: username.into(), password: password.into() });
        let unix = HttpServer {
            section: "unix_http_server".into(),
            address: ServerAddress::Unix { file: socket.clone(), chmod: 0o700, uid: None, gid: None },
            credentials: credentials.clone(),
            metrics: false,
        };
        let events = Arc::new(Events::default());
        let namespaces = vec![
            ("host".to_owned(), namespace(Arc::new(Toolbox(events.clone()))), Origin::Host),
            ("plugin".to_owned(), namespace(Arc::new(Toolbox(events.clone()))), Origin::Plugin),
            ("other".to_owned(), namespace(Arc::new(Toolbox(events.clone()))), Origin::Plugin),
        ];
        let registry = Registry::of(namespaces);
        let (listeners, port) = loop {
            let port = free_port();
            let inet = HttpServer {
                section: "inet_http_server".into(),
                address: ServerAddress::Inet {
                    host: "127.0.0.1".into(),
                    port,
                    addresses: vec![SocketAddr::from(([127, 0, 0, 1], port))],
                    allowed_hosts: vec!["sup.example".into()],
                },
                credentials: credentials.clone(),
                metrics: false,
            };
            if let Ok(listeners) = Listeners::bind(&[inet, unix.clone()]) {
                break (listeners, port);
            }
        };
        let main_log = directory.path().join("main.log");
        let cat_log = directory.path().join("cat.log");
        let looking = events.clone();
        let log_files = Arc::new(move |log: &LogName| match log {
            LogName::Main => Some(main_log.clone()),
            // A disk that does not answer.
            LogName::Process { namespec, .. } if namespec == "stuck" => {
                looking.waiting.fetch_add(1, SeqCst);
                loop {
                    thread::park();
                }
            }
            LogName::Process { namespec, channel } => {
                (namespec == "cat" && channel == "stdout").then(|| cat_log.clone())
            }
        });
        let logger = Logger::new(Level::Critical, |_| {});
        let bus = Bus::new();
        let source = EventSource { bus: bus.clone(), plugin_types: Vec::new() };
        let handle = listeners.prepare(registry.clone(), log_files, None, source, logger, limits).unwrap().serve();
        Self { registry, bus, events, port, socket, handle: Some(handle), directory }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(TcpStream::connect(("127.0.0.1", self.port)).unwrap())
    }

    pub(crate) fn connect_unix(&self) -> Client {
        Client::new(UnixStream::connect(&self.socket).unwrap())
    }

    /// The status of the answer to these bytes on a connection of their own.
    pub(crate) fn status(&self, request: impl AsRef<[u8]>) -> u16 {
        self.connect().ask(request).status
    }

    pub(crate) fn call(&self, method: &str, params: &[Value]) -> Result<Value, Fault> {
        self.connect().call(method, params)
    }

    pub(crate) fn stop(&mut self) -> Duration {
        let start = Instant::now();
        self.handle.take().unwrap().stop();
        start.elapsed()
    }

    /// A file of the server's: `main.log`, and `cat.log` of the process `cat`.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn socket_exists(&self) -> bool {
        self.socket.exists()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

trait Socket: Read + Write + Send {
    fn shut(&self);
    fn set_timeout(&self, time: Duration);
}

impl Socket for TcpStream {
    fn shut(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
    fn set_timeout(&self, time: Duration) {
        self.set_read_timeout(Some(time)).unwrap();
    }
}

impl Socket for UnixStream {
    fn shut(&self) {
        self.shutdown(Shutdown::Write).unwrap();
    }
    fn set_timeout(&self, time: Duration) {
        self.set_read_timeout(Some(time)).unwrap();
    }
}

pub(crate) struct Client {
    socket: Box<dyn Socket>,
    /// Received and not yet part of an answer.
    buffer: Vec<u8>,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Response {
    pub(crate) fn value(&self) -> Result<Value, Fault> {
        assert_eq!(self.status, 200, "{self:?}");
        decode_response(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

impl Client {
    fn new(socket: impl Socket + 'static) -> Self {
        socket.set_timeout(TIMEOUT);
        Self { socket: Box::new(socket), buffer: Vec::new() }
    }

    /// Sends bytes; a server that has closed already is no error, since the answer tells more.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.socket.write_all(bytes.as_ref());
        self
    }

    /// Says that nothing more will be sent.
    pub(crate) fn half_close(&mut self) -> &mut Self {
        self.socket.shut();
        self
    }

    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Response {
        self.send(request).receive().expect("an answer before the connection is closed")
    }

    pub(crate) fn call(&mut self, method: &str, params: &[Value]) -> Result<Value, Fault> {
        self.ask(call(method, params)).value()
    }

    /// Whether anything has come that was not received yet, or the connection was closed.
    pub(crate) fn has_answer(&mut self) -> bool {
        let mut bytes = [0; 16384];
        self.socket.set_timeout(Duration::from_millis(1));
        let read = self.socket.read(&mut bytes);
        self.socket.set_timeout(TIMEOUT);
        match read {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => false,
            Err(_) => true,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
        }
    }

    fn more(&mut self) -> bool {
        let mut bytes = [0; 16384];
        match self.socket.read(&mut bytes) {
            Ok(0) => false,
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                true
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing came: {error}; so far {:?}", String::from_utf8_lossy(&self.buffer)),
        }
    }

    /// The next answer without its body; `None` if the connection is closed instead.
    pub(crate) fn receive_head(&mut self) -> Option<Response> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            if !self.more() {
                assert!(self.buffer.is_empty(), "half an answer: {:?}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Some(Response { status, head, body: Vec::new() })
    }

    /// The next answer; `None` if the connection is closed instead.
    pub(crate) fn receive(&mut self) -> Option<Response> {
        let mut response = self.receive_head()?;
        let length = response.header("Content-Length").or(response.header("content-length"));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        while self.buffer.len() < length {
            assert!(self.more(), "a whole body");
        }
        response.body = self.buffer.drain(..length).collect();
        Some(response)
    }

    /// Reads on until this text has come.
    pub(crate) fn read_until(&mut self, text: &str) -> String {
        loop {
            let so_far = String::from_utf8_lossy(&self.buffer).into_owned();
            if so_far.contains(text) {
                return so_far;
            }
            assert!(self.more(), "the connection ended after {so_far:?}");
        }
    }

    /// All that still comes before the connection is closed.
    pub(crate) fn read_to_end(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.buffer)
    }

    /// Whether the server would still take more: asked with a byte, which a server that has closed refuses.
    pub(crate) fn is_served(&mut self) -> bool {
        self.socket.write_all(b"\n").is_ok()
    }

    /// Whether the server closes the connection without another answer.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.receive().is_none()
    }

    /// Whether nothing comes for this long.
    pub(crate) fn is_silent(&mut self, time: Duration) -> bool {
        self.socket.set_timeout(time);
        let silent = matches!(
            self.socket.read(&mut [0]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
        );
        self.socket.set_timeout(TIMEOUT);
        silent
    }
}

/// A request with this body, whole.
pub(crate) fn post(path: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n{headers}\r\n",
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}

pub(crate) fn call_body(method: &str, params: &[Value]) -> Vec<u8> {
    let mut body = Vec::new();
    encode_call(method, params, &mut body).unwrap();
    body
}

/// A call, whole.
pub(crate) fn call(method: &str, params: &[Value]) -> Vec<u8> {
    post("/RPC2", "", &call_body(method, params))
}

/// `host.echo` of `1`.
pub(crate) fn echo() -> Vec<u8> {
    call("host.echo", &[Value::Int(1)])
}

/// Waits until it is so.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + TIMEOUT;
    while !condition() {
        assert!(Instant::now() < end, "never: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A call without HTTP.
pub(crate) fn directly(server: &Server, method: &str, params: Vec<Value>) -> Result<Value, Fault> {
    block_on(server.registry.call(method, params.into()))
}
