//! Reasons for which a plugin cannot be had.

use std::path::PathBuf;

/// Reason for which a plugin cannot be had: what was tried, on which file, and what would be right. One or two lines.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PluginError {
    /// No directory has it.
    #[error(
        "no file {file} for the plugin '{spec}'{}\nlooked in {}; \
         `plugin_path` in [supervisord], and in [supervisorctl] for ctl plugins, adds a directory",
        meant(near.as_ref()),
        list(searched)
    )]
    Missing {
        /// The factory spec.
        spec: String,
        /// The file name that was looked for.
        file: String,
        /// The name of a library that is there and that was probably meant.
        near: Option<String>,
        /// The directories that were searched.
        searched: Vec<PathBuf>,
    },
    /// No directory has it, and it is an extension in Python.
    #[error(
        "'{spec}' is an extension in Python, and plugins here are native libraries: {instead}\n\
         a plugin of that name would be {file}; `plugin_path` says where it is looked for"
    )]
    Python {
        /// The factory spec.
        spec: String,
        /// The file name that was looked for.
        file: String,
        /// Advice on what to use in its place.
        instead: &'static str,
    },
    /// The file that the config names is not there, or cannot be reached.
    #[error("cannot open the plugin {}: {reason}", path.display())]
    Unreachable {
        /// The file.
        path: PathBuf,
        /// Error text of the system.
        reason: String,
    },
    /// Somebody else could put code into this process.
    #[error("will not load the plugin {}: {what} {} can be written by {who}\nonly root and the user who runs this may be able to write it", path.display(), subject.display())]
    Writable {
        /// The library.
        path: PathBuf,
        /// "the file" or "its directory".
        what: &'static str,
        /// The path of that file or directory.
        subject: PathBuf,
        /// The user or group that can write it.
        who: String,
    },
    /// The dynamic linker refuses it.
    #[error("the plugin {} is not a library that can be loaded: {reason}", path.display())]
    NotALibrary {
        /// The file.
        path: PathBuf,
        /// Error text of the dynamic linker.
        reason: String,
    },
    /// A library, but for another purpose.
    #[error("the library {} is not a plugin for supervisord: {reason}", path.display())]
    NotAPlugin {
        /// The file.
        path: PathBuf,
        /// The part that is missing or wrong.
        reason: String,
    },
    /// The plugin was built against a boundary that does not fit this one.
    #[error("the plugin {} was built for plugin API {plugin}, which does not fit this host's {host}: {difference}\nbuild it again with supervisor-plugin-api {host}", path.display())]
    OtherApi {
        /// The file.
        path: PathBuf,
        /// The version of the plugin API that it was built against.
        plugin: String,
        /// The version of this host's plugin API.
        host: String,
        /// The type, and in what it differs.
        difference: String,
    },
    /// A panic in it would end this process.
    #[error("the plugin {} was built with `panic = \"abort\"`: a panic in it would end the supervisor\nbuild it with `panic = \"unwind\"`, which is Cargo's default", path.display())]
    PanicsAbort {
        /// The file.
        path: PathBuf,
    },
    /// The plugin could not say what it has.
    #[error("the plugin {} fails while it is loaded: {reason}", path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Error text, on one line.
        reason: String,
    },
    /// The plugin has no such factory.
    #[error("the plugin {} has no factory '{factory}' for {}; {}", path.display(), purpose(kind), known(kind, factories))]
    NoFactory {
        /// The file.
        path: PathBuf,
        /// The factory that the config asks for.
        factory: String,
        /// The kind that is needed there.
        kind: String,
        /// The plugin's factories of that kind.
        factories: Vec<String>,
    },
    /// The plugin has that factory, for something else.
    #[error("the factory '{factory}' of the plugin {} is for {}, not for {}", path.display(), purpose(actual), purpose(kind))]
    WrongKind {
        /// The file.
        path: PathBuf,
        /// The factory that the config asks for.
        factory: String,
        /// The kind that is needed there.
        kind: String,
        /// The kind that the factory is of.
        actual: String,
    },
    /// The spec names what is part of the host.
    #[error("'{spec}' is not a plugin, and there is no such factory in supervisor itself")]
    BuiltIn {
        /// The factory spec.
        spec: String,
    },
}

fn meant(near: Option<&String>) -> String {
    near.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The section of the config that a kind of factory serves.
fn purpose(kind: &str) -> String {
    match kind {
        "rpcinterface" => "[rpcinterface:x] sections".to_owned(),
        "ctl" => "[ctlplugin:x] sections".to_owned(),
        "result_handler" => "`result_handler` of [eventlistener:x] sections".to_owned(),
        other => format!("the kind '{other}'"),
    }
}

fn known(kind: &str, factories: &[String]) -> String {
    match factories {
        [] => format!("it has none for {} at all", purpose(kind)),
        names => format!("it has {}", names.join(", ")),
    }
}
