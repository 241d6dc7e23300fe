//! A gate before each file and each config that calls look at: a file system that does not answer costs the few calls
//! that are past the gate, and not the slots that all other calls need.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::{Condvar, Mutex};
use plugin_api::Fault;

/// Gates, each by the name of the file behind it.
#[derive(Debug, Default)]
pub(super) struct Gates {
    /// Moments when those calls passed that are still behind it, the longest ago first.
    passed: Mutex<HashMap<String, Vec<Instant>>>,
    /// Notified of each call that comes back.
    left: Condvar,
}

/// A call that is past a gate, until this is dropped.
#[derive(Debug)]
pub(super) struct Pass {
    gates: Arc<Gates>,
    name: String,
    since: Instant,
}

impl Gates {
    /// Let a call pass once fewer than `at_once` are behind the gate of that name: a path, for the fault. It waits for no
    /// longer than `timeout`, and not at all where one has been there for so long.
    pub(super) fn pass(self: &Arc<Self>, name: &str, at_once: usize, timeout: Duration) -> Result<Pass, Fault> {
        let begin = Instant::now();
        let mut passed = self.passed.lock();
        loop {
            let behind = passed.entry(name.to_owned()).or_default();
            let since = Instant::now();
            if behind.len() < at_once {
                behind.push(since);
                return Ok(Pass { gates: Arc::clone(self), name: name.to_owned(), since });
            }
            let longest = behind.first().map_or(Duration::ZERO, Instant::elapsed);
            let left = timeout.saturating_sub(longest.max(begin.elapsed()));
            if left.is_zero() {
                return Err(Fault::failed_with(format_args!("{name}: its file system does not answer")));
            }
            self.left.wait_for(&mut passed, left);
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        let mut passed = self.gates.passed.lock();
        if let Some(behind) = passed.get_mut(&self.name) {
            if let Some(position) = behind.iter().position(|since| *since == self.since) {
                behind.remove(position);
            }
            if behind.is_empty() {
                passed.remove(&self.name);
            }
        }
        self.gates.left.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn one_that_does_not_come_back_costs_others_a_fault_and_only_at_its_gate() {
        let gates = Arc::new(Gates::default());
        let hangs = gates.pass("/mnt/log", 1, LONG).unwrap();
        let fault = gates.pass("/mnt/log", 1, Duration::from_millis(10)).unwrap_err();
        assert_eq!(fault.text, "FAILED: /mnt/log: its file system does not answer");
        assert!(gates.pass("/var/log", 1, LONG).is_ok());
        assert!(gates.pass("/mnt/log", 2, LONG).is_ok());
        drop(hangs);
        assert!(gates.pass("/mnt/log", 1, LONG).is_ok());
        assert!(gates.passed.lock().is_empty(), "nothing is kept of gates that nobody is behind");
    }

    #[test]
    fn a_call_waits_for_one_that_comes_back() {
        let gates = Arc::new(Gates::default());
        let first = gates.pass("x", 1, LONG).unwrap();
        let second = thread::spawn({
            let gates = Arc::clone(&gates);
            move || gates.pass("x", 1, LONG).is_ok()
        });
        drop(first);
        assert!(second.join().unwrap());
    }
}
