//! What supervisord's command line says in place of the config file.

use std::path::PathBuf;

use super::{
    Level, Logfile,
    datatypes::{
        activity_log, byte_size, count, existing_directory, existing_dirpath, limit, logging_level, octal, text,
    },
};
use crate::text::{getopt::conflict, repr::repr};

/// Values from the command line; each that is there wins over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are flags of a command line")]
pub struct Overrides {
    /// `-n`, `--nodaemon`.
    pub nodaemon: bool,
    /// `-u`, `--user`: a name or a number, looked up when the config is resolved.
    pub user: Option<String>,
    /// `-m`, `--umask`.
    pub umask: Option<u32>,
    /// `-d`, `--directory`.
    pub directory: Option<PathBuf>,
    /// `-l`, `--logfile`.
    pub logfile: Option<Logfile>,
    /// `-y`, `--logfile_maxbytes`.
    pub logfile_maxbytes: Option<u64>,
    /// `-z`, `--logfile_backups`.
    pub logfile_backups: Option<u32>,
    /// `-e`, `--loglevel`.
    pub loglevel: Option<Level>,
    /// `-j`, `--pidfile`.
    pub pidfile: Option<PathBuf>,
    /// `-i`, `--identifier`.
    pub identifier: Option<String>,
    /// `-q`, `--childlogdir`.
    pub childlogdir: Option<PathBuf>,
    /// `-a`, `--minfds`.
    pub minfds: Option<u64>,
    /// `--minprocs`.
    pub minprocs: Option<u64>,
    /// `-k`, `--nocleanup`.
    pub nocleanup: bool,
    /// `-t`, `--strip_ansi`.
    pub strip_ansi: bool,
    /// `-s`, `--silent`.
    pub silent: bool,
}

/// One option of the command line that stands for a key of `[supervisord]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandLineOption {
    /// The letter of `-n`, if it has one.
    pub short: Option<char>,
    /// `nodaemon` of `--nodaemon`, which is also the key.
    pub long: &'static str,
    /// Whether a value follows.
    pub takes_value: bool,
}

const fn flag(short: char, long: &'static str) -> CommandLineOption {
    CommandLineOption { short: Some(short), long, takes_value: false }
}

const fn value(short: char, long: &'static str) -> CommandLineOption {
    CommandLineOption { short: Some(short), long, takes_value: true }
}

const fn long_value(long: &'static str) -> CommandLineOption {
    CommandLineOption { short: None, long, takes_value: true }
}

impl Overrides {
    /// All options that [`Overrides::set`] takes.
    pub const OPTIONS: [CommandLineOption; 17] = [
        flag('n', "nodaemon"),
        value('u', "user"),
        value('m', "umask"),
        value('d', "directory"),
        value('l', "logfile"),
        value('y', "logfile_maxbytes"),
        value('z', "logfile_backups"),
        value('e', "loglevel"),
        value('j', "pidfile"),
        value('i', "identifier"),
        value('q', "childlogdir"),
        value('a', "minfds"),
        long_value("minprocs"),
        flag('k', "nocleanup"),
        flag('t', "strip_ansi"),
        long_value("profile_options"),
        flag('s', "silent"),
    ];

