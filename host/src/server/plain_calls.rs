//! Plain calls, answered without hyper, which costs more than a call does: POSTs to `/RPC2` that fit into one buffer and
//! have no header that could mean more. Anything else is hyper's, and so is all that follows it on the connection; the
//! answers are the same, to the byte.

use std::{
    cell::RefCell,
    io::{self, Write as _},
    mem::MaybeUninit,
    ops::Range,
    pin::pin,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use httpdate::HttpDate;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{
    auth::{self, Authentication},
    browser_guard::is_browser_name,
    connection::WatchedStream,
    connection_watch::{ConnectionWatch, Order, Phase},
    context::ConnectionContext,
    rpc2,
};
use crate::{
    config::Credentials,
    xmlrpc::{self, MethodCall},
};

/// Bytes that a request may have, head and body.
const BUFFER: usize = 8 << 10;

/// Headers that a request may have.
const HEADERS: usize = 16;

/// Bytes up to which a body is copied behind its head, to be sent with it in one piece.
const ONE_PIECE: usize = 64 << 10;

/// Bytes of a head, about.
const HEAD: usize = 160;

/// Last second that a `Date` can tell, since the epoch: that of the year 9999.
const LAST_SECOND: u64 = 253_402_300_799;

/// Begin of a request, as far as it has come.
#[derive(Debug, PartialEq, Eq)]
enum Begin {
    /// A part of its head.
    Partial,
    /// A plain call, whose body is there in the buffer, or will be.
    Call(Range<usize>),
    /// Anything else.
    Other,
}

/// Answer plain calls until something else comes, and return what was received of that; `None` where the connection is
/// over.
pub(super) async fn answer(link: &mut WatchedStream, connection: &ConnectionContext) -> Option<Bytes> {
    let (server, watch) = (&*connection.server, &*connection.watch);
    let mut received = Vec::with_capacity(BUFFER);
    loop {
        let body = match begin(&received, connection.socket.credentials.as_ref()) {
            Begin::Call(body) if body.len() <= server.limits.body => body,
            Begin::Partial if received.len() < BUFFER => {
                let count = link.read_buf(&mut received).await.ok()?;
                match (count, received.is_empty()) {
                    (0, true) => return None,
                    (0, false) => return Some(received.into()),
                    _ => continue,
                }
            }
            Begin::Call(_) | Begin::Partial | Begin::Other => return Some(received.into()),
        };
        watch.enter(Phase::Body);
        while received.len() < body.end {
            link.read_buf(&mut received).await.ok()?;
        }
        if server.suspension.is_on() {
            server.suspension.wait().await;
        }
        watch.enter(Phase::Call);
        let end = body.end;
        let call = match xmlrpc::decode_call(&received[body]) {
            Ok(call) if !call.name.is_empty() => call,
            // What is wrong with it is said there.
            _ => return Some(received.into()),
        };
        let body = carry_out(call, &mut received, link, connection).await?;
        if server.suspension.is_on() {
            // What has been done since that began is lost with this process: nobody is to believe that it was done.
            server.suspension.wait().await;
        }
        watch.enter(Phase::Answer);
        let is_last = is_last(watch);
        send(link, body, is_last).await.ok()?;
        watch.note_answer();
        if is_last {
            return None;
        }
        received.drain(..end);
        if !received.is_empty() {
            watch.enter(Phase::Head);
        }
    }
}

/// Carry out a call, and give its answer as XML; `None` where the client has left. What comes meanwhile is received, up
/// to a whole buffer.
async fn carry_out(
    call: MethodCall,
    received: &mut Vec<u8>,
    link: &mut WatchedStream,
    connection: &ConnectionContext,
) -> Option<Bytes> {
    let server = &*connection.server;
    let mut answer = pin!(async {
        let result = server.registry.call(&call.name, call.params).await;
        rpc2::to_xml(server, result).await
    });
    loop {
        tokio::select! {
            biased;
            answer = &mut answer => return Some(answer),
            read = link.read_buf(received), if received.len() < BUFFER => { read.ok()?; }
        }
    }
}

/// Return true where no request is to be answered after the one at hand: the server ends.
fn is_last(watch: &ConnectionWatch) -> bool {
    matches!(watch.order(), Order::Finish | Order::Drain)
}

/// Look at the begin of a request, at a server with these credentials. The rules are hyper's, whose parser this is.
fn begin(received: &[u8], credentials: Option<&Credentials>) -> Begin {
    let mut headers = [const { MaybeUninit::uninit() }; HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let head = match request.parse_with_uninit_headers(received, &mut headers) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return Begin::Partial,
        Err(_) => return Begin::Other,
    };
    if (request.method, request.path, request.version) != (Some("POST"), Some("/RPC2"), Some(1)) {
        return Begin::Other;
    }
    let (mut length, mut authorization) = (None, None);
    for header in &*request.headers {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let is_plain = match header.name.len() {
            4 => is("Host"),
            6 => is("Accept"),
            10 if is("User-Agent") => !is_browser_name(header.value),
            10 => is("Connection") && header.value.eq_ignore_ascii_case(b"keep-alive"),
            12 => is("Content-Type"),
            13 if is("Authorization") => authorization.replace(header.value).is_none(),
            14 if is("Content-Length") => length.replace(header.value).is_none(),
            15 => is("Accept-Encoding"),
            _ => false,
        };
        if !is_plain {
            return Begin::Other;
        }
    }
    let Some(end) = length.and_then(body_length).map(|length| head + length).filter(|end| *end <= BUFFER) else {
        return Begin::Other;
    };
    match auth::check_value(credentials, authorization) {
        Authentication::Granted => Begin::Call(head..end),
        Authentication::Denied | Authentication::Malformed => Begin::Other,
    }
}

/// Read a `Content-Length` of a plain call.
fn body_length(value: &[u8]) -> Option<usize> {
    let is_number = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    str::from_utf8(value).ok().filter(|_| is_number)?.parse().ok()
}

/// Send an answer.
async fn send(link: &mut WatchedStream, body: Bytes, is_last: bool) -> io::Result<()> {
    let mut out = Vec::with_capacity(HEAD + if body.len() <= ONE_PIECE { body.len() } else { 0 });
    out.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\n");
    if is_last {
        out.extend_from_slice(b"Connection: close\r\n");
    }
    write!(out, "Content-Length: {}\r\nDate: ", body.len())?;
    DATE.with_borrow_mut(|date| out.extend_from_slice(date.of(SystemTime::now())));
    out.extend_from_slice(b"\r\n\r\n");
    if body.len() <= ONE_PIECE {
        out.extend_from_slice(&body);
        return link.write_all(&out).await;
    }
    link.write_all(&out).await?;
    link.write_all(&body).await
}

thread_local!(static DATE: RefCell<CachedDate> = RefCell::default());

/// A `Date`, written anew once a second.
#[derive(Default)]
struct CachedDate {
    /// Second since the epoch.
    second: u64,
    text: Vec<u8>,
}

impl CachedDate {
    /// The date of this moment. A clock that has been set to before 1970, or after 9999, shows the end of that time.
    fn of(&mut self, now: SystemTime) -> &[u8] {
        let second = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().min(LAST_SECOND);
        if second != self.second || self.text.is_empty() {
            self.second = second;
            self.text.clear();
            // Writing to a Vec cannot fail.
            let _ = write!(self.text, "{}", HttpDate::from(UNIX_EPOCH + Duration::from_secs(second)));
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(line: &str, headers: &str) -> String {
        format!("{line}\r\nHost: here\r\n{headers}\r\n")
    }

    fn begin_of(request: &str) -> Begin {
        begin(request.as_bytes(), None)
    }

    #[test]
    fn clients_of_supervisor_are_plain() {
        let xmlrpc_client = "Accept-Encoding: gzip\r\nContent-Type: text/xml\r\nUser-Agent: Python-xmlrpc/3.11\r\n\
                             content-length: 7\r\nConnection: Keep-Alive\r\n";
        let head = request("POST /RPC2 HTTP/1.1", xmlrpc_client);
        let (begins, whole) = (head.len(), head.len() + 7);
        for sent in [head.clone(), format!("{head}1234567"), format!("{head}1234567POST")] {
            assert_eq!(begin_of(&sent), Begin::Call(begins..whole));
        }
        for length in 0..head.len() {
            assert_eq!(begin_of(&head[..length]), Begin::Partial, "{:?}", &head[..length]);
        }
    }

    #[test]
    fn what_could_mean_more_is_not() {
        let line = "POST /RPC2 HTTP/1.1";
        for line in ["POST /RPC2 HTTP/1.0", "GET /RPC2 HTTP/1.1", "POST /RPC2/ HTTP/1.1", "PRI * HTTP/2.0", "x"] {
            assert_eq!(begin_of(&request(line, "Content-Length: 0\r\n")), Begin::Other, "{line}");
        }
        for headers in [
            "",
            "Content-Length: 1\r\nContent-Length: 1\r\n",
            "Content-Length: +1\r\n",
            "Content-Length: 1, 1\r\n",
            "Content-Length: \r\n",
            "Content-Length: 99999999999999999999\r\n",
            "Content-Length: 8192\r\n",
            "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 1\r\nExpect: 100-continue\r\n",
            "Content-Length: 1\r\nConnection: close\r\n",
            "Content-Length: 1\r\nOrigin: http://here\r\n",
            "Content-Length: 1\r\nUser-Agent: Mozilla/5.0\r\n",
        ] {
            assert_eq!(begin_of(&request(line, headers)), Begin::Other, "{headers:?}");
        }
    }

    #[test]
    fn credentials_are_asked_for() {
        let expected = Credentials { username: "user".into(), password: "123".into() };
        let begins = |headers: &str| {
            let headers = format!("Content-Length: 0\r\n{headers}");
            begin(request("POST /RPC2 HTTP/1.1", &headers).as_bytes(), Some(&expected)) != Begin::Other
        };
        let granted = "Authorization: Basic dXNlcjoxMjM=\r\n";
        assert!(begins(granted));
        for refused in ["", "Authorization: Basic dXNlcjoxMjQ=\r\n", &granted.repeat(2)] {
            assert!(!begins(refused), "{refused:?}");
        }
    }

    #[test]
    fn a_date_can_be_told_wherever_the_clock_is_set() {
        let mut date = CachedDate::default();
        let mut at = |now: SystemTime| String::from_utf8(date.of(now).to_vec()).unwrap();
        let second = Duration::from_secs(1);
        for _ in 0..2 {
            assert_eq!(at(UNIX_EPOCH + second * 784_111_777), "Sun, 06 Nov 1994 08:49:37 GMT");
            assert_eq!(at(UNIX_EPOCH - second), "Thu, 01 Jan 1970 00:00:00 GMT");
            assert_eq!(at(UNIX_EPOCH + second * u32::MAX * 80), "Fri, 31 Dec 9999 23:59:59 GMT");
        }
        assert_eq!(CachedDate::default().of(UNIX_EPOCH), b"Thu, 01 Jan 1970 00:00:00 GMT");
    }
}
