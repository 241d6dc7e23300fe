//! The count of lost output, and when an operator is told of it: as it begins, and as it ends.

use std::time::{Duration, Instant};

/// Time after the end of a loss in which nothing more is reported: a target that takes every other piece must not fill
/// the activity log with its news.
const QUIET: Duration = Duration::from_secs(10);

/// Output that was lost at one target, and what of that was reported.
#[derive(Debug, Default)]
pub(crate) struct LostOutput {
    /// Amount since the last report of an end, in bytes or in lines.
    amount: u64,
    /// True once the beginning was reported.
    reported: bool,
    quiet_until: Option<Instant>,
}

impl LostOutput {
    /// Count for a target of which somebody else has reported that it does not work.
    pub(crate) fn reported() -> Self {
        Self { reported: true, ..Self::default() }
    }

    /// Tell whether something was lost whose end was not reported yet.
    pub(crate) fn any(&self) -> bool {
        self.amount > 0
    }

    /// Add an amount; `true` if that is to be reported.
    pub(crate) fn add(&mut self, amount: u64) -> bool {
        self.amount += amount;
        !self.is_quiet() && !std::mem::replace(&mut self.reported, true)
    }

    /// Note that nothing was lost this time, and return the amount before, if that is to be reported.
    pub(crate) fn end(&mut self) -> Option<u64> {
        if self.amount > 0 && self.is_quiet() {
            return None;
        }
        self.reported = false;
        let amount = std::mem::take(&mut self.amount);
        (amount > 0).then(|| {
            self.quiet_until = Some(Instant::now() + QUIET);
            amount
        })
    }

    fn is_quiet(&self) -> bool {
        self.quiet_until.is_some_and(|until| Instant::now() < until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_said_once() {
        let mut losses = LostOutput::default();
        assert_eq!(losses.end(), None);
        assert!(losses.add(2));
        assert!(!losses.add(3));
        assert_eq!(losses.end(), Some(5));
        assert_eq!(losses.end(), None);
    }

    #[test]
    fn a_target_that_comes_and_goes_does_not_chatter() {
        let mut losses = LostOutput::default();
        let mut said = 0;
        for _ in 0..100 {
            said += usize::from(losses.add(1)) + usize::from(losses.end().is_some());
        }
        assert_eq!(said, 2);
        losses.quiet_until = None;
        assert_eq!(losses.end(), Some(99), "none is forgotten");
    }

    #[test]
    fn what_somebody_else_has_said_is_not_said_twice() {
        let mut losses = LostOutput::reported();
        assert!(!losses.add(1));
        assert_eq!(losses.end(), Some(1));
    }
}
