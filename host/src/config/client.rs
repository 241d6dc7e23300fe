//! The config of supervisorctl: `[supervisorctl]` and `[ctlplugin:x]`.

use std::path::{Path, PathBuf};

use super::{
    datatypes::url,
    error::{Collector, ConfigErrors},
    expand::Names,
    include,
    model::{ClientConfig, PluginSection},
    options::supervisorctl as options,
    paths::{absolute, dirname, normalize_path},
    plugins::{self, CTLPLUGIN},
    reader::Reader,
    resolve::{Surroundings, missing},
    sections::Sections,
    types::{Level, Message},
    unknown,
};
use crate::text::{repr::repr, url::credentials_in};

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
    /// Take a URL as it was given with `spelling` (`-s` or `--serverurl`). The error is the text that Supervisor
    /// prints after `Error: `.
    pub fn check_url(spelling: &str, value: &str) -> Result<String, String> {
        url(value).map_err(|error| format!("invalid value for {spelling} {}: {error}", repr(value)))
    }
}

impl ClientConfig {
    /// Load the config file at `path`, or go by the defaults where there is none.
    ///
    /// Supervisor reads no included files here; ours takes `[ctlplugin:x]` from them too. Whatever is wrong with such a
    /// file is a warning, and one that is not for the eyes of the user who runs supervisorctl is passed over.
    pub fn load(path: Option<&Path>, overrides: &ClientOverrides) -> Result<Self, ConfigErrors> {
        load(path, overrides, &Surroundings::of_this_process())
    }
}

