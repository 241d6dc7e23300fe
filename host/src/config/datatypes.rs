//! Conversions of the text of a value to its type, by Supervisor's rules and with its error texts.

#![expect(clippy::unnecessary_wraps, reason = "all conversions have one signature")]

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    paths::{dirname, expanduser},
    types::{
        AutoRestart, Condition, Dependency, End, HealthAction, INFINITE, Level, LogFormat, LogRotate, Logfile, Rlimit,
        Update,
    },
    variables::Variables,
};
use crate::text::{
    python::{int, int_with_base, strip},
    repr::repr,
    shlex, signals,
};

/// Words for true, in any case.
pub(super) const TRUTHY: [&str; 4] = ["yes", "true", "on", "1"];
/// Words for false, in any case.
pub(super) const FALSY: [&str; 4] = ["no", "false", "off", "0"];

/// Any text.
pub(super) fn text(value: &str) -> Result<String, String> {
    Ok(value.to_owned())
}

/// `yes`, `true`, `on`, `1`, or `no`, `false`, `off`, `0`.
pub(super) fn boolean(value: &str) -> Result<bool, String> {
    let word = value.to_lowercase();
    match (TRUTHY.contains(&&*word), FALSY.contains(&&*word)) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(format!("not a valid boolean value: {}", repr(value))),
    }
}

/// An integer that may be negative.
pub(super) fn integer(value: &str) -> Result<i64, String> {
    int(value)
}

/// `startretries=`: an integer, or `infinite` in any case.
pub(super) fn retries(value: &str) -> Result<i64, String> {
    if strip(value).eq_ignore_ascii_case("infinite") { Ok(INFINITE) } else { integer(value) }
}

/// Seconds, with or without a fraction, as digits and at most one point.
pub(super) fn seconds(value: &str) -> Result<Duration, String> {
    let text = strip(value);
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse::<f64>().ok().filter(|_| is_number);
    // More than a monotonic clock will ever count is as long as that.
    number
        .map(|number| Duration::from_secs_f64(number.min(u32::MAX.into())))
        .ok_or_else(|| format!("not a number of seconds: {}", repr(value)))
}

/// Work that follows where a process is not well.
pub(super) fn health_action(value: &str) -> Result<HealthAction, String> {
    match strip(value) {
        "log" => Ok(HealthAction::Log),
        "restart" => Ok(HealthAction::Restart),
        _ => Err(format!("not an action: {}", repr(value))),
    }
}

/// Form of the lines of a program's log.
pub(super) fn log_format(value: &str) -> Result<LogFormat, String> {
    named(value, LogFormat::ALL).ok_or_else(|| format!("not a log format: {}", repr(value)))
}

/// Form of the lines of the activity log: `raw` is none.
pub(super) fn activity_log_format(value: &str) -> Result<LogFormat, String> {
    log_format(value).and_then(|format| match format {
        LogFormat::Raw => Err(format!("not a log format: {}", repr(value))),
        format => Ok(format),
    })
}

/// Moments at which a log is rotated.
pub(super) fn log_rotate(value: &str) -> Result<LogRotate, String> {
    named(value, LogRotate::ALL).ok_or_else(|| format!("not a way to rotate a log: {}", repr(value)))
}

/// Find the value of that name.
fn named<T: ToString>(value: &str, all: impl IntoIterator<Item = T>) -> Option<T> {
    let name = strip(value);
    all.into_iter().find(|it| it.to_string() == name)
}

/// A number of things; a negative one means none, as it does to Supervisor.
pub(super) fn count(value: &str) -> Result<u32, String> {
    int(value).map(|number| u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

/// A limit of the operating system; a negative one is always met.
pub(super) fn limit(value: &str) -> Result<u64, String> {
    int(value).map(|number| u64::try_from(number).unwrap_or(0))
}

/// A priority, held within 32 bits.
pub(super) fn priority(value: &str) -> Result<i32, String> {
    int(value).map(|number| i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX }))
}

