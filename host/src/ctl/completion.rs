//! Completion by the tabulator key: commands, topics, processes and groups; and the words of a plugin's own commands,
//! which it is asked for with `_complete`.

use std::{cell::RefCell, collections::BTreeMap, sync::Arc};

use plugin_api::{MethodInfo, NamespaceObject, Value, find};
use rustyline::{Context, Helper, completion::Completer, highlight::Highlighter, hint::Hinter, validate::Validator};

use super::{
    process_info::{ProcessStatus, process_infos},
    session::Session,
};
use crate::text::shlex;

/// Completer of command lines.
pub(super) struct Completion {
    session: Arc<Session>,
    /// Kind of the words of each command, by its name.
    commands: BTreeMap<String, WordKind>,
    /// Processes of the server. It is asked once for a line, because a person may press the key many times.
    processes: RefCell<Option<Vec<ProcessStatus>>>,
}

/// Kind of the words that a command takes.
enum WordKind {
    /// Names of commands.
    Actions,
    /// Names of process groups.
    Groups,
    /// Namespecs of processes and groups.
    Processes,
    /// Words that the plugin knows.
    Plugin(Arc<NamespaceObject>),
    /// Words of which nothing is known.
    Other,
}

impl Completion {
    /// Completion of `help` alone.
    pub(super) fn new(session: Arc<Session>) -> Self {
        let commands = BTreeMap::from([("help".to_owned(), WordKind::Actions)]);
        Self { session, commands, processes: RefCell::new(None) }
    }

    /// Add a command. Of two with one name the first counts, as when they are run.
    pub(super) fn add(&mut self, command: &MethodInfo, object: &Arc<NamespaceObject>) {
        let words = match find(&command.properties, "complete").and_then(Value::as_str) {
            Some("actions") => WordKind::Actions,
            Some("groups") => WordKind::Groups,
            Some("processes") => WordKind::Processes,
            Some("plugin") => WordKind::Plugin(Arc::clone(object)),
            _ => WordKind::Other,
        };
        self.commands.entry(command.name.to_string()).or_insert(words);
    }

    /// Forget the processes of the server.
    pub(super) fn forget(&mut self) {
        *self.processes.borrow_mut() = None;
    }

    /// Candidates for the end of `line`, and the index of the byte at which they begin.
    fn candidates(&self, line: &str) -> (usize, Vec<String>) {
        let start =
            line.rfind(char::is_whitespace).map_or(0, |at| at + line[at..].chars().next().map_or(0, char::len_utf8));
        let (before, begun) = line.split_at(start);
        (start, self.fitting(before, begun))
    }

    /// Candidates for the last of the words of a command line, without blanks behind them: for the shell in which
    /// supervisorctl is typed.
    pub(super) fn of_words(&self, words: &[String]) -> Vec<String> {
        let Some((begun, before)) = words.split_last() else { return Vec::new() };
        let before: String = before.iter().map(|word| shlex::quote(word).into_owned() + " ").collect();
        self.fitting(&before, begun).iter().map(|word| word.trim_end().to_owned()).collect()
    }

    /// Candidates that begin with `begun`, each with a blank behind it. `before` is the line before that.
    fn fitting(&self, before: &str, begun: &str) -> Vec<String> {
        let all = match before.split_whitespace().next() {
            None => self.actions(),
            Some(command) => match self.commands.get(command) {
                Some(WordKind::Actions) => self.actions(),
                Some(WordKind::Groups) => self.groups(),
                Some(WordKind::Processes) => self.processes(begun),
                Some(WordKind::Plugin(plugin)) => return self.ask_plugin(plugin, command, before, begun),
                Some(WordKind::Other) | None => Vec::new(),
            },
        };
        let mut fitting: Vec<String> = Vec::new();
        for name in all {
            if name.starts_with(begun) && !fitting.iter().any(|other| other.trim_end() == name) {
                fitting.push(name + " ");
            }
        }
        fitting
    }

    /// Candidates from the plugin, quoted where they would not be one word else. `before` is the line before the word
    /// to complete.
    fn ask_plugin(&self, plugin: &NamespaceObject, command: &str, before: &str, begun: &str) -> Vec<String> {
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

    /// Namespecs: `group:*` and then each `group:process`; only the name where the process bears its group's and no
    /// colon was typed.
    fn processes(&self, begun: &str) -> Vec<String> {
        self.with_processes(|infos| {
            let mut names = Vec::new();
            for ProcessStatus { group, name, .. } in infos {
                if begun.contains(':') || name != group {
                    names.extend([format!("{group}:*"), format!("{group}:{name}")]);
                } else {
                    names.push(name.clone());
                }
            }
            names
        })
    }

    fn with_processes(&self, names: impl Fn(&[ProcessStatus]) -> Vec<String>) -> Vec<String> {
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
