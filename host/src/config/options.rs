//! All keys of Supervisor's own sections: name, type and default, each said once.
//!
//! A default is text, as if it stood in the file. A key without one may be absent.

use std::path::PathBuf;

use super::{AutoRestart, Level, Logfile, User, Variables};

/// One key of a section.
#[derive(Clone, Copy)]
pub(super) struct Opt<T: 'static> {
    /// As it is spelt in the file.
    pub(super) key: &'static str,
    /// What it is when it is absent.
    pub(super) default: Option<&'static str>,
    /// From text to its type, or Supervisor's words for what is wrong with it.
    pub(super) convert: fn(&str) -> Result<T, String>,
    /// What would be right, for messages.
    pub(super) takes: Takes,
}

/// What a key takes.
#[derive(Clone, Copy)]
pub(super) struct Takes {
    /// In words; none where anything goes.
    pub(super) words: Option<&'static str>,
    /// Whether TOML's numbers and booleans are a mistake, since the text could be anything.
    pub(super) only_strings: bool,
}

/// Makes a module of constants named as the keys are, `KEYS` with all names, and `DEFAULTS` with the defaults too.
macro_rules! options {
    ($(#[$doc:meta])* $section:ident { $($key:ident: $type:ty = $convert:ident $(or $default:literal)?;)* }) => {
        $(#[$doc])*
        #[allow(non_upper_case_globals, reason = "config keys keep their spelling")]
        pub(super) mod $section {
            use super::*;
            $(pub(in crate::config) const $key: Opt<$type> = Opt {
                key: stringify!($key),
                default: options!(@default $($default)?),
                convert: convert::$convert,
                takes: takes::$convert,
            };)*
            pub(in crate::config) const KEYS: &[&str] = &[$(stringify!($key)),*];
            #[cfg(test)]
            pub(in crate::config) const DEFAULTS: &[(&str, Option<&str>)] = &[$((stringify!($key), $key.default)),*];
        }
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

options! {
    /// `[supervisord]`. `childlogdir` is the system's directory for temporary files by default.
    supervisord {
        minfds: u64 = limit or "1024";
        minprocs: u64 = limit or "200";
        directory: PathBuf = existing_directory;
        user: String = text;
        umask: u32 = octal or "022";
        logfile: Logfile = activity_log or "supervisord.log";
        logfile_maxbytes: u64 = byte_size or "50MB";
        logfile_backups: u32 = count or "10";
        loglevel: Level = logging_level or "info";
        pidfile: PathBuf = existing_dirpath or "supervisord.pid";
        identifier: String = text or "supervisor";
        nodaemon: bool = boolean or "false";
        silent: bool = boolean or "false";
        childlogdir: PathBuf = existing_directory;
        nocleanup: bool = boolean or "false";
        strip_ansi: bool = boolean or "false";
        environment: Variables = environment or "";
        plugin_path: Vec<String> = list_of_paths or "";
        plugin_data_dir: PathBuf = path;
    }
}

options! {
    /// `[program:x]`, and the same keys of `[eventlistener:x]` and `[fcgi-program:x]`.
    program {
        command: String = text;
        process_name: String = process_or_group_name or "%(program_name)s";
        numprocs: i64 = integer or "1";
        numprocs_start: i64 = integer or "0";
        priority: i32 = priority or "999";
        autostart: bool = boolean or "true";
        autorestart: AutoRestart = auto_restart or "unexpected";
        startsecs: i64 = integer or "1";
        startretries: i64 = integer or "3";
        stopsignal: i32 = signal_number or "TERM";
        stopwaitsecs: i64 = integer or "10";
        stopasgroup: bool = boolean or "false";
        killasgroup: bool = boolean;
        exitcodes: Vec<i32> = list_of_exitcodes or "0";
        redirect_stderr: bool = boolean or "false";
        environment: Variables = environment or "";
        serverurl: String = text;
        user: User = user;
        umask: u32 = octal;
        directory: PathBuf = path;
        stdout_logfile: Logfile = logfile_name;
        stdout_logfile_maxbytes: u64 = byte_size or "50MB";
        stdout_logfile_backups: u32 = count or "10";
        stdout_capture_maxbytes: u64 = byte_size or "0";
        stdout_events_enabled: bool = boolean or "false";
        stdout_syslog: bool = boolean or "false";
        stderr_logfile: Logfile = logfile_name;
        stderr_logfile_maxbytes: u64 = byte_size or "50MB";
        stderr_logfile_backups: u32 = count or "10";
        stderr_capture_maxbytes: u64 = byte_size or "0";
        stderr_events_enabled: bool = boolean or "false";
        stderr_syslog: bool = boolean or "false";
    }
}

options! {
    /// What `[eventlistener:x]` has besides the keys of a program. Its `priority` has another default.
    eventlistener {
        priority: i32 = priority or "-1";
        buffer_size: i64 = integer or "10";
        events: Vec<String> = list_of_strings or "";
        result_handler: String = text or "supervisor.dispatchers:default_handler";
    }
}

options! {
    /// What `[fcgi-program:x]` has besides the keys of a program.
    fcgi_program {
        socket: String = text;
        socket_backlog: i64 = integer;
        socket_owner: String = text;
        socket_mode: String = text;
    }
}

options! {
    /// `[group:x]`.
    group {
        programs: Vec<String> = list_of_strings or "";
        priority: i32 = priority or "999";
    }
}

options! {
    /// `[inet_http_server]`.
    inet_http_server {
        port: (String, u16) = inet_address;
        username: String = text;
        password: String = text;
        allowed_hosts: Vec<String> = list_of_hosts or "";
    }
}

options! {
    /// `[unix_http_server]`.
    unix_http_server {
        file: String = text;
        username: String = text;
        password: String = text;
        chown: String = text;
        chmod: String = text;
    }
}

options! {
    /// `[supervisorctl]`.
    supervisorctl {
        serverurl: String = text or "http://localhost:9001";
        prompt: String = text or "supervisor";
        username: String = text;
        password: String = text;
        history_file: String = text;
        plugin_path: Vec<String> = list_of_paths or "";
    }
}

options! {
    /// `[include]`.
    include {
        files: String = text;
    }
}

/// From the text of a value to its type.
mod convert {
    use std::path::PathBuf;

    pub(super) use crate::config::{accounts::user, datatypes::*};

    /// Any path: whether it can be used is seen when it is used.
    #[expect(clippy::unnecessary_wraps, reason = "all conversions have one signature")]
    pub(super) fn path(value: &str) -> Result<PathBuf, String> {
        Ok(PathBuf::from(value))
    }

    /// Paths between colons or commas; empty ones do not count.
    #[expect(clippy::unnecessary_wraps, reason = "all conversions have one signature")]
    pub(super) fn list_of_paths(value: &str) -> Result<Vec<String>, String> {
        Ok(value.split([':', ',']).map(str::trim).filter(|path| !path.is_empty()).map(str::to_owned).collect())
    }
}

/// What would be right for each conversion, under its name.
#[allow(non_upper_case_globals, reason = "they are named as the conversions are")]
mod takes {
    use super::Takes;

    const fn takes(words: &'static str) -> Takes {
        Takes { words: Some(words), only_strings: false }
    }

    const fn string(words: &'static str) -> Takes {
        Takes { words: Some(words), only_strings: true }
    }

    pub(super) const text: Takes = Takes { words: None, only_strings: false };
    pub(super) const boolean: Takes = takes("true or false");
    pub(super) const integer: Takes = takes("a whole number");
    pub(super) const count: Takes = integer;
    pub(super) const limit: Takes = integer;
    pub(super) const priority: Takes = integer;
    pub(super) const byte_size: Takes = takes("a number of bytes, or of KB, MB or GB, such as 50MB");
    pub(super) const octal: Takes = takes("an octal number, such as 022");
    pub(super) const signal_number: Takes = takes("a signal by name or number, such as TERM");
    pub(super) const list_of_strings: Takes = Takes { words: None, only_strings: false };
    pub(super) const list_of_exitcodes: Takes = takes("numbers from 0 to 255 with commas between them");
    pub(super) const list_of_paths: Takes = string("directories with commas between them");
    pub(super) const list_of_hosts: Takes = string("names of hosts with commas between them, without ports");
    pub(super) const process_or_group_name: Takes = takes("a name without blanks, ':' and '/'");
    pub(super) const environment: Takes = takes("pairs with commas between them: KEY=\"value\",KEY2=\"value\"");
    pub(super) const path: Takes = string("a path");
    pub(super) const existing_directory: Takes = string("a directory that exists");
    pub(super) const existing_dirpath: Takes = string("a file in a directory that exists");
    pub(super) const activity_log: Takes = string("a file in a directory that exists, or syslog");
    pub(super) const logfile_name: Takes = string("AUTO, NONE, or a file in a directory that exists");
    pub(super) const logging_level: Takes = string("critical, error, warn, info, debug, trace or blather");
    pub(super) const auto_restart: Takes = takes("true, false or unexpected");
    pub(super) const inet_address: Takes = takes("PORT or HOST:PORT, with a port from 1 to 65535");
    pub(super) const user: Takes = takes("the name or the number of a user");
}
