//! Preparation of spawns: all that does not change from one to the next is made once, where waiting is allowed.

use std::{
    ffi::{CStr, CString, OsString},
    os::unix::ffi::OsStrExt as _,
};

use nix::{
    sys::resource::Resource,
    unistd::{Gid, Uid, User, getgrouplist, getuid},
};

use super::command::{Command, CommandError};
use crate::config::{self, Variables};

/// Program as it is started, with its environment, directory, mask and user.
#[derive(Clone, Debug)]
pub struct Launch {
    pub(super) name: String,
    command: String,
    path: Option<String>,
    pub(super) environment: Environment,
    pub(super) directory: Option<CString>,
    pub(super) umask: Option<u32>,
    pub(super) user: Option<UserIds>,
    pub(super) redirect_stderr: bool,
    /// Set where what it leaves behind is to be ended.
    pub(crate) kill_descendants: bool,
    pub(super) limits: Vec<ResourceLimit>,
    pub(super) nice: Option<i32>,
    /// `oom_score_adj` as the kernel takes it.
    pub(super) oom_score_adj: Option<String>,
}

/// Limit of a resource.
#[derive(Clone, Debug)]
pub(super) struct ResourceLimit {
    /// Text for messages: `rlimit_nofile to 1024:4096`.
    pub(super) label: String,
    pub(super) resource: Resource,
    pub(super) soft: u64,
    /// Hard limit; `None` leaves it, unless the soft one is more.
    pub(super) hard: Option<u64>,
}

/// Environment as `execve` takes it: `NAME=value`, each with a NUL at its end, in one block of memory.
#[derive(Clone, Debug)]
pub(super) struct Environment(Box<[u8]>);

impl Environment {
    /// Join the variables. One that holds a NUL cannot be passed on.
    fn new(variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let mut block = Vec::new();
        for (name, value) in variables {
            let (name, value) = (name.as_bytes(), value.as_bytes());
            if !name.contains(&0) && !value.contains(&0) {
                block.extend([name, b"=", value, b"\0"].concat());
            }
        }
        Self(block.into_boxed_slice())
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &CStr> {
        self.0.split_inclusive(|byte| *byte == 0).filter_map(|variable| CStr::from_bytes_with_nul(variable).ok())
    }
}

/// User that a process becomes.
#[derive(Clone, Debug)]
pub(super) struct UserIds {
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// Groups of that user, or the reason why they are unknown.
    pub(super) groups: Result<Vec<u32>, String>,
}

impl Launch {
    /// Prepare the environment and look up the groups of the user, for which the system may ask a directory server.
    ///
    /// `inherited` is the environment of supervisord itself.
    pub fn new(
        config: &config::Process,
        group: &str,
        supervisord: &config::Supervisord,
        inherited: &[(OsString, OsString)],
    ) -> Self {
        let mut environment = Variables::default();
        // What the service manager has said to supervisord is for supervisord, which answers.
        for (name, value) in inherited.iter().filter(|(name, _)| !is_of_notify(name)).cloned() {
            // Of a name that is there twice the first counts, as it does to libc and to Python.
            environment.set_default(name, value);
        }
        if config.user_environment {
            environment.extend(variables_of_user(config.user.as_ref()));
        }
        let is_own = |name: &OsString| config.ready != Some(config::Ready::Notify) || !is_of_notify(name);
        let mut set = |name: &str, value: &str| environment.set(name.into(), value.into());
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
            // Each run gets those of its own.
            environment: Environment::new(environment.into_iter().filter(|(name, _)| is_own(name))),
            directory: config.directory.as_ref().and_then(|path| CString::new(path.as_os_str().as_bytes()).ok()),
            umask: config.umask,
            user: config.user.as_ref().map(UserIds::new),
            redirect_stderr: config.redirect_stderr,
            kill_descendants: config.kill_descendants,
            limits: resource_limits(config),
            nice: config.nice,
            oom_score_adj: config.oom_score_adj.map(|points| points.to_string()),
        }
    }

    /// Prepare a probe of the program: another command in its place, as the same user, in the same directory and
    /// environment.
    #[must_use]
    pub fn of_probe(&self, command: &str) -> Self {
        Self {
            command: command.to_owned(),
            redirect_stderr: true,
            kill_descendants: false,
            // It would take a copy of our memory to set it.
            oom_score_adj: None,
            ..self.clone()
        }
    }

    /// Return the name of the process.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Find the file to execute, and its arguments, as they are now. Looks at the file system, which may take for ever.
    pub fn command(&self) -> Result<Command, CommandError> {
        Command::find(&self.command, self.path.as_deref())
    }
}

