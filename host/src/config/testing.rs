//! Helpers of the tests of this room: config files in a directory of their own, loaded with known surroundings.

use std::{fs, path::PathBuf};

use tempfile::TempDir;

use super::{
    ClientConfig, ClientOverrides, Config, ConfigErrors, Group, Overrides, Process, client,
    expand::Names,
    resolve::{Surroundings, load},
};

/// A directory with config files; the main one is `main.conf` or `main.toml`.
pub(super) struct Files {
    directory: TempDir,
    main: PathBuf,
}

impl Files {
    /// A main file in INI.
    pub(super) fn ini(text: &str) -> Self {
        Self::new("main.conf", text.as_bytes())
    }

    /// A main file in TOML.
    pub(super) fn toml(text: &str) -> Self {
        Self::new("main.toml", text.as_bytes())
    }

    /// `[supervisord]` and then what is given.
    pub(super) fn with(text: &str) -> Self {
        Self::ini(&format!("[supervisord]\n{text}"))
    }

    pub(super) fn new(name: &str, bytes: &[u8]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let main = directory.path().canonicalize().unwrap().join(name);
        fs::write(&main, bytes).unwrap();
        Self { directory, main }
    }

    /// Add a file.
    pub(super) fn file(self, name: &str, text: &str) -> Self {
        let path = self.directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    /// The path of a file.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.main.with_file_name(name)
    }

    /// `%(here)s`.
    pub(super) fn here(&self) -> String {
        self.main.parent().unwrap().display().to_string()
    }

    pub(super) fn load_with(&self, overrides: &Overrides) -> Result<Config, ConfigErrors> {
        load(&self.main, overrides, surroundings())
    }

    pub(super) fn load(&self) -> Config {
        self.load_with(&Overrides::default()).unwrap_or_else(|errors| panic!("{}", errors.report()))
    }

    pub(super) fn load_client(&self) -> Result<ClientConfig, ConfigErrors> {
        client::load(Some(&self.main), &ClientOverrides::default(), &surroundings())
    }

    pub(super) fn errors(&self) -> ConfigErrors {
        self.load_with(&Overrides::default()).expect_err("this config has errors")
    }

    /// The first error, with the directory of the files as `HERE`.
    pub(super) fn error(&self) -> String {
        self.errors().to_string().replace(&self.here(), "HERE")
    }

    /// All errors with their places, with the directory of the files as `HERE`.
    pub(super) fn report(&self) -> String {
        self.errors().report().replace(&self.here(), "HERE")
    }

    /// The messages for the log, with the directory of the files as `HERE`.
    pub(super) fn messages(&self) -> Vec<String> {
        let shown = |message: super::Message| format!("{:?} {}", message.level, message.text);
        self.load().messages.into_iter().map(|message| shown(message).replace(&self.here(), "HERE")).collect()
    }
}

/// An environment of `ENV_X` and `ENV_PERCENT`, on a host named `thishost`.
pub(super) fn surroundings() -> Surroundings {
    let names = Names::default().with([("ENV_X", "x".into()), ("ENV_PERCENT", "100%".into())]).freeze();
    Surroundings { names, host_node_name: "thishost".to_owned() }
}

/// The group of that name.
#[track_caller]
pub(super) fn group<'a>(config: &'a Config, name: &str) -> &'a Group {
    config.groups.iter().find(|group| group.name == name).unwrap_or_else(|| panic!("there is no group {name}"))
}

/// The only process of the only group.
#[track_caller]
pub(super) fn only_process(config: &Config) -> &Process {
    match config.groups.as_slice() {
        [group] if group.processes.len() == 1 => &group.processes[0],
        groups => panic!("not one process: {groups:?}"),
    }
}
