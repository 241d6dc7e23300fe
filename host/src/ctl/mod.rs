//! `supervisorctl`: commands for a supervisord, once or in a shell.
//!
//! All commands stand in one table of groups, `default` first and then the `[ctlplugin:x]` sections in their order. A
//! group is a namespace object: the built-in commands are one that this program makes for itself. Plugin libraries are
//! loaded when a command is not built-in or when all commands are listed, so that `supervisorctl status` does not wait
//! for them.
//!
//! A command prints through the [`Session`] and sets its exit status there; one that fails returns a fault, which is
//! printed as one line and makes the exit status 1.

pub mod cli;
mod commands;
mod completion;
mod follow;
mod help;
mod interrupt;
mod line;
mod namespec;
mod plugin_host;
mod session;
mod shell;

use std::sync::Arc;

use plugin_api::{Fault, MethodInfo, NamespaceObject, Value, find, namespace, pformat};

use self::{
    commands::DefaultControllerPlugin,
    plugin_host::PluginHost,
    session::{TRANSPORT_ERROR, UNAUTHORIZED, status},
};
pub use self::{
    line::Line,
    session::{Endpoint, Session},
};
use crate::{
    config::PluginSection,
    plugin::{SearchPath, load},
};

/// Width at which values are printed.
const VALUE_WIDTH: usize = 80;

/// Runs command lines.
pub struct Controller {
    session: Arc<Session>,
    groups: Vec<Group>,
    /// What of the config is not loaded yet.
    plugins: Vec<PluginSection>,
    search: SearchPath,
}

/// The commands behind one name of `help`.
struct Group {
    name: String,
    commands: Vec<MethodInfo>,
    object: NamespaceObject,
}

impl Group {
    fn new(name: &str, object: NamespaceObject) -> Self {
        let mut commands: Vec<MethodInfo> = object.methods().into();
        commands.retain(|command| !command.name.starts_with('_'));
        Self { name: name.to_owned(), commands, object }
    }
}

impl Controller {
    /// A controller with the built-in commands; those of `plugins` come when they are needed.
    pub fn new(session: Session, plugins: Vec<PluginSection>, search: SearchPath) -> Self {
        let session = Arc::new(session);
        let default = namespace(Arc::new(DefaultControllerPlugin::new(Arc::clone(&session))));
        Self { session, groups: vec![Group::new("default", default)], plugins, search }
    }

    /// What its commands print to and set the exit status of.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Runs one line.
    pub fn run(&mut self, line: &Line) {
        match line.name() {
            "" if line.text().is_empty() => {}
            "help" => self.help(line.rest()),
            "EOF" => {
                self.session.output("");
                self.session.finish();
            }
            name => self.run_command(name, line),
        }
        self.session.flush();
    }

    fn run_command(&mut self, name: &str, line: &Line) {
        let Some((index, command)) = self.find(name) else {
            self.session.output(&format!("*** Unknown syntax: {}", line.text()));
            self.session.set_exit_status(status::GENERIC);
            return;
        };
        let words = if index == 0 {
            line.plain_words()
        } else {
            match line.shell_words() {
                Ok(words) => words,
                Err(error) => return self.fail(&Fault::new(TRANSPORT_ERROR, error.to_string())),
            }
        };
        if !takes(&command, words.len()) {
            self.session.output(&help_of(&command));
            return;
        }
        let params = words.into_iter().map(Value::from).collect();
        match self.groups[index].object.call(command.name.as_rstr(), params).wait() {
            Ok(Value::Nil) => {}
            Ok(value) => self.session.output(&pformat(&value, VALUE_WIDTH)),
            Err(fault) => self.fail(&fault),
        }
        if self.session.take_misused() {
            self.session.output(&help_of(&command));
        }
    }

    fn fail(&self, fault: &Fault) {
        if fault.code == TRANSPORT_ERROR && fault.text == UNAUTHORIZED {
            self.session.output(UNAUTHORIZED);
        } else {
            self.session.output(&format!("error: {fault}"));
        }
        self.session.set_exit_status(status::GENERIC);
    }

    /// The command of that name, and its group.
    fn find(&mut self, name: &str) -> Option<(usize, MethodInfo)> {
        if let Some(found) = self.find_loaded(name) {
            return Some(found);
        }
        self.load_plugins();
        self.find_loaded(name)
    }

    fn find_loaded(&self, name: &str) -> Option<(usize, MethodInfo)> {
        self.groups.iter().enumerate().find_map(|(index, group)| {
            let command = group.commands.iter().find(|command| command.name == name)?;
            Some((index, command.clone()))
        })
    }

    /// Loads what the config names. A plugin that cannot be loaded is complained of, and the others work.
    fn load_plugins(&mut self) {
        for section in std::mem::take(&mut self.plugins) {
            match self.load_plugin(&section) {
                Ok(object) => self.groups.push(Group::new(&section.name, object)),
                Err(text) => {
                    self.session.flush();
                    eprintln!("Error: {}: {text}", section.place);
                }
            }
        }
    }

    fn load_plugin(&self, section: &PluginSection) -> Result<NamespaceObject, String> {
        let factory = load(&section.factory, "ctl", &self.search).map_err(|error| error.to_string())?;
        let host = namespace(Arc::new(PluginHost::new(Arc::clone(&self.session))));
        let options = section.options.iter().cloned().collect();
        factory.make(host, options).map_err(|fault| fault.to_string())
    }

    fn help(&mut self, topic: &str) {
        if topic.is_empty() {
            self.load_plugins();
            for group in &self.groups {
                let mut names: Vec<&str> = group.commands.iter().map(|command| command.name.as_str()).collect();
                let topics = help::topics(&group.name, &mut names);
                self.session.output(topics.strip_suffix('\n').unwrap_or(&topics));
            }
        } else if topic == "help" {
            self.session.output("help\t\tList the commands");
            self.session.output("help <action>\tPrint the help of a command");
        } else {
            match self.find(topic) {
                Some((_, command)) => self.session.output(&help_of(&command)),
                None => self.session.output(&format!("*** No help on {topic}")),
            }
        }
    }
}

/// Whether a command takes so many words.
fn takes(command: &MethodInfo, words: usize) -> bool {
    let is =
        |param: &plugin_api::Param, property: &str| find(&param.properties, property).is_some_and(Value::is_truthy);
    let takes_rest = command.params.iter().any(|param| is(param, "rest"));
    let least = command.params.iter().filter(|param| !is(param, "rest") && !is(param, "optional")).count();
    words >= least && (takes_rest || words <= command.params.len())
}

/// The help of a command: its usage, then what it does; or the text alone where that is laid out with tabs by its
/// author and begins with the command's name.
fn help_of(command: &MethodInfo) -> String {
    let (name, text) = (command.name.as_str(), command.help.as_str());
    let usage = find(&command.properties, "usage").and_then(Value::as_str).unwrap_or(name);
    if text.starts_with(name) && text.contains('\t') { text.to_owned() } else { format!("{usage}\t{text}") }
}
