//! The URL of an engine.

use std::{fmt, path::PathBuf};

use percent_encoding::percent_decode_str;
use plugin_api::Secret;

/// The schemes that there are, for people.
const KNOWN: &str = "redis://, valkey://, rediss://, valkeys://, unix://, redis-cluster:// and redis-sentinel://";

/// Port of an engine, where the URL has none.
const PORT: u16 = 6379;

/// Port of a sentinel, where the URL has none.
const SENTINEL_PORT: u16 = 26379;

/// An engine, and who asks to be let in.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    /// The scheme, which is the name of the store.
    pub(crate) scheme: &'static str,
    /// The place where it is.
    pub(crate) target: Target,
    /// Number of the database.
    pub(crate) database: i64,
    /// The name of the user.
    pub(crate) username: Option<String>,
    /// The user's password.
    pub(crate) password: Option<Secret>,
}

/// The place where an engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// One node, with TLS or without.
    Node { node: Node, tls: bool },
    /// One node of this machine.
    Unix(PathBuf),
    /// A cluster, by some of its nodes.
    Cluster(Vec<Node>),
    /// The primary that sentinels know by a name.
    Sentinel { sentinels: Vec<Node>, primary: String },
}

/// Host and port of a process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Node {
    pub(crate) host: String,
    pub(crate) port: u16,
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// An address without credentials, for people.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |nodes: &[Node]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        write!(f, "{}://", self.scheme)?;
        match &self.target {
            Target::Node { node, .. } => write!(f, "{node}")?,
            Target::Unix(path) => write!(f, "{}", path.display())?,
            Target::Cluster(nodes) => f.write_str(&list(nodes))?,
            Target::Sentinel { sentinels, primary } => write!(f, "{}/{primary}", list(sentinels))?,
        }
        match (&self.target, self.database) {
            (_, 0) => Ok(()),
            (Target::Unix(_), database) => write!(f, "?db={database}"),
            (_, database) => write!(f, "/{database}"),
        }
    }
}

impl Address {
    /// Read a URL.
    ///
    /// # Errors
    ///
    /// A text that says what is wrong with it, without what may be a password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let Some((scheme, rest)) = url.split_once("://") else {
            // What is meant to be a URL may have a password in it.
            let shown = if url.contains('@') { "the text" } else { &format!("'{url}'") };
            return Err(format!("{shown} is none; known are 'memory', 'file', and URLs that begin with {KNOWN}"));
        };
        let scheme = ["redis", "valkey", "rediss", "valkeys", "unix", "redis-cluster", "redis-sentinel"]
            .into_iter()
            .find(|known| *known == scheme)
            .ok_or_else(|| format!("'{scheme}://' is not known; known are {KNOWN}"))?;
        let (userinfo, rest) = match rest.rsplit_once('@') {
            Some((userinfo, rest)) if !userinfo.contains('/') => (Some(userinfo), rest),
            // The path of a socket may have one.
            Some(_) if scheme == "unix" => match rest.split_once('@') {
                Some((userinfo, rest)) if !userinfo.contains('/') => (Some(userinfo), rest),
                _ => (None, rest),
            },
            Some(_) => return Err("in a user's name and a password write '/' as %2F and '@' as %40".to_owned()),
            None => (None, rest),
        };
        let (username, password) = credentials(userinfo)?;
        let (place, path) = rest.split_once('/').map_or((rest, None), |(place, path)| (place, Some(path)));
        let (target, database) = match scheme {
            "unix" => unix(place, path)?,
            "redis-cluster" => match path {
                None | Some("" | "0") => (Target::Cluster(nodes(place, PORT)?), 0),
                Some(other) => return Err(format!("a cluster has one database, and its URL no path '/{other}'")),
            },
            "redis-sentinel" => {
                let (primary, number) = path.unwrap_or("").split_once('/').unwrap_or((path.unwrap_or(""), ""));
                if primary.is_empty() {
                    let like = "write redis-sentinel://host1,host2/mymaster";
                    return Err(format!("the name of the primary is missing after the sentinels; {like}"));
                }
                let primary = decoded(primary)?;
                (Target::Sentinel { sentinels: nodes(place, SENTINEL_PORT)?, primary }, database(number)?)
            }
            _ => {
                let mut nodes = nodes(place, PORT)?;
                if nodes.len() > 1 {
                    return Err(format!("'{scheme}://' is for one host; several are for redis-cluster://"));
                }
                let node = nodes.swap_remove(0);
                (Target::Node { node, tls: scheme.ends_with('s') && scheme != "redis" }, database(path.unwrap_or(""))?)
            }
        };
        Ok(Self { scheme, target, database, username, password })
    }

    /// Return true if connections are encrypted.
    pub(crate) fn tls(&self) -> bool {
        matches!(self.target, Target::Node { tls: true, .. })
    }
}

fn credentials(userinfo: Option<&str>) -> Result<(Option<String>, Option<Secret>), String> {
    let Some(userinfo) = userinfo else { return Ok((None, None)) };
    let (username, password) =
        userinfo.split_once(':').map_or((userinfo, None), |(username, password)| (username, Some(password)));
    let username = if username.is_empty() { None } else { Some(decoded(username)?) };
    let password = password.map(|password| decoded(password).map(Secret::new)).transpose();
    Ok((username, password.map_err(|_| "the password is no text when its percent signs are decoded".to_owned())?))
}

