//! The bare hyper server: what HTTP alone costs. It reads a request and answers the same bytes every time.

use std::{
    convert::Infallible,
    fmt::Write as _,
    fs,
    net::{SocketAddr, TcpListener},
    process::{Child, Command},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};

use super::common::{Sandbox, http, wait_until};

/// Makes this benchmark's binary serve instead of measure; a file with the port and the answer follows.
pub const ARGUMENT: &str = "--serve-bare";

/// Such a server, in a process of its own as supervisord is in one.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    _sandbox: Sandbox,
}

impl Server {
    /// One that answers what ours answered: the same headers and the same body.
    pub fn start(answer: &http::Response) -> Self {
        let sandbox = Sandbox::new();
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        drop(listener);
        let mut text = format!("{}\n", address.port());
        for (name, value) in &answer.headers {
            // hyper writes these itself.
            if !["content-length", "date"].contains(&name.to_lowercase().as_str()) {
                let _ = writeln!(text, "{name}: {value}");
            }
        }
        let file = sandbox.write("answer", format!("{text}\n{}", answer.text()));
        let program = std::env::current_exe().expect("a running program has a path");
        let child = Command::new(program).arg(ARGUMENT).arg(file).spawn().expect("the bare server can be run");
        wait_until("the bare server accepts", || std::net::TcpStream::connect(address).is_ok());
        Self { address, child, _sandbox: sandbox }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is killed.
pub fn serve(file: &str) {
    let text = fs::read_to_string(file).expect("the answer to give");
    let (head, body) = text.split_once("\n\n").expect("a head and a body");
    let (port, headers) = head.split_once('\n').unwrap_or((head, ""));
    let port: u16 = port.parse().expect("a port");
    let mut answer = Response::new(Full::new(Bytes::from(body.to_owned())));
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").expect("a header");
        let name = hyper::header::HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        answer.headers_mut().insert(name, value.parse().expect("a header's value"));
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async move {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let _ = stream.set_nodelay(true);
            let answer = answer.clone();
            let service = service_fn(move |request: Request<Incoming>| {
                let answer = answer.clone();
                async move {
                    // A client that leaves in the middle gets no answer anyway.
                    let _ = request.into_body().collect().await;
                    Ok::<_, Infallible>(answer)
                }
            });
            tokio::spawn(async move {
                let _ = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
}
