//! All keys of Supervisor's own sections. One row of a table below is all that there is to say of an option:
//!
//! ```text
//! /// Failed starts before FATAL; none where it is negative.
//! startretries: i64 = integer or "3", "how often a failed start is tried again";
//! ```
//!
//! Its key, its type, the name of its [type of value](super::value_type), its default as it would stand in the file,
//! and its explanation in the sample. A default in parentheses is an expression, for one that depends on the system. In
//! place of a default that would say little, or beside it, `like "nobody"` gives the sample an example; blanks at its
//! end set the explanation off. From the row follow
//!
//! * a constant [`Opt`] of that name, to look the key up by;
//! * the list `KEYS`, by which unknown keys are told and the sample is written;
//! * in a block `fields`: a field of the section's struct, with the comment as its documentation. It is an [`Option`]
//!   where there is no default. Also its part of `Default`, of `read`, which fills it, and of `show`, which
//!   `--check-config` prints. `read last` and the like name the [`Stage`] at which it is read.
//!
//! A key in a block `keys` has no field: it becomes something else, by hand.

use std::{path::PathBuf, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    option::{Key, Stage},
    paths::temporary_directory,
    probe::{Probe, Ready},
    reader::Reader,
    types::{
        AutoRestart, Dependency, End, HealthAction, Level, LogFormat, LogRotate, Logfile, Numbering, Rlimit, Update,
        User,
    },
    variables::Variables,
};

