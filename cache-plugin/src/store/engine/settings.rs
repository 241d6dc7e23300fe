//! The options of an engine.

use std::time::Duration;

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo, RedisResult, TlsCertificates,
};

use super::address::{Address, Node, Target};

/// An engine, and how it is used.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Place and credentials.
    pub(crate) address: Address,
    /// Certificates that an engine's is to be signed by, in the form PEM; those of the system if there are none.
    pub(crate) ca: Option<Vec<u8>>,
    /// Text that the keys begin with in the engine.
    pub(crate) prefix: String,
    /// Longest time that the engine takes for an answer.
    pub(crate) timeout: Duration,
}

impl Settings {
    /// A client of one node, in the database and with the credentials of the address.
    pub(super) fn client(&self, node: &Node) -> RedisResult<Client> {
        let place = if self.address.tls() {
            ConnectionAddr::TcpTls { host: node.host.clone(), port: node.port, insecure: false, tls_params: None }
        } else {
            ConnectionAddr::Tcp(node.host.clone(), node.port)
        };
        self.client_of(place)
    }

    /// A client of what is at that place.
    pub(super) fn client_of(&self, place: ConnectionAddr) -> RedisResult<Client> {
        let info = self.info(place)?;
        match &self.ca {
            Some(ca) if self.address.tls() => {
                Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(ca.clone()) })
            }
            _ => Client::open(info),
        }
    }

    fn info(&self, place: ConnectionAddr) -> RedisResult<ConnectionInfo> {
        let mut login = RedisConnectionInfo::default().set_db(self.address.database).set_skip_set_lib_name();
        if let Some(password) = &self.address.password {
            login = login.set_password(password.expose());
            if let Some(username) = &self.address.username {
                login = login.set_username(username);
            }
        }
        Ok(place.into_connection_info()?.set_redis_settings(login))
    }

    /// The nodes of a cluster that the address names, with the credentials.
    pub(super) fn seeds(&self, nodes: &[Node]) -> RedisResult<Vec<ConnectionInfo>> {
        nodes.iter().map(|node| self.info(ConnectionAddr::Tcp(node.host.clone(), node.port))).collect()
    }

    /// Return true if the engine is a cluster.
    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.address.target, Target::Cluster(_))
    }

    /// The channel on which scripts tell of changes.
    pub(super) fn channel(&self) -> String {
        format!("__cache@{}__:{}", self.address.database, self.prefix)
    }

    /// The key in the engine.
    pub(super) fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    /// The key of one in the engine, if it is a key of the cache.
    pub(super) fn own_key<'a>(&self, key: &'a [u8]) -> Option<&'a str> {
        let key = key.strip_prefix(self.prefix.as_bytes())?;
        std::str::from_utf8(key).ok().filter(|key| !key.is_empty())
    }

    /// The pattern of keys in the engine that begin with the prefix and this text.
    pub(super) fn pattern(&self, text: &str) -> String {
        let mut pattern = escaped(&self.prefix) + &escaped(text);
        pattern.push('*');
        pattern
    }
}

/// A text as a pattern that only the text itself is like.
pub(super) fn escaped(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if matches!(character, '*' | '?' | '[' | ']' | '\\' | '^' | '-') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
