//! The table of options as a list, for manuals.

use super::{
    option::Key,
    options::{SECTIONS, SectionKind},
};

/// An option, as a manual shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OptionReference {
    /// Spelling in the file.
    pub name: &'static str,
    /// Text that stands for an absent key.
    pub default: Option<&'static str>,
    /// Value to show in place of a default.
    pub example: Option<&'static str>,
    /// Explanation; empty for a key that explains itself.
    pub comment: &'static str,
    /// Description of the values that it takes; none where anything goes.
    pub expected: Option<&'static str>,
    /// True for an option that Supervisor 4.3.0 does not have.
    pub is_ours: bool,
}

/// A kind of section, as a manual shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SectionReference {
    /// Header in the file: `[supervisord]`, or `[program:x]`.
    pub header: String,
    /// Options of its own, in the order of the table.
    pub options: Vec<OptionReference>,
    /// True where it takes the options of `[program:x]` besides.
    pub is_a_program: bool,
}

/// Keys that Supervisor 4.3.0 has, between blanks, by the beginning of the section's name. They will not become more.
const OF_SUPERVISOR: [(&str, &str); 9] = [
    (
        "supervisord",
        "minfds minprocs directory user umask logfile logfile_maxbytes logfile_backups loglevel pidfile identifier \
         nodaemon silent childlogdir nocleanup strip_ansi environment",
    ),
    ("supervisorctl", "serverurl prompt username password history_file"),
    ("include", "files"),
    ("inet_http_server", "port username password"),
    ("unix_http_server", "file username password chown chmod"),
    (
        "program:",
        "command process_name numprocs numprocs_start priority autostart autorestart startsecs startretries stopsignal \
         stopwaitsecs stopasgroup killasgroup exitcodes redirect_stderr environment serverurl user umask directory \
         stdout_logfile stdout_logfile_maxbytes stdout_logfile_backups stdout_capture_maxbytes stdout_events_enabled \
         stdout_syslog stderr_logfile stderr_logfile_maxbytes stderr_logfile_backups stderr_capture_maxbytes \
         stderr_events_enabled stderr_syslog",
    ),
    ("group:", "programs priority"),
    ("eventlistener:", "priority buffer_size events result_handler"),
    ("fcgi-program:", "socket socket_backlog socket_owner socket_mode"),
];

/// List all kinds of sections with all their options.
pub fn reference() -> Vec<SectionReference> {
    SECTIONS.iter().map(section).collect()
}

fn section(kind: &SectionKind) -> SectionReference {
    let x = if kind.name.ends_with(':') { "x" } else { "" };
    let of_supervisor = OF_SUPERVISOR.iter().find(|(name, _)| *name == kind.name).map_or("", |(_, keys)| keys);
    let option = |key: &Key| OptionReference {
        name: key.name,
        default: key.default,
        example: key.example.map(str::trim_end),
        comment: key.comment,
        expected: key.expected,
        is_ours: !of_supervisor.split_whitespace().any(|name| name == key.name),
    };
    SectionReference {
        header: format!("[{}{x}]", kind.name),
        options: kind.own.iter().map(option).collect(),
        is_a_program: !kind.shared.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_of_supervisor_is_in_the_table() {
        for (section, keys) in OF_SUPERVISOR {
            let kind = SECTIONS.iter().find(|kind| kind.name == section).unwrap_or_else(|| panic!("[{section}]"));
            for name in keys.split_whitespace() {
                assert!(kind.own.iter().any(|key| key.name == name), "{name} in [{section}]");
            }
        }
    }

    #[test]
    fn options_of_our_own_are_marked() {
        let all = reference();
        let is_ours = |header: &str, name: &str| {
            let section = all.iter().find(|section| section.header == header).unwrap();
            section.options.iter().find(|option| option.name == name).unwrap().is_ours
        };
        assert!(is_ours("[program:x]", "ready") && is_ours("[inet_http_server]", "allowed_hosts"));
        assert!(!is_ours("[program:x]", "startsecs") && !is_ours("[group:x]", "priority"));
    }
}