/// Bytes: a number, or one with `KB`, `MB` or `GB` in any case. `1M` is none of these and is refused.
pub(super) fn byte_size(value: &str) -> Result<u64, String> {
    let value = value.to_lowercase();
    let (number, unit) = [("kb", 1 << 10), ("mb", 1 << 20), ("gb", 1 << 30)]
        .into_iter()
        .find_map(|(suffix, unit)| Some((value.strip_suffix(suffix)?, unit)))
        .unwrap_or((&value, 1));
    Ok(u64::try_from(int(number)?).unwrap_or(0).saturating_mul(unit))
}

/// A limit of a number of things: `soft` or `soft:hard`, each a number or `unlimited`.
pub(super) fn rlimit(value: &str) -> Result<Rlimit, String> {
    limits(value, |number| u64::try_from(int(number).ok()?).ok())
}

/// A limit in bytes, as those of [`byte_size`].
pub(super) fn rlimit_bytes(value: &str) -> Result<Rlimit, String> {
    limits(value, |size| if strip(size).starts_with('-') { None } else { byte_size(strip(size)).ok() })
}

fn limits(value: &str, number: impl Fn(&str) -> Option<u64>) -> Result<Rlimit, String> {
    let limit = |text: &str| {
        if strip(text).eq_ignore_ascii_case("unlimited") { Some(u64::MAX) } else { number(text) }
    };
    let (soft, hard) = value.split_once(':').map_or((value, None), |(soft, hard)| (soft, Some(hard)));
    let read = limit(soft).and_then(|soft| match hard.map(limit) {
        Some(hard) => hard.map(|hard| Rlimit { soft, hard: Some(hard) }),
        None => Some(Rlimit { soft, hard: None }),
    });
    match read.ok_or_else(|| format!("not a limit: {}", repr(value)))? {
        Rlimit { soft, hard: Some(hard) } if soft > hard => {
            Err(format!("the soft limit is more than the hard one: {}", repr(value)))
        }
        limit => Ok(limit),
    }
}

/// A niceness.
pub(super) fn nice(value: &str) -> Result<i32, String> {
    within(value, -20, 19)
}

/// `oom_score_adj`, as the kernel has it.
pub(super) fn oom_score_adj(value: &str) -> Result<i32, String> {
    within(value, -1000, 1000)
}

fn within(value: &str, least: i32, most: i32) -> Result<i32, String> {
    let number = int(value)?;
    let narrow = i32::try_from(number).ok().filter(|narrow| (least..=most).contains(narrow));
    narrow.ok_or_else(|| format!("{number} is not between {least} and {most}"))
}

/// An octal number, such as a umask or the mode of a socket.
pub(super) fn octal(value: &str) -> Result<u32, String> {
    int_with_base(value, 8)
        .ok()
        .and_then(|number| u32::try_from(number).ok())
        .ok_or_else(|| format!("{value} can not be converted to an octal type"))
}

/// A signal by name, with or without `SIG` and in any case, or by number.
///
/// Supervisor also takes 0 and the names of constants such as `SIG_IGN`, which would send something else than a signal.
pub(super) fn signal_number(value: &str) -> Result<i32, String> {
    let what = if int(value).is_ok() { "number" } else { "name" };
    signals::number(value)
        .filter(|&number| number != 0)
        .ok_or_else(|| format!("value {} is not a valid signal {what}", repr(value)))
}

/// Words separated by commas; an empty value has none.
pub(super) fn list_of_strings(value: &str) -> Result<Vec<String>, String> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    Ok(value.split(',').map(|word| strip(word).to_owned()).collect())
}

/// Names of hosts in small letters, separated by commas.
pub(super) fn list_of_hosts(value: &str) -> Result<Vec<String>, String> {
    let is_name = |name: &str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    let names = value.split(',').map(strip).filter(|name| !name.is_empty());
    names
        .map(|name| match name.strip_suffix('.').unwrap_or(name) {
            plain if is_name(plain) && !plain.is_empty() => Ok(plain.to_ascii_lowercase()),
            _ => Err(format!("not the name of a host: {}", repr(name))),
        })
        .collect()
}