/// Load as [`ClientConfig::load`] does, with surroundings that a test can choose.
pub(super) fn load(
    path: Option<&Path>,
    overrides: &ClientOverrides,
    surroundings: &Surroundings,
) -> Result<ClientConfig, ConfigErrors> {
    let mut config = match path {
        Some(path) => {
            let (config, errors) = from_file(&path.to_string_lossy(), surroundings)?;
            errors?;
            config
        }
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
    if overrides.serverurl.as_deref().is_some_and(|url| credentials_in(url).is_some()) {
        // Those of the file are for the server of the file.
        (config.username, config.password) = (None, None);
    }
    config.serverurl = overrides.serverurl.unwrap_or(config.serverurl);
    config.username = overrides.username.or(config.username);
    config.password = overrides.password.or(config.password);
    config.history_file = overrides.history_file.map(|file| normalize_path(&file).into()).or(config.history_file);
    Ok(config)
}

/// Read the file: its config as far as it is right, beside the errors in the rest; or why it cannot be read at all.
pub(super) fn from_file(
    given: &str,
    surroundings: &Surroundings,
) -> Result<(ClientConfig, Result<(), ConfigErrors>), ConfigErrors> {
    let file = normalize_path(given);
    let here = dirname(&file);
    let sections = include::read_main(given)?;
    let section = sections.get("supervisorctl").ok_or_else(|| missing("supervisorctl", given))?;
    let errors = Collector::default();
    let names = surroundings.names.at(here, &surroundings.host_node_name);
    let knowing_here = names.with([("here", here.into())]);

    let reader = Reader::new(&sections, section, names, &errors);
    let with_here = Reader::new(&sections, section, knowing_here.clone(), &errors);
    let serverurl = with_here.get(&options::serverurl);
    let prompt = reader.get(&options::prompt);
    let username = reader.find(&options::username);
    let password = reader.find(&options::password);
    let history_file = with_here.find(&options::history_file);
    let plugin_path = with_here.get(&options::plugin_path);
    let plugin_path =
        plugin_path.iter().map(|directory| with_here.beside(options::plugin_path.key, directory)).collect();

    let mut messages: Vec<Message> = unknown::in_section(section).into_iter().map(warning).collect();
    let mut ctlplugins = plugins::plugins(CTLPLUGIN, &sections, &knowing_here, &errors);
    ctlplugins.extend(included_plugins(given, &sections, surroundings, &mut messages));
    let config = ClientConfig {
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
    };
    Ok((config, errors.finish(())))
}

/// Read each `[ctlplugin:x]` of included files, where the main file has none of that name.
fn included_plugins(
    given: &str,
    main: &Sections,
    surroundings: &Surroundings,
    messages: &mut Vec<Message>,
) -> Vec<PluginSection> {
    let absolute = absolute(given);
    let here = dirname(&absolute);
    let knowing_here: Names = surroundings.names.at(here, &surroundings.host_node_name).with([("here", here.into())]);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        Library,
        testing::{Files, surroundings},
    };

    fn overridden(overrides: &ClientOverrides) -> ClientConfig {
        load(None, overrides, &surroundings()).unwrap()
    }

    #[test]
    fn a_file_is_not_needed() {
        let config = overridden(&ClientOverrides::default());
        assert_eq!((config.serverurl.as_str(), config.prompt.as_str()), ("http://localhost:9001", "supervisor"));
        assert_eq!((config.file, config.username, config.history_file), (None, None, None));
        let overrides = ClientOverrides { serverurl: Some("unix:///s".into()), ..ClientOverrides::default() };
        assert_eq!(overridden(&overrides).serverurl, "unix:///s");
        assert_eq!(
            ClientOverrides::check_url("-s", "foo").unwrap_err(),
            "invalid value for -s 'foo': value 'foo' is not a URL"
        );
    }

    #[test]
    fn the_section_is_read_and_the_command_line_wins() {
        let files = Files::ini(
            "[supervisorctl]\nserverurl=unix://%(here)s/a/../s.sock\nusername=u\npassword=p\nprompt=%(ENV_X)s\n\
             history_file=%(here)s/h\nplugin_path=p\npromt=x\n",
        );
        let config = files.load_client().unwrap();
        assert_eq!(config.serverurl, format!("unix://{}/s.sock", files.here()));
        assert_eq!((config.username.as_deref(), config.password.as_deref()), (Some("u"), Some("p")));
        assert_eq!(config.prompt, "x");
        assert_eq!(config.history_file, Some(files.path("h")));
        assert_eq!(config.plugin_path, [files.path("p")]);
        let warning = &config.messages[0].text;
        assert!(warning.starts_with("unknown key 'promt' in [supervisorctl] (") && warning.ends_with("'prompt'?"));
        let overrides = ClientOverrides {
            username: Some("v".into()),
            history_file: Some("/tmp/x".into()),
            ..ClientOverrides::default()
        };
        let config = load(config.file.as_deref(), &overrides, &surroundings()).unwrap();
        assert_eq!(config.username.as_deref(), Some("v"));
        assert_eq!(config.history_file, Some("/tmp/x".into()));
        for (url, username) in [("http://h:1", Some("u")), ("http://w:q@h:1", None)] {
            let overrides = ClientOverrides { serverurl: Some(url.into()), ..ClientOverrides::default() };
            let config = load(config.file.as_deref(), &overrides, &surroundings()).unwrap();
            assert_eq!(config.username.as_deref(), username, "{url}");
        }
    }

    #[test]
    fn the_section_must_be_in_the_main_file() {
        let error = |files: Files| files.load_client().unwrap_err().to_string();
        assert_eq!(error(Files::with("")), ".ini file does not include supervisorctl section");
        assert_eq!(
            error(Files::with("[include]\nfiles=a.conf\n").file("a.conf", "[supervisorctl]\n")),
            ".ini file does not include supervisorctl section"
        );
        assert_eq!(
            error(Files::ini("[supervisorctl]\nprompt=%(nope)s\n")),
            "Format string '%(nope)s' for 'supervisorctl.prompt' contains names ('nope') which cannot be expanded. \
             Available names: ENV_PERCENT, ENV_X"
        );
    }

    #[test]
    fn every_key_knows_where_the_config_is() {
        let files = Files::ini(
            "[supervisorctl]\nserverurl=http://%(host_node_name)s:1\nusername=%(host_node_name)s\npassword=%(here)s\n\
             prompt=%(host_node_name)s:%(here)s\nhistory_file=%(here)s/%(host_node_name)s\n\
             plugin_path=%(host_node_name)s\n[include]\nfiles=d/*\n",
        )
        .file("d/c.conf", "[ctlplugin:c]\nsupervisor.ctl_factory=c:make\nat=%(host_node_name)s\n");
        let config = files.load_client().unwrap();
        assert_eq!(config.serverurl, "http://thishost:1");
        assert_eq!((config.username.as_deref(), config.password), (Some("thishost"), Some(files.here())));
        assert_eq!(config.prompt, format!("thishost:{}", files.here()));
        assert_eq!(config.history_file, Some(files.path("thishost")));
        assert_eq!(config.plugin_path, [files.path("thishost")]);
        assert_eq!(config.ctlplugins[0].options[0].value.as_str(), Some("thishost"));
    }

    #[test]
    fn plugins_come_from_included_files_too() {
        let files = Files::ini(
            "[supervisorctl]\nserverurl=http://h:1\n[include]\nfiles=d/*\n\
             [ctlplugin:a]\nsupervisor.ctl_factory=a.controllerplugin:make\nkey=1\n",
        )
        .file(
            "d/b.conf",
            "[supervisorctl]\nserverurl=http://other:1\n[ctlplugin:b]\nsupervisor.ctl_factory=./b.so:make\n",
        )
        .file("d/c.toml", "[ctlplugin.c]\nsupervisor.ctl_factory = 'c:make'\nsize = 5\n")
        .file("d/z.conf", "nonsense\n")
        .file("d/y.conf", "[ctlplugin:y]\nfoo=1\n");
        let config = files.load_client().unwrap();
        assert_eq!(config.serverurl, "http://h:1");
        let names: Vec<_> = config.ctlplugins.iter().map(|plugin| plugin.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(config.ctlplugins[1].factory.library, Library::Path(files.path("d").join("b.so")));
        let warnings: Vec<_> =
            config.messages.iter().map(|message| message.text.replace(&files.here(), "HERE")).collect();
        assert_eq!(
            warnings,
            [
                "File contains no section headers.\nfile: 'HERE/d/z.conf', line: 1\n'nonsense\\n'",
                "section [ctlplugin:y] does not specify a supervisor.ctl_factory (at HERE/d/y.conf, line 1: [ctlplugin:y])",
            ]
        );
    }
}
