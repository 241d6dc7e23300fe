//! The load generator: ready-made request bytes out, answers counted by their `Content-Length`.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::Runtime,
};

/// A whole POST request with that body.
pub fn request(body: &str) -> Vec<u8> {
    let head = "POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\nUser-Agent: compare\r\n";
    format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// What a second of load gave.
pub struct Measured {
    pub per_second: f64,
    pub requests: u32,
    /// The share of the time for which the generator itself had a processor: near 1, it would be the one that is
    /// measured.
    pub busy: f64,
}

/// Sends the request of each of so many connections, each time as soon as the answer is there.
pub fn rate(address: SocketAddr, connections: usize, request: impl Fn(usize) -> Vec<u8>, time: Duration) -> Measured {
    runtime().block_on(async {
        let mut clients = Vec::new();
        for number in 0..connections {
            let (mut client, request) = (Client::open(address).await, request(number));
            client.call(&request).await;
            clients.push((client, request));
        }
        let (start, cpu) = (Instant::now(), cpu_time());
        let deadline = start + time;
        let calls = clients.into_iter().map(|(mut client, request)| {
            tokio::spawn(async move {
                let mut count = 0_u32;
                while Instant::now() < deadline {
                    client.call(&request).await;
                    count += 1;
                }
                count
            })
        });
        let mut count = 0;
        for call in calls.collect::<Vec<_>>() {
            count += call.await.expect("a client does not panic");
        }
        let elapsed = start.elapsed().as_secs_f64();
        let busy = cpu_time().saturating_sub(cpu).as_secs_f64() / elapsed;
        Measured { per_second: f64::from(count) / elapsed, requests: count, busy }
    })
}

/// The median time of several calls.
pub fn milliseconds(calls: usize, mut call: impl FnMut()) -> f64 {
    call();
    let times: Vec<_> = (0..calls)
        .map(|_| {
            let start = Instant::now();
            call();
            start.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    super::table::median(&times)
}

/// One connection, for one call after the other.
pub struct Connection {
    runtime: Runtime,
    client: Client,
}

impl Connection {
    /// Opens one.
    pub fn open(address: SocketAddr) -> Self {
        let runtime = runtime();
        let client = runtime.block_on(Client::open(address));
        Self { runtime, client }
    }

    /// Sends a request and gives the body of the answer.
    pub fn call(&mut self, request: &[u8]) -> &str {
        self.runtime.block_on(self.client.call(request));
        std::str::from_utf8(self.client.body()).expect("XML is UTF-8")
    }
}

struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// The head of the last answer and the length of its body: most answers have the same, and need no second look.
    head: Vec<u8>,
    length: usize,
}

impl Client {
    async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.expect("a connection to the contestant");
        stream.set_nodelay(true).expect("no delay");
        Self { stream, buffer: vec![0; 16 * 1024], filled: 0, head: Vec::new(), length: 0 }
    }

    /// Sends a request and reads its answer, which must be good.
    async fn call(&mut self, request: &[u8]) {
        self.stream.write_all(request).await.expect("the contestant reads");
        self.filled = 0;
        let mut whole = None;
        while whole.is_none_or(|whole| self.filled < whole) {
            if self.filled == self.buffer.len() {
                self.buffer.resize(self.filled * 2, 0);
            }
            let count = self.stream.read(&mut self.buffer[self.filled..]).await.expect("the contestant answers");
            assert!(count > 0, "the contestant closed the connection");
            self.filled += count;
            if whole.is_none() {
                whole = self.whole();
            }
        }
        assert_eq!(whole, Some(self.filled), "more than one answer");
    }

    /// The length of the whole answer, once its head is there.
    fn whole(&mut self) -> Option<usize> {
        let answer = &self.buffer[..self.filled];
        if self.head.is_empty() || !answer.starts_with(&self.head) {
            let (head, length) = framing(answer)?;
            self.head = answer[..head].to_vec();
            self.length = length;
        }
        Some(self.head.len() + self.length)
    }

    fn body(&self) -> &[u8] {
        &self.buffer[self.head.len()..self.filled]
    }
}

/// The lengths of head and body, once the head is there.
fn framing(answer: &[u8]) -> Option<(usize, usize)> {
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&answer[..head]).expect("heads are ASCII");
    assert_eq!(text.get(8..12), Some(" 200"), "{text}");
    let line =
        text.lines().find(|line| line.get(..15).is_some_and(|name| name.eq_ignore_ascii_case("content-length:")));
    Some((head, line.and_then(|line| line[15..].trim().parse().ok()).expect("a Content-Length")))
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// For how long this thread has had a processor.
fn cpu_time() -> Duration {
    scheduled("/proc/thread-self/schedstat")
}

/// For how long the threads of a process have had a processor.
pub fn cpu_time_of(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    threads.map(|thread| scheduled(thread.path().join("schedstat"))).sum()
}

fn scheduled(file: impl AsRef<Path>) -> Duration {
    let text = fs::read_to_string(file).unwrap_or_default();
    Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0))
}
