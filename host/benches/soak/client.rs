//! Client of one connection, which it opens anew where an upgrade has closed it.

use std::{
    io::{self, Read, Write as _},
    net::TcpStream,
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use super::{common::PATIENCE, run::Run};

/// Client.
#[derive(Debug)]
pub struct Client<'a> {
    run: &'a Run,
    port: u16,
    stream: Option<TcpStream>,
    received: Vec<u8>,
}

/// Answer to a call.
#[derive(Debug)]
pub struct Answer {
    pub text: String,
    /// The call was sent more than once, and may have been done more than once.
    pub is_repeated: bool,
}

impl<'a> Client<'a> {
    pub fn new(run: &'a Run, port: u16) -> Self {
        Self { run, port, stream: None, received: Vec::new() }
    }

    /// Call a method, as often as it takes. Nobody who answers for half a minute is a breach, and no answer.
    pub fn call(&mut self, body: &str) -> Option<Answer> {
        let (begin, mut is_repeated) = (Instant::now(), false);
        loop {
            match self.try_call(body) {
                Ok(text) => {
                    self.run.requests.fetch_add(1, Relaxed);
                    return Some(Answer { text, is_repeated });
                }
                Err(error) if begin.elapsed() > PATIENCE => {
                    self.run.broken(format_args!("no answer for {PATIENCE:?}: {error}"));
                    return None;
                }
                Err(_) => {
                    self.stream = None;
                    self.run.again.fetch_add(1, Relaxed);
                    is_repeated = true;
                    thread::sleep(Duration::from_millis(1));
                }
            }
        }
    }

    fn try_call(&mut self, body: &str) -> io::Result<String> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect(("127.0.0.1", self.port))?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                none.insert(stream)
            }
        };
        let head = "POST /RPC2 HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml\r\n";
        stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes())?;
        self.received.clear();
        let mut whole = None;
        while whole.is_none_or(|(_, end)| self.received.len() < end) {
            let mut buffer = [0; 16 * 1024];
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.received.extend_from_slice(&buffer[..count]);
            if whole.is_none() {
                whole = framing(&self.received)?;
            }
        }
        let (begin, end) = whole.expect("the loop ends with it");
        String::from_utf8(self.received[begin..end].to_vec()).map_err(io::Error::other)
    }
}

/// Begin and end of the body, once the head is there.
fn framing(received: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(head) = received.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(&received[..head]).to_ascii_lowercase();
    if !text.starts_with("http/1.1 200") {
        return Err(io::Error::other(text));
    }
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok());
    let length = length.ok_or_else(|| io::Error::other("no length"))?;
    Ok(Some((head + 4, head + 4 + length)))
}
