//! The command line of `supervisord`.

use std::path::PathBuf;

use crate::{
    config::{Config, Overrides, SEARCHING_AS_ROOT},
    text::{
        getopt::{Known, conflict, getopt},
        repr::repr,
        stderr_line::stderr_line,
    },
};

/// Text of `-h`; `PROG` stands for the name of the program.
pub const HELP: &str = "\
supervisord: start programs and keep them running.

Usage: PROG [options]

Options:
-c/--configuration FILENAME -- the config file (looked for in the usual places if not given)
-n/--nodaemon -- stay in the foreground (nodaemon=true)
-s/--silent -- in the foreground, do not copy the log to stdout (silent=true)
-h/--help -- print this text
-v/--version -- print the version
-u/--user USER -- run as this user, a name or a number (user=)
-m/--umask UMASK -- umask of the daemon, in octal (umask=, 022)
-d/--directory DIRECTORY -- working directory of the daemon (directory=)
-l/--logfile FILENAME -- the activity log (logfile=)
-y/--logfile_maxbytes BYTES -- size at which the activity log is rotated (logfile_maxbytes=)
-z/--logfile_backups NUM -- how many old activity logs are kept (logfile_backups=)
-e/--loglevel LEVEL -- least level that is logged: debug, info, warn, error, critical (loglevel=)
-j/--pidfile FILENAME -- where the pid is written (pidfile=)
-i/--identifier STR -- what this supervisord calls itself (identifier=)
-q/--childlogdir DIRECTORY -- where programs' AUTO logs go (childlogdir=)
-k/--nocleanup -- leave the AUTO logs of an earlier run where they are (nocleanup=true)
-a/--minfds NUM -- file descriptors that must be available (minfds=)
-t/--strip_ansi -- take ANSI escape sequences out of programs' logs (strip_ansi=true)
--minprocs NUM -- processes that must be available (minprocs=)
--check-config FORMAT -- print the resolved config, or all that is wrong in it, and end: text or json
--profile_options OPTIONS -- not supported: there is no Python to profile

An option stands above the key of [supervisord] that is named behind it.

";

/// Option with which supervisord runs another one apart, first of all, to ask whether that could take its place. One
/// that does not know it refuses it. It is not for people, and so not in [`HELP`].
pub const CHECK_SUCCESSOR: &str = "--check-successor";

/// Invocation of supervisord, as its command line has it.
#[derive(Debug, PartialEq, Eq)]
pub enum Invocation {
    /// `-h`: print [`HELP`].
    Help,
    /// `-v`: print [`version::SUPERVISOR`](crate::version::SUPERVISOR).
    Version,
    /// `--check-config`: look at the config and start nothing.
    Check {
        /// File named by `-c`.
        configuration: Option<PathBuf>,
        /// Options that stand above the config.
        overrides: Box<Overrides>,
        /// Form of the output.
        format: Format,
    },
    /// Say whether this executable could go on in the place of the one that asks, which runs with these options.
    CheckSuccessor {
        /// File named by `-c`.
        configuration: Option<PathBuf>,
        /// Options that stand above the config.
        overrides: Box<Overrides>,
    },
    /// Supervise.
    Run {
        /// File named by `-c`.
        configuration: Option<PathBuf>,
        /// Options that stand above the config.
        overrides: Box<Overrides>,
    },
}

/// Form of the output of `--check-config`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text for people.
    Text,
    /// JSON for programs.
    Json,
}

impl Format {
    /// Find the format of that name. The error is in the words of a command line.
    pub fn from_name(spelling: &str, name: &str) -> Result<Self, String> {
        match name {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("invalid value for {spelling} '{name}': it is text or json")),
        }
    }
}

/// Options that are only the command line's, first among the known ones; those of [`Overrides`] follow.
const OWN: [Known; 5] = [
    Known { short: Some('h'), long: Some("help"), takes_value: false },
    Known { short: Some('?'), long: None, takes_value: false },
    Known { short: Some('c'), long: Some("configuration"), takes_value: true },
    Known { short: Some('v'), long: Some("version"), takes_value: false },
    Known { short: None, long: Some("check-config"), takes_value: true },
];

