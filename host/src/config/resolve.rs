//! From sections to [`Config`].

use std::{cell::RefCell, path::Path};

use super::{
    Config, Level, Message, Overrides,
    error::{Collector, ConfigError, ConfigErrors},
    expand::Names,
    include,
    paths::{absolute, dirname},
    plugins::{self, RPCINTERFACE},
    programs::Programs,
    reader::Reader,
    servers, supervisord, unknown, unsupported,
};

/// What a config takes from around it, other than files and accounts.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    /// `ENV_…` for each variable of the environment.
    pub(super) names: Names,
    /// What this host calls itself.
    pub(super) host_node_name: String,
}

impl Surroundings {
    /// Those of this process.
    pub(super) fn of_this_process() -> Self {
        let mut names = Names::default();
        for (name, value) in std::env::vars_os() {
            names.set(format!("ENV_{}", name.to_string_lossy()), &*value.to_string_lossy());
        }
        let host_node_name =
            nix::unistd::gethostname().map_or_else(|_| String::new(), |name| name.to_string_lossy().into());
        Self { names: names.freeze(), host_node_name }
    }
}

impl Config {
    /// Loads what supervisord needs from the config file at `path`, its includes, and the command line.
    ///
    /// `path` is shown in messages as it is given. A name that ends in `.toml` is TOML, all others are INI.
    pub fn load(path: &Path, overrides: &Overrides) -> Result<Self, ConfigErrors> {
        load(path, overrides, Surroundings::of_this_process())
    }
}

/// [`Config::load`] with surroundings that a test can choose.
pub(super) fn load(path: &Path, overrides: &Overrides, surroundings: Surroundings) -> Result<Config, ConfigErrors> {
    let given = path.to_string_lossy();
    let file = absolute(&given);
    let here = dirname(&file);
    let Surroundings { mut names, host_node_name } = surroundings;

    let mut sections = include::read_main(&given)?;
    let of_host = [("here", here.into()), ("host_node_name", host_node_name.as_str().into())];
    let included = include::read_included(&given, here, &names.with(of_host.clone()), &mut sections);
    let errors = Collector::default();
    if !included.errors.is_empty() {
        // What a lost file would have said is better not guessed at.
        included.errors.into_iter().for_each(|error| errors.push(error));
        return Err(errors.finish(()).expect_err("there was at least one"));
    }
    let section = sections.get("supervisord").ok_or_else(|| missing("supervisord", &given))?;

    let reader = Reader::new(&sections, section, names.with([("here", here.into())]), &errors);
    let mut supervisord = supervisord::supervisord(&reader, &names.with(of_host), overrides);
    for (name, value) in &supervisord.environment {
        names.set(format!("ENV_{name}"), value.as_str());
    }
    let names = names.freeze();
    let rpcinterfaces = plugins::plugins(RPCINTERFACE, &sections, &names.with([("here", here.into())]), &errors);
    let messages = RefCell::new(included.messages);
    let groups = Programs {
        sections: &sections,
        names: &names,
        here,
        host_node_name: &host_node_name,
        environment: &supervisord.environment.iter().cloned().collect(),
        errors: &errors,
        messages: &messages,
    }
    .groups();
    let servers = servers::servers(&sections, here, &names, &errors);
    supervisord.serverurl = servers::serverurl(&servers);
    match supervisord::user(&reader, overrides) {
        Ok(user) => supervisord.user = user,
        Err(error) => errors.push(error),
    }
    if let Err(error) = unsupported::supervisord(&reader, &supervisord) {
        errors.push(error);
    }

    let mut messages = messages.into_inner();
    messages.extend(unknown::warnings(&sections));
    in_order(&mut messages);
    let config =
        Config { file: (&file).into(), here: here.into(), supervisord, servers, groups, rpcinterfaces, messages };
    errors.finish(config)
}

/// The error of a file without its main section.
pub(super) fn missing(section: &str, file: &str) -> ConfigError {
    let kind = if include::is_toml(file) { ".toml" } else { ".ini" };
    ConfigError::new(format!("{kind} file does not include {section} section"))
}

/// CRIT first, then WARN, then INFO, as Supervisor logs them.
fn in_order(messages: &mut [Message]) {
    messages.sort_by_key(|message: &Message| std::cmp::Reverse::<Level>(message.level));
}
