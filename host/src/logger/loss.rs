//! What an operator is told when output is lost: when that begins, and when it ends.

use std::time::{Duration, Instant};

/// For how long after the end of a loss nothing more is said: a target that takes every other piece must not fill the
/// activity log with its news.
const QUIET: Duration = Duration::from_secs(10);

/// How much was lost at one target, and what of that was said.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    lost: u64,
    said: bool,
    quiet_until: Option<Instant>,
}

impl Losses {
    /// Those of a target of which somebody else has said that it does not work.
    pub(crate) fn said() -> Self {
        Self { said: true, ..Self::default() }
    }

    /// Whether something was lost of whose end nothing was said yet.
    pub(crate) fn any(&self) -> bool {
        self.lost > 0
    }

    /// So much was lost. Answers whether to say so.
    pub(crate) fn add(&mut self, count: u64) -> bool {
        self.lost += count;
        !self.is_quiet() && !std::mem::replace(&mut self.said, true)
    }

    /// Nothing was lost this time. Answers how much was before, if that is to be said.
    pub(crate) fn end(&mut self) -> Option<u64> {
        if self.lost > 0 && self.is_quiet() {
            return None;
        }
        self.said = false;
        let lost = std::mem::take(&mut self.lost);
        (lost > 0).then(|| {
            self.quiet_until = Some(Instant::now() + QUIET);
            lost
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
        let mut losses = Losses::default();
        assert_eq!(losses.end(), None);
        assert!(losses.add(2));
        assert!(!losses.add(3));
        assert_eq!(losses.end(), Some(5));
        assert_eq!(losses.end(), None);
    }

    #[test]
    fn a_target_that_comes_and_goes_does_not_chatter() {
        let mut losses = Losses::default();
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
        let mut losses = Losses::said();
        assert!(!losses.add(1));
        assert_eq!(losses.end(), Some(1));
    }
}