macro_rules! options {
    // A section whose keys are read by hand.
    ($(#[$doc:meta])* mod $section:ident; keys { $($keys:tt)* }) => {
        options!(@module [$(#[$doc])*] $section $($keys)*);
    };

    // A section with a struct.
    (
        $(#[$doc:meta])* mod $section:ident;
        $(#[$struct_doc:meta])* struct $Struct:ident {
            $($(#[$own_doc:meta])* $own:ident: $own_type:ty,)*
        }
        $(keys { $($before:tt)* })?
        fields {$(
            $(#[$field_doc:meta])*
            $key:ident: $type:ty = $value_type:ident
                $(or $default:tt)? $(like $example:literal)? $(read $stage:ident)? $(, $comment:literal)?;
        )*}
        $(keys { $($after:tt)* })?
    ) => {
        options!(@module [$(#[$doc])*] $section
            $($($before)*)?
            $($key: $type = $value_type $(or $default)? $(like $example)? $(, $comment)?;)*
            $($($after)*)?
        );

        $(#[$struct_doc])*
        pub struct $Struct {
            $($(#[$own_doc])* pub $own: $own_type,)*
            $($(#[$field_doc])* pub $key: options!(@type $type $(, $default)?),)*
        }

        impl Default for $Struct {
            fn default() -> Self {
                Self {
                    $($own: Default::default(),)*
                    $($key: options!(@default_value $section::$key $(, $default)?),)*
                }
            }
        }

        impl $Struct {
            /// Read the options of one stage, in the order of the table.
            pub(super) fn read(&mut self, reader: &Reader<'_>, stage: Stage) {
                $(if stage == options!(@stage $($stage)?) {
                    self.$key = options!(@read reader, $section::$key $(, $default)?);
                })*
            }

            /// Show the options under their keys, in the order of the table.
            pub(super) fn show(&self, shown: &mut Map<String, Value>) {
                $(shown.insert(stringify!($key).to_owned(), options!(@show self, $section::$key $(, $default)?));)*
            }
        }
    };

    (@module [$($doc:tt)*] $section:ident $(
        $key:ident: $type:ty = $value_type:ident
            $(or $default:tt)? $(like $example:literal)? $(, $comment:literal)?;
    )*) => {
        $($doc)*
        #[allow(non_upper_case_globals, reason = "config keys keep their spelling")]
        pub(super) mod $section {
            #[allow(unused_imports, reason = "not every section has all of these types")]
            use std::{path::PathBuf, time::Duration};

            use $crate::config::option::{Key, Opt};
            #[allow(unused_imports, reason = "not every section has all of these types")]
            use $crate::config::{probe::*, types::*, value_type, variables::Variables};

            $(pub(crate) const $key: Opt<$type> = Opt {
                key: stringify!($key),
                default: options!(@text $($default)?),
                value_type: value_type::$value_type,
            };)*

            /// All keys of the section, in the order of the table.
            pub(crate) const KEYS: &[Key] = &[$(Key {
                name: stringify!($key),
                default: $key.default,
                example: options!(@text $($example)?),
                comment: concat!($($comment)?),
                expected: $key.value_type.expected,
            }),*];
        }
    };

    // A default is the text of a value, or in parentheses the value itself, which depends on more than the file.
    (@text) => { None };
    (@text ($value:expr)) => { None };
    (@text $text:literal) => { Some($text) };

    (@type $type:ty) => { Option<$type> };
    (@type $type:ty, $default:tt) => { $type };

    (@default_value $option:path) => { None };
    (@default_value $option:path, ($value:expr)) => { $value };
    (@default_value $option:path, $default:literal) => { $option.default_value() };

    (@read $reader:ident, $option:path) => { $reader.find(&$option) };
    (@read $reader:ident, $option:path, ($value:expr)) => { $reader.find(&$option).unwrap_or_else(|| $value) };
    (@read $reader:ident, $option:path, $default:literal) => { $reader.get(&$option) };

    (@stage) => { Stage::First };
    (@stage last) => { Stage::Last };
    (@stage each) => { Stage::Each };
    (@stage apart) => { Stage::Apart };

    (@show $self:ident, $section:ident::$key:ident) => {
        $self.$key.as_ref().map_or(Value::Null, $section::$key.value_type.show)
    };
    (@show $self:ident, $section:ident::$key:ident, $default:tt) => {
        ($section::$key.value_type.show)(&$self.$key)
    };
}

options! {
    /// `[supervisord]`. Supervisor's options are in the order in which it reads them.
    mod supervisord;

    /// `[supervisord]`.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    #[serde(default)]
    struct Supervisord {
        /// URL that programs get as `SUPERVISOR_SERVER_URL` unless they say otherwise: that of the first unix server,
        /// else of the last inet one.
        serverurl: Option<String>,
    }

    fields {
        /// File descriptors that must be available.
        minfds: u64 = limit or "1024", "file descriptors that must be available";
        /// Processes that must be available.
        minprocs: u64 = limit or "200", "processes that must be available";
        /// Directory to change to when daemonizing.
        directory: PathBuf = existing_directory like "/tmp", "change there when becoming a daemon";
        /// User to switch to at start.
        user: User = user_of_supervisord like "nobody" read apart, "run as this user, when started by root";
        /// umask of supervisord itself.
        umask: u32 = octal or "022";
        /// The activity log.
        logfile: Logfile = activity_log or "supervisord.log",
            "what supervisord does and notices; in the directory that it is started in";
        /// Bytes at which the activity log is rotated; 0 never rotates.
        logfile_maxbytes: u64 = byte_size or "50MB", "then it is rotated; 0 is never";
        /// Number of old files that are kept; 0 keeps none.
        logfile_backups: u32 = count or "10", "how many old ones are kept; 0 is none";
        /// The least level that is logged.
        loglevel: Level = logging_level or "info", "critical, error, warn, info, debug, trace or blather";
        /// File that the pid is written to.
        pidfile: PathBuf = existing_dirpath or "supervisord.pid";
        /// Name of this supervisord, as clients see it.
        identifier: String = text or "supervisor", "what it calls itself";
        /// Stay in the foreground.
        nodaemon: bool = boolean or "false", "stay in the foreground";
        /// Do not copy the log to stdout in the foreground.
        silent: bool = boolean or "false", "in the foreground, do not copy the log to stdout";
        /// Directory for AUTO log files.
        childlogdir: PathBuf = existing_directory or (temporary_directory()) like "/tmp",
            "where AUTO logs go, the system's directory for temporary files";
        /// Leave old AUTO log files alone at start.
        nocleanup: bool = boolean or "false", "leave the AUTO logs of an earlier run where they are";
        /// Take ANSI escape sequences out of program logs.
        strip_ansi: bool = boolean or "false", "take colours out of programs' logs";
        /// Variables of the environment of supervisord and so of every program.
        environment: Variables = environment or "" read apart, "for every program: A=\"1\",B=\"two, three\"";
        /// Files of variables for every program, under those of `environment`; one that may be missing begins with `?`.
        env_file: Vec<String> = list_of_env_files or "" like "common.env,?local.env" read apart,
            "files of such variables, KEY=VALUE; ?: if there";
        /// Form of the lines of the activity log.
        log_format: LogFormat = activity_log_format or "text" read last, "or json: each line is an object";
        /// End that all programs come to after which supervisord ends as well.
        exit_when_all: End = end_of_all like "exited" read last, "exit when no program runs any more";
        /// Directories in which plugin libraries are looked for first.
        plugin_path: Vec<PathBuf> = list_of_paths or "" read last,
            "where plugin libraries are looked for first; colons may stand for the commas";
        /// Directory below which each plugin has one of its own; `None` is a place that depends on who runs
        /// supervisord.
        plugin_data_dir: PathBuf = path like "/var/lib/supervisor     " read last,
            "where plugins keep what has to survive a restart";
    }
}

options! {
    /// `[program:x]`, and the same keys of `[eventlistener:x]` and `[fcgi-program:x]`. Supervisor's options are in the
    /// order in which it reads them, but for those that are read apart.
    mod program;

    /// A process of a program: all that is needed to run it.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    #[serde(default)]
    struct Process {
        /// `process_name`, expanded.
        name: String,
        /// The command line, expanded and not yet split: a bad one is an error of the start, not of the config.
        command: String,
        /// Options of its stdout.
        stdout: OutputOptions,
        /// Options of its stderr; `Logfile::None` where `redirect_stderr` is set.
        stderr: OutputOptions,
        /// Numbering of the section's processes.
        numbering: Numbering,
    }

    keys {
        command: String = text like "/usr/bin/example --verbose", "the only option that must be there";
        process_name: String = process_or_group_name or "%(program_name)s",
            "with numprocs it must hold %(process_num), say %(program_name)s_%(process_num)02d";
        numprocs: i64 = integer or "1", "how many of it";
        numprocs_start: i64 = integer or "0", "the number of the first";
    }

    fields {
        /// Lower starts earlier and stops later.
        priority: i32 = priority or "999", "lower ones start first and stop last";
        /// Start with supervisord.
        autostart: bool = boolean or "true", "start together with supervisord";
        /// Start again after an exit.
        autorestart: AutoRestart = auto_restart or "unexpected",
            "start again after an exit: true, false, or only after an unexpected one";
        /// Seconds it must stay up to count as RUNNING; none where it is negative.
        startsecs: i64 = integer or "1", "how long it must stay up to count as started";
        /// Failed starts before FATAL; none where it is negative, and [`INFINITE`](crate::config::INFINITE) where it is
        /// never given up.
        startretries: i64 = retries or "3", "how often a failed start is tried again; infinite: for ever";
        /// Time before each new try, and before a start that `autorestart` asks for; `None` is 1, 2, 3… seconds, and
        /// none.
        restart_delay: Duration = seconds like "5", "seconds before it is started again; not given: 1, 2, 3...";
        /// Time up to which the delay doubles; `None` where it does not.
        restart_delay_max: Duration = seconds like "60", "the delay doubles up to that, less up to a quarter of it";
        /// Number of the signal that asks it to stop.
        stopsignal: i32 = signal_number or "TERM";
        /// Seconds until SIGKILL; none where it is negative.
        stopwaitsecs: i64 = integer or "10", "after that it is killed";
        /// Send the stop signal to its whole process group.
        stopasgroup: bool = boolean or "false", "send the stop signal to all processes that it has started, too";
        /// Send SIGKILL to its whole process group; as `stopasgroup` if not given.
        killasgroup: bool = boolean or "false", "kill them, too; as stopasgroup if not given";
        /// Exit codes that are expected.
        exitcodes: Vec<i32> = list_of_exitcodes or "0", "which exits are expected: 0,2";
        /// Send stderr where stdout goes.
        redirect_stderr: bool = boolean or "false", "both outputs into one log";
        /// Variables of `[supervisord]` and, over them, its own.
        environment: Variables = environment or "" read apart,
            "besides that of supervisord: A=\"1\",B=\"two, three\"";
        /// Files of its variables, under those of `environment`; one that may be missing begins with `?`.
        env_file: Vec<String> = list_of_env_files or "" like "a.env,?optional.env" read apart,
            "files of such variables, KEY=VALUE; ?: if there";
        /// Set `HOME`, `USER`, `LOGNAME` and `SHELL` for the user it runs as.
        user_environment: bool = boolean or "false", "set HOME, USER, LOGNAME and SHELL for its user";
        /// `SUPERVISOR_SERVER_URL` for this process; `None` is AUTO, an empty one is no variable at all.
        serverurl: Option<String> = server_url or "AUTO" read last, "what it sees as SUPERVISOR_SERVER_URL";
        /// User to run as.
        user: User = user like "nobody" read last, "run as this user, if supervisord is root";
        /// umask of the process; supervisord's where `None`.
        umask: u32 = octal like "022" read last, "supervisord's if not given";
        /// Limit of its open files; supervisord's where `None`, as the following.
        rlimit_nofile: Rlimit = rlimit like "4096:8192" read last, "open files: soft, or soft:hard, or unlimited";
        /// Limit of its core files, in bytes.
        rlimit_core: Rlimit = rlimit_bytes like "unlimited" read last, "size of core files";
        /// Limit of the processes of its user.
        rlimit_nproc: Rlimit = rlimit like "500" read last, "processes of its user";
        /// Limit of the memory that it may lock, in bytes.
        rlimit_memlock: Rlimit = rlimit_bytes like "64MB" read last, "memory that it may lock";
        /// Niceness.
        nice: i32 = nice like "5" read last, "from -20, which comes first, to 19";
        /// Points that the kernel adds when it looks for a process to end for want of memory.
        oom_score_adj: i32 = oom_score_adj like "500" read last, "from -1000, never ended for want of memory, to 1000";
        /// End what it leaves behind.
        kill_descendants: bool = boolean or "false" read last, "when it has ended, kill all that it has left behind";
        /// Processes, programs and groups that must be up, or have ended, before it starts.
        depends_on: Vec<Dependency> = list_of_dependencies or "" like "rsyslogd,migrate:exited" read last,
            "what must be RUNNING first, or have :exited as expected, or be :ready";
        /// Way in which its group is updated.
        update: Update = update_mode or "restart" read last, "or minimal: update restarts only what it must";
        /// Ends of it after which supervisord ends as well.
        exit_when: Vec<End> = list_of_ends or "" like "fatal,exited" read last,
            "when it is FATAL, or has exited for good, supervisord stops all and exits as it did";
        /// Sign by which it is known to be ready; `None` where it is enough that it stays up.
        ready: Ready = ready like "tcp:8080" read each,
            "RUNNING once ready: notify, fd:N, tcp:PORT, http:URL or exec:COMMAND";
        /// Time that it has to become ready; zero is no end.
        ready_timeout: Duration = seconds or "0" read each, "seconds until a start that is not ready fails; 0: none";
        /// Longest time between two `WATCHDOG=1` of a program that notifies; zero asks for none.
        watchdog_secs: Duration = seconds or "0" read each,
            "with ready=notify: killed after so long without WATCHDOG=1";
        /// Probe by which it is known to be well while it is RUNNING.
        health: Probe = probe like "http://localhost:8080/health" read each,
            "asked while it runs: tcp:PORT, http:URL or exec:COMMAND";
        /// Time between two of these.
        health_interval: Duration = seconds or "10" read each, "seconds between two times";
        /// Time that one of them may take.
        health_timeout: Duration = seconds or "5" read each, "seconds that one may take";
        /// Failures in a row after which it is not well.
        health_retries: u32 = count or "3" read each, "failures in a row after which it counts as failed";
        /// Work that follows then.
        health_action: HealthAction = health_action or "log" read each, "what is done then: log, or restart";
        /// Directory to change to before exec.
        directory: PathBuf = path like "/tmp" read each, "change there first";
    }

    keys {
        stdout_logfile: Logfile = logfile_name or "AUTO", "or NONE, or a file";
        stdout_logfile_maxbytes: u64 = byte_size or "50MB", "then it is rotated; 0 is never";
        stdout_logfile_backups: u32 = count or "10", "how many old ones are kept; 0 is none";
        stdout_capture_maxbytes: u64 = byte_size or "0",
            "how much is kept of what stands between the tokens of a PROCESS_COMMUNICATION";
        stdout_events_enabled: bool = boolean or "false", "tell listeners what it writes";
        stdout_syslog: bool = boolean or "false", "send it to syslog";
        stdout_log_format: LogFormat = log_format or "raw",
            "or text: time and name before each line; or json: each line is an object";
        stdout_logfile_rotate: LogRotate = log_rotate or "size", "or daily, or hourly: then, too";
        stderr_logfile: Logfile = logfile_name or "AUTO";
        stderr_logfile_maxbytes: u64 = byte_size or "50MB";
        stderr_logfile_backups: u32 = count or "10";
        stderr_capture_maxbytes: u64 = byte_size or "0";
        stderr_events_enabled: bool = boolean or "false";
        stderr_syslog: bool = boolean or "false";
        stderr_log_format: LogFormat = log_format or "raw";
        stderr_logfile_rotate: LogRotate = log_rotate or "size";
    }
}

/// `stdout_*` or `stderr_*` of a program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OutputOptions {
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
    /// `*_log_format`.
    pub log_format: LogFormat,
    /// `*_logfile_rotate`: other moments at which it is rotated.
    pub rotate: LogRotate,
}

impl Default for OutputOptions {
    fn default() -> Self {
        Self {
            logfile: program::stdout_logfile.default_value(),
            maxbytes: program::stdout_logfile_maxbytes.default_value(),
            backups: program::stdout_logfile_backups.default_value(),
            capture_maxbytes: program::stdout_capture_maxbytes.default_value(),
            events_enabled: program::stdout_events_enabled.default_value(),
            syslog: program::stdout_syslog.default_value(),
            log_format: program::stdout_log_format.default_value(),
            rotate: program::stdout_logfile_rotate.default_value(),
        }
    }
}

options! {
    /// Keys that `[eventlistener:x]` has besides those of a program. Its `priority` has another default.
    mod eventlistener;

    keys {
        priority: i32 = priority or "-1", "before all programs";
        buffer_size: i64 = integer or "10", "how many may wait";
        events: Vec<String> = list_of_strings or "" like "PROCESS_STATE,TICK_60", "which types of events";
        result_handler: String = text or "supervisor.dispatchers:default_handler";
    }
}

options! {
    /// Keys that `[fcgi-program:x]` has besides those of a program.
    mod fcgi_program;

    keys {
        socket: String = text like "unix:///tmp/%(program_name)s.sock       ", "or tcp://localhost:9002";
        socket_backlog: i64 = integer like "1024", "as many as the system allows if not given";
        socket_owner: String = text like "nobody:nogroup", "the program's user if not given";
        socket_mode: String = text or "0700", "of a unix socket";
    }
}

options! {
    /// `[group:x]`.
    mod group;

    keys {
        programs: Vec<String> = list_of_strings or "" like "one,two";
        priority: i32 = priority or "999";
        depends_on: Vec<Dependency> = list_of_dependencies or "" like "rsyslogd", "of each of its programs, too";
        update: Update = update_mode or "restart", "minimal: of each of its programs";
    }
}

options! {
    /// `[inet_http_server]`.
    mod inet_http_server;

    keys {
        port: (String, u16) = inet_address like "127.0.0.1:9001", "*:9001 listens on all interfaces";
        username: String = text like "user";
        password: String = password like "123";
        allowed_hosts: Vec<String> = list_of_hosts or "",
            "names that browsers may know it by, if there is no password: sup.example,web1";
        metrics: bool = boolean or "false", "serve /metrics, for Prometheus";
    }
}

options! {
    /// `[unix_http_server]`.
    mod unix_http_server;

    keys {
        file: String = text like "/tmp/supervisor.sock", "a directory that only you can write is a better place";
        username: String = text like "user",
            "without a name and a password everybody who can connect is let in";
        password: String = password like "123", "or {SHA} and the SHA-1 of the password in hexadecimal";
        chown: String = text like "nobody:nogroup", "unchanged if not given";
        chmod: String = text or "0700", "only its owner may connect";
        metrics: bool = boolean or "false", "serve /metrics, for Prometheus";
    }
}

options! {
    /// `[supervisorctl]`.
    mod supervisorctl;

    keys {
        serverurl: String = text or "http://localhost:9001";
        prompt: String = text or "supervisor";
        username: String = text like "user", "as the server has it";
        password: String = password like "123", "as the server has it";
        history_file: String = text like "~/.supervisorctl_history", "what was typed is forgotten if not given";
        plugin_path: Vec<PathBuf> = list_of_paths or "",
            "where plugin libraries are looked for first; colons may stand for the commas";
    }
}

options! {
    /// `[include]`.
    mod include;

    keys {
        files: String = text like "conf.d/*.conf";
    }
}

/// A kind of section whose keys are known.
pub(super) struct SectionKind {
    /// Name of the section, or what its name begins with if that ends in a colon.
    pub(super) name: &'static str,
    /// Keys of its own.
    pub(super) own: &'static [Key],
    /// Keys that it shares with `[program:x]`.
    pub(super) shared: &'static [Key],
}

/// All kinds of sections whose keys are known.
pub(super) const SECTIONS: [SectionKind; 9] = [
    SectionKind { name: "supervisord", own: supervisord::KEYS, shared: &[] },
    SectionKind { name: "supervisorctl", own: supervisorctl::KEYS, shared: &[] },
    SectionKind { name: "include", own: include::KEYS, shared: &[] },
    SectionKind { name: "inet_http_server", own: inet_http_server::KEYS, shared: &[] },
    SectionKind { name: "unix_http_server", own: unix_http_server::KEYS, shared: &[] },
    SectionKind { name: "program:", own: program::KEYS, shared: &[] },
    SectionKind { name: "group:", own: group::KEYS, shared: &[] },
    SectionKind { name: "eventlistener:", own: eventlistener::KEYS, shared: program::KEYS },
    SectionKind { name: "fcgi-program:", own: fcgi_program::KEYS, shared: program::KEYS },
];
