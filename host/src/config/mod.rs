//! Configuration: what stands in `supervisord.conf` or `supervisord.toml`, resolved once into typed truth.
//!
//! Field names are the config's own keys. Nothing after this floor parses a string from the config again.

mod accounts;
mod added;
mod check;
mod client;
pub mod datatypes;
mod error;
mod eventlistener;
mod expand;
mod fcgi_program;
mod find;
mod include;
mod ini;
mod options;
mod overrides;
mod paths;
mod plugin_data;
mod plugins;
mod programs;
mod reader;
mod resolve;
mod resolved;
mod sample;
mod sections;
mod servers;
mod supervisord;
#[cfg(test)]
mod testing;
mod toml;
mod unknown;
mod variables;

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

pub use check::Checked;
pub use client::ClientOverrides;
pub use error::{ConfigError, ConfigErrors, Place};
pub use find::{NotFound, SEARCHING_AS_ROOT};
pub use overrides::{CommandLineOption, Overrides};
pub use sample::SAMPLE;
pub use variables::Variables;

pub use plugin_api::Level;
use plugin_api::abi::Member;

use crate::events::EventType;

/// Everything `supervisord` takes from its config file.
#[derive(Clone, Debug)]
pub struct Config {
    /// The config file, absolute.
    pub file: PathBuf,
    /// Its directory: `%(here)s`.
    pub here: PathBuf,
    /// `[supervisord]`.
    pub supervisord: Supervisord,
    /// `[inet_http_server…]` first, then `[unix_http_server…]`, each in the order of the file.
    pub servers: Vec<HttpServer>,
    /// Process groups in order of priority, then name.
    pub groups: Vec<Arc<Group>>,
    /// `[rpcinterface:x]`, in the order of the file.
    pub rpcinterfaces: Vec<PluginSection>,
    /// What the log says at start with CRIT, WARN and INFO.
    pub messages: Vec<Message>,
}

impl Config {
    /// The pools of event listeners, with their names.
    pub fn pools(&self) -> impl Iterator<Item = (&str, &EventListenerPool)> {
        self.groups.iter().filter_map(|group| match &group.kind {
            GroupKind::EventListener(pool) => Some((group.name.as_str(), pool)),
            GroupKind::Programs | GroupKind::Fcgi(_) => None,
        })
    }
}

/// A line that is logged once the activity log is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// How bad.
    pub level: Level,
    /// The text.
    pub text: String,
}

/// `[supervisord]`.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the section")]
pub struct Supervisord {
    /// The activity log.
    pub logfile: Logfile,
    /// Bytes; 0 never rotates.
    pub logfile_maxbytes: u64,
    /// How many old files are kept; 0 keeps none.
    pub logfile_backups: u32,
    /// The least level that is logged.
    pub loglevel: Level,
    /// Where the pid is written.
    pub pidfile: PathBuf,
    /// umask of supervisord itself.
    pub umask: u32,
    /// Stay in the foreground.
    pub nodaemon: bool,
    /// Do not copy the log to stdout in the foreground.
    pub silent: bool,
    /// File descriptors that must be available.
    pub minfds: u64,
    /// Processes that must be available.
    pub minprocs: u64,
    /// Leave old AUTO log files alone at start.
    pub nocleanup: bool,
    /// Where AUTO log files go.
    pub childlogdir: PathBuf,
    /// Switch to this user at start.
    pub user: Option<User>,
    /// Change to this directory when daemonizing.
    pub directory: Option<PathBuf>,
    /// Take ANSI escape sequences out of program logs.
    pub strip_ansi: bool,
    /// Put into the environment of supervisord and so of every program.
    pub environment: Variables,
    /// Names this supervisord to clients.
    pub identifier: String,
    /// Where plugin libraries are looked for first.
    pub plugin_path: Vec<PathBuf>,
    /// Below it each plugin has a directory of its own; `None` is a place that depends on who runs supervisord.
    pub plugin_data_dir: Option<PathBuf>,
    /// What programs get as `SUPERVISOR_SERVER_URL` unless they say otherwise: the first unix server, else the last
    /// inet one.
    pub serverurl: Option<String>,
}

/// A user to run as. Two are equal if the operating system takes them for the same.
#[derive(Clone, Debug)]
pub struct User {
    /// As the config gives it: a name or a number.
    pub name: String,
    /// Its uid.
    pub uid: u32,
    /// Its primary gid.
    pub gid: u32,
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        (self.uid, self.gid) == (other.uid, other.gid)
    }
}

impl Eq for User {}

/// Where a log goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Logfile {
    /// `NONE`.
    None,
    /// `AUTO`: a file in `childlogdir`, named when the process is made.
    Auto,
    /// A file; or something that cannot seek, such as `/dev/stdout`.
    Path(PathBuf),
    /// `syslog`, Supervisor's deprecated spelling.
    Syslog,
}