impl Invocation {
    /// Read what follows the name of the program. The error is Supervisor's text.
    pub fn parse(args: &[String]) -> Result<Self, String> {
        if let Some((CHECK_SUCCESSOR, rest)) = args.split_first().map(|(first, rest)| (first.as_str(), rest)) {
            return Self::parse(rest).map(|invocation| match invocation {
                Self::Run { configuration, overrides } => Self::CheckSuccessor { configuration, overrides },
                other => other,
            });
        }
        let mut known = OWN.to_vec();
        known.extend(Overrides::OPTIONS);
        let (given, positional) = getopt(args, &known)?;
        if !positional.is_empty() {
            let list: Vec<_> = positional.iter().map(|word| repr(word)).collect();
            return Err(format!("positional arguments are not supported: [{}]", list.join(", ")));
        }
        let mut configuration = None;
        let mut check = None;
        let mut overrides = Box::<Overrides>::default();
        for option in given {
            let Known { long, takes_value, .. } = known[option.index];
            match long {
                // `-?` has no long name.
                Some("help") | None => return Ok(Self::Help),
                Some("configuration") if configuration.is_some() => return Err(conflict(&option.spelling)),
                Some("configuration") => configuration = Some(option.value.into()),
                Some("version") => return Ok(Self::Version),
                Some("check-config") => check = Some(Format::from_name(&option.spelling, &option.value)?),
                Some(_) => overrides.set(&option.spelling, takes_value.then_some(option.value.as_str()))?,
            }
        }
        Ok(match check {
            Some(format) => Self::Check { configuration, overrides, format },
            None => Self::Run { configuration, overrides },
        })
    }
}

/// Load the config that the command line names, or that is found where Supervisor looks. The error names all mistakes
/// and their places.
pub fn load(configuration: Option<PathBuf>, overrides: &Overrides) -> Result<Config, String> {
    let file = find(configuration)?;
    Config::load(&file, overrides).map_err(|errors| errors.report().trim_end().to_owned())
}

/// Choose the config file that the command line names, or that is found where Supervisor looks.
pub(crate) fn find(configuration: Option<PathBuf>) -> Result<PathBuf, String> {
    if let Some(file) = configuration {
        return Ok(file);
    }
    if nix::unistd::getuid().is_root() {
        stderr_line(format_args!("UserWarning: {SEARCHING_AS_ROOT}"));
    }
    Config::find().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Invocation, String> {
        Invocation::parse(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let Ok(Invocation::Run { configuration, overrides }) =
            parse("-nc a.conf --um=27 --logfile_b 3 -ewarn --minp 5 -- ")
        else {
            panic!("a run")
        };
        assert_eq!(configuration, Some("a.conf".into()));
        assert!(overrides.nodaemon);
        assert_eq!((overrides.umask, overrides.logfile_backups, overrides.minprocs), (Some(0o27), Some(3), Some(5)));
        assert_eq!(parse("-n -h --nope-is-never-read").unwrap_err(), "option --nope-is-never-read not recognized");
        assert_eq!(parse("-c a -h -m x"), Ok(Invocation::Help));
        assert_eq!(parse("-?"), Ok(Invocation::Help));
        assert_eq!(parse("--vers"), Ok(Invocation::Version));
    }

    #[test]
    fn mistakes_have_supervisors_texts() {
        for (line, text) in [
            ("x -n", "positional arguments are not supported: ['x', '-n']"),
            ("-h x", "positional arguments are not supported: ['x']"),
            ("--no", "option --no not a unique prefix"),
            ("--log", "option --log not a unique prefix"),
            ("-c", "option -c requires argument"),
            ("--nodaemon=1", "option --nodaemon must not have an argument"),
            ("-w", "option -w not recognized"),
            ("-c a -c b", "conflicting command line option '-c'"),
            ("-c a --configuration b", "conflicting command line option '--configuration'"),
            ("-n -n", "conflicting command line option '-n'"),
            ("-m 9", "invalid value for -m '9': 9 can not be converted to an octal type"),
            ("--minfds x", "invalid value for --minfds 'x': invalid literal for int() with base 10: 'x'"),
        ] {
            assert_eq!(parse(line), Err(text.to_owned()), "{line}");
        }
        assert!(parse("--profile_options cumulative").unwrap_err().contains("profile_options"));
    }

    #[test]
    fn the_help_names_every_option() {
        for option in OWN.iter().chain(&Overrides::OPTIONS).filter_map(|option| option.long) {
            assert!(HELP.contains(&format!("--{option}")), "{option}");
        }
    }
}