/// Exit codes from 0 to 255, separated by commas.
pub(super) fn list_of_exitcodes(value: &str) -> Result<Vec<i32>, String> {
    if value.is_empty() {
        return Ok(Vec::new());
    }
    let code = |word: &str| i32::try_from(int(word).ok()?).ok().filter(|code| (0..=255).contains(code));
    value
        .split(',')
        .map(code)
        .collect::<Option<_>>()
        .ok_or_else(|| format!("not a valid list of exit codes: {}", repr(value)))
}

/// The name of a program, process or group: without characters that mean something in protocols and URLs.
pub(super) fn process_or_group_name(value: &str) -> Result<String, String> {
    let name = strip(value);
    for character in [" ", ":", "/"] {
        if name.contains(character) {
            return Err(format!("Invalid name: {} because of character: {}", repr(value), repr(character)));
        }
    }
    Ok(name.to_owned())
}

/// `environment=`: `KEY=value` pairs between commas, values quoted where they hold more than a simple word.
///
/// Supervisor reads it with Python's `shlex` in the older mode and takes every fourth word to be a comma without
/// looking, so that `A=1;B=2` works and the `c` of `A=b c` vanishes; and it takes quotes of both kinds off both ends of
/// a value.
pub(super) fn environment(value: &str) -> Result<Variables, String> {
    let words = shlex::words(value, "/.+-():").map_err(|error| error.to_string())?;
    let mut variables = Variables::default();
    for pair in words.chunks(4) {
        match pair {
            [name, equals, value, ..] if equals == "=" => {
                variables.set(name.clone(), value.trim_matches(['\'', '"']).to_owned());
            }
            _ => return Err(format!("Unexpected end of key/value pairs in value '{value}'")),
        }
    }
    Ok(variables)
}

/// `serverurl=` of a program: `None` for AUTO in any case.
pub(super) fn server_url(value: &str) -> Result<Option<String>, String> {
    Ok(Some(value).filter(|url| !url.trim().eq_ignore_ascii_case("auto")).map(str::to_owned))
}

/// Any path: that it can be used is seen when it is used.
pub(super) fn path(value: &str) -> Result<PathBuf, String> {
    Ok(PathBuf::from(value))
}

/// Paths between colons or commas; empty ones do not count.
pub(super) fn list_of_paths(value: &str) -> Result<Vec<PathBuf>, String> {
    Ok(value.split([':', ',']).map(str::trim).filter(|path| !path.is_empty()).map(PathBuf::from).collect())
}

/// Paths between commas, each perhaps behind a `?`; empty ones do not count.
pub(super) fn list_of_env_files(value: &str) -> Result<Vec<String>, String> {
    let files = value.split(',').map(strip).filter(|file| !file.is_empty());
    files
        .map(|file| match file.strip_prefix('?') {
            Some(path) if strip(path).is_empty() => Err(format!("not the name of a file: {}", repr(file))),
            Some(path) => Ok(format!("?{}", strip(path))),
            None => Ok(file.to_owned()),
        })
        .collect()
}

/// Names of groups, programs and processes, each with a condition behind it or none.
pub(super) fn list_of_dependencies(value: &str) -> Result<Vec<Dependency>, String> {
    let items = value.split(',').map(strip).filter(|item| !item.is_empty());
    items
        .map(|item| {
            let of_condition = |(name, last): (&str, &str)| {
                let condition = Condition::ALL.into_iter().find(|condition| condition.name() == strip(last))?;
                Some((strip(name).to_owned(), condition))
            };
            let (name, condition) =
                item.rsplit_once(':').and_then(of_condition).unwrap_or((item.to_owned(), Condition::Running));
            if name.is_empty() {
                return Err(format!("no name stands before the condition: {}", repr(item)));
            }
            Ok(Dependency { name, condition })
        })
        .collect()
}

/// Way in which `update` treats a changed group.
pub(super) fn update_mode(value: &str) -> Result<Update, String> {
    match value {
        "restart" => Ok(Update::Restart),
        "minimal" => Ok(Update::Minimal),
        other => Err(format!("not a way to update: {}", repr(other))),
    }
}

