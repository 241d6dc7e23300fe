//! A line of the activity log and its form: `2026-11-21 08:21:38,566 INFO message`, in local time.

use std::{
    io::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use chrono::{Local, TimeZone as _};

use plugin_api::Level;

/// A line on its way to the activity log.
#[derive(Clone, Debug)]
pub struct Record {
    /// Level of the line.
    pub level: Level,
    /// Time at which it was logged, which is not when it is written.
    pub time: SystemTime,
    /// Text of the line; it may hold line feeds.
    pub message: String,
}

/// Formatter of lines. It remembers the second it formatted last, since lines come in bursts.
#[derive(Debug, Default)]
pub struct Formatter {
    second: i64,
    prefix: String,
}

impl Formatter {
    /// Append a line, with its time, level and line feed, to `out`.
    pub fn format(&mut self, record: &Record, out: &mut Vec<u8>) {
        let head = self.head(record);
        // Writing to a `Vec` cannot fail.
        let _ = writeln!(out, "{head}{}", record.message);
    }

    /// Format time and level, which stand before the message.
    pub fn head(&mut self, record: &Record) -> String {
        let (second, millis) = match record.time.duration_since(UNIX_EPOCH) {
            Ok(since) => (since.as_secs().cast_signed(), since.subsec_millis()),
            Err(_) => (0, 0),
        };
        if self.second != second || self.prefix.is_empty() {
            self.second = second;
            self.prefix = Local
                .timestamp_opt(second, 0)
                .earliest()
                .map_or_else(|| second.to_string(), |time| time.format("%Y-%m-%d %H:%M:%S").to_string());
        }
        format!("{},{millis:03} {} ", self.prefix, record.level.label())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_has_local_time_with_milliseconds_and_the_short_level() {
        let local = Local.with_ymd_and_hms(2026, 11, 21, 8, 21, 38).unwrap();
        let time = UNIX_EPOCH + Duration::new(local.timestamp().cast_unsigned(), 66_999_999);
        let mut out = Vec::new();
        let mut formatter = Formatter::default();
        for (level, message) in [(Level::Info, "supervisord started with pid 1"), (Level::Critical, "é\nb")] {
            formatter.format(&Record { level, time, message: message.to_owned() }, &mut out);
        }
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "2026-11-21 08:21:38,066 INFO supervisord started with pid 1\n2026-11-21 08:21:38,066 CRIT é\nb\n"
        );
    }
}
