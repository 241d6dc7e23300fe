//! Values of options that are more than text or a number.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

pub use plugin_api::Level;

/// A line that is logged once the activity log is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Level of the line.
    pub level: Level,
    /// Text of the line.
    pub text: String,
}

/// Value of `startretries` that means that a start is never given up.
pub const INFINITE: i64 = i64::MAX;

/// Limit of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rlimit {
    /// Soft limit, which holds; `u64::MAX` is none.
    pub soft: u64,
    /// Hard limit, up to which the program may raise it. `None` leaves it as it is, unless the soft one is more.
    pub hard: Option<u64>,
}

impl fmt::Display for Rlimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |limit: u64| if limit == u64::MAX { "unlimited".to_owned() } else { limit.to_string() };
        f.write_str(&text(self.soft))?;
        self.hard.map_or(Ok(()), |hard| write!(f, ":{}", text(hard)))
    }
}

/// A user to run as. Two are equal if the operating system takes them for the same.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// User as the config gives it: a name or a number.
    pub name: String,
    /// Number of the user.
    pub uid: u32,
    /// Number of the user's primary group.
    pub gid: u32,
}

impl PartialEq for User {
    fn eq(&self, other: &Self) -> bool {
        (self.uid, self.gid) == (other.uid, other.gid)
    }
}

impl Eq for User {}

/// Destination of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Get the file, where it is one that has a name already.
    pub fn path(&self) -> Option<&Path> {
        if let Self::Path(path) = self { Some(path) } else { None }
    }
}

/// `*_log_format=`, and `log_format=` of supervisord: form of the lines of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogFormat {
    /// `raw`: what the program writes, byte for byte.
    #[default]
    Raw,
    /// `text`: each line behind the time and the name of the process, or of the level.
    Text,
    /// `json`: each line as an object.
    Json,
}

impl LogFormat {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Raw, Self::Text, Self::Json];
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Raw => "raw",
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// `*_logfile_rotate=`: moments at which a log is rotated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LogRotate {
    /// `size`: when it is full.
    #[default]
    Size,
    /// `daily`: also with the first output of a new day, by local time.
    Daily,
    /// `hourly`: also with the first output of a new hour, by local time.
    Hourly,
}

impl LogRotate {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Size, Self::Daily, Self::Hourly];
}

impl fmt::Display for LogRotate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "size",
            Self::Daily => "daily",
            Self::Hourly => "hourly",
        })
    }
}

/// `autorestart=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AutoRestart {
    /// `false`.
    Never,
    /// `unexpected`: when the exit code is not in `exitcodes`.
    Unexpected,
    /// `true`.
    Always,
}

/// Process, program or group that a process needs before it starts: an item of `depends_on=`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dependency {
    /// Name as the config gives it: of a group, of a program, or `group:process`.
    pub name: String,
    /// State that all processes of that name must have reached.
    pub condition: Condition,
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A process may be called as a condition is.
        let last = self.name.rsplit_once(':').map(|(_, last)| last);
        let is_ambiguous = Condition::ALL.iter().any(|condition| last == Some(condition.name()));
        let suffix = if is_ambiguous { format!(":{}", self.condition.name()) } else { self.condition.suffix().into() };
        write!(f, "{}{suffix}", self.name)
    }
}

/// `update=`: what becomes of a group whose config has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Update {
    /// `restart`: its processes are stopped and made anew, all of them.
    Restart,
    /// `minimal`: only what must be is stopped.
    Minimal,
}

/// End of a process after which supervisord ends as well: an item of `exit_when=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// `exited`: it has ended by itself and is not started again.
    Exited,
    /// `fatal`: FATAL.
    Fatal,
}

impl End {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Exited, Self::Fatal];

    /// Name in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Fatal => "fatal",
        }
    }
}

/// State that a dependency must have reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// `running`, and where nothing is said: RUNNING.
    Running,
    /// `exited`: EXITED, with an exit code that is expected.
    Exited,
    /// `ready`: RUNNING, which a process with `ready=` is once it is ready.
    Ready,
}

impl Condition {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Running, Self::Exited, Self::Ready];

    /// Name in the config.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Exited => "exited",
            Self::Ready => "ready",
        }
    }

    /// Return what stands behind the name of a dependency: nothing for the default.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::Running => "",
            Self::Exited => ":exited",
            Self::Ready => ":ready",
        }
    }
}

/// `health_action=`: work that follows when a process is found not to be well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum HealthAction {
    /// `log`: a line in the log, and the event.
    Log,
    /// `restart`: these, and a restart.
    Restart,
}

impl fmt::Display for HealthAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Log => "log",
            Self::Restart => "restart",
        })
    }
}

/// Name, `numprocs` and `numprocs_start` of the section that a process comes from. All are equal: a process is not
/// another one because its section makes more of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbering {
    /// Name of the program: the section's, behind the colon.
    pub program: String,
    /// Number of processes that the section makes.
    pub numprocs: i64,
    /// Number of the first of them.
    pub numprocs_start: i64,
}

impl Default for Numbering {
    fn default() -> Self {
        Self { program: String::new(), numprocs: 1, numprocs_start: 0 }
    }
}

impl PartialEq for Numbering {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}
