//! Values as `--check-config` shows them: sizes are bytes, times are seconds, modes are octal text as the config has
//! them. Passwords are never shown, and neither are values of variables whose names speak of one.

#![expect(clippy::ptr_arg, clippy::trivially_copy_pass_by_ref, reason = "all take a reference to the value")]

use std::{borrow::Cow, path::PathBuf, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    types::{AutoRestart, Dependency, End, INFINITE, Level, Logfile, Rlimit, Update, User},
    variables::Variables,
};
use crate::text::signals;

/// Text in place of a password.
pub(super) const HIDDEN: &str = "***";
/// Parts of a name that make its value a secret.
const SECRETS: [&str; 4] = ["password", "passwd", "secret", "token"];

/// Numbers, booleans, texts, and lists of them.
pub(super) fn plain<T: Clone + Into<Value>>(value: &T) -> Value {
    value.clone().into()
}

/// The text that the config may have for it.
pub(super) fn text_of<T: ToString>(value: &T) -> Value {
    value.to_string().into()
}

/// A path.
pub(super) fn path(path: &PathBuf) -> Value {
    path.to_string_lossy().into()
}

/// Paths in order.
pub(super) fn paths(paths: &Vec<PathBuf>) -> Value {
    paths.iter().map(path).collect()
}

/// A mode or umask in octal, at least three digits.
pub(super) fn octal(mode: &u32) -> Value {
    format!("{mode:03o}").into()
}

/// `startretries=`.
pub(super) fn retries(count: &i64) -> Value {
    if *count == INFINITE { "infinite".into() } else { json!(count) }
}

/// A limit: `1024`, `1024:4096`, `unlimited`.
pub(super) fn rlimit(limit: &Rlimit) -> Value {
    limit.to_string().into()
}

/// Seconds: a whole number where there is no fraction.
pub(super) fn seconds(time: &Duration) -> Value {
    if time.subsec_nanos() == 0 { time.as_secs().into() } else { time.as_secs_f64().into() }
}

/// A signal without `SIG`.
pub(super) fn signal(number: &i32) -> Value {
    signals::name(*number).trim_start_matches("SIG").into()
}

/// A log in the spelling of the config.
pub(super) fn logfile(logfile: &Logfile) -> Value {
    match logfile {
        Logfile::None => "NONE".into(),
        Logfile::Auto => "AUTO".into(),
        Logfile::Syslog => "syslog".into(),
        Logfile::Path(file) => path(file),
    }
}

/// A level by its name.
pub(super) fn level(level: &Level) -> Value {
    level.name().into()
}

/// `update=`.
pub(super) fn update(mode: &Update) -> Value {
    match mode {
        Update::Restart => "restart".into(),
        Update::Minimal => "minimal".into(),
    }
}

/// `exit_when=`.
pub(super) fn ends(list: &Vec<End>) -> Value {
    list.iter().map(|end| end.name()).collect()
}

/// `exit_when_all=`.
pub(super) fn end(end: &End) -> Value {
    end.name().into()
}

/// `depends_on=`, each item with its condition.
pub(super) fn dependencies(list: &Vec<Dependency>) -> Value {
    list.iter().map(ToString::to_string).collect()
}

/// `autorestart=`.
pub(super) fn auto_restart(value: &AutoRestart) -> Value {
    match value {
        AutoRestart::Never => false.into(),
        AutoRestart::Unexpected => "unexpected".into(),
        AutoRestart::Always => true.into(),
    }
}

/// A user as the config names it.
pub(super) fn user(user: &User) -> Value {
    user.name.as_str().into()
}

/// A password.
pub(super) fn secret(_: &String) -> Value {
    HIDDEN.into()
}

/// Variables by their names.
pub(super) fn environment(variables: &Variables) -> Value {
    let variable = |(name, value): &(String, String)| (name.clone(), hidden(name).unwrap_or_else(|| json!(value)));
    variables.iter().map(variable).collect::<Map<_, _>>().into()
}

/// Stand-in for a value that is not for all eyes, if its name says so.
pub(super) fn hidden(name: &str) -> Option<Value> {
    let name = name.to_lowercase();
    SECRETS.iter().any(|secret| name.contains(secret)).then(|| json!(HIDDEN))
}

/// A text without the password of a URL that it may be. One that has characters which should be percent-encoded is
/// hidden, too.
pub(super) fn without_password(text: &str) -> Cow<'_, str> {
    let Some((scheme, rest)) = text.split_once("://") else { return text.into() };
    let Some((login, place)) = rest.rsplit_once('@') else { return text.into() };
    let Some((user, password)) = login.split_once(':') else { return text.into() };
    // What looks like a password may be a port, and the login a part of a path.
    let is_port = password.split_once('/').is_some_and(|(port, _)| port.bytes().all(|byte| byte.is_ascii_digit()));
    if user.contains('/') || is_port {
        return text.into();
    }
    format!("{scheme}://{user}:{HIDDEN}@{place}").into()
}

/// A host and a port; `*` for all interfaces.
pub(super) fn inet_address((host, port): &(String, u16)) -> Value {
    format!("{}:{port}", if host.is_empty() { "*" } else { host }).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_urls_are_hidden() {
        for (url, shown) in [
            ("redis://u:tiger@host/3", "redis://u:***@host/3"),
            ("redis://:tiger@host", "redis://:***@host"),
            ("unix://:tiger@/run/s", "unix://:***@/run/s"),
            ("redis://u:ti/ger@host", "redis://u:***@host"),
            ("redis://u:ti@ger@host", "redis://u:***@host"),
            ("http://host:80/a@b", "http://host:80/a@b"),
            ("http://host/a:b@c", "http://host/a:b@c"),
            ("redis://user@host", "redis://user@host"),
            ("u:tiger@host", "u:tiger@host"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