fn decoded(text: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded.map(String::from).map_err(|_| format!("'{text}' is no text when its percent signs are decoded"))
}

fn unix(place: &str, path: Option<&str>) -> Result<(Target, i64), String> {
    let Some(path) = path.filter(|path| place.is_empty() && !path.is_empty()) else {
        return Err("the path of a socket is missing; write unix:///path/to/socket".to_owned());
    };
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let number = match query.map(|query| query.strip_prefix("db=")) {
        None => 0,
        Some(Some(number)) => database(number)?,
        Some(None) => return Err("after a '?' the path of a socket can have db=NUMBER, and nothing else".to_owned()),
    };
    Ok((Target::Unix(format!("/{}", decoded(path)?).into()), number))
}

fn database(number: &str) -> Result<i64, String> {
    if number.is_empty() {
        return Ok(0);
    }
    let known = number.parse::<u16>().map(i64::from);
    known.map_err(|_| format!("'/{number}' is no number of a database; write a path such as /3, or none"))
}

fn nodes(list: &str, port: u16) -> Result<Vec<Node>, String> {
    list.split(',').map(|node| read_node(node.trim(), port)).collect()
}

fn read_node(text: &str, default: u16) -> Result<Node, String> {
    let (host, port) = match text.strip_prefix('[').and_then(|text| text.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, rest.strip_prefix(':').or(Some(rest))),
        None => text.rsplit_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    if host.is_empty() {
        return Err("the name of a host is missing".to_owned());
    }
    let port = match port {
        None => default,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => port,
            _ => return Err(format!("'{port}' is no port; write one from 1 to 65535 after '{host}:'")),
        },
    };
    Ok(Node { host: host.to_owned(), port })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(host: &str, port: u16) -> Node {
        Node { host: host.to_owned(), port }
    }

    #[test]
    fn urls_name_places() {
        let single = |host, port, tls| Target::Node { node: node(host, port), tls };
        let sentinels = vec![node("h1", 26379), node("h2", 1)];
        for (url, target, database, shown) in [
            ("redis://host", single("host", 6379, false), 0, "redis://host:6379"),
            ("valkey://u:p@host:1/3", single("host", 1, false), 3, "valkey://host:1/3"),
            ("rediss://host/", single("host", 6379, true), 0, "rediss://host:6379"),
            ("valkeys://[::1]:7", single("::1", 7, true), 0, "valkeys://[::1]:7"),
            ("unix:///run/a@b/s?db=2", Target::Unix("/run/a@b/s".into()), 2, "unix:///run/a@b/s?db=2"),
            (
                "redis-cluster://a:1,b",
                Target::Cluster(vec![node("a", 1), node("b", 6379)]),
                0,
                "redis-cluster://a:1,b:6379",
            ),
            (
                "redis-sentinel://h1,h2:1/main/4",
                Target::Sentinel { sentinels, primary: "main".to_owned() },
                4,
                "redis-sentinel://h1:26379,h2:1/main/4",
            ),
        ] {
            let address = Address::parse(url).unwrap();
            assert_eq!((&address.target, address.database), (&target, database), "{url}");
            assert_eq!(address.to_string(), shown);
        }
    }

    #[test]
    fn credentials_are_read_and_not_shown() {
        let address = Address::parse("redis://us%40er:ti%2Fger@host").unwrap();
        assert_eq!(address.username.as_deref(), Some("us@er"));
        assert_eq!(address.password.as_ref().map(Secret::expose), Some("ti/ger"));
        assert_eq!(address.to_string(), "redis://host:6379");
        assert!(!format!("{address:?}").contains("ti/ger"));
        let address = Address::parse("redis://:tiger@host").unwrap();
        assert_eq!((address.username, address.password.is_some()), (None, true));
    }

    #[test]
    fn mistakes_are_named() {
        for (url, error) in [
            ("disk", "'disk' is none; known are 'memory', 'file', and URLs that begin with"),
            ("redis:/u:tiger@host", "the text is none; known are 'memory', 'file', and URLs that begin with"),
            ("http://u:tiger@host", "'http://' is not known; known are redis://, valkey://"),
            ("redis://u:tiger@", "the name of a host is missing"),
            ("redis://u:tiger@host:x", "'x' is no port; write one from 1 to 65535 after 'host:'"),
            ("redis://u:tiger@host:0", "'0' is no port"),
            ("redis://u:tiger@host/x", "'/x' is no number of a database"),
            ("redis://u:tiger@a,b", "'redis://' is for one host; several are for redis-cluster://"),
            ("redis://u:%FFtiger@a", "the password is no text when its percent signs are decoded"),
            ("redis://u:tiger/x@a", "in a user's name and a password write '/' as %2F"),
            ("redis-cluster://a/3", "a cluster has one database, and its URL no path '/3'"),
            ("redis-sentinel://a", "the name of the primary is missing after the sentinels"),
            ("unix://run/s", "the path of a socket is missing; write unix:///path/to/socket"),
        ] {
            let told = Address::parse(url).unwrap_err();
            assert!(told.starts_with(error) && !told.contains("tiger"), "{url}: {told}");
        }
    }
}
