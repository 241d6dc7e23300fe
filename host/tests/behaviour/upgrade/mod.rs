//! Upgrade in place: what goes on, what keeps it from being, and what happens where the new one fails.

mod events_and_output;
mod going_on;
mod in_the_middle;
mod load;
mod places;
mod plugins;
mod refused;
mod servers;
mod way_back;

use std::{
    fs,
    ops::{Deref, DerefMut},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use crate::common::{Config, Kind, Output, Sandbox, Supervisord};

/// A supervisord with an executable of its own, which can be replaced.
pub(crate) struct Upgradable(Supervisord);

impl Deref for Upgradable {
    type Target = Supervisord;

    fn deref(&self) -> &Supervisord {
        &self.0
    }
}

impl DerefMut for Upgradable {
    fn deref_mut(&mut self) -> &mut Supervisord {
        &mut self.0
    }
}

impl Upgradable {
    /// Starts one, in the foreground.
    #[track_caller]
    pub(crate) fn start(config: &Config) -> Self {
        Self::start_in(Sandbox::new(), config)
    }

    /// Starts one in a sandbox that holds files already.
    #[track_caller]
    pub(crate) fn start_in(sandbox: Sandbox, config: &Config) -> Self {
        put_executable(&sandbox.join("supervisord"));
        let own = sandbox.join("supervisord");
        Self(Supervisord::start_as(sandbox, Kind::Ours, config, |command| with_program(&command, &own)))
    }

    /// The executable that it was started from.
    pub(crate) fn executable(&self) -> PathBuf {
        self.sandbox.join("supervisord")
    }

    /// Puts a file that can be executed in the place of the executable, as installers do: by a rename.
    pub(crate) fn install(&self, bytes: &[u8]) {
        let new = self.sandbox.write("supervisord.new", bytes);
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("a mode");
        fs::rename(new, self.executable()).expect("a rename");
    }

    /// Changes its config, by which a section gets these lines.
    pub(crate) fn edit(&self, change: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(self.config_file()).expect("a config");
        fs::write(self.config_file(), change(text)).expect("the config can be written");
    }

    /// Upgrades it. What runs is not to notice.
    #[track_caller]
    pub(crate) fn upgrade(&self) -> Output {
        let output = self.ctl(&["upgrade"]);
        assert!(output.status == 0 && output.stdout.starts_with("Upgraded supervisord "), "{output:?}\n{}", self.log());
        output
    }

    /// Tries to upgrade it, in vain, and gives what is said of that.
    #[track_caller]
    pub(crate) fn refuses(&self) -> String {
        let output = self.ctl(&["upgrade"]);
        assert!(output.status == 1 && output.stdout.starts_with("ERROR: "), "{output:?}");
        output.stdout
    }

    /// Everything that `supervisor.getAllProcessInfo` says but the time, as Python prints it.
    #[track_caller]
    pub(crate) fn infos(&self) -> String {
        self.python(
            "for info in s.supervisor.getAllProcessInfo():\n    \
             del info['now'], info['description']\n    \
             print(sorted(info.items()))",
        )
    }
}

/// Puts the executable under test at that path. A link is enough.
fn put_executable(path: &Path) {
    let built = env!("CARGO_BIN_EXE_supervisord");
    if fs::hard_link(built, path).is_err() {
        fs::copy(built, path).expect("a copy of supervisord");
    }
}

/// The same command with another program.
fn with_program(command: &Command, program: &Path) -> Command {
    let mut other = Command::new(program);
    other.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        other.current_dir(directory);
    }
    other
}