/// Ends of a process, by their names.
pub(super) fn list_of_ends(value: &str) -> Result<Vec<End>, String> {
    let mut ends = Vec::new();
    for name in value.split(',').map(strip).filter(|name| !name.is_empty()) {
        let end = End::ALL.into_iter().find(|end| end.name() == name);
        ends.push(end.ok_or_else(|| format!("not an end of a process: {}", repr(name)))?);
    }
    Ok(ends)
}

/// The end that all processes may have come to.
pub(super) fn end_of_all(value: &str) -> Result<End, String> {
    if value == End::Exited.name() { Ok(End::Exited) } else { Err(format!("not an end of all: {}", repr(value))) }
}

/// A directory that exists.
pub(super) fn existing_directory(value: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(expanduser(value));
    if path.is_dir() { Ok(path) } else { Err(format!("{value} is not an existing directory")) }
}

/// A path whose directory exists.
pub(super) fn existing_dirpath(value: &str) -> Result<PathBuf, String> {
    let path = expanduser(value);
    let directory = dirname(&path);
    if directory.is_empty() || Path::new(directory).is_dir() {
        Ok(PathBuf::from(path))
    } else {
        Err(format!("The directory named as part of the path {value} does not exist"))
    }
}

/// A program's log: `NONE` or `off`, `AUTO`, `syslog`, or a path whose directory exists.
pub(super) fn logfile_name(value: &str) -> Result<Logfile, String> {
    match value.to_lowercase().as_str() {
        // An empty name is no log, too: nothing is ever opened for it.
        "none" | "off" | "" => Ok(Logfile::None),
        "auto" => Ok(Logfile::Auto),
        "syslog" => Ok(Logfile::Syslog),
        _ => existing_dirpath(value).map(Logfile::Path),
    }
}

/// The activity log: `syslog`, or a path whose directory exists. `NONE` has no meaning here: it is a file name.
pub(super) fn activity_log(value: &str) -> Result<Logfile, String> {
    if value == "syslog" { Ok(Logfile::Syslog) } else { existing_dirpath(value).map(Logfile::Path) }
}

/// A level of the activity log, in any case.
pub(super) fn logging_level(value: &str) -> Result<Level, String> {
    Level::from_name(&value.to_lowercase()).ok_or_else(|| format!("bad logging level name {}", repr(value)))
}

/// `autorestart=`: a boolean or `unexpected`.
pub(super) fn auto_restart(value: &str) -> Result<AutoRestart, String> {
    let word = value.to_lowercase();
    match boolean(&word) {
        Ok(true) => Ok(AutoRestart::Always),
        Ok(false) => Ok(AutoRestart::Never),
        Err(_) if word == "unexpected" => Ok(AutoRestart::Unexpected),
        Err(_) => Err(format!("invalid 'autorestart' value {}", repr(&word))),
    }
}

/// A TCP port.
pub(super) fn port_number(value: &str) -> Result<u16, String> {
    match int(value)? {
        number if number < 1 => Err(format!("{number} is below lower bound (1)")),
        number => u16::try_from(number).map_err(|_| format!("{number} is above upper bound (65535)")),
    }
}

/// `port=`: a port, `host:port`, or `:port` and `*:port` for all interfaces, whose host is empty.
pub(super) fn inet_address(value: &str) -> Result<(String, u16), String> {
    let Some((host, port)) = value.rsplit_once(':') else {
        let port = port_number(value).map_err(|_| format!("not a valid port number: {} ", repr(value)))?;
        return Ok((String::new(), port));
    };
    if port.is_empty() {
        return Err(format!("no port number specified in {}", repr(port)));
    }
    let port = port_number(port)?;
    Ok((if host == "*" { String::new() } else { host.to_lowercase() }, port))
}

