//! `supervisord --check-config`: everything that is read at a start, read; and nothing done.
//!
//! No server is bound, no program is started, no log, pidfile or socket is written, no user is switched to. Plugins are
//! loaded: their library is found, opened and compared with this host, and their factory is looked up. It is not
//! called, since nobody knows what a constructor does; so what it would say of the values in its section is reported
//! at a start only.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::{
    config::{Checked, Config, ConfigError, Library, Overrides, PluginSection},
    plugin::{self, SearchPath},
    rpc,
    server_options::{Format, find},
};

/// Outcome of a check, ready to be printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Text for stdout.
    pub stdout: String,
    /// Text for stderr: warnings, and errors for people.
    pub stderr: String,
    /// True where the config can be run.
    pub is_good: bool,
}

/// Check the config file that the command line names, or that is found where Supervisor looks.
pub fn check(configuration: Option<PathBuf>, overrides: &Overrides, format: Format) -> Report {
    let mut checked = match find(configuration) {
        Ok(file) => check_file(&file, overrides),
        Err(error) => Checked { errors: vec![ConfigError::new(error)], ..Checked::default() },
    };
    let config = checked.config.take().filter(|_| checked.errors.is_empty());
    match format {
        Format::Json => in_json(config.as_ref(), &checked),
        Format::Text => in_text(config.as_ref(), &checked),
    }
}

fn check_file(file: &Path, overrides: &Overrides) -> Checked {
    let mut checked = Checked::load(file, overrides);
    let mut errors = Vec::new();
    if let Some(config) = &checked.config {
        let search = SearchPath::new(&config.supervisord.plugin_path);
        let mut event_types = Vec::new();
        for section in &config.rpcinterfaces {
            match rpc::look_up(section, &search) {
                Ok(types) => event_types.extend(types),
                Err(error) => errors.push(about("rpcinterface", section, &error)),
            }
        }
        let all_loaded = errors.is_empty();
        for (name, pool) in config.pools() {
            errors.extend(pool.check_types(name, &event_types).err().map(|mut error| {
                if !all_loaded {
                    error.message += ", unless a plugin has it that could not be loaded";
                }
                error
            }));
            let spec = &pool.result_handler;
            if spec.library != Library::BuiltIn {
                let found = plugin::load(spec, "result_handler", &search);
                errors.extend(found.err().map(|error| pool.no_handler(name, error)));
            }
        }
    }
    if let Some(client) = &checked.client {
        let search = SearchPath::new(&client.plugin_path);
        for section in &client.ctlplugins {
            let found = plugin::load(&section.factory, "ctl", &search);
            let error = found.err().map(|error| format!("{}: {error}", section.place));
            errors.extend(error.map(|error| about("ctlplugin", section, &error)));
        }
    }
    checked.errors.extend(errors);
    checked
}

fn about(kind: &str, section: &PluginSection, error: &dyn std::fmt::Display) -> ConfigError {
    let section = Some(format!("{kind}:{}", section.name));
    ConfigError { section, ..ConfigError::new(error.to_string()) }
}

fn in_json(config: Option<&Config>, checked: &Checked) -> Report {
    let warnings: Vec<_> = checked.messages.iter().map(|message| message.text.as_str()).collect();
    let mut all = match config {
        Some(config) => config.to_json(),
        None => json!({ "errors": checked.errors.iter().map(error).collect::<Vec<_>>() }),
    };
    if config.is_some() {
        all["supervisorctl"] = checked.client.as_ref().map_or(Value::Null, crate::config::ClientConfig::to_json);
    }
    all["warnings"] = json!(warnings);
    Report { stdout: format!("{all:#}\n"), stderr: String::new(), is_good: config.is_some() }
}

fn error(error: &ConfigError) -> Value {
    json!({
        "message": error.to_string(),
        "section": error.section,
        "key": error.key,
        "file": error.place.as_ref().map(|place| &*place.file),
        "line": error.place.as_ref().map(|place| place.line),
        "expected": error.expected,
    })
}

fn in_text(config: Option<&Config>, checked: &Checked) -> Report {
    let mut lines: Vec<String> = checked.messages.iter().map(|message| message.text.clone()).collect();
    for error in &checked.errors {
        lines.push(format!("Error: {}", error.described()));
    }
    let stdout = config.map_or_else(String::new, |config| {
        let mut text = sections(&config.to_json());
        if let Some(client) = &checked.client {
            let mut client = client.to_json();
            let plugins = client.as_object_mut().and_then(|client| client.remove("ctlplugins"));
            text += &section("supervisorctl", &client);
            text += &list("ctlplugin", plugins.as_ref());
        }
        text
    });
    Report { stdout, stderr: lines.join("\n"), is_good: config.is_some() }
}

/// Format a config in the shape of its file, so that people know what they look at.
fn sections(all: &Value) -> String {
    let mut text = format!("; resolved from {}\n\n", all["file"].as_str().unwrap_or_default());
    text += &section("supervisord", &all["supervisord"]);
    for server in all["servers"].as_array().into_iter().flatten() {
        text += &section(server["section"].as_str().unwrap_or_default(), &without(server, &["section"]));
    }
    for plugin in ["rpcinterface", "eventlistener", "fcgi_program", "group", "program"] {
        text += &list(plugin, all.get(format!("{plugin}s")));
    }
    text
}

/// Format a section `[KIND name]` for each object; a program is named with its group.
fn list(kind: &str, objects: Option<&Value>) -> String {
    let mut text = String::new();
    for object in objects.and_then(Value::as_array).into_iter().flatten() {
        let name = object["name"].as_str().unwrap_or_default();
        let name =
            object.get("group").and_then(Value::as_str).map_or(name.to_owned(), |group| format!("{group}:{name}"));
        text += &section(&format!("{kind} {name}"), &without(object, &["name", "group"]));
    }
    text
}

fn without(object: &Value, keys: &[&str]) -> Value {
    let mut object = object.clone();
    if let Some(object) = object.as_object_mut() {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
    object
}

fn section(header: &str, options: &Value) -> String {
    let mut text = format!("[{header}]\n");
    for (key, value) in options.as_object().into_iter().flatten() {
        text += format!("{key} = {}", shown(value)).trim_end();
        text.push('\n');
    }
    text + "\n"
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(","),
        Value::Object(members) => pairs(members),
        other => other.to_string(),
    }
}

fn pairs(members: &Map<String, Value>) -> String {
    members.iter().map(|(name, value)| format!("{name}={:?}", shown(value))).collect::<Vec<_>>().join(",")
}