/// Tell whether it is a variable by which a service manager tells a program how to notify.
fn is_of_notify(name: &OsString) -> bool {
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"].iter().any(|own| name == own)
}

/// The limits of the config, in its order.
fn resource_limits(config: &config::Process) -> Vec<ResourceLimit> {
    let limits = [
        ("rlimit_nofile", Resource::RLIMIT_NOFILE, config.rlimit_nofile),
        ("rlimit_core", Resource::RLIMIT_CORE, config.rlimit_core),
        ("rlimit_nproc", Resource::RLIMIT_NPROC, config.rlimit_nproc),
        ("rlimit_memlock", Resource::RLIMIT_MEMLOCK, config.rlimit_memlock),
    ];
    let given = limits.into_iter().filter_map(|(key, resource, limit)| Some((key, resource, limit?)));
    given
        .map(|(key, resource, limit)| ResourceLimit {
            label: format!("{key} to {limit}"),
            resource,
            soft: limit.soft,
            hard: limit.hard,
        })
        .collect()
}

/// `HOME`, `USER`, `LOGNAME` and `SHELL` for a user, or for the one that supervisord runs as. One whom the system does
/// not know has none.
fn variables_of_user(user: Option<&config::User>) -> Vec<(OsString, OsString)> {
    let uid = user.map_or_else(getuid, |user| Uid::from_raw(user.uid));
    let Ok(Some(User { name, dir, shell, .. })) = User::from_uid(uid) else { return Vec::new() };
    vec![
        ("HOME".into(), dir.into()),
        ("USER".into(), name.clone().into()),
        ("LOGNAME".into(), name.into()),
        ("SHELL".into(), shell.into()),
    ]
}

impl UserIds {
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
            environment: Variables::from_iter([pair("D", "supervisord, taken out by the program")]),
            serverurl: Some("unix:///s.sock".to_owned()),
            ..fixtures::supervisord(Path::new("/tmp"))
        };
        let config = config::Process {
            environment: Variables::from_iter([
                pair("A", "config"),
                pair("SUPERVISOR_ENABLED", "no"),
                pair("B", "config"),
            ]),
            ..fixtures::process("cat")
        };
        let inherited = [("C".into(), "shell".into()), ("A".into(), "shell".into()), ("C".into(), "late".into())];
        let launch = Launch::new(&config, "g", &supervisord, &inherited);
        let environment: Vec<_> = launch.environment.iter().map(|variable| variable.to_str().unwrap()).collect();
        assert_eq!(
            environment,
            [
                "C=shell",
                "A=config",
                "SUPERVISOR_ENABLED=no",
                "SUPERVISOR_SERVER_URL=unix:///s.sock",
                "SUPERVISOR_PROCESS_NAME=cat",
                "SUPERVISOR_GROUP_NAME=g",
                "B=config"
            ]
        );
    }

    #[test]
    fn the_environment_of_the_user_is_set_under_the_configs() {
        let root = config::User { name: "root".to_owned(), uid: 0, gid: 0 };
        let config = config::Process {
            user: Some(root),
            user_environment: true,
            environment: Variables::from_iter([pair("SHELL", "config")]),
            ..fixtures::process("cat")
        };
        let inherited = [("HOME".into(), "/home/other".into()), ("A".into(), "shell".into())];
        let supervisord = fixtures::supervisord(Path::new("/tmp"));
        let of = |config: &config::Process| -> Vec<String> {
            let launch = Launch::new(config, "g", &supervisord, &inherited);
            launch.environment.iter().map(|variable| variable.to_str().unwrap().to_owned()).collect()
        };
        assert_eq!(of(&config)[..5], ["HOME=/root", "A=shell", "USER=root", "LOGNAME=root", "SHELL=config"]);
        let without = config::Process { user_environment: false, ..config };
        assert_eq!(of(&without)[0], "HOME=/home/other");
    }

    #[test]
    fn the_command_is_looked_for_in_the_path_of_the_process() {
        let config = config::Process {
            command: "sh".to_owned(),
            environment: Variables::from_iter([pair("PATH", "/nonexistent")]),
            ..fixtures::process("x")
        };
        let supervisord = fixtures::supervisord(Path::new("/tmp"));
        let inherited = [("PATH".into(), "/bin".into())];
        assert!(Launch::new(&config, "x", &supervisord, &inherited).command().is_err());
        let config = config::Process { environment: Variables::default(), ..config };
        assert_eq!(Launch::new(&config, "x", &supervisord, &inherited).command().unwrap().file, "/bin/sh");
    }
}