    /// The option that is spelt `-n` or `--nodaemon`.
    pub fn option(spelling: &str) -> Option<CommandLineOption> {
        Self::OPTIONS.into_iter().find(|option| match spelling.strip_prefix("--") {
            Some(long) => option.long == long,
            None => {
                option.short.is_some_and(|short| spelling.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4])))
            }
        })
    }

    /// Takes one option as it is spelt on the command line, `-m` or `--umask`, with its value.
    ///
    /// The error is the text after `Error: ` that Supervisor prints.
    pub fn set(&mut self, spelling: &str, value: Option<&str>) -> Result<(), String> {
        let Some(option) = Self::option(spelling) else {
            return Err(format!("option {spelling} not recognized"));
        };
        let value = match (option.takes_value, value) {
            (true, None) => return Err(format!("option {spelling} requires argument")),
            (false, Some(_)) => return Err(format!("option {spelling} must not have an argument")),
            (_, value) => value.unwrap_or_default(),
        };
        let given = Given { spelling, value };
        match option.long {
            "nodaemon" => given.flag(&mut self.nodaemon),
            "nocleanup" => given.flag(&mut self.nocleanup),
            "strip_ansi" => given.flag(&mut self.strip_ansi),
            "silent" => given.flag(&mut self.silent),
            "user" => given.value(&mut self.user, text),
            "umask" => given.value(&mut self.umask, octal),
            "directory" => given.value(&mut self.directory, existing_directory),
            "logfile" => given.value(&mut self.logfile, activity_log),
            "logfile_maxbytes" => given.value(&mut self.logfile_maxbytes, byte_size),
            "logfile_backups" => given.value(&mut self.logfile_backups, count),
            "loglevel" => given.value(&mut self.loglevel, logging_level),
            "pidfile" => given.value(&mut self.pidfile, existing_dirpath),
            "identifier" => given.value(&mut self.identifier, text),
            "childlogdir" => given.value(&mut self.childlogdir, existing_directory),
            "minfds" => given.value(&mut self.minfds, limit),
            "minprocs" => given.value(&mut self.minprocs, limit),
            profile => Err(format!(
                "--{profile} is not supported: it is for the profiler of Python; `perf record` looks into this supervisord"
            )),
        }
    }
}

/// One option as it was given.
struct Given<'a> {
    spelling: &'a str,
    value: &'a str,
}

impl Given<'_> {
    fn flag(&self, field: &mut bool) -> Result<(), String> {
        if std::mem::replace(field, true) { Err(conflict(self.spelling)) } else { Ok(()) }
    }

    fn value<T>(&self, field: &mut Option<T>, convert: fn(&str) -> Result<T, String>) -> Result<(), String> {
        let value = convert(self.value)
            .map_err(|error| format!("invalid value for {} {}: {error}", self.spelling, repr(self.value)))?;
        if field.replace(value).is_some() { Err(conflict(self.spelling)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_by_both_spellings() {
        let mut overrides = Overrides::default();
        for (spelling, value) in [
            ("-n", None),
            ("--umask", Some("027")),
            ("-y", Some("1MB")),
            ("--minprocs", Some("5")),
            ("-l", Some("x.log")),
        ] {
            overrides.set(spelling, value).unwrap();
        }
        let expected = Overrides {
            nodaemon: true,
            umask: Some(0o27),
            logfile_maxbytes: Some(1 << 20),
            minprocs: Some(5),
            logfile: Some(Logfile::Path("x.log".into())),
            ..Overrides::default()
        };
        assert_eq!(overrides, expected);
    }

    #[test]
    fn bad_options_get_supervisors_texts() {
        let mut overrides = Overrides::default();
        let mut error = |spelling, value| overrides.set(spelling, value).unwrap_err();
        assert_eq!(error("-m", Some("9")), "invalid value for -m '9': 9 can not be converted to an octal type");
        assert_eq!(error("--loglevel", Some("x")), "invalid value for --loglevel 'x': bad logging level name 'x'");
        assert_eq!(error("-a", Some("x")), "invalid value for -a 'x': invalid literal for int() with base 10: 'x'");
        assert_eq!(error("-x", None), "option -x not recognized");
        assert_eq!(error("-m", None), "option -m requires argument");
        assert_eq!(error("--nodaemon", Some("1")), "option --nodaemon must not have an argument");
        assert!(
            error("--profile_options", Some("calls")).starts_with("--profile_options is not supported: it is for ")
        );
        overrides.set("-n", None).unwrap();
        assert_eq!(overrides.set("--nodaemon", None).unwrap_err(), "conflicting command line option '--nodaemon'");
        overrides.set("-i", Some("a")).unwrap();
        assert_eq!(overrides.set("-i", Some("a")).unwrap_err(), "conflicting command line option '-i'");
    }
}
