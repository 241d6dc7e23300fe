//! Days and hours, by local time, with which a log begins anew.

use std::time::SystemTime;

use chrono::{DateTime, Local};

/// Part of time that has a log of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Day, from midnight on.
    Day,
    /// Hour, from the full hour on.
    Hour,
}

impl Period {
    /// Number of the period that a moment lies in. Where a clock is set back for winter, the hour that comes twice is
    /// one.
    pub(super) fn number(self, time: SystemTime) -> i64 {
        let seconds = DateTime::<Local>::from(time).naive_local().and_utc().timestamp();
        seconds.div_euclid(match self {
            Self::Day => 24 * 60 * 60,
            Self::Hour => 60 * 60,
        })
    }
}

/// Period that a log is in, as a pure function of what it holds and of the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CurrentPeriod(Option<i64>);

impl CurrentPeriod {
    /// Make that of a log whose last bytes are from the period of that number; `None` where it has none.
    pub(super) fn of(number: Option<i64>) -> Self {
        Self(number)
    }

    /// Go on to the period of that number. Return whether a new one has begun.
    ///
    /// A clock that is set back begins none: by one period, it may have been set right close to the boundary, and comes
    /// there again; by more, it was wrong before.
    pub(super) fn advance(&mut self, number: i64) -> bool {
        let Some(current) = self.0 else {
            self.0 = Some(number);
            return false;
        };
        if number != current - 1 {
            self.0 = Some(number);
        }
        number > current
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::TimeZone as _;

    use super::*;

    fn time(day: u32, hour: u32, minute: u32) -> SystemTime {
        Local.with_ymd_and_hms(2026, 11, day, hour, minute, 0).unwrap().into()
    }

    #[test]
    fn days_begin_at_midnight_and_hours_at_the_full_hour_of_local_time() {
        for (period, before, after) in [
            (Period::Day, time(20, 23, 59), time(21, 0, 0)),
            (Period::Hour, time(20, 11, 59), time(20, 12, 0)),
            (Period::Hour, time(20, 23, 59), time(21, 0, 0)),
        ] {
            assert_eq!(period.number(before) + 1, period.number(after));
            assert_eq!(period.number(after), period.number(after + Duration::from_mins(59)));
        }
        assert_eq!(Period::Day.number(time(20, 0, 0)), Period::Day.number(time(20, 23, 59)));
    }

    #[test]
    fn a_clock_that_is_set_begins_no_more_periods_than_there_are() {
        let mut current = CurrentPeriod::default();
        assert!(!current.advance(10), "nothing is known yet");
        assert!(!current.advance(10));
        assert!(current.advance(11));
        // Set back across the boundary, and there again.
        assert!(!current.advance(10));
        assert!(!current.advance(11));
        // Ahead by much, and right again: the days to come count as ever.
        assert!(current.advance(5_000));
        assert!(!current.advance(12));
        assert!(!current.advance(12));
        assert!(current.advance(13));
    }
}
