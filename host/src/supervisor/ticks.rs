//! `TICK_5`, `TICK_60` and `TICK_3600`: times at which they are due, and what they say.
//!
//! A tick says which multiple of its period has begun by the wall clock, and never the same one twice in a row. When to
//! look at that clock again is monotonic time: a clock that is set does not make a tick late by more than its period.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    events::{Event, Period},
    process::state::Time,
};

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Tick {
    period: Period,
    /// Multiple of the period that was told last, in seconds since 1970.
    last: i64,
    due: Time,
}

/// Ticks of one supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Ticks([Tick; 3]);

/// Return the beginning of the present period, in seconds since 1970, and the time that is left of it.
fn slice(period: Period, wall: Duration) -> (i64, Duration) {
    let seconds = u64::from(period.seconds());
    let begin = wall.as_secs() - wall.as_secs() % seconds;
    let left = Duration::from_secs(begin + seconds).saturating_sub(wall);
    (i64::try_from(begin).unwrap_or(i64::MAX), left)
}

impl Ticks {
    /// Make ticks of which the first comes when its next period begins. `wall` is the time since 1970.
    pub(super) fn new(now: Time, wall: Duration) -> Self {
        Self(Period::ALL.map(|period| {
            let (last, left) = slice(period, wall);
            Tick { period, last, due: now + left }
        }))
    }

    /// Return the time of the next call of [`take`](Self::take).
    pub(super) fn next_deadline(&self) -> Time {
        self.0.iter().map(|tick| tick.due).min().unwrap_or(Time::MAX)
    }

    /// Take the ticks that are due, the shortest period first.
    pub(super) fn take(&mut self, now: Time, wall: Duration) -> Vec<Event> {
        let mut events = Vec::new();
        for tick in self.0.iter_mut().filter(|tick| tick.due <= now) {
            let (when, left) = slice(tick.period, wall);
            tick.due = now + left;
            if std::mem::replace(&mut tick.last, when) != when {
                events.push(Event::Tick { period: tick.period, when });
            }
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn told(events: &[Event]) -> Vec<(String, String)> {
        events.iter().map(|event| (event.name().to_owned(), event.payload())).collect()
    }

    fn tick(name: &str, when: u32) -> (String, String) {
        (name.to_owned(), format!("when:{when}"))
    }

    #[test]
    fn a_tick_comes_when_its_period_begins() {
        let mut ticks = Ticks::new(Time::ZERO, Duration::from_millis(3_597_400));
        assert_eq!(ticks.next_deadline(), Duration::from_millis(2_600));
        assert!(ticks.take(SECOND, Duration::from_millis(3_598_400)).is_empty());
        let events = ticks.take(3 * SECOND, 3_600 * SECOND);
        assert_eq!(told(&events), [tick("TICK_5", 3_600), tick("TICK_60", 3_600), tick("TICK_3600", 3_600)]);
        assert_eq!(ticks.next_deadline(), 8 * SECOND);
        assert_eq!(told(&ticks.take(8 * SECOND, 3_605 * SECOND)), [tick("TICK_5", 3_605)]);
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_silence_them() {
        let mut ticks = Ticks::new(Time::ZERO, 10_000 * SECOND);
        let events = ticks.take(5 * SECOND, 1_234 * SECOND);
        assert_eq!(told(&events), [tick("TICK_5", 1_230)]);
        assert_eq!(ticks.next_deadline(), 6 * SECOND);
    }

    #[test]
    fn a_clock_that_is_slow_does_not_make_one_twice() {
        let mut ticks = Ticks::new(Time::ZERO, 10_000 * SECOND);
        assert!(ticks.take(5 * SECOND, 10_003 * SECOND).is_empty());
        assert_eq!(ticks.next_deadline(), 7 * SECOND);
    }

    #[test]
    fn what_was_slept_through_is_told_once() {
        let mut ticks = Ticks::new(Time::ZERO, 10_000 * SECOND);
        let events = ticks.take(123 * SECOND, 10_123 * SECOND);
        assert_eq!(told(&events), [tick("TICK_5", 10_120), tick("TICK_60", 10_080)]);
    }
}
