//! Bytes of whatever client, served as those of a connection are.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    runtime::{Builder, Runtime},
};

pub use super::web::fuzzing::{forms, page_calls};
use super::{
    auth::{self, Authentication},
    connection::ClientStream,
    context::{ServerContext, SocketContext},
    event_source::EventSource,
    limits::Limits,
    serve,
};
use crate::{
    config::{Credentials, HttpServer, ServerAddress},
    logger::{Level, Logger},
    rpc::Registry,
};

/// Time in which a connection is over whose client has said all.
const LONGEST: Duration = Duration::from_secs(10);

/// Servers of one thread: without a password over a unix socket, and with one over TCP.
struct Servers {
    runtime: Runtime,
    context: Arc<ServerContext>,
    sockets: [Arc<SocketContext>; 2],
}

impl Servers {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let registry = Registry::of(Vec::new());
        registry.run_on(runtime.handle());
        let logger = Logger::new(Level::Critical, |_| {});
        let (log_files, events) = (Arc::new(|_: &_| None), EventSource::default());
        let context =
            serve::server_context(registry, log_files, None, events, logger, Limits::default(), Arc::default());
        let context = Arc::new(context);
        let unix = ServerAddress::Unix { file: "/fuzz/s.sock".into(), chmod: 0o700, uid: None, gid: None };
        let inet = ServerAddress::Inet { host: String::new(), port: 9001, addresses: vec![], allowed_hosts: vec![] };
        let credentials = Some(Credentials { username: "user".into(), password: "123".into() });
        let socket = |address, credentials, any_path| {
            let config = HttpServer { section: "fuzz".into(), address, credentials, metrics: true };
            Arc::new(serve::socket_context(config, any_path, &context.limits))
        };
        let sockets = [socket(unix, None, true), socket(inet, credentials, false)];
        Self { runtime, context, sockets }
    }

    /// Read all that a server answers to these bytes, but for the dates, until it has closed the connection.
    fn answer(&self, socket: &Arc<SocketContext>, pieces: &[&[u8]]) -> Vec<u8> {
        self.runtime.block_on(async {
            let (ours, mut client) = UnixStream::pair().expect("a pair of sockets can be made");
            let place = socket.connections.admit().unwrap_or_else(|_| panic!("the one before is over"));
            let server = serve::connection(&self.context, socket, ClientStream::Unix(ours), place);
            let asks = async {
                for piece in pieces {
                    // One that has been sent away may go on.
                    if client.write_all(piece).await.is_err() {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                let _ = client.shutdown().await;
                let mut answer = Vec::new();
                let _ = client.read_to_end(&mut answer).await;
                answer
            };
            let both = async { tokio::join!(server, asks) };
            let ((), answer) = tokio::time::timeout(LONGEST, both).await.expect("a connection comes to its end");
            without_dates(&answer)
        })
    }
}

fn without_dates(answer: &[u8]) -> Vec<u8> {
    let lines = answer.split_inclusive(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"Date: "));
    lines.flatten().copied().collect()
}

/// Serve bytes, at once and in pieces, and read all that is answered. The first byte is the length of the pieces, and
/// tells which of two servers is asked.
pub fn http(data: &[u8]) {
    thread_local!(static SERVERS: Servers = Servers::new());
    let Some((first, bytes)) = data.split_first() else { return };
    let size = usize::from(*first >> 1) + 1;
    SERVERS.with(|servers| {
        let socket = &servers.sockets[usize::from(*first & 1)];
        let whole = servers.answer(socket, &[bytes]);
        assert!(whole.is_empty() || whole.starts_with(b"HTTP/1."), "an answer is HTTP");
        let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
        let cut = servers.answer(socket, &pieces);
        // A head that is none may be refused with or without words: hyper does not look at each piece of one, and knows
        // the beginning of HTTP/2 if it comes at once. And it closes a connection after the answer to a request whose
        // body nobody has read, unless that is there already: what follows is answered then, or not.
        let (long, short) = if whole.len() < cut.len() { (&cut, &whole) } else { (&whole, &cut) };
        let more = long.strip_prefix(&short[..]).unwrap_or_else(|| {
            let [whole, cut] = [&whole, &cut].map(|answer| String::from_utf8_lossy(answer));
            panic!("a request in pieces is the same request: {whole:?}, {cut:?}")
        });
        let starts_with_any = |answer: &[u8], starts: &[&[u8]]| starts.iter().any(|start| answer.starts_with(start));
        let is_refused = starts_with_any(more, &[b"HTTP/1.1 400 ", b"HTTP/1.0 400 "]);
        let is_next = !short.is_empty() && starts_with_any(more, &[b"HTTP/1.1 ", b"HTTP/1.0 "]);
        assert!(more.is_empty() || is_refused || is_next, "{:?}", String::from_utf8_lossy(more));
    });
}

/// Check bytes as the `Authorization` of a request: who does not know both words does not come in, and who does, does.
/// The bytes up to the first line feed are the user's name, those after it the password.
pub fn auth(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (username, password) = text.split_once('\n').unwrap_or((&text, ""));
    let expected = Credentials { username: username.into(), password: password.into() };
    let check = |header: &[u8]| {
        let header = HeaderValue::from_bytes(header).ok()?;
        Some(auth::check(Some(&expected), &HeaderMap::from_iter([(AUTHORIZATION, header)])))
    };
    let encoded = STANDARD.encode(format!("{username}:{password}"));
    if !username.contains(':') && !password.starts_with("{SHA}") {
        assert_eq!(check(format!("bAsIc {encoded}").as_bytes()), Some(Authentication::Granted));
    }
    for header in [data, &[b"Basic ", data].concat()] {
        if check(header) == Some(Authentication::Granted) {
            let sent = header.rsplit(|byte| *byte == b' ').find(|word| !word.is_empty()).unwrap_or_default();
            let decoded = STANDARD.decode(sent.trim_ascii()).expect("what is let in was base64");
            assert_eq!(decoded, format!("{username}:{password}").as_bytes(), "only who knows both comes in");
        }
    }
}
