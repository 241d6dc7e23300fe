//! The search for a config file that the command line does not name.

use std::{env, ffi::OsStr, os::unix::ffi::OsStrExt as _, path::PathBuf};

use super::{
    model::{ClientConfig, Config},
    paths::dirname,
};

/// No config file stands where one is looked for. Its `Display` is what Supervisor prints after `Error: `.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "No config file found at default paths ({}); use the -c option to specify a config file at a different path",
    searched.join(", ")
)]
pub struct NotFound {
    /// Paths that were tried, in order.
    pub searched: Vec<String>,
}

/// Warning on stderr when supervisord runs as root and [`Config::find`] has to search.
pub const SEARCHING_AS_ROOT: &str = "Supervisord is running as root and it is searching for its configuration file in \
     default locations (including its current working directory); you probably want to specify a \"-c\" argument \
     specifying an absolute path to a configuration file for improved security.";

impl Config {
    /// Find the config file in one of Supervisor's default places.
    pub fn find() -> Result<PathBuf, NotFound> {
        find(&program())
    }
}

impl ClientConfig {
    /// Find the config file in one of Supervisor's default places; supervisorctl can do without one.
    pub fn find() -> Option<PathBuf> {
        find(&program()).ok()
    }
}

fn find(program: &str) -> Result<PathBuf, NotFound> {
    let searched = search_paths(program);
    match searched.iter().find(|path| PathBuf::from(path).exists()) {
        Some(path) => Ok(PathBuf::from(path)),
        None => Err(NotFound { searched }),
    }
}

/// Paths of the search: beside the directory of the program, in the working directory, in `/etc`.
fn search_paths(program: &str) -> Vec<String> {
    let here = dirname(dirname(program));
    let join = |name: &str| match here {
        "" => name.to_owned(),
        here if here.ends_with('/') => format!("{here}{name}"),
        here => format!("{here}/{name}"),
    };
    vec![
        join("etc/supervisord.conf"),
        join("supervisord.conf"),
        "supervisord.conf".to_owned(),
        "etc/supervisord.conf".to_owned(),
        "/etc/supervisord.conf".to_owned(),
        "/etc/supervisor/supervisord.conf".to_owned(),
    ]
}

/// The path of this program as a script would see its own: as it was called, or as it was found in `PATH`.
fn program() -> String {
    let called = env::args_os().next().unwrap_or_default();
    if called.as_bytes().contains(&b'/') {
        return called.to_string_lossy().into_owned();
    }
    let is_here = |directory: &PathBuf| directory.join(&called).is_file();
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(OsStr::new(&path)).find(is_here).map(|directory| directory.join(&called));
    found.or_else(|| env::current_exe().ok()).unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_where_supervisor_searches() {
        assert_eq!(
            search_paths("/opt/sup/bin/supervisord")[..2],
            ["/opt/sup/etc/supervisord.conf", "/opt/sup/supervisord.conf"]
        );
        assert_eq!(search_paths("/bin/supervisord")[..2], ["/etc/supervisord.conf", "/supervisord.conf"]);
        assert_eq!(search_paths("bin/supervisord")[..2], ["etc/supervisord.conf", "supervisord.conf"]);
        assert_eq!(search_paths("./supervisord")[0], "etc/supervisord.conf");
    }

    #[test]
    fn says_where_it_has_searched() {
        let message = NotFound { searched: search_paths("/o/bin/supervisord") }.to_string();
        assert_eq!(
            message,
            "No config file found at default paths (/o/etc/supervisord.conf, /o/supervisord.conf, supervisord.conf, \
             etc/supervisord.conf, /etc/supervisord.conf, /etc/supervisor/supervisord.conf); use the -c option to \
             specify a config file at a different path"
        );
    }
}
