//! What the tabulator key completes: commands, topics, processes and groups; and whatever a plugin says of its own
//! commands, which it is asked for with `_complete`.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use plugin_api::{MethodInfo, NamespaceObject, Value, find};
use rustyline::{Context, Helper, completion::Completer, highlight::Highlighter, hint::Hinter, validate::Validator};

use super::{
    commands::reply::{ProcessInfo, process_infos},
    session::Session,
};
use crate::text::shlex;

/// Completes command lines.
pub(super) struct Completion {
    session: Arc<Session>,
    /// By their names.
    commands: BTreeMap<String, Words>,
    /// Asked of the server once for a line, because a person may press the key many times.
    processes: RefCell<Option<Vec<ProcessInfo>>>,
}

/// What the words of a command are.
enum Words {
    Actions,
    Groups,
    Processes,
    /// What the plugin says.
    Plugin(Arc<NamespaceObject>),
    /// Nothing that is known.
    Other,
}

impl Completion {
    /// Of `help` alone.
    pub(super) fn new(session: Arc<Session>) -> Self {
        let commands = BTreeMap::from([("help".to_owned(), Words::Actions)]);
        Self { session, commands, processes: RefCell::new(None) }
    }

    /// Adds the commands of an object. Of two with one name the first counts, as when they are run.
    pub(super) fn add(&mut self, commands: &[MethodInfo], object: &Arc<NamespaceObject>) {
        for command in commands {
            let words = match find(&command.properties, "complete").and_then(Value::as_str) {
                Some("actions") => Words::Actions,
                Some("groups") => Words::Groups,
                Some("processes") => Words::Processes,
                Some("plugin") => Words::Plugin(Arc::clone(object)),
                _ => Words::Other,
            };
            self.commands.entry(command.name.to_string()).or_insert(words);
        }
    }

    /// Forgets what the server has said.
    pub(super) fn forget(&mut self) {
        *self.processes.borrow_mut() = None;
    }

    /// All that may stand at the end of `line`, and where it begins.
    fn candidates(&self, line: &str) -> (usize, Vec<String>) {
        let start =
            line.rfind(char::is_whitespace).map_or(0, |at| at + line[at..].chars().next().map_or(0, char::len_utf8));
        let (before, begun) = line.split_at(start);
        let all = match before.split_whitespace().next() {
            None => self.actions(),
            Some(command) => match self.commands.get(command) {
                Some(Words::Actions) => self.actions(),
                Some(Words::Groups) => self.groups(),
                Some(Words::Processes) => self.processes(begun),
                Some(Words::Plugin(plugin)) => return (start, self.ask(plugin, command, before, begun)),
                Some(Words::Other) | None => Vec::new(),
            },
        };
        let mut fitting: Vec<String> = Vec::new();
        for name in all {
            if name.starts_with(begun) && !fitting.iter().any(|other| other.trim_end() == name) {
                fitting.push(name + " ");
            }
        }
        (start, fitting)
    }

    /// What the plugin says, quoted where it would not be one word else. `before` is the line before the word to
    /// complete.
    fn ask(&self, plugin: &NamespaceObject, command: &str, before: &str, begun: &str) -> Vec<String> {
        // Within quotes it is not known where the word began.
        let Ok(mut words) = shlex::split(before) else { return Vec::new() };
        words.remove(0);
        let params = vec![command.into(), Value::array(words.into_iter().map(Value::from))];
        let answer = self.session.quietly(|| plugin.call("_complete".into(), params.into()).wait());
        let Ok(Value::Array(all)) = answer else { return Vec::new() };
        let all = all.iter().filter_map(Value::as_str).filter(|word| word.starts_with(begun));
        all.map(|word| shlex::quote(word).into_owned() + " ").collect()
    }

    fn actions(&self) -> Vec<String> {
        self.commands.keys().cloned().collect()
    }

    fn groups(&self) -> Vec<String> {
        self.with_processes(|infos| infos.iter().map(|info| info.group.clone()).collect())
    }

    /// `group:*` and then each `group:process`; only the name where the process bears its group's and no colon was
    /// typed.
    fn processes(&self, begun: &str) -> Vec<String> {
        self.with_processes(|infos| {
            let mut names = Vec::new();
            for ProcessInfo { group, name, .. } in infos {
                if begun.contains(':') || name != group {
                    names.extend([format!("{group}:*"), format!("{group}:{name}")]);
                } else {
                    names.push(name.clone());
                }
            }
            names
        })
    }

    fn with_processes(&self, names: impl Fn(&[ProcessInfo]) -> Vec<String>) -> Vec<String> {
        let mut processes = self.processes.borrow_mut();
        if processes.is_none() {
            // In the midst of a line there is no place for an error, so there is nothing to complete then.
            *processes = self.session.call_as_is("supervisor.getAllProcessInfo", &[]).ok().as_ref().map(process_infos);
        }
        processes.as_deref().map(names).unwrap_or_default()
    }
}

impl Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(self.candidates(&line[..pos]))
    }
}

impl Hinter for Completion {
    type Hint = String;
}

impl Highlighter for Completion {}

impl Validator for Completion {}

impl Helper for Completion {}
