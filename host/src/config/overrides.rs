//! Options of supervisord's command line that stand above the config file.

use std::path::PathBuf;

use super::{
    datatypes::text,
    options::{Supervisord, supervisord as options},
    types::{Level, Logfile},
};
use crate::text::{
    getopt::{Known, conflict},
    repr::repr,
};

/// Make [`Overrides`] with a field for each option, the list of options, and what takes and applies them. A value means
/// what it means behind its key in the file.
macro_rules! overrides {
    (flags { $($flag_letter:literal $flag:ident;)* } values { $($($letter:literal)? $key:ident: $type:ty;)* }) => {
        /// Values from the command line; each that is there wins over the file.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Overrides {
            $(#[doc = concat!("Set by `-", $flag_letter, "`, `--", stringify!($flag), "`.")] pub $flag: bool,)*
            $(#[doc = concat!("Value of `--", stringify!($key), "`.")] pub $key: Option<$type>,)*
            /// Value of `--user`: a name or a number, looked up when the config is resolved.
            pub user: Option<String>,
        }

        impl Overrides {
            /// All options that [`Overrides::set`] takes.
            pub const OPTIONS: [Known; 17] = [
                Known { short: Some('u'), long: Some("user"), takes_value: true },
                Known { short: None, long: Some(PROFILE_OPTIONS), takes_value: true },
                $(Known { short: Some($flag_letter), long: Some(stringify!($flag)), takes_value: false },)*
                $(Known {
                    short: [$($letter)?].first().copied(), long: Some(stringify!($key)), takes_value: true,
                },)*
            ];

            fn take(&mut self, long: &str, given: &GivenOption<'_>) -> Result<(), String> {
                match long {
                    "user" => given.value(&mut self.user, text),
                    $(stringify!($flag) => given.flag(&mut self.$flag),)*
                    $(stringify!($key) => given.value(&mut self.$key, options::$key.value_type.read),)*
                    _ => Err(format!(
                        "--{PROFILE_OPTIONS} is not supported: it is for the profiler of Python; `perf record` looks into \
                         this supervisord"
                    )),
                }
            }

            /// Put the values in the place of those of the file, all but `user`.
            pub(super) fn apply(&self, supervisord: &mut Supervisord) {
                $(supervisord.$flag |= self.$flag;)*
                $(if let Some(value) = &self.$key {
                    supervisord.$key = value.clone().into();
                })*
            }
        }
    };
}

overrides! {
    flags {
        'n' nodaemon;
        'k' nocleanup;
        't' strip_ansi;
        's' silent;
    }
    values {
        'm' umask: u32;
        'd' directory: PathBuf;
        'l' logfile: Logfile;
        'y' logfile_maxbytes: u64;
        'z' logfile_backups: u32;
        'e' loglevel: Level;
        'j' pidfile: PathBuf;
        'i' identifier: String;
        'q' childlogdir: PathBuf;
        'a' minfds: u64;
        minprocs: u64;
    }
}

/// Option that Supervisor has for Python's profiler.
const PROFILE_OPTIONS: &str = "profile_options";

impl Overrides {
    /// Take one option as it is spelt on the command line, `-m` or `--umask`, with its value.
    ///
    /// The error is the text after `Error: ` that Supervisor prints.
    pub fn set(&mut self, spelling: &str, value: Option<&str>) -> Result<(), String> {
        let is_spelt_so = |option: &Known| match spelling.strip_prefix("--") {
            Some(long) => option.long == Some(long),
            None => spelling.strip_prefix('-').is_some_and(|letter| letter.chars().eq(option.short)),
        };
        let Some(option) = Self::OPTIONS.into_iter().find(is_spelt_so) else {
            return Err(format!("option {spelling} not recognized"));
        };
        let value = match (option.takes_value, value) {
            (true, None) => return Err(format!("option {spelling} requires argument")),
            (false, Some(_)) => return Err(format!("option {spelling} must not have an argument")),
            (_, value) => value.unwrap_or_default(),
        };
        self.take(option.long.unwrap_or_default(), &GivenOption { spelling, value })
    }
}

/// An option as it was given.
struct GivenOption<'a> {
    spelling: &'a str,
    value: &'a str,
}

impl GivenOption<'_> {
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
