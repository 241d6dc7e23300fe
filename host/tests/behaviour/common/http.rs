//! HTTP as bytes, for what no proper client would send.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
};

use super::PATIENCE;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    pub status: u16,
    pub reason: String,
    /// As they came, in order.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of a header, whatever the case of its name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// A connection on which requests are written as bytes and answers are read as they come.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
}

impl Connection {
    /// To a server on this machine.
    #[track_caller]
    pub fn open(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection to the server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        stream.set_nodelay(true).expect("no delay");
        Self { stream: BufReader::new(stream) }
    }

    /// Writes bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        // A server that has closed already is judged by what it answered.
        let _ = self.stream.get_mut().write_all(bytes.as_ref());
    }

    /// Reads one answer; nothing where the server has closed the connection.
    pub fn receive(&mut self) -> Option<Response> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let mut words = line.trim_end().splitn(3, ' ').skip(1);
        let status = words.next()?.parse().ok()?;
        let reason = words.next().unwrap_or_default().to_owned();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        let mut response = Response { status, reason, headers, body: Vec::new() };
        match response.header("Content-Length").map(|length| length.parse().expect("a length")) {
            Some(length) => {
                response.body = vec![0; length];
                self.stream.read_exact(&mut response.body).ok()?;
            }
            None => drop(self.stream.read_to_end(&mut response.body)),
        }
        Some(response)
    }
}

/// Posts a body and gives the answer.
#[track_caller]
pub fn post(port: u16, path: &str, body: impl AsRef<[u8]>) -> Response {
    let body = body.as_ref();
    let mut connection = Connection::open(port);
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    connection.send([head.as_bytes(), body].concat());
    connection.receive().expect("an answer")
}

/// A method call as XML, with strings as parameters.
pub fn call(method: &str, params: &[&str]) -> String {
    let param = |text: &&str| ["<param><value><string>", text, "</string></value></param>"].concat();
    let params: String = params.iter().map(param).collect();
    format!("<?xml version='1.0'?><methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>")
}
