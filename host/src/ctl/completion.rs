//! What the tabulator key completes: commands, topics, processes and groups.

use std::{cell::RefCell, sync::Arc};

use plugin_api::{MethodInfo, Value, find};
use rustyline::{Context, Helper, completion::Completer, highlight::Highlighter, hint::Hinter, validate::Validator};

use super::{
    commands::reply::{ProcessInfo, process_infos},
    session::Session,
};

/// Completes command lines.
pub(super) struct Completion {
    session: Arc<Session>,
    /// Commands, and what their words are: `processes`, `groups`, `actions` or nothing that is known.
    commands: Vec<(String, String)>,
    /// Asked of the server once for a line, because a person may press the key many times.
    processes: RefCell<Option<Vec<ProcessInfo>>>,
}

impl Completion {
    pub(super) fn new<'a>(session: Arc<Session>, commands: impl Iterator<Item = &'a MethodInfo>) -> Self {
        let words = |command: &MethodInfo| {
            find(&command.properties, "complete").and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let mut commands: Vec<(String, String)> =
            commands.map(|command| (command.name.to_string(), words(command))).collect();
        commands.push(("help".to_owned(), "actions".to_owned()));
        commands.sort();
        Self { session, commands, processes: RefCell::new(None) }
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
            Some(command) => match self.words_of(command) {
                "actions" => self.actions(),
                "groups" => self.groups(),
                "processes" => self.processes(begun),
                _ => Vec::new(),
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

    fn words_of(&self, command: &str) -> &str {
        self.commands.iter().find(|(name, _)| name == command).map_or("", |(_, words)| words)
    }

    fn actions(&self) -> Vec<String> {
        self.commands.iter().map(|(name, _)| name.clone()).collect()
    }

    fn groups(&self) -> Vec<String> {
        self.with_processes(|infos| infos.iter().map(|info| info.group.clone()).collect())
    }

    /// `group:*` and then each `group:process`; only the name where the process bears its group's and no colon was typed.
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
