//! `tail`: the log of a process, or with `-f` the logs of several as they grow.

use std::sync::Arc;

use plugin_api::{Code, Fault, ctl_plugin, repr};

use super::{
    process_result::error_item,
    server_log::{LogPart, ServerLog, take_lines},
};
use crate::{
    ctl::{
        exit_status,
        follow::{self, FollowedLog},
        patterns::{Target, targets, targets_of},
        process_info::{ProcessStatus, all_process_info},
        session::Session,
    },
    text::namespec::split_namespec,
};

/// Channels that a word may name.
const CHANNELS: [&str; 2] = ["stdout", "stderr"];

/// The command `tail`.
pub(super) struct TailCommand(pub(super) Arc<Session>);

#[ctl_plugin]
impl TailCommand {
    #[doc = "tail [-f] <name> [stdout|stderr] (stdout unless given)"]
    #[doc = "Ex:"]
    #[doc = "tail -f <name>\t\tShow what a process writes to stdout as it comes"]
    #[doc = "\t\t\tCtrl-C to exit."]
    #[doc = "tail -f <name> <name>\tShow what several processes or groups write, with names before the lines"]
    #[doc = "tail -f <pattern>\tShow what every process that matches writes: 'web_*'"]
    #[doc = "tail -100 <name>\tShow the last 100 *bytes* of its stdout"]
    #[doc = "tail --lines 10 <name>\tShow the last 10 lines of its stdout"]
    #[doc = "tail <name> stderr\tShow the last 1600 *bytes* of its stderr"]
    #[ctl(complete = "processes")]
    pub fn tail(&self, words: Vec<String>) -> Result<(), Fault> {
        let session = &self.0;
        if !session.upcheck()? {
            return Ok(());
        }
        if self.follows_several(&words)? {
            return Ok(());
        }
        let (words, lines) = match take_lines(&words) {
            Ok(taken) => taken,
            Err(text) => {
                session.usage_error(&text, exit_status::GENERIC);
                return Ok(());
            }
        };
        if words.is_empty() || words.len() > 3 {
            let amount = if words.is_empty() { "few" } else { "many" };
            session.usage_error(&format!("Error: too {amount} arguments"), exit_status::GENERIC);
            return Ok(());
        }
        match TailArguments::read(&words, lines) {
            Ok(arguments) => self.print(&arguments),
            Err(text) => {
                session.fail(&text, exit_status::GENERIC);
                Ok(())
            }
        }
    }

    fn print(&self, arguments: &TailArguments<'_>) -> Result<(), Fault> {
        let (session, TailArguments { name, channel, method, part }) = (&self.0, arguments);
        let name = &match targets(session, std::slice::from_ref(*name))?.pop() {
            Some(Target::Matched(names)) if names.len() > 1 => {
                let text = format!("Error: tail takes one process, and {name} matches {}", names.join(", "));
                session.fail(&text, exit_status::GENERIC);
                return Ok(());
            }
            Some(Target::Matched(names)) => names.concat(),
            Some(Target::Named(_)) | None => (*name).clone(),
        };
        let path = format!("/logtail/{name}/{channel}");
        ServerLog { name, channel, path: &path, method, process: Some(name) }.print(session, part)
    }

    /// Follow several processes, if the words ask for that. One name and a channel are for one, as ever; and so is what
    /// stands in the place of a channel, unless a process has that name.
    fn follows_several(&self, words: &[String]) -> Result<bool, Fault> {
        let session = &self.0;
        let Some((names, channel)) = several(words) else { return Ok(false) };
        let (names, unknown) = find(&all_process_info(session)?, &names);
        let may_be_for_one = words.len() <= 3;
        if names.is_empty() || may_be_for_one && (!unknown.is_empty() || names.len() == 1) {
            return Ok(false);
        }
        if !unknown.is_empty() {
            for name in &unknown {
                let item = error_item(name, Some(Code::BadName), "no such process name");
                let text = format!("{name}: ERROR (no such process name)");
                session.fail_item("errors", &text, item, exit_status::GENERIC);
            }
            return Ok(true);
        }
        let logs: Vec<FollowedLog> = names.iter().map(|name| FollowedLog::of_process(name, channel)).collect();
        follow::follow(session, &logs)?;
        Ok(true)
    }
}

/// Names and the channel, where words may ask for several processes.
fn several(words: &[String]) -> Option<(Vec<String>, &'static str)> {
    let (first, names) = words.split_first()?;
    let channel = |word: &String| CHANNELS.iter().copied().find(|channel| word.eq_ignore_ascii_case(channel));
    let (names, channel) = match names.split_last() {
        Some((last, names)) if !names.is_empty() => match channel(last) {
            Some(channel) => (names, channel),
            None => (&words[1..], CHANNELS[0]),
        },
        _ => (names, CHANNELS[0]),
    };
    let are_names = names.iter().all(|name| !name.starts_with('-'));
    (first == "-f" && are_names && !names.is_empty()).then(|| (names.to_vec(), channel))
}

/// Find the processes that words mean, and the words that mean nothing.
fn find(processes: &[ProcessStatus], words: &[String]) -> (Vec<String>, Vec<String>) {
    let (mut found, mut unknown): (Vec<String>, _) = (Vec::new(), Vec::new());
    for target in targets_of(processes, words) {
        let names = match target {
            Target::Matched(names) => names,
            Target::Named(word) => {
                let (group, process) = split_namespec(&word);
                let is_meant =
                    |info: &&ProcessStatus| info.group == group && process.is_none_or(|process| info.name == process);
                let names: Vec<String> = processes.iter().filter(is_meant).map(ProcessStatus::namespec).collect();
                if names.is_empty() {
                    unknown.push(word);
                }
                names
            }
        };
        found.extend(names.into_iter().filter(|name| !found.contains(name)).collect::<Vec<_>>());
    }
    (found, unknown)
}

/// Words of the command, taken apart.
struct TailArguments<'a> {
    name: &'a String,
    channel: String,
    /// The method that reads the channel's log.
    method: &'static str,
    part: LogPart,
}

impl<'a> TailArguments<'a> {
    /// Read one to three words, besides which a number of lines may have been given. The error is the line to print.
    fn read(words: &'a [String], lines: Option<usize>) -> Result<Self, String> {
        let (modifier, words) = match words {
            [modifier, words @ ..] if modifier.starts_with('-') => (Some(modifier), words),
            words => (None, words),
        };
        let (name, channel) = match words {
            [] => return Err("Error: tail requires process name".to_owned()),
            [name] => (name, "stdout".to_owned()),
            [name, .., channel] => (name, channel.to_lowercase()),
        };
        let method = match channel.as_str() {
            "stdout" => "supervisor.readProcessStdoutLog",
            "stderr" => "supervisor.readProcessStderrLog",
            _ => return Err(format!("Error: bad channel {}", repr(&channel.into()))),
        };
        let part = match (modifier, lines) {
            (None, lines) => lines.map_or(LogPart::DEFAULT, LogPart::LastLines),
            (Some(modifier), Some(_)) => return Err(format!("Error: --lines goes without {modifier}")),
            (Some(modifier), None) => {
                LogPart::from_modifier(modifier).ok_or_else(|| format!("Error: bad argument {modifier}"))?
            }
        };
        Ok(Self { name, channel, method, part })
    }
}
