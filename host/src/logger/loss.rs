//! What an operator is told when output is lost: when that begins, and when it ends.

use std::{
    fmt::Display,
    time::{Duration, Instant},
};

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

    /// So much was lost. Answers what to say, unless it was said.
    pub(crate) fn add(&mut self, count: u64, name: &dyn Display, why: &dyn Display, what: &str) -> Option<String> {
        self.lost += count;
        if self.said || self.is_quiet() {
            return None;
        }
        self.said = true;
        Some(format!("could not write to {name}: {why}; {what} is lost"))
    }

    /// Something was written. Answers what to say, if that was not a matter of course.
    pub(crate) fn end(&mut self, name: &dyn Display, unit: &str) -> Option<String> {
        if self.lost == 0 {
            self.said = false;
            return None;
        }
        if self.is_quiet() {
            return None;
        }
        self.said = false;
        self.quiet_until = Some(Instant::now() + QUIET);
        let lost = std::mem::take(&mut self.lost);
        Some(format!("{name} is written again; {lost} {unit} were lost"))
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
        assert_eq!(losses.end(&"x", "bytes"), None);
        assert_eq!(losses.add(2, &"x", &"why", "output").unwrap(), "could not write to x: why; output is lost");
        assert_eq!(losses.add(3, &"x", &"why", "output"), None);
        assert_eq!(losses.end(&"x", "bytes").unwrap(), "x is written again; 5 bytes were lost");
        assert_eq!(losses.end(&"x", "bytes"), None);
    }

    #[test]
    fn a_target_that_comes_and_goes_does_not_chatter() {
        let mut losses = Losses::default();
        let mut said = 0;
        for _ in 0..100 {
            said += usize::from(losses.add(1, &"x", &"why", "output").is_some());
            said += usize::from(losses.end(&"x", "bytes").is_some());
        }
        assert_eq!(said, 2);
        losses.quiet_until = None;
        assert_eq!(losses.end(&"x", "bytes").unwrap(), "x is written again; 99 bytes were lost", "none is forgotten");
    }

    #[test]
    fn what_somebody_else_has_said_is_not_said_twice() {
        let mut losses = Losses::said();
        assert_eq!(losses.add(1, &"x", &"why", "output"), None);
        assert!(losses.end(&"x", "bytes").is_some());
    }
}
