//! The time by which entries expire.

use std::{
    num::NonZeroU64,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A moment at which an entry expires: milliseconds since 1970.
pub(crate) type Deadline = NonZeroU64;

/// A clock that shows the time of day at its start, and from then on goes as fast as time does: whoever sets the clock
/// of the machine moves no deadline.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    start: Instant,
    /// The time of day at the start, in milliseconds since 1970.
    wall: u64,
    /// Milliseconds that a test has skipped.
    #[cfg(test)]
    skipped: std::sync::Arc<std::sync::atomic::AtomicU64>,
    /// Set where no time goes by but what a test skips.
    #[cfg(test)]
    stands: bool,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            start: Instant::now(),
            wall: time_of_day(),
            #[cfg(test)]
            skipped: std::sync::Arc::default(),
            #[cfg(test)]
            stands: false,
        }
    }
}

impl Clock {
    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        let now = self.wall + millis(self.start.elapsed());
        #[cfg(test)]
        let now = if self.stands { self.wall } else { now } + self.skipped.load(std::sync::atomic::Ordering::Relaxed);
        now
    }

    /// The moment after that time. A part of a millisecond counts as a whole one.
    pub(crate) fn after(&self, time: Duration) -> Option<Deadline> {
        NonZeroU64::new(self.now() + millis(time + Duration::from_nanos(999_999)))
    }

    /// The time until then; none if it has come.
    pub(crate) fn until(&self, deadline: Deadline) -> Duration {
        Duration::from_millis(deadline.get().saturating_sub(self.now()))
    }

    /// A moment by the machine's clock, which may have been set since the start.
    pub(crate) fn on_machine(&self, deadline: Deadline) -> Deadline {
        let moment = (deadline.get().saturating_add(time_of_day())).saturating_sub(self.now());
        // One that is over for so long is over in any case.
        NonZeroU64::new(moment).unwrap_or(NonZeroU64::MIN)
    }

    /// A clock that a test moves, and nothing else.
    #[cfg(test)]
    pub(crate) fn standing() -> Self {
        Self { stands: true, ..Self::default() }
    }

    /// Let time go by in a test.
    #[cfg(test)]
    pub(crate) fn skip(&self, time: Duration) {
        self.skipped.fetch_add(millis(time), std::sync::atomic::Ordering::Relaxed);
    }
}

/// Milliseconds since 1970 by the machine's clock.
fn time_of_day() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, millis)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