impl Logfile {
    /// The file, where it is one that has a name already.
    pub fn path(&self) -> Option<&Path> {
        if let Self::Path(path) = self { Some(path) } else { None }
    }
}

/// `[inet_http_server]` or `[unix_http_server]`.
#[derive(Clone, Debug)]
pub struct HttpServer {
    /// The section's own name, for messages: `inet_http_server` or `inet_http_server:x`.
    pub section: String,
    /// Where it listens.
    pub address: ServerAddress,
    /// Both or neither.
    pub credentials: Option<Credentials>,
}

/// Where an HTTP server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerAddress {
    /// `port=`, resolved to at least one address; `:9001` and `*:9001` mean all interfaces.
    Inet {
        /// As the config gives it: empty for all interfaces.
        host: String,
        /// TCP port.
        port: u16,
        /// What to bind; the first that works.
        addresses: Vec<SocketAddr>,
        /// Names under which browsers may come besides those that are safe by themselves.
        allowed_hosts: Vec<String>,
    },
    /// `file=`.
    Unix {
        /// The socket file, absolute.
        file: PathBuf,
        /// Its mode, 0o700 by default.
        chmod: u32,
        /// Its owner, unchanged where `None`.
        uid: Option<u32>,
        /// Its group, unchanged where `None`.
        gid: Option<u32>,
    },
}

/// HTTP Basic credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Clear text.
    pub username: String,
    /// Clear text, or `{SHA}` and 40 hex digits.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// A process group: from `[program:x]`, `[eventlistener:x]` or `[fcgi-program:x]` (one of its own name), or from
/// `[group:x]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// What it is besides a group of processes.
    pub kind: GroupKind,
    /// Lower starts earlier and stops later.
    pub priority: i32,
    /// In the order of `programs=`, those of one program in the order of their names. Several may have one name: see
    /// [`distinct`](Self::distinct).
    pub processes: Vec<Arc<Process>>,
}

impl Group {
    /// The processes that run once the group is active: of those with the same name the last, in the place of the
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

/// What a process group is besides a group of processes.
#[derive(Clone, Debug, PartialEq)]
pub enum GroupKind {
    /// `[program:x]`, `[group:x]`: nothing.
    Programs,
    /// `[eventlistener:x]`: a pool whose processes are sent events.
    EventListener(EventListenerPool),
    /// `[fcgi-program:x]`: its processes share a listening socket.
    Fcgi(FcgiSocket),
}

/// What `[fcgi-program:x]` has besides the keys of a program. Its `Display` is its URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FcgiSocket {
    /// `socket`, `socket_owner` and `socket_mode`.
    pub address: FcgiAddress,
    /// `socket_backlog`: how many connections may wait; as many as the system allows where `None`.
    pub backlog: Option<i32>,
}

/// Where processes of `[fcgi-program:x]` are reached.
#[derive(Clone, Debug)]
pub enum FcgiAddress {
    /// `unix:///path`.
    Unix {
        /// The socket file, absolute.
        file: PathBuf,
        /// Its owner and group, unchanged where `None`.
        owner: Option<(u32, Option<u32>)>,
        /// Its mode.
        mode: u32,
    },
    /// `tcp://host:port`.
    Tcp {
        /// As the config gives it, in lower case.
        host: String,
        /// TCP port.
        port: u16,
        /// What to bind; the first that works.
        addresses: Vec<SocketAddr>,
    },
}

/// By what the config says: the addresses of a host may come in another order each time.
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

impl std::fmt::Display for FcgiSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.address {
            FcgiAddress::Unix { file, .. } => write!(f, "unix://{}", file.display()),
            FcgiAddress::Tcp { host, port, .. } => write!(f, "tcp://{host}:{port}"),
        }
    }
}

/// What `[eventlistener:x]` has besides the keys of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct EventListenerPool {
    /// How many events may wait for a listener that is ready, at least 1.
    pub buffer_size: usize,
    /// The types of events that it is sent, in order, each once.
    pub events: Vec<EventType>,
    /// Who judges the answers of its listeners.
    pub result_handler: FactorySpec,
}