/// Anything with a scheme and something after it.
pub(super) fn url(value: &str) -> Result<String, String> {
    let is_url = value.split_once(':').is_some_and(|(scheme, rest)| {
        let mut characters = scheme.chars();
        let is_scheme = characters.next().is_some_and(|c| c.is_ascii_alphabetic())
            && characters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        let after_slashes = rest.strip_prefix("//").unwrap_or(rest);
        is_scheme && !after_slashes.is_empty() && !after_slashes.starts_with(['?', '#', ';'])
    });
    if is_url { Ok(value.to_owned()) } else { Err(format!("value {} is not a URL", repr(value))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused<T: std::fmt::Debug>(result: Result<T, String>, message: &str) {
        assert_eq!(result.unwrap_err(), message);
    }

    #[test]
    fn booleans() {
        for word in ["yes", "True", "ON", "1"] {
            assert_eq!(boolean(word), Ok(true));
        }
        for word in ["no", "False", "OFF", "0"] {
            assert_eq!(boolean(word), Ok(false));
        }
        refused(boolean("maybe"), "not a valid boolean value: 'maybe'");
        refused(boolean(""), "not a valid boolean value: ''");
    }

    #[test]
    fn sizes() {
        for (text, size) in
            [("0", 0), ("1024", 1024), ("1KB", 1024), ("50mb", 50 << 20), ("2 GB", 2 << 30), ("-1", 0), (" 5 ", 5)]
        {
            assert_eq!(byte_size(text), Ok(size), "{text:?}");
        }
        refused(byte_size("1M"), "invalid literal for int() with base 10: '1m'");
        refused(byte_size("1.5MB"), "invalid literal for int() with base 10: '1.5'");
        refused(byte_size("MB"), "invalid literal for int() with base 10: ''");
    }

    #[test]
    fn numbers_beyond_their_range_are_held_within() {
        assert_eq!(count("-5"), Ok(0));
        assert_eq!(count("99999999999"), Ok(u32::MAX));
        assert_eq!(priority("-99999999999"), Ok(i32::MIN));
        assert_eq!(limit("-1"), Ok(0));
        assert_eq!(octal("0o22"), Ok(0o22));
        refused(octal("9"), "9 can not be converted to an octal type");
        refused(octal("-1"), "-1 can not be converted to an octal type");
    }

    #[test]
    fn times_and_retries() {
        for (text, millis) in [("5", 5_000), (" 0.5 ", 500), ("0", 0), (".25", 250), ("3.", 3_000)] {
            assert_eq!(seconds(text), Ok(Duration::from_millis(millis)), "{text:?}");
        }
        assert_eq!(seconds(&"9".repeat(400)), Ok(Duration::from_secs(u32::MAX.into())));
        for text in ["", "-1", "+1", "1e3", "inf", "NaN", "1.2.3", ".", "5s", "5,5"] {
            refused(seconds(text), &format!("not a number of seconds: '{text}'"));
        }
        assert_eq!((retries("Infinite"), retries(" -2 ")), (Ok(INFINITE), Ok(-2)));
        refused(retries("forever"), "invalid literal for int() with base 10: 'forever'");
    }

    #[test]
    fn signals() {
        for (text, number) in [
            ("TERM", 15),
            ("sigterm", 15),
            (" SigHup ", 1),
            ("15", 15),
            (" 9 ", 9),
            ("CLD", 17),
            ("RTMIN", 34),
            ("64", 64),
        ] {
            assert_eq!(signal_number(text), Ok(number), "{text:?}");
        }
        refused(signal_number("NOPE"), "value 'NOPE' is not a valid signal name");
        refused(signal_number(""), "value '' is not a valid signal name");
        refused(signal_number("1.5"), "value '1.5' is not a valid signal name");
        refused(signal_number("SIG_IGN"), "value 'SIG_IGN' is not a valid signal name");
        for number in ["0", "-1", "32", "99"] {
            refused(signal_number(number), &format!("value '{number}' is not a valid signal number"));
        }
    }

    #[test]
    fn lists() {
        assert_eq!(list_of_strings("a, b,"), Ok(vec!["a".into(), "b".into(), String::new()]));
        assert_eq!(list_of_strings(""), Ok(vec![]));
        assert_eq!(list_of_exitcodes("0, 2,255"), Ok(vec![0, 2, 255]));
        assert_eq!(list_of_exitcodes(""), Ok(vec![]));
        for text in ["256", "-1", "0,", "a"] {
            refused(list_of_exitcodes(text), &format!("not a valid list of exit codes: '{text}'"));
        }
    }

    #[test]
    fn hosts() {
        assert_eq!(list_of_hosts(""), Ok(vec![]));
        let names = ["sup.example", "b-1", "xn--bcher-kva.example"].map(str::to_owned).to_vec();
        assert_eq!(list_of_hosts(" Sup.example ,b-1.,\nxn--bcher-kva.example,"), Ok(names));
        for name in ["sup.example:9001", "http://sup", "*", "*.example", "a b", "b\u{fc}cher.example", "."] {
            refused(list_of_hosts(&format!("a,{name}")), &format!("not the name of a host: '{name}'"));
        }
    }

    #[test]
    fn limits_of_resources() {
        let shown = |limit: Result<Rlimit, String>| limit.map(|limit| limit.to_string());
        for (text, expected) in [
            ("1024", "1024"),
            (" 10 : 20 ", "10:20"),
            ("0:Unlimited", "0:unlimited"),
            ("unlimited", "unlimited"),
            ("unlimited:unlimited", "unlimited:unlimited"),
        ] {
            assert_eq!(shown(rlimit(text)).as_deref(), Ok(expected), "{text:?}");
        }
        assert_eq!(shown(rlimit_bytes("64KB:1 MB")).as_deref(), Ok("65536:1048576"));
        for text in ["", "-1", "1:", ":1", "1:2:3", "many", "1MB"] {
            refused(rlimit(text), &format!("not a limit: '{text}'"));
        }
        refused(rlimit_bytes("-1"), "not a limit: '-1'");
        refused(rlimit("2:1"), "the soft limit is more than the hard one: '2:1'");
        refused(rlimit("unlimited:1"), "the soft limit is more than the hard one: 'unlimited:1'");
        assert_eq!((nice("-20"), nice("19"), oom_score_adj("-1000")), (Ok(-20), Ok(19), Ok(-1000)));
        refused(nice("20"), "20 is not between -20 and 19");
        refused(oom_score_adj("1001"), "1001 is not between -1000 and 1000");
    }

    #[test]
    fn env_files() {
        assert_eq!(list_of_env_files(""), Ok(vec![]));
        let files = ["a.env", "?/b c.env"].map(str::to_owned).to_vec();
        assert_eq!(list_of_env_files(" a.env,\n? /b c.env,"), Ok(files));
        refused(list_of_env_files("a,?"), "not the name of a file: '?'");
    }

    #[test]
    fn ends() {
        assert_eq!(list_of_ends(""), Ok(vec![]));
        assert_eq!(list_of_ends("fatal, exited,"), Ok(vec![End::Fatal, End::Exited]));
        refused(list_of_ends("fatal,stopped"), "not an end of a process: 'stopped'");
        assert_eq!(end_of_all("exited"), Ok(End::Exited));
        refused(end_of_all("fatal"), "not an end of all: 'fatal'");
    }

    #[test]
    fn dependencies() {
        let shown = |text: &str| -> Vec<_> {
            let list = list_of_dependencies(text).unwrap();
            list.into_iter().map(|it| (it.name.clone(), it.condition.name(), it.to_string())).collect()
        };
        let of = |name: &str, condition, shown: &str| (name.to_owned(), condition, shown.to_owned());
        assert_eq!(
            shown(" a, g:b:running,\nc:exited ,g:d ,g:exited:running, ready:ready,"),
            [
                of("a", "running", "a"),
                of("g:b", "running", "g:b"),
                of("c", "exited", "c:exited"),
                of("g:d", "running", "g:d"),
                of("g:exited", "running", "g:exited:running"),
                of("ready", "ready", "ready:ready"),
            ]
        );
        assert_eq!(shown(""), []);
        refused(list_of_dependencies("a,:exited"), "no name stands before the condition: ':exited'");
    }

    #[test]
    fn names() {
        assert_eq!(process_or_group_name(" a "), Ok("a".into()));
        assert_eq!(process_or_group_name("ä%(x)s"), Ok("ä%(x)s".into()));
        refused(process_or_group_name("a b"), "Invalid name: 'a b' because of character: ' '");
        refused(process_or_group_name("a:b/c"), "Invalid name: 'a:b/c' because of character: ':'");
        refused(process_or_group_name(" a/b"), "Invalid name: ' a/b' because of character: '/'");
    }

    #[test]
    fn environments() {
        let shown = |text| {
            environment(text).map(|pairs| {
                pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("|")
            })
        };
        for (text, expected) in [
            ("", ""),
            ("A=1,B=2", "A=1|B=2"),
            ("A=1,\nB=2,", "A=1|B=2"),
            ("A=1;B=2", "A=1|B=2"),
            ("A=b c", "A=b"),
            ("A=\"a, b\",B='c=d'", "A=a, b|B=c=d"),
            ("A=\"x'\"", "A=x"),
            ("A=$HOME", "A=$"),
            ("A=1 # c\n,B=2", "A=1|B=2"),
            ("A=1,A=2", "A=2"),
            ("A=''", "A="),
            ("PATH=/bin:/usr/bin,U=http://h:1/", "PATH=/bin:/usr/bin|U=http://h:1/"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text:?}");
        }
        for text in ["A=1 B=2", "A=a@b", "A=x*y", "A", "A=", "=x"] {
            refused(environment(text), &format!("Unexpected end of key/value pairs in value '{text}'"));
        }
        refused(environment("A=\"x"), "No closing quotation");
    }

    #[test]
    fn paths_that_must_exist() {
        assert_eq!(existing_directory("/tmp"), Ok("/tmp".into()));
        refused(existing_directory("/no/such"), "/no/such is not an existing directory");
        assert_eq!(existing_dirpath("x.log"), Ok("x.log".into()));
        refused(
            existing_dirpath("/no/such/x.log"),
            "The directory named as part of the path /no/such/x.log does not exist",
        );
        assert_eq!(logfile_name("None"), Ok(Logfile::None));
        assert_eq!(logfile_name("OFF"), Ok(Logfile::None));
        assert_eq!(logfile_name("auto"), Ok(Logfile::Auto));
        assert_eq!(logfile_name("SYSLOG"), Ok(Logfile::Syslog));
        assert_eq!(logfile_name("/dev/stdout"), Ok(Logfile::Path("/dev/stdout".into())));
        assert_eq!(activity_log("NONE"), Ok(Logfile::Path("NONE".into())));
    }

    #[test]
    fn words_of_a_fixed_set() {
        assert_eq!(logging_level("WARN"), Ok(Level::Warn));
        refused(logging_level("loud"), "bad logging level name 'loud'");
        assert_eq!(auto_restart("Unexpected"), Ok(AutoRestart::Unexpected));
        assert_eq!(auto_restart("1"), Ok(AutoRestart::Always));
        refused(auto_restart("Never"), "invalid 'autorestart' value 'never'");
    }

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("9001", "", 9001),
            (":9001", "", 9001),
            ("*:9001", "", 9001),
            ("LocalHost:1", "localhost", 1),
            ("127.0.0.1:65535", "127.0.0.1", 65535),
        ] {
            assert_eq!(inet_address(text), Ok((host.to_owned(), port)), "{text:?}");
        }
        refused(inet_address("abc"), "not a valid port number: 'abc' ");
        refused(inet_address("70000"), "not a valid port number: '70000' ");
        refused(inet_address("h:"), "no port number specified in ''");
        refused(inet_address("h:x"), "invalid literal for int() with base 10: 'x'");
        refused(inet_address("h:0"), "0 is below lower bound (1)");
        refused(inet_address("h:65536"), "65536 is above upper bound (65535)");
    }

    #[test]
    fn urls() {
        for text in ["http://localhost:9001", "unix:///tmp/s.sock", "unix:/tmp/x", "mailto:x", "http://h?x"] {
            assert_eq!(url(text).as_deref(), Ok(text));
        }
        for text in ["", "foo", "http:", "http://", "://x", "localhost/x", "1a:x"] {
            refused(url(text), &format!("value '{text}' is not a URL"));
        }
    }
}
