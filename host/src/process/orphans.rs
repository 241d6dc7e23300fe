//! Search for what a program has left behind, where it has no cgroup of its own.
//!
//! Supervisord is the subreaper of all that it has started: whoever loses its parent becomes its child. Such an orphan
//! belongs to the program whose process group or session it has not left, or whose names its environment has; and with
//! it all that it has started itself.
//!
//! What a supervisord that was killed has left behind belongs to nobody, and is found by the names in its environment
//! alone.

use std::collections::{BTreeSet, HashMap, HashSet};

use crate::linux::process_table::{self, Stat};

/// Most bytes of an environment that are looked at.
const MAX_ENVIRONMENT: u64 = 1 << 20;

/// Program that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Ended<'a> {
    /// Pid that it had.
    pub pid: i32,
    /// Name of its group.
    pub group: &'a str,
    /// Name of the program.
    pub name: &'a str,
}

/// All processes of this machine at one moment, as far as they are alive.
#[derive(Debug, Default)]
pub struct Processes(HashMap<i32, Stat>);

impl Processes {
    /// Read the table of all.
    pub fn read() -> Self {
        let alive = |pid: i32| process_table::stat(pid).filter(|stat| !stat.has_ended);
        Self(process_table::pids().filter_map(|pid| Some((pid, alive(pid)?))).collect())
    }

    /// List what a program has left behind. `own` is the pid of supervisord, `programs` those of programs that run.
    pub fn left_behind(&self, ended: Ended<'_>, own: i32, programs: &HashSet<i32>) -> Vec<i32> {
        let is_orphan = |pid: i32, process: &Stat| process.parent == own && !programs.contains(&pid);
        let is_its = |pid: i32, process: &Stat| {
            process.group == ended.pid || process.session == ended.pid || has_names(pid, ended)
        };
        let mut left: Vec<i32> = self
            .0
            .iter()
            .filter(|(pid, process)| is_orphan(**pid, process) && is_its(**pid, process))
            .map(|(pid, _)| *pid)
            .collect();
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for (pid, process) in &self.0 {
            children.entry(process.parent).or_default().push(*pid);
        }
        let mut next = 0;
        while let Some(pid) = left.get(next) {
            left.extend(children.get(pid).into_iter().flatten().copied().collect::<Vec<_>>());
            next += 1;
        }
        left
    }
}

/// List programs that run without a supervisord: their pids, and the names of their groups and their own. `programs` are
/// those that are looked for, `own` is the pid of this supervisord.
pub fn unsupervised(programs: &BTreeSet<(String, String)>, own: i32) -> Vec<(i32, (String, String))> {
    let processes = Processes::read();
    let is_supervisord =
        |pid: i32| pid == own || process_table::command_name(pid).is_some_and(|name| name == "supervisord");
    let mut found: Vec<_> = processes
        .0
        .iter()
        .filter_map(|(pid, process)| {
            let names = names(*pid).filter(|names| programs.contains(names))?;
            // Ours may have become a daemon by now.
            let is_older = processes.0.get(&own).is_some_and(|own| process.birth < own.birth);
            // What a program has started is not named beside it.
            let is_first = self::names(process.parent).as_ref() != Some(&names) && !is_supervisord(process.parent);
            (is_older && is_first).then_some((*pid, names))
        })
        .collect();
    found.sort_unstable();
    found
}

/// Return whether the environment that a process was started with names that program.
fn has_names(pid: i32, ended: Ended<'_>) -> bool {
    names(pid).is_some_and(|(group, name)| group == ended.group && name == ended.name)
}

/// Return the names of the group and of the program that the environment of a process has.
fn names(pid: i32) -> Option<(String, String)> {
    let environment = process_table::environment(pid, MAX_ENVIRONMENT)?;
    let value = |name: &str| {
        let value = environment.split(|byte| *byte == 0).find_map(|it| it.strip_prefix(name.as_bytes()))?;
        String::from_utf8(value.to_owned()).ok()
    };
    Some((value("SUPERVISOR_GROUP_NAME=")?, value("SUPERVISOR_PROCESS_NAME=")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orphans_of_the_program_are_found_with_all_below_them() {
        let process = |parent, group, session| Stat { parent, group, session, birth: 0, has_ended: false };
        // Pids that no process can have, so that none has an environment.
        let [own, ended] = [i32::MAX, i32::MAX - 1];
        let processes = Processes(HashMap::from([
            (own - 10, process(own, ended, 1)),
            (own - 11, process(own, own - 11, ended)),
            (own - 12, process(own - 11, own - 12, own - 12)),
            (own - 13, process(own - 12, 1, 1)),
            // A program that runs, what it has started, an orphan of it; and somebody who is none of ours.
            (own - 20, process(own, own - 20, 1)),
            (own - 21, process(own - 20, own - 20, 1)),
            (own - 22, process(own, own - 20, 1)),
            (own - 30, process(1, ended, 1)),
        ]));
        let of = Ended { pid: ended, group: "g", name: "x" };
        let mut left = processes.left_behind(of, own, &HashSet::from([own - 20]));
        left.sort_unstable();
        assert_eq!(left, [own - 13, own - 12, own - 11, own - 10]);
        assert!(Processes::read().0.contains_key(&std::process::id().try_into().unwrap()));
    }
}
