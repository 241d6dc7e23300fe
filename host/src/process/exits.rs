//! Ends of runs: how one was, and how the last ones were.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::signals;

/// Number of ends that are remembered of each process.
const REMEMBERED: usize = 5;

/// End of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// Exit with this status.
    Code(i32),
    /// Death by a signal.
    Signal {
        /// Number of the signal.
        signal: i32,
        /// Set where it left a core file.
        core: bool,
    },
}

impl Exit {
    /// Return what is reported as `exitstatus` and compared with `exitcodes`: -1 for a process that was killed.
    pub fn status(self) -> i32 {
        match self {
            Self::Code(code) => code,
            Self::Signal { .. } => -1,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal { signal, core } => {
                write!(f, "terminated by {}{}", signals::name(*signal), if *core { " (core dumped)" } else { "" })
            }
        }
    }
}

/// Kind of an end. Each end is of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitKind {
    /// End by itself, after it was up, with a status that `exitcodes` has.
    Expected,
    /// End by itself with another status, or too early, or because supervisord has ended the run, which was not
    /// ready in time, or not well.
    Unexpected,
    /// End by a signal that supervisord has not sent to stop it.
    Signal,
    /// End after it was asked to stop, whatever its status.
    Stopped,
}

impl ExitKind {
    /// All kinds.
    pub const ALL: [Self; 4] = [Self::Expected, Self::Unexpected, Self::Signal, Self::Stopped];

    /// Return its name, as clients read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expected => "expected",
            Self::Unexpected => "unexpected",
            Self::Signal => "signal",
            Self::Stopped => "stopped",
        }
    }
}

/// End of a run that is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastExit {
    /// Time of the end.
    pub at: SystemTime,
    /// Time from its start to its end.
    pub ran: Duration,
    /// End itself.
    pub exit: Exit,
    /// Kind of the end.
    pub kind: ExitKind,
}

/// Ends of all runs of a process since supervisord knows it: how many, and the last ones.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExitHistory {
    /// Number of ends of each kind, in the order of [`ExitKind::ALL`].
    counts: [u64; 4],
    last: VecDeque<PastExit>,
}

impl ExitHistory {
    /// Count an end, and remember it.
    pub fn record(&mut self, past: PastExit) {
        self.counts[past.kind as usize] += 1;
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(past);
    }

    /// Return the number of ends of that kind.
    pub fn count(&self, kind: ExitKind) -> u64 {
        self.counts[kind as usize]
    }

    /// Iterate over the last ends, the latest first.
    pub fn latest(&self) -> impl Iterator<Item = &PastExit> {
        self.last.iter().rev()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_ends_are_counted_and_the_last_ones_are_kept() {
        let mut history = ExitHistory::default();
        for code in 0..8 {
            let kind = if code % 2 == 0 { ExitKind::Expected } else { ExitKind::Signal };
            let (at, ran) = (SystemTime::UNIX_EPOCH, Duration::from_secs(1));
            history.record(PastExit { at, ran, exit: Exit::Code(code), kind });
        }
        assert_eq!(ExitKind::ALL.map(|kind| history.count(kind)), [4, 0, 4, 0]);
        let codes: Vec<_> = history.latest().map(|past| past.exit.status()).collect();
        assert_eq!(codes, [7, 6, 5, 4, 3]);
        assert!(ExitKind::ALL.iter().enumerate().all(|(index, kind)| *kind as usize == index));
    }
}
