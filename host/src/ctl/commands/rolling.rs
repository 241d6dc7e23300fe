//! `restart --rolling`: one process, or a few, after the other, for as long as all goes well.

use plugin_api::{Code, Fault, Value};

use super::{process_action::Progress, process_result::error_item, start::START, stop::STOP};
use crate::{
    ctl::{
        exit_status,
        patterns::{Target, targets_of},
        process_info::{ProcessStatus, all_process_info},
        session::Session,
    },
    text::namespec::split_namespec,
};

/// Words after `restart`, where they ask for one after the other.
#[derive(Debug, PartialEq)]
pub(super) struct Rolling<'a> {
    /// Number of processes that are restarted together.
    batch: usize,
    names: Vec<&'a String>,
}

impl<'a> Rolling<'a> {
    /// Read the words; `None` where they do not ask for it. The error is the line to print.
    pub(super) fn read(words: &'a [String]) -> Result<Option<Self>, String> {
        let (mut is_rolling, mut batch, mut names) = (false, None, Vec::new());
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let number = match word.as_str() {
                "--rolling" => {
                    is_rolling = true;
                    continue;
                }
                "--batch" => words.next().map_or("", String::as_str),
                word if word.starts_with("--batch=") => &word["--batch=".len()..],
                _ => {
                    names.push(word);
                    continue;
                }
            };
            let read = number.parse::<usize>().ok().filter(|number| *number > 0);
            batch = Some(read.ok_or_else(|| format!("Error: --batch takes a number from 1 on, not '{number}'"))?);
        }
        match (is_rolling, batch) {
            (true, batch) => Ok(Some(Self { batch: batch.unwrap_or(1), names })),
            (false, Some(_)) => Err("Error: --batch goes with --rolling".to_owned()),
            (false, None) => Ok(None),
        }
    }

    /// Tell whether no process is named.
    pub(super) fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Restart the processes. The first that is not RUNNING then is the last.
    pub(super) fn restart(&self, session: &Session) -> Result<(), Fault> {
        session.begin_list("results");
        let Some(names) = self.find(session, &all_process_info(session)?) else { return Ok(()) };
        // Each is stopped and started.
        let mut progress = Progress::new(session, "restarting", 2 * names.len());
        for (index, batch) in names.chunks(self.batch).enumerate() {
            if !restart_together(session, batch, &mut progress)? {
                let left = &names[names.len().min((index + 1) * self.batch)..];
                if !left.is_empty() {
                    let text = format!("restart stopped; left as they were: {}", left.join(", "));
                    session.output_member("left", &text, || Value::array(left.iter().map(|name| name.as_str().into())));
                }
                session.set_exit_status(exit_status::GENERIC);
                return Ok(());
            }
        }
        Ok(())
    }

    /// Find the processes that the words mean, in the order of the words. Where one of them means nothing, that is
    /// printed, and nothing is to be done.
    fn find(&self, session: &Session, processes: &[ProcessStatus]) -> Option<Vec<String>> {
        let mut found: Vec<String> = Vec::new();
        let mut add = |names: Vec<String>| {
            for name in names {
                if !found.contains(&name) {
                    found.push(name);
                }
            }
        };
        if self.names.iter().any(|name| *name == "all") {
            add(processes.iter().map(ProcessStatus::namespec).collect());
            return Some(found);
        }
        let mut is_whole = true;
        let words: Vec<String> = self.names.iter().copied().cloned().collect();
        for target in targets_of(processes, &words) {
            let word = match target {
                Target::Matched(names) => {
                    add(names);
                    continue;
                }
                Target::Named(word) => word,
            };
            let (group, process) = split_namespec(&word);
            let is_meant =
                |info: &&ProcessStatus| info.group == group && process.is_none_or(|process| info.name == process);
            let names: Vec<String> = processes.iter().filter(is_meant).map(ProcessStatus::namespec).collect();
            if names.is_empty() {
                let (name, what) = match process {
                    None => (group, "no such group"),
                    Some(_) => (word.as_str(), "no such process"),
                };
                let item = error_item(name, Some(Code::BadName), what);
                session.fail_item("results", &format!("{name}: ERROR ({what})"), item, exit_status::GENERIC);
                is_whole = false;
            }
            add(names);
        }
        is_whole.then_some(found)
    }
}

/// Stop processes, start them, and return whether all of them are RUNNING then.
fn restart_together(session: &Session, names: &[String], progress: &mut Progress<'_>) -> Result<bool, Fault> {
    let up: Vec<String> = {
        let processes = all_process_info(session)?;
        let is_down = |name: &String| processes.iter().any(|info| info.namespec() == *name && info.is_stopped());
        names.iter().filter(|name| !is_down(name)).cloned().collect()
    };
    (up.len()..names.len()).for_each(|_| progress.advance());
    if !STOP.run_side_by_side(session, &up, progress)? || !START.run_side_by_side(session, names, progress)? {
        return Ok(false);
    }
    // One may have ended right after its start.
    let processes = all_process_info(session)?;
    let mut all_run = true;
    for name in names {
        let info = processes.iter().find(|info| info.namespec() == *name);
        if !info.is_some_and(ProcessStatus::is_running) {
            let state = info.map_or("gone", |info| info.statename.as_str());
            let what = format!("it is {state}");
            session.output_item("results", &format!("{name}: ERROR ({what})"), || error_item(name, None, &what));
            all_run = false;
        }
    }
    Ok(all_run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_words_are_read_wherever_they_stand() {
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        for (text, batch, names) in
            [("--rolling g:*", 1, "g:*"), ("a --rolling b --batch 3", 3, "a b"), ("--batch=2 --rolling", 2, "")]
        {
            let (words, names) = (words(text), words(names));
            let expected = Rolling { batch, names: names.iter().collect() };
            assert_eq!(Rolling::read(&words), Ok(Some(expected)), "{text}");
        }
        assert_eq!(Rolling::read(&words("a b --other")), Ok(None));
        for (text, error) in [
            ("--batch 2 a", "Error: --batch goes with --rolling"),
            ("--rolling --batch 0 a", "Error: --batch takes a number from 1 on, not '0'"),
            ("--rolling a --batch", "Error: --batch takes a number from 1 on, not ''"),
            ("--rolling --batch=x", "Error: --batch takes a number from 1 on, not 'x'"),
        ] {
            assert_eq!(Rolling::read(&words(text)).unwrap_err(), error);
        }
    }
}
