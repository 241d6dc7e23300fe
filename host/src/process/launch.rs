//! All that a spawn needs and that does not change from one to the next: made once, where waiting is allowed.

use std::{
    collections::BTreeMap,
    ffi::{CString, OsString},
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
};

use nix::unistd::{Gid, Uid, User, getgrouplist};

use super::command::{Command, CommandError};
use crate::config;

/// What a process is started with.
#[derive(Clone, Debug)]
pub struct Launch {
    pub(super) name: String,
    command: String,
    path: Option<String>,
    pub(super) environment: Vec<CString>,
    pub(super) directory: Option<CString>,
    pub(super) umask: Option<u32>,
    pub(super) user: Option<Credentials>,
    pub(super) redirect_stderr: bool,
}

/// Who a process becomes.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// The groups of that user, or why they are unknown.
    pub(super) groups: Result<Vec<u32>, String>,
}

impl Launch {
    /// Prepares the environment and looks up the groups of its user, for which the system may ask a directory server.
    ///
    /// `inherited` is the environment of supervisord itself.
    pub fn new(
        config: &config::Process,
        group: &str,
        supervisord: &config::Supervisord,
        inherited: &[(OsString, OsString)],
    ) -> Self {
        let mut environment = BTreeMap::new();
        for (name, value) in inherited {
            // Of a name that is there twice the first counts, as it does to libc and to Python.
            environment.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let mut set = |name: &str, value: &str| environment.insert(name.into(), value.into());
        set("SUPERVISOR_ENABLED", "1");
        if let Some(url) = config.serverurl.as_ref().or(supervisord.serverurl.as_ref()) {
            set("SUPERVISOR_SERVER_URL", url);
        }
        set("SUPERVISOR_PROCESS_NAME", &config.name);
        set("SUPERVISOR_GROUP_NAME", group);
        // That of `[supervisord]` is part of it.
        for (name, value) in &config.environment {
            set(name, value);
        }
        let configured_path = config.environment.iter().rfind(|(name, _)| name == "PATH").map(|(_, path)| path.clone());
        let inherited_path = || {
            let (_, path) = inherited.iter().find(|(name, _)| name == "PATH")?;
            path.to_str().filter(|path| !path.is_empty()).map(str::to_owned)
        };
        Self {
            name: config.name.clone(),
            command: config.command.clone(),
            path: configured_path.or_else(inherited_path),
            environment: environment.into_iter().filter_map(variable).collect(),
            directory: config.directory.as_ref().and_then(|path| CString::new(path.as_os_str().as_bytes()).ok()),
            umask: config.umask,
            user: config.user.as_ref().map(Credentials::new),
            redirect_stderr: config.redirect_stderr,
        }
    }

    /// The process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file to execute and its arguments, as they are now. Looks at the file system, which may take for ever.
    pub fn command(&self) -> Result<Command, CommandError> {
        Command::find(&self.command, self.path.as_deref())
    }
}

impl Credentials {
    fn new(user: &config::User) -> Self {
        let groups = match User::from_uid(Uid::from_raw(user.uid)) {
            Ok(Some(entry)) => CString::new(entry.name)
                .ok()
                .and_then(|name| getgrouplist(&name, Gid::from_raw(user.gid)).ok())
                .map(|groups| groups.into_iter().map(Gid::as_raw).collect())
                .ok_or_else(|| "Could not set groups of effective user".to_owned()),
            _ => Err(format!("Can't find uid {}", user.uid)),
        };
        Self { uid: user.uid, gid: user.gid, groups }
    }
}

/// `NAME=value`. What holds a NUL cannot be passed on.
fn variable((name, value): (OsString, OsString)) -> Option<CString> {
    let mut bytes = name.into_vec();
    bytes.push(b'=');
    bytes.extend(value.into_vec());
    CString::new(bytes).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::process::fixtures;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    #[test]
    fn the_environment_is_inherited_then_ours_then_the_configs() {
        let supervisord = config::Supervisord {
            environment: vec![pair("D", "supervisord, taken out by the program")],
            serverurl: Some("unix:///s.sock".to_owned()),
            ..fixtures::supervisord(Path::new("/tmp"))
        };
        let config = config::Process {
            environment: vec![pair("A", "config"), pair("SUPERVISOR_ENABLED", "no"), pair("B", "config")],
            ..fixtures::process("cat")
        };
        let inherited = [("A".into(), "shell".into()), ("C".into(), "shell".into()), ("C".into(), "late".into())];
        let launch = Launch::new(&config, "g", &supervisord, &inherited);
        let environment: Vec<_> = launch.environment.iter().map(|variable| variable.to_str().unwrap()).collect();
        assert_eq!(
            environment,
            [
                "A=config",
                "B=config",
                "C=shell",
                "SUPERVISOR_ENABLED=no",
                "SUPERVISOR_GROUP_NAME=g",
                "SUPERVISOR_PROCESS_NAME=cat",
                "SUPERVISOR_SERVER_URL=unix:///s.sock"
            ]
        );
    }

    #[test]
    fn the_command_is_looked_for_in_the_path_of_the_process() {
        let config = config::Process {
            command: "sh".to_owned(),
            environment: vec![pair("PATH", "/nonexistent")],
            ..fixtures::process("x")
        };
        let supervisord = fixtures::supervisord(Path::new("/tmp"));
        let inherited = [("PATH".into(), "/bin".into())];
        assert!(Launch::new(&config, "x", &supervisord, &inherited).command().is_err());
        let config = config::Process { environment: Vec::new(), ..config };
        assert_eq!(Launch::new(&config, "x", &supervisord, &inherited).command().unwrap().file, "/bin/sh");
    }
}
