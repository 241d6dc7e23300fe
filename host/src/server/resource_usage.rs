//! CPU time, memory and open files of processes, as the kernel counts them.
//!
//! They are read at most once a second, however many look, and not at all while nobody does. `/proc` may hang, where a
//! process does or its files lie on a mount that is gone: so it is read on a thread of its own, of which there is never
//! more than one, and nobody waits for it longer than [`TIMEOUT`].
//!
//! The files of a process cost some microseconds, the first time some thirty; its clock costs less than one. A process
//! whose clock stands still has done nothing, and so has what it had; that is looked at anew once in a while,
//! since the kernel may have taken memory from it. Of those that work, one reading looks at as many as [`BUDGET`]
//! allows, and the next one begins with those that have waited longest: so thousands of programs cost no more than some
//! hundreds, and their memory is as old as a few readings.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, sync::watch};

use crate::{
    blocking::spawn_blocking,
    linux::process_usage::{SizeReader, cpu_time, thread_time},
};

/// Age up to which a reading is given to those who look.
const MAX_AGE: Duration = Duration::from_secs(1);

/// Time for which somebody who looks waits for a reading.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Time for which a process that does nothing is not looked at, at least; no two begin at once and end at once.
const IDLE_AGE: Duration = Duration::from_secs(30);

/// Processor time that one reading spends on the files of processes, of which there may be thousands.
const BUDGET: Duration = Duration::from_micros(2_500);

/// Resources that a process uses. Those of its descendants are not part of it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct ResourceUsage {
    /// CPU time of all its threads since it began, user and system.
    pub(super) cpu: Option<Duration>,
    /// Resident memory in bytes.
    pub(super) resident_bytes: Option<u64>,
    /// Number of its open files.
    pub(super) open_files: Option<u64>,
}

/// Resources of processes at one moment.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// The moment; `None` where nothing could be read.
    pub(super) at: Option<Instant>,
    of: HashMap<i32, ResourceUsage>,
}

impl Reading {
    /// Return those of the process with that pid; nothing where it has ended meanwhile.
    pub(super) fn get(&self, pid: i32) -> Option<&ResourceUsage> {
        self.of.get(&pid)
    }
}

/// Reader of resources, shared by all who look.
#[derive(Debug)]
pub(super) struct ResourceReader {
    state: Mutex<State>,
    /// Last look at the files of each process that was in the last reading. Locked by who reads alone.
    looks: Mutex<HashMap<i32, FileLook>>,
    /// Processor time that a reading spends on files.
    budget: Duration,
    /// Number of readings that have ended.
    ended: watch::Sender<u64>,
}

/// Look at the files of a process in `/proc`.
#[derive(Clone, Copy, Debug)]
struct FileLook {
    at: Instant,
    /// Resources as they were then.
    usage: ResourceUsage,
}

/// State of a reader. Locked for a look at a few values only.
#[derive(Debug, Default)]
struct State {
    /// Beginning of the last reading.
    begun: Option<Instant>,
    is_reading: bool,
    latest: Arc<Reading>,
}

impl ResourceReader {
    /// A reader that has read nothing.
    pub(super) fn new() -> Self {
        Self { state: Mutex::default(), looks: Mutex::default(), budget: BUDGET, ended: watch::Sender::new(0) }
    }

    /// Return the resources of these processes, and of supervisord itself. Who looks within a second of somebody else
    /// gets what that one got. Nothing is there where `/proc` does not answer in time, or no thread can be had to ask it.
    pub(super) async fn read(self: &Arc<Self>, pids: Vec<i32>) -> Arc<Reading> {
        let mut ended = self.ended.subscribe();
        {
            let mut state = self.state.lock();
            let now = Instant::now();
            if !state.is_reading && state.begun.is_some_and(|begun| now - begun < MAX_AGE) {
                return Arc::clone(&state.latest);
            }
            if state.is_reading && state.begun.is_some_and(|begun| now - begun > TIMEOUT) {
                // It hangs, and somebody has waited for it already.
                return Arc::default();
            }
            if !std::mem::replace(&mut state.is_reading, true) {
                state.begun = Some(now);
                let this = Arc::clone(self);
                // Nobody waits for its end but by the channel.
                if spawn_blocking(&Handle::current(), move || this.read_now(&pids)).is_err() {
                    state.is_reading = false;
                    return Arc::default();
                }
            }
        }
        // The sender is part of what we are called on.
        let _ = tokio::time::timeout(TIMEOUT, ended.changed()).await;
        let state = self.state.lock();
        if state.is_reading { Arc::default() } else { Arc::clone(&state.latest) }
    }

