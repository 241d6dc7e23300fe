//! Budget of file descriptors: those that programs may take of all that may be open.
//!
//! Programs do not get the last descriptors. A program whose log could not be opened would run and lose its output, and
//! a server that cannot accept would leave nobody to say so; what does not start, and says why, is the lesser evil.

use nix::sys::resource::Resource;

use crate::{config::Level, limits};

/// Number of descriptors that supervisord itself needs: its servers and some clients, logs, the reserve for spawns.
const OWN: u64 = 64;

/// Number of descriptors that programs leave to supervisord in any case: of those it needs, all but the reserve.
const KEPT: u64 = 40;

/// Number of descriptors that programs may take, and that those which are alive take now.
#[derive(Clone, Copy, Debug)]
pub(super) struct FdBudget {
    all: u64,
    taken: u64,
}

impl FdBudget {
    /// Make a budget with no program alive.
    pub(super) fn new() -> Self {
        Self::of(limits::get(Resource::RLIMIT_NOFILE).map_or(limits::INFINITY, |(limit, _)| limit))
    }

    /// Make a budget of which programs that are alive take so many.
    pub(super) fn with_taken(taken: u64) -> Self {
        Self { taken, ..Self::new() }
    }

    fn of(limit: u64) -> Self {
        Self { all: limit - KEPT.min(limit / 2), taken: 0 }
    }

    /// Take so many, if they are there to be taken.
    pub(super) fn take(&mut self, count: u64) -> bool {
        let is_there = self.left() >= count;
        if is_there {
            self.taken += count;
        }
        is_there
    }

    /// Return the number of those that are left.
    pub(super) fn left(&self) -> u64 {
        self.all.saturating_sub(self.taken)
    }
}

/// Return what to log if processes that take so many descriptors each cannot run at the same time.
pub(super) fn limit_message(descriptors: impl Iterator<Item = u64>) -> Option<(Level, String)> {
    let (limit, _) = limits::get(Resource::RLIMIT_NOFILE).ok()?;
    message_below(limit, descriptors)
}

fn message_below(limit: u64, descriptors: impl Iterator<Item = u64>) -> Option<(Level, String)> {
    let (count, needed) = descriptors.fold((0, OWN), |(count, sum), next| (count + 1, sum + next));
    (limit != limits::INFINITY && needed > limit).then(|| {
        let text = format!(
            "RLIMIT_NOFILE is {limit}, and {count} programs may need {needed} file descriptors at the same time: not \
             all of them will start.  Set minfds={needed} in the [supervisord] section, or more."
        );
        (Level::Critical, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_descriptors_are_not_for_programs() {
        let mut budget = FdBudget::of(1024);
        let started = (0..1000).filter(|_| budget.take(5)).count();
        assert_eq!(started, 196);
        assert!(budget.left() < 5);
        assert_eq!(FdBudget::of(20).left(), 10, "even where there is next to nothing");
        assert!(FdBudget::of(limits::INFINITY).take(1_000_000));
    }

    #[test]
    fn who_may_need_more_than_there_is_hears_of_it() {
        let message = |limit| message_below(limit, [5, 3, 3].into_iter());
        let needed = OWN + 5 + 3 + 3;
        assert_eq!(message(needed), None);
        assert_eq!(message(limits::INFINITY), None);
        let (_, text) = message(needed - 1).unwrap();
        assert!(text.contains(&format!("RLIMIT_NOFILE is {}, and 3 programs", needed - 1)), "{text}");
        assert!(text.contains(&format!("minfds={needed} ")), "{text}");
    }
}
