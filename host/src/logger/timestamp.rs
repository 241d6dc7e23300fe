//! Moments as lines of logs have them, in local time.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{Local, TimeZone as _};

/// Writer of moments. It remembers the second that it wrote last, since lines come in bursts.
#[derive(Debug, Default)]
pub struct Timestamps {
    second: Option<i64>,
    /// Text of that second: `2026-11-21 08:21:38`.
    text: String,
    /// Offset of local time then: `+01:00`.
    offset: String,
}

impl Timestamps {
    /// Write a moment as Supervisor does: `2026-11-21 08:21:38,566`.
    pub fn text(&mut self, time: SystemTime) -> String {
        let millis = self.look(time);
        format!("{},{millis:03}", self.text)
    }

    /// Write a moment as RFC 3339 has it: `2026-11-21T08:21:38.566+01:00`.
    pub fn rfc3339(&mut self, time: SystemTime) -> String {
        let millis = self.look(time);
        let (date, clock) = self.text.split_once(' ').unwrap_or((&self.text, ""));
        format!("{date}T{clock}.{millis:03}{}", self.offset)
    }

    /// Find the second of a moment. Return the milliseconds beyond.
    fn look(&mut self, time: SystemTime) -> u32 {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs().cast_signed();
        if self.second != Some(second) {
            self.second = Some(second);
            // A second beyond the calendar is one that no clock shows.
            let time = Local.timestamp_opt(second, 0).earliest().unwrap_or_else(|| UNIX_EPOCH.into());
            self.text = time.format("%Y-%m-%d %H:%M:%S").to_string();
            self.offset = time.format("%:z").to_string();
        }
        since.subsec_millis()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use chrono::DateTime;

    use super::*;

    #[test]
    fn a_moment_is_local_time_with_milliseconds() {
        let local = Local.with_ymd_and_hms(2026, 11, 21, 8, 21, 38).unwrap();
        let time = UNIX_EPOCH + Duration::new(local.timestamp().cast_unsigned(), 66_999_999);
        let mut times = Timestamps::default();
        for _ in 0..2 {
            assert_eq!(times.text(time), "2026-11-21 08:21:38,066");
            let written = times.rfc3339(time);
            assert!(written.starts_with("2026-11-21T08:21:38.066"), "{written}");
            let read = DateTime::parse_from_rfc3339(&written).unwrap();
            assert_eq!((read.timestamp(), read.timestamp_subsec_millis()), (local.timestamp(), 66));
            times.text(UNIX_EPOCH);
        }
        assert!(times.text(UNIX_EPOCH - Duration::from_secs(1)).ends_with(":00,000"), "no clock shows less");
    }
}
