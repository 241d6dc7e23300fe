//! A resolved config: everything that `supervisord` and `supervisorctl` take from their files.
//!
//! Field names are the config's own keys.

use std::{collections::HashMap, fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use serde::{Deserialize, Serialize};

use plugin_api::abi::Member;

use super::{
    error::Place,
    options::{Process, Supervisord},
    types::Message,
};
use crate::events::EventType;

/// Everything `supervisord` takes from its config file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The config file, absolute.
    pub file: PathBuf,
    /// Directory of the config file: `%(here)s`.
    pub here: PathBuf,
    /// `[supervisord]`.
    pub supervisord: Supervisord,
    /// `[inet_http_server…]` first, then `[unix_http_server…]`, each in the order of the file.
    pub servers: Vec<HttpServer>,
    /// Process groups in order of priority, then name.
    pub groups: Vec<Arc<Group>>,
    /// `[rpcinterface:x]`, in the order of the file.
    pub rpcinterfaces: Vec<PluginSection>,
    /// Lines that are logged at start with CRIT, WARN and INFO.
    pub messages: Vec<Message>,
}

impl Config {
    /// Iterate over the pools of event listeners, with their names.
    pub fn pools(&self) -> impl Iterator<Item = (&str, &EventListenerPool)> {
        self.groups.iter().filter_map(|group| match &group.kind {
            GroupKind::EventListener(pool) => Some((group.name.as_str(), pool)),
            GroupKind::Programs | GroupKind::Fcgi(_) => None,
        })
    }
}

/// `[inet_http_server]` or `[unix_http_server]`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HttpServer {
    /// The section's own name, for messages: `inet_http_server` or `inet_http_server:x`.
    pub section: String,
    /// Address to listen on.
    pub address: ServerAddress,
    /// User name and password; `None` lets in everybody who can connect.
    pub credentials: Option<Credentials>,
    /// Serve `/metrics`.
    #[serde(default)]
    pub metrics: bool,
}

/// Address of an HTTP server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerAddress {
    /// `port=`, resolved to at least one address; `:9001` and `*:9001` mean all interfaces.
    Inet {
        /// Host as the config gives it: empty for all interfaces.
        host: String,
        /// TCP port.
        port: u16,
        /// Addresses to bind; the first that works is used.
        addresses: Vec<SocketAddr>,
        /// Names under which browsers may come besides those that are safe by themselves.
        allowed_hosts: Vec<String>,
    },
    /// `file=`.
    Unix {
        /// The socket file, absolute.
        file: PathBuf,
        /// Mode of the socket file.
        chmod: u32,
        /// Owner of the socket file, unchanged where `None`.
        uid: Option<u32>,
        /// Group of the socket file, unchanged where `None`.
        gid: Option<u32>,
    },
}

/// HTTP Basic credentials.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Clear text.
    pub username: String,
    /// Clear text, or `{SHA}` and 40 hex digits.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A process group: from `[program:x]`, `[eventlistener:x]` or `[fcgi-program:x]` (one of its own name), or from
/// `[group:x]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// Name of the group.
    pub name: String,
    /// Kind of the group, with what that kind has besides processes.
    pub kind: GroupKind,
    /// Lower starts earlier and stops later.
    pub priority: i32,
    /// Processes in the order of `programs=`, those of one program in the order of their names. Several may have one
    /// name: see [`distinct`](Self::distinct).
    pub processes: Vec<Arc<Process>>,
}

impl Group {
    /// List the processes that run once the group is active: of those with the same name the last, in the place of the
    /// first.
    pub fn distinct(&self) -> Vec<&Arc<Process>> {
        let mut places = HashMap::new();
        let mut distinct = Vec::with_capacity(self.processes.len());
        for process in &self.processes {
            let place = *places.entry(process.name.as_str()).or_insert(distinct.len());
            match distinct.get_mut(place) {
                Some(first) => *first = process,
                None => distinct.push(process),
            }
        }
        distinct
    }
}

/// Kind of a process group, by the section that it comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum GroupKind {
    /// `[program:x]`, `[group:x]`: nothing.
    Programs,
    /// `[eventlistener:x]`: a pool whose processes are sent events.
    EventListener(EventListenerPool),
    /// `[fcgi-program:x]`: its processes share a listening socket.
    Fcgi(FcgiSocket),
}

