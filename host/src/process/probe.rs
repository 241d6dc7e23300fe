//! Probes over the network: a connection, or a GET. They end by themselves only where the other side ends them: whoever
//! asks has a deadline.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, ToSocketAddrs as _},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Handle,
};

use super::notice::printable;
use crate::{
    blocking::{NoThread, spawn_blocking},
    config::HttpUrl,
};

/// Longest beginning of an answer that is looked at: its status line, and more.
const MAX_STATUS_LINE: usize = 1024;

/// Reason why a probe has not found what it looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// The program does not answer as it should, for this reason.
    Failed(String),
    /// The probe could not be made, through no fault of the program. That says nothing of it.
    Hindered(String),
}

impl From<io::Error> for Unmet {
    fn from(error: io::Error) -> Self {
        let is_ours = matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM));
        if is_ours { Self::Hindered(error.to_string()) } else { Self::Failed(error.to_string()) }
    }
}

impl<F> From<NoThread<F>> for Unmet {
    fn from(NoThread { error, .. }: NoThread<F>) -> Self {
        Self::Hindered(format!("no thread could be had for it: {error}"))
    }
}

/// Connect to a port of localhost.
pub async fn tcp(port: u16) -> Result<(), Unmet> {
    connect("localhost", port).await.map(drop)
}

/// Ask for a URL, and take any status of 2xx.
pub async fn http(url: &HttpUrl) -> Result<(), Unmet> {
    let mut stream = connect(&url.host, url.port).await?;
    let HttpUrl { authority, path, .. } = url;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: supervisord\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(MAX_STATUS_LINE);
    loop {
        if let Some(result) = judge(&answer) {
            return result.map_err(Unmet::Failed);
        }
        let mut part = [0; 512];
        match stream.read(&mut part).await? {
            0 => return Err(Unmet::Failed("the connection ended before a status had come".to_owned())),
            length => answer.extend_from_slice(&part[..length]),
        }
    }
}

/// Judge an answer by its beginning. `None` where its status line has not come yet.
pub fn judge(answer: &[u8]) -> Option<Result<(), String>> {
    let head = &answer[..answer.len().min(MAX_STATUS_LINE)];
    let end = head.iter().position(|byte| *byte == b'\n');
    if end.is_none() && head.len() < MAX_STATUS_LINE {
        return None;
    }
    let line = &head[..end.unwrap_or(head.len())];
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let status = line.strip_prefix(b"HTTP/1.").and_then(|rest| match rest {
        [b'0' | b'1', b' ', status @ ..] => Some(status),
        _ => None,
    });
    Some(match status.filter(|_| end.is_some()) {
        Some([first @ b'1'..=b'9', b, c, rest @ ..])
            if b.is_ascii_digit() && c.is_ascii_digit() && matches!(rest, [] | [b' ', ..]) =>
        {
            let status = printable(status.unwrap_or_default());
            if *first == b'2' { Ok(()) } else { Err(format!("status {status}")) }
        }
        _ => Err(format!("not an answer of HTTP: {}", printable(&line[..line.len().min(40)]))),
    })
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, Unmet> {
    // No name server is asked for this one, and a server may listen on either.
    let addresses: Vec<IpAddr> = if host == "localhost" {
        vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
    } else if let Ok(address) = host.parse() {
        vec![address]
    } else {
        let named = (host.to_owned(), port);
        let found = spawn_blocking(&Handle::current(), move || named.to_socket_addrs())?.await;
        found.map_err(|error| Unmet::Hindered(error.to_string()))??.map(|address| address.ip()).collect()
    };
    let mut first = None;
    for address in addresses {
        match TcpStream::connect((address, port)).await {
            Ok(stream) => return Ok(stream),
            // Of localhost the first says it best: there may be no IPv6.
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.map_or_else(|| Unmet::Failed(format!("{host} has no address")), Unmet::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_judged_by_its_status_alone() {
        for good in ["HTTP/1.1 200 OK\r\n", "HTTP/1.0 204\n", "HTTP/1.1 299 \r\nX: y\r\n\r\nbody"] {
            assert_eq!(judge(good.as_bytes()), Some(Ok(())), "{good:?}");
        }
        for unfinished in ["", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r"] {
            assert_eq!(judge(unfinished.as_bytes()), None, "{unfinished:?}");
        }
        for (bad, error) in [
            ("HTTP/1.1 503 Service Unavailable\r\n", "status 503 Service Unavailable"),
            ("HTTP/1.1 302 Found\r\n", "status 302 Found"),
            ("HTTP/1.1 2000 OK\n", "not an answer of HTTP: HTTP/1.1 2000 OK"),
            ("HTTP/2 200\n", "not an answer of HTTP: HTTP/2 200"),
            ("SSH-2.0-x\x07\r\n", "not an answer of HTTP: SSH-2.0-x"),
            ("\n", "not an answer of HTTP: "),
        ] {
            assert_eq!(judge(bad.as_bytes()), Some(Err(error.to_owned())), "{bad:?}");
        }
        assert!(judge(&[b'x'; MAX_STATUS_LINE]).is_some_and(|result| result.is_err()));
    }
}