    fn read_now(&self, pids: &[i32]) {
        let (now, mut looks, mut of) = (Instant::now(), self.looks.lock(), HashMap::new());
        let (mut new_looks, mut to_look_at) = (HashMap::new(), Vec::new());
        for &pid in [std::process::id().cast_signed()].iter().chain(pids) {
            let cpu = cpu_time(pid);
            // A pid that is another process's by now has less time behind it.
            let before = looks.get(&pid).filter(|look| cpu.is_some() && look.usage.cpu <= cpu).copied();
            if !before.is_some_and(|look| look.usage.cpu == cpu && now - look.at < idle_age(pid)) {
                to_look_at.push((pid, before.map(|look| look.at)));
            }
            new_looks.extend(before.map(|look| (pid, look)));
            of.insert(pid, ResourceUsage { cpu, ..before.map(|look| look.usage).unwrap_or_default() });
        }
        // Those that nobody has looked at before all others; supervisord itself is the first of them or the oldest.
        to_look_at.sort_by_key(|(_, before)| *before);
        let (mut sizes, end) = (SizeReader::new(), thread_time().map(|begun| begun + self.budget));
        for (pid, _) in to_look_at {
            let usage = usage(pid, of[&pid].cpu, &mut sizes);
            new_looks.insert(pid, FileLook { at: now, usage });
            of.insert(pid, usage);
            if thread_time() > end {
                break;
            }
        }
        of.retain(|_, usage| *usage != ResourceUsage::default());
        new_looks.retain(|pid, _| of.contains_key(pid));
        *looks = new_looks;
        drop(looks);
        let reading = Arc::new(Reading { at: Some(now), of });
        let mut state = self.state.lock();
        (state.latest, state.is_reading) = (reading, false);
        drop(state);
        self.ended.send_modify(|ended| *ended += 1);
    }
}

/// Time for which that process is not looked at if it does nothing.
fn idle_age(pid: i32) -> Duration {
    IDLE_AGE + Duration::from_secs(u64::from(pid.unsigned_abs() % 31))
}

/// Read the resources of a process that has taken that CPU time; none where it is not there.
fn usage(pid: i32, cpu: Option<Duration>, sizes: &mut SizeReader) -> ResourceUsage {
    ResourceUsage { cpu, resident_bytes: sizes.resident_bytes(pid), open_files: sizes.open_files(pid) }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn resources_of_a_process_are_those_that_it_uses() {
        let mut child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let pid = child.id().cast_signed();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let reader = Arc::new(ResourceReader::new());
        // More than Linux ever gives.
        let of_nobody = 1 << 23;
        let first = runtime.block_on(reader.read(vec![pid, of_nobody]));
        child.kill().unwrap();
        child.wait().unwrap();
        let own = first.of[&std::process::id().cast_signed()];
        assert!(own.cpu.is_some_and(|cpu| cpu > Duration::ZERO), "{own:?}");
        assert!(own.resident_bytes.is_some_and(|bytes| bytes > 100_000 && bytes % 4096 == 0), "{own:?}");
        assert!(first.of[&pid].open_files.is_some_and(|count| count >= 3), "{first:?}");
        assert!(!first.of.contains_key(&of_nobody));
        // Everybody who comes within a second gets the same.
        let second = runtime.block_on(reader.read(vec![of_nobody]));
        assert!(Arc::ptr_eq(&first, &second) || reader.state.lock().begun.unwrap().elapsed() >= MAX_AGE);
    }

    #[test]
    fn a_reading_looks_at_as_many_as_its_budget_allows_and_the_next_at_the_others() {
        let mut children: Vec<_> =
            (0..3).map(|_| Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap()).collect();
        let pids: Vec<_> = children.iter().map(|child| child.id().cast_signed()).collect();
        let reader = ResourceReader { budget: Duration::ZERO, ..ResourceReader::new() };
        let own = std::process::id().cast_signed();
        let known: Vec<Vec<_>> = (0..6)
            .map(|_| {
                reader.read_now(&pids);
                let latest = Arc::clone(&reader.state.lock().latest);
                assert!(pids.iter().all(|pid| latest.of[pid].cpu.is_some()));
                [own].iter().chain(&pids).copied().filter(|pid| latest.of[pid].resident_bytes.is_some()).collect()
            })
            .collect();
        for child in &mut children {
            child.kill().unwrap();
            child.wait().unwrap();
        }
        assert_eq!(
            known[..4],
            [&[own][..], &[own, pids[0]], &[own, pids[0], pids[1]], &[own, pids[0], pids[1], pids[2]]]
        );
        assert_eq!(known[5], known[3]);
    }

    #[test]
    fn a_process_that_does_nothing_is_not_looked_at_again() {
        let mut child = Command::new("sleep").arg("1000").stdin(Stdio::null()).spawn().unwrap();
        let (pid, own) = (child.id().cast_signed(), std::process::id().cast_signed());
        let reader = ResourceReader::new();
        let look = || {
            reader.read_now(&[pid]);
            let (looks, latest) = (reader.looks.lock(), Arc::clone(&reader.state.lock().latest));
            (looks[&pid].at, looks[&own].at, latest.of[&pid])
        };
        let begin = Instant::now();
        let mut before = look();
        // It may have to begin first.
        let same = loop {
            let now = look();
            if now.0 == before.0 {
                break now;
            }
            before = now;
            if begin.elapsed() > Duration::from_secs(20) {
                break now;
            }
        };
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!((same.0, same.2), (before.0, before.2));
        assert!(same.1 > before.1, "we ourselves have done something");
    }
}