/// Socket of an `[fcgi-program:x]`. Its `Display` is its URL.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FcgiSocket {
    /// `socket`, `socket_owner` and `socket_mode`.
    pub address: FcgiAddress,
    /// `socket_backlog`: how many connections may wait; as many as the system allows where `None`.
    pub backlog: Option<i32>,
}

/// Address at which the processes of an `[fcgi-program:x]` are reached.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FcgiAddress {
    /// `unix:///path`.
    Unix {
        /// The socket file, absolute.
        file: PathBuf,
        /// Owner and group of the socket file, unchanged where `None`.
        owner: Option<(u32, Option<u32>)>,
        /// Mode of the socket file.
        mode: u32,
    },
    /// `tcp://host:port`.
    Tcp {
        /// Host as the config gives it, in lower case.
        host: String,
        /// TCP port.
        port: u16,
        /// Addresses to bind; the first that works is used.
        addresses: Vec<SocketAddr>,
    },
}

/// Equality of what the config says: the addresses of a host may come in another order each time.
impl PartialEq for FcgiAddress {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unix { file, owner, mode }, Self::Unix { file: file2, owner: owner2, mode: mode2 }) => {
                (file, owner, mode) == (file2, owner2, mode2)
            }
            (Self::Tcp { host, port, .. }, Self::Tcp { host: host2, port: port2, .. }) => {
                (host, port) == (host2, port2)
            }
            _ => false,
        }
    }
}

impl Eq for FcgiAddress {}

impl fmt::Display for FcgiSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.address {
            FcgiAddress::Unix { file, .. } => write!(f, "unix://{}", file.display()),
            FcgiAddress::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// Pool of an `[eventlistener:x]`: its keys besides those of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventListenerPool {
    /// Number of events that may wait for a listener that is ready, at least 1.
    pub buffer_size: usize,
    /// Types of events that its listeners are sent, in order, each once.
    pub events: Vec<EventType>,
    /// Factory of the judge of its listeners' answers.
    pub result_handler: FactorySpec,
}

/// `[rpcinterface:x]` or `[ctlplugin:x]`.
#[derive(Clone, Debug)]
pub struct PluginSection {
    /// Name behind the colon of the section: the namespace, or the name in `help`.
    pub name: String,
    /// Place of the section, for messages: `[rpcinterface:cache] (supervisord.conf, line 12)`.
    pub place: String,
    /// Library and factory in it.
    pub factory: FactorySpec,
    /// All further keys, in order. INI gives strings, expanded; TOML keeps its types.
    pub options: Vec<Member>,
    /// Place of each of these keys.
    pub(crate) option_places: Vec<Place>,
}

/// `LIBRARY[.MODULE…]:FACTORY`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorySpec {
    /// Text of the whole in the config.
    pub text: String,
    /// Library to load.
    pub library: Library,
    /// Name of the factory there: `make_cache_rpcinterface`.
    pub factory: String,
}

impl FactorySpec {
    /// Name of the factory of Supervisor's own RPC interface.
    pub const MAIN_RPCINTERFACE: &str = "make_main_rpcinterface";

    /// Tell whether it names the RPC interface that is built in.
    pub fn is_main_rpcinterface(&self) -> bool {
        self.library == Library::BuiltIn && self.factory == Self::MAIN_RPCINTERFACE
    }
}

/// The library of a [`FactorySpec`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Library {
    /// `supervisor`: the host's own.
    BuiltIn,
    /// A name, to be searched for as `lib<name>.so`.
    Named(String),
    /// A path, since it held a `/`: absolute, or relative to the config file's directory and made absolute here.
    Path(PathBuf),
}

/// Everything `supervisorctl` takes from the config file.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The config file, absolute; `None` where none was found, which `-s` allows.
    pub file: Option<PathBuf>,
    /// URL of the server: `http://…` or `unix://…`.
    pub serverurl: String,
    /// Credential for Basic authentication.
    pub username: Option<String>,
    /// Credential for Basic authentication.
    pub password: Option<String>,
    /// The shell's prompt without `> `.
    pub prompt: String,
    /// File in which the shell keeps its history.
    pub history_file: Option<PathBuf>,
    /// Directories in which plugin libraries are looked for first.
    pub plugin_path: Vec<PathBuf>,
    /// `[ctlplugin:x]`, of included files too, in order.
    pub ctlplugins: Vec<PluginSection>,
    /// Warnings for stderr.
    pub messages: Vec<Message>,
}
