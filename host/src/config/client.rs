//! What supervisorctl takes from the config file: `[supervisorctl]` and `[ctlplugin:x]`.

use std::path::{Path, PathBuf};

use super::{
    ClientConfig, Level, Message,
    datatypes::url,
    error::{Collector, ConfigErrors},
    expand::Names,
    include,
    options::supervisorctl as options,
    paths::{absolute, dirname, normalize_path},
    plugins::{self, CTLPLUGIN},
    reader::Reader,
    resolve::{Surroundings, missing},
    sections::Sections,
    supervisord::plugin_path,
    unknown,
};
use crate::text::repr::repr;

/// Values from supervisorctl's command line; each that is there wins over the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientOverrides {
    /// `-s`, `--serverurl`; see [`ClientOverrides::check_url`].
    pub serverurl: Option<String>,
    /// `-u`, `--username`.
    pub username: Option<String>,
    /// `-p`, `--password`.
    pub password: Option<String>,
    /// `-r`, `--history_file`. Supervisor has this option and never heeds it.
    pub history_file: Option<String>,
}

impl ClientOverrides {
    /// Takes a URL as it was given with `spelling` (`-s` or `--serverurl`). The error is the text that Supervisor
    /// prints after `Error: `.
    pub fn check_url(spelling: &str, value: &str) -> Result<String, String> {
        url(value).map_err(|error| format!("invalid value for {spelling} {}: {error}", repr(value)))
    }
}

impl ClientConfig {
    /// Loads the config file at `path`, or goes by the defaults where there is none.
    ///
    /// Supervisor reads no included files here; ours takes `[ctlplugin:x]` from them too, and whatever is wrong with
    /// such a file is a warning: supervisorctl may be run by somebody who must not read it.
    pub fn load(path: Option<&Path>, overrides: &ClientOverrides) -> Result<Self, ConfigErrors> {
        load(path, overrides, &Surroundings::of_this_process())
    }
}

/// [`ClientConfig::load`] with surroundings that a test can choose.
pub(super) fn load(
    path: Option<&Path>,
    overrides: &ClientOverrides,
    surroundings: &Surroundings,
) -> Result<ClientConfig, ConfigErrors> {
    let mut config = match path {
        Some(path) => from_file(&path.to_string_lossy(), surroundings)?,
        None => ClientConfig {
            file: None,
            serverurl: options::serverurl.default.unwrap_or_default().to_owned(),
            username: None,
            password: None,
            prompt: options::prompt.default.unwrap_or_default().to_owned(),
            history_file: None,
            plugin_path: Vec::new(),
            ctlplugins: Vec::new(),
            messages: Vec::new(),
        },
    };
    let overrides = overrides.clone();
    config.serverurl = overrides.serverurl.unwrap_or(config.serverurl);
    config.username = overrides.username.or(config.username);
    config.password = overrides.password.or(config.password);
    config.history_file = overrides.history_file.map(|file| normalize_path(&file).into()).or(config.history_file);
    Ok(config)
}

fn from_file(given: &str, surroundings: &Surroundings) -> Result<ClientConfig, ConfigErrors> {
    let file = normalize_path(given);
    let here = dirname(&file);
    let sections = include::read_main(given)?;
    let section = sections.get("supervisorctl").ok_or_else(|| missing("supervisorctl", given))?;
    let errors = Collector::default();
    let knowing_here = surroundings.names.with([("here", here.into())]);

    let reader = Reader::new(&sections, section, knowing_here.clone(), &errors);
    let serverurl = reader.get(&options::serverurl);
    let history_file = reader.find(&options::history_file);
    let plugin_path = plugin_path(&reader, reader.get_list(&options::plugin_path));
    // The others do not know %(here)s.
    let reader = Reader::new(&sections, section, surroundings.names.clone(), &errors);
    let prompt = reader.get(&options::prompt);
    let username = reader.find(&options::username);
    let password = reader.find(&options::password);

    let mut messages: Vec<Message> = unknown::in_section(section).into_iter().map(warning).collect();
    let mut ctlplugins = plugins::plugins(CTLPLUGIN, &sections, &knowing_here, &errors);
    ctlplugins.extend(included_plugins(given, &sections, surroundings, &mut messages));
    errors.finish(ClientConfig {
        file: Some(PathBuf::from(absolute(given))),
        serverurl: match serverurl.strip_prefix("unix://") {
            Some(path) => format!("unix://{}", normalize_path(path)),
            None => serverurl,
        },
        username,
        password,
        prompt,
        history_file: history_file.filter(|file| !file.is_empty()).map(|file| normalize_path(&file).into()),
        plugin_path,
        ctlplugins,
        messages,
    })
}

/// `[ctlplugin:x]` of included files, where the main file has none of that name.
fn included_plugins(
    given: &str,
    main: &Sections,
    surroundings: &Surroundings,
    messages: &mut Vec<Message>,
) -> Vec<super::PluginSection> {
    let absolute = absolute(given);
    let here = dirname(&absolute);
    let knowing_here: Names = surroundings.names.with([("here", here.into())]);
    let of_include = knowing_here.with([("host_node_name", surroundings.host_node_name.as_str().into())]);
    let mut sections = main.clone();
    let included = include::read_included(given, here, &of_include, &mut sections);
    messages.extend(included.errors.into_iter().map(|error| warning(error.message)));

    let errors = Collector::default();
    let new = sections.with_prefix(CTLPLUGIN.prefix).filter(|(_, section)| main.get(&section.name).is_none());
    let plugins = new
        .filter_map(|(name, section)| {
            let reader = Reader::new(&sections, section, knowing_here.clone(), &errors);
            plugins::plugin(CTLPLUGIN, name, &reader, &sections)
        })
        .collect();
    if let Err(errors) = errors.finish(()) {
        messages.extend(errors.iter().map(|error| {
            let location = error.location().map_or_else(String::new, |location| format!(" (at {location})"));
            warning(format!("{}{location}", error.message))
        }));
    }
    plugins
}

fn warning(text: String) -> Message {
    Message { level: Level::Warn, text }
}