/// One process of a program: all that is needed to run it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the section")]
pub struct Process {
    /// `process_name`, expanded.
    pub name: String,
    /// The command line, expanded and not yet split: a bad one is an error of the start, not of the config.
    pub command: String,
    /// Change to this directory before exec.
    pub directory: Option<PathBuf>,
    /// umask of the process; supervisord's where `None`.
    pub umask: Option<u32>,
    /// Lower starts earlier and stops later.
    pub priority: i32,
    /// Start with supervisord.
    pub autostart: bool,
    /// Start again after an exit.
    pub autorestart: AutoRestart,
    /// Seconds it must stay up to count as RUNNING; none where it is negative.
    pub startsecs: i64,
    /// Failed starts before FATAL; none where it is negative.
    pub startretries: i64,
    /// Run as this user.
    pub user: Option<User>,
    /// Its stdout.
    pub stdout: Output,
    /// Its stderr; `Logfile::None` where `redirect_stderr` is set.
    pub stderr: Output,
    /// Signal number that asks it to stop.
    pub stopsignal: i32,
    /// Seconds until SIGKILL; none where it is negative.
    pub stopwaitsecs: i64,
    /// Send the stop signal to its whole process group.
    pub stopasgroup: bool,
    /// Send SIGKILL to its whole process group.
    pub killasgroup: bool,
    /// Exit codes that are expected.
    pub exitcodes: Vec<i32>,
    /// stderr goes where stdout goes.
    pub redirect_stderr: bool,
    /// Its own `environment=` over that of `[supervisord]`.
    pub environment: Variables,
    /// `SUPERVISOR_SERVER_URL` for this process; `None` is AUTO, an empty one is no variable at all.
    pub serverurl: Option<String>,
    /// How its section came to make it.
    pub numbering: Numbering,
}

/// `numprocs` and `numprocs_start` of the section that a process comes from. All are equal: a process is not another
/// one because its section makes more of them.
#[derive(Clone, Copy, Debug)]
pub struct Numbering {
    /// How many processes the section makes.
    pub numprocs: i64,
    /// The number of the first.
    pub numprocs_start: i64,
}

impl Default for Numbering {
    fn default() -> Self {
        Self { numprocs: 1, numprocs_start: 0 }
    }
}

impl PartialEq for Numbering {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// `stdout_*` or `stderr_*` of a program.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// `*_logfile`.
    pub logfile: Logfile,
    /// `*_logfile_maxbytes`: bytes; 0 never rotates.
    pub maxbytes: u64,
    /// `*_logfile_backups`: 0 keeps none.
    pub backups: u32,
    /// `*_capture_maxbytes`: bytes; 0 is no capture mode.
    pub capture_maxbytes: u64,
    /// `*_events_enabled`: publish `PROCESS_LOG_*`.
    pub events_enabled: bool,
    /// `*_syslog`.
    pub syslog: bool,
}

/// `autorestart=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoRestart {
    /// `false`.
    Never,
    /// `unexpected`: when the exit code is not in `exitcodes`.
    Unexpected,
    /// `true`.
    Always,
}

/// `[rpcinterface:x]` or `[ctlplugin:x]`.
#[derive(Clone, Debug)]
pub struct PluginSection {
    /// What follows the colon: the namespace, or the name in `help`.
    pub name: String,
    /// Where it stands, for messages: `[rpcinterface:cache] (supervisord.conf, line 12)`.
    pub place: String,
    /// Which library and which factory.
    pub factory: FactorySpec,
    /// All further keys, in order. INI gives strings, expanded; TOML keeps its types.
    pub options: Vec<Member>,
    /// Where each of these keys stands.
    pub(crate) option_places: Vec<Place>,
}

/// `LIBRARY[.MODULE…]:FACTORY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactorySpec {
    /// As it stands in the config.
    pub text: String,
    /// What to load.
    pub library: Library,
    /// What to call there: `make_cache_rpcinterface`.
    pub factory: String,
}

impl FactorySpec {
    /// What stands after the colon for Supervisor's own RPC interface.
    pub const MAIN_RPCINTERFACE: &str = "make_main_rpcinterface";

    /// Tell whether it names the RPC interface that is built in.
    pub fn is_main_rpcinterface(&self) -> bool {
        self.library == Library::BuiltIn && self.factory == Self::MAIN_RPCINTERFACE
    }
}

/// The library of a [`FactorySpec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Library {
    /// `supervisor`: what the host has built in.
    BuiltIn,
    /// To be searched for as `lib<name>.so`.
    Named(String),
    /// It held a `/`: absolute, or relative to the config file's directory and made absolute here.
    Path(PathBuf),
}

/// Everything `supervisorctl` takes from the config file.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The config file, absolute; `None` where none was found, which `-s` allows.
    pub file: Option<PathBuf>,
    /// `http://…` or `unix://…`.
    pub serverurl: String,
    /// For Basic authentication.
    pub username: Option<String>,
    /// For Basic authentication.
    pub password: Option<String>,
    /// The shell's prompt without `> `.
    pub prompt: String,
    /// Where the shell keeps its history.
    pub history_file: Option<PathBuf>,
    /// Where plugin libraries are looked for first.
    pub plugin_path: Vec<PathBuf>,
    /// `[ctlplugin:x]`, of included files too, in order.
    pub ctlplugins: Vec<PluginSection>,
    /// What is worth saying on stderr.
    pub messages: Vec<Message>,
}
