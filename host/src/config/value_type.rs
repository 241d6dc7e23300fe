//! Types of values: the way from text to each and back, and words for what would be right.

use std::{path::PathBuf, time::Duration};

use serde_json::Value;

use super::{
    accounts, datatypes as read,
    probe::{Probe, Ready},
    show,
    types::{AutoRestart, Dependency, End, HealthAction, Level, LogFormat, LogRotate, Logfile, Rlimit, Update, User},
    variables::Variables,
};

/// A type of value.
#[derive(Clone, Copy)]
pub(super) struct ValueType<T: 'static> {
    /// Function that makes the value of a text, or returns Supervisor's words for what is wrong with it.
    pub(super) read: fn(&str) -> Result<T, String>,
    /// Function that makes of the value what `--check-config` shows.
    pub(super) show: fn(&T) -> Value,
    /// Description of what would be right, for messages; none where anything goes.
    pub(super) expected: Option<&'static str>,
    /// True where TOML's numbers and booleans are a mistake, since the text could be anything.
    pub(super) only_strings: bool,
    /// True where a TOML array means its items with commas between them.
    pub(super) is_list: bool,
}

impl<T: 'static> ValueType<T> {
    const fn new(read: fn(&str) -> Result<T, String>, show: fn(&T) -> Value) -> Self {
        Self { read, show, expected: None, only_strings: false, is_list: false }
    }

    const fn takes(self, expected: &'static str) -> Self {
        Self { expected: Some(expected), ..self }
    }

    const fn only_strings(self) -> Self {
        Self { only_strings: true, ..self }
    }

    const fn list(self) -> Self {
        Self { is_list: true, ..self }
    }
}

/// Make a constant for each type of value, named as the table of options names it.
macro_rules! value_types {
    ($($name:ident: $type:ty = $read:expr, $show:ident $(, $expected:literal)? $(, $property:ident)*;)*) => {
        $(
            #[allow(non_upper_case_globals, reason = "they are named as the functions that read them")]
            pub(super) const $name: ValueType<$type> =
                ValueType::new($read, show::$show)$(.takes($expected))?$(.$property())*;
        )*
    };
}

value_types! {
    text: String = read::text, plain;
    password: String = read::text, secret;
    boolean: bool = read::boolean, plain, "true or false";
    integer: i64 = read::integer, plain, "a whole number";
    rlimit: Rlimit = read::rlimit, rlimit, "a number or unlimited, or two as soft:hard, such as 1024:4096";
    rlimit_bytes: Rlimit = read::rlimit_bytes, rlimit,
        "bytes, KB, MB or GB, or unlimited, or two as soft:hard, such as 64MB:unlimited";
    nice: i32 = read::nice, plain, "a whole number from -20 to 19";
    oom_score_adj: i32 = read::oom_score_adj, plain, "a whole number from -1000 to 1000";
    retries: i64 = read::retries, retries, "a whole number, or infinite";
    seconds: Duration = read::seconds, seconds, "a number of seconds, such as 5 or 0.5";
    count: u32 = read::count, plain, "a whole number";
    limit: u64 = read::limit, plain, "a whole number";
    priority: i32 = read::priority, plain, "a whole number";
    byte_size: u64 = read::byte_size, plain, "a number of bytes, or of KB, MB or GB, such as 50MB";
    octal: u32 = read::octal, octal, "an octal number, such as 022";
    signal_number: i32 = read::signal_number, signal, "a signal by name or number, such as TERM";
    process_or_group_name: String = read::process_or_group_name, plain, "a name without blanks, ':' and '/'";
    environment: Variables = read::environment, environment,
        "pairs with commas between them: KEY=\"value\",KEY2=\"value\"";
    server_url: Option<String> = read::server_url, plain;
    auto_restart: AutoRestart = read::auto_restart, auto_restart, "true, false or unexpected";
    logging_level: Level = read::logging_level, level,
        "critical, error, warn, info, debug, trace or blather", only_strings;
    ready: Ready = Ready::parse, text_of,
        "notify, fd:N, tcp:PORT, http:URL or exec:COMMAND, such as tcp:8080 or http://localhost:8080/", only_strings;
    probe: Probe = Probe::parse, text_of,
        "tcp:PORT, http:URL or exec:COMMAND, such as tcp:8080 or http://localhost:8080/", only_strings;
    health_action: HealthAction = read::health_action, text_of, "log or restart", only_strings;
    log_format: LogFormat = read::log_format, text_of, "raw, text or json", only_strings;
    activity_log_format: LogFormat = read::activity_log_format, text_of, "text or json", only_strings;
    log_rotate: LogRotate = read::log_rotate, text_of, "size, daily or hourly", only_strings;
    user: User = accounts::user, user, "the name or the number of a user";
    // Supervisor looks it up in the end, and says no more of it.
    user_of_supervisord: User = accounts::user, user;
    inet_address: (String, u16) = read::inet_address, inet_address, "PORT or HOST:PORT, with a port from 1 to 65535";

    path: PathBuf = read::path, path, "a path", only_strings;
    existing_directory: PathBuf = read::existing_directory, path, "a directory that exists", only_strings;
    existing_dirpath: PathBuf = read::existing_dirpath, path, "a file in a directory that exists", only_strings;
    activity_log: Logfile = read::activity_log, logfile,
        "a file in a directory that exists, or syslog", only_strings;
    logfile_name: Logfile = read::logfile_name, logfile,
        "AUTO, NONE, or a file in a directory that exists", only_strings;

    list_of_strings: Vec<String> = read::list_of_strings, plain, list;
    list_of_exitcodes: Vec<i32> = read::list_of_exitcodes, plain, "numbers from 0 to 255 with commas between them", list;
    list_of_paths: Vec<PathBuf> = read::list_of_paths, paths,
        "directories with commas between them", only_strings, list;
    list_of_env_files: Vec<String> = read::list_of_env_files, plain,
        "files with commas between them; one that may be missing begins with '?'", only_strings, list;
    list_of_dependencies: Vec<Dependency> = read::list_of_dependencies, dependencies,
        "groups, programs or group:process with commas between them, each with :exited or :ready behind it if not \
         :running is meant", only_strings, list;
    update_mode: Update = read::update_mode, update, "restart or minimal", only_strings;
    list_of_ends: Vec<End> = read::list_of_ends, ends, "fatal, exited, or both with a comma between them",
        only_strings, list;
    end_of_all: End = read::end_of_all, end, "exited, or is left out", only_strings;
    list_of_hosts: Vec<String> = read::list_of_hosts, plain,
        "names of hosts with commas between them, without ports", only_strings, list;
}
