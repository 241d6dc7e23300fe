//! Signs by which a program is known to be ready or well, as `ready=` and `health=` spell them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::text::{repr::repr, shlex};

/// `ready=`: the sign by which a program is known to be ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ready {
    /// `notify`: the program says `READY=1` to the socket of `NOTIFY_SOCKET`, as systemd's do.
    Notify,
    /// `fd:N`: the program writes a line feed to that descriptor, as those of s6 do.
    Fd(i32),
    /// A probe finds it.
    Probe(Probe),
}

/// Way to ask a program whether it is ready, or well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// `tcp:PORT`: a connection to that port of localhost.
    Tcp(u16),
    /// `http:URL`: a GET that is answered with 2xx.
    Http(HttpUrl),
    /// `exec:COMMAND`: a command that exits with status 0.
    Exec(String),
}

/// URL of plain HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpUrl {
    /// Name or address of the host, an IPv6 address without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Host and port as they were written, for the `Host` header.
    pub authority: String,
    /// Path and query: begins with `/`.
    pub path: String,
}

/// Least and greatest descriptor of `fd:N`: below are stdin, stdout and stderr, and every process may have the rest.
const DESCRIPTORS: std::ops::RangeInclusive<i32> = 3..=255;

impl Ready {
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        let text = value.trim();
        match text.split_once(':') {
            None if text == "notify" => Ok(Self::Notify),
            Some(("fd", number)) => match number.trim().parse() {
                Ok(number) if DESCRIPTORS.contains(&number) => Ok(Self::Fd(number)),
                _ => Err(format!("fd: takes the number of a descriptor from 3 to 255, not {}", repr(number))),
            },
            _ => Probe::parse(text).map(Self::Probe),
        }
    }
}

#[cfg(test)]
impl Ready {
    /// Read what tests know to be right.
    pub(crate) fn from_text(text: &str) -> Self {
        Self::parse(text).unwrap()
    }
}

impl Probe {
    pub(super) fn parse(value: &str) -> Result<Self, String> {
        let text = value.trim();
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        match kind {
            "tcp" => match rest.trim().parse() {
                Ok(port) if port > 0 => Ok(Self::Tcp(port)),
                _ => Err(format!("tcp: takes a port of localhost from 1 to 65535, not {}", repr(rest))),
            },
            // The URL may stand for itself.
            "http" if rest.starts_with("//") => HttpUrl::parse(text).map(Self::Http),
            "http" => HttpUrl::parse(rest.trim()).map(Self::Http),
            "https" => Err(NO_TLS.to_owned()),
            "exec" => match shlex::split(rest) {
                Ok(words) if words.is_empty() => Err("exec: takes a command, and there is none".to_owned()),
                Ok(_) => Ok(Self::Exec(rest.trim().to_owned())),
                Err(error) => Err(format!("can't parse command {}: {error}", repr(rest))),
            },
            "notify" | "fd" => Err(format!("{kind} says when a program is ready, not whether it goes on being well")),
            _ => Err(format!("not a probe: {}", repr(value))),
        }
    }
}

const NO_TLS: &str = "a probe speaks plain HTTP, not https";

impl HttpUrl {
    fn parse(url: &str) -> Result<Self, String> {
        let wrong = |why: &str| format!("{why} in the URL {}", repr(url));
        if url.starts_with("https:") {
            return Err(NO_TLS.to_owned());
        }
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(format!("not a URL that begins with http://: {}", repr(url)));
        };
        if rest.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(wrong("there are characters that must be written as %XX"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(wrong("there is a user name, which a probe does not send,"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']').ok_or_else(|| wrong("a ']' is missing"))?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        if host.is_empty() {
            return Err(wrong("the host is missing"));
        }
        let port = match port.strip_prefix(':') {
            None if port.is_empty() => 80,
            Some("") => 80,
            port => port
                .and_then(|port| port.parse().ok())
                .filter(|port| *port > 0)
                .ok_or_else(|| wrong("the port is not a number from 1 to 65535"))?,
        };
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self { host: host.to_owned(), port, authority: authority.to_owned(), path: format!("{slash}{path}") })
    }
}

impl fmt::Display for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Notify => f.write_str("notify"),
            Self::Fd(number) => write!(f, "fd:{number}"),
            Self::Probe(probe) => probe.fmt(f),
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(port) => write!(f, "tcp:{port}"),
            Self::Http(url) => write!(f, "http://{}{}", url.authority, url.path),
            Self::Exec(command) => write!(f, "exec:{command}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_shown_as_it_can_be_read_again() {
        for (text, shown) in [
            ("notify", "notify"),
            (" fd:3 ", "fd:3"),
            ("tcp:8080", "tcp:8080"),
            ("http:http://localhost:8080/up?a=1#b", "http://localhost:8080/up?a=1"),
            ("http://[::1]", "http://[::1]/"),
            ("http://web?x", "http://web/?x"),
            ("exec: /bin/test -e 'a b'", "exec:/bin/test -e 'a b'"),
        ] {
            let ready = Ready::parse(text).unwrap();
            assert_eq!(ready.to_string(), shown);
            assert_eq!(Ready::parse(shown), Ok(ready));
        }
        let Ok(Probe::Http(url)) = Probe::parse("http://[::1]:81") else { panic!("a URL") };
        assert_eq!(
            (url.host.as_str(), url.port, url.authority.as_str(), url.path.as_str()),
            ("::1", 81, "[::1]:81", "/")
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, error) in [
            ("", "not a probe: ''"),
            ("Notify", "not a probe: 'Notify'"),
            ("fd:2", "fd: takes the number of a descriptor from 3 to 255, not '2'"),
            ("fd:", "fd: takes the number of a descriptor from 3 to 255, not ''"),
            ("tcp:0", "tcp: takes a port of localhost from 1 to 65535, not '0'"),
            ("tcp:host:80", "tcp: takes a port of localhost from 1 to 65535, not 'host:80'"),
            ("https://a/", NO_TLS),
            ("http:https://a/", NO_TLS),
            ("http:8080", "not a URL that begins with http://: '8080'"),
            ("http:///x", "the host is missing in the URL 'http:///x'"),
            ("http://a:b", "the port is not a number from 1 to 65535 in the URL 'http://a:b'"),
            ("http://[::1]80", "the port is not a number from 1 to 65535 in the URL 'http://[::1]80'"),
            ("http://[::1", "a ']' is missing in the URL 'http://[::1'"),
            ("http://u:p@a/", "there is a user name, which a probe does not send, in the URL 'http://u:p@a/'"),
            ("http://a/b c", "there are characters that must be written as %XX in the URL 'http://a/b c'"),
            ("exec: ", "exec: takes a command, and there is none"),
            ("exec:a 'b", "can't parse command \"a 'b\": No closing quotation"),
        ] {
            assert_eq!(Ready::parse(text), Err(error.to_owned()), "{text}");
        }
        assert!(Probe::parse("notify").unwrap_err().starts_with("notify says when a program is ready"));
        assert!(Probe::parse("fd:3").unwrap_err().starts_with("fd says when a program is ready"));
    }
}
