//! A line of the activity log and its forms: `2026-11-21 08:21:38,566 INFO message`, in local time, or an object.

use std::{borrow::Cow, io::Write as _, time::SystemTime};

use plugin_api::Level;
use serde::Serialize;

use super::timestamp::Timestamps;

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

/// Line as an object.
#[derive(Serialize)]
struct JsonRecord<'a> {
    time: String,
    level: &'a str,
    message: &'a str,
}

/// Formatter of lines.
#[derive(Debug, Default)]
pub struct Formatter {
    times: Timestamps,
    is_json: bool,
}

impl Formatter {
    /// Make one that writes objects if `is_json`.
    pub fn new(is_json: bool) -> Self {
        Self { times: Timestamps::default(), is_json }
    }

    /// Append a line, with its time, level and line feed, to `out`.
    pub fn format(&mut self, record: &Record, out: &mut Vec<u8>) {
        let (head, text) = self.parts(record);
        // Writing to a `Vec` cannot fail.
        let _ = writeln!(out, "{head}{text}");
    }

    /// Format a line as what stands before its message, and that: nothing and an object where it is one.
    pub fn parts<'a>(&mut self, record: &'a Record) -> (String, Cow<'a, str>) {
        let Record { level, time, message } = record;
        if self.is_json {
            let object = JsonRecord { time: self.times.rfc3339(*time), level: level.name(), message };
            return (String::new(), serde_json::to_string(&object).expect("texts can be written").into());
        }
        (format!("{} {} ", self.times.text(*time), level.label()), message.into())
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use chrono::{Local, TimeZone as _};

    use super::*;

    fn format(mut formatter: Formatter) -> String {
        let local = Local.with_ymd_and_hms(2026, 11, 21, 8, 21, 38).unwrap();
        let time = UNIX_EPOCH + Duration::new(local.timestamp().cast_unsigned(), 66_999_999);
        let mut out = Vec::new();
        for (level, message) in [(Level::Info, "supervisord started with pid 1"), (Level::Critical, "é\n\"b")] {
            formatter.format(&Record { level, time, message: message.to_owned() }, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_has_local_time_with_milliseconds_and_the_short_level() {
        assert_eq!(
            format(Formatter::default()),
            "2026-11-21 08:21:38,066 INFO supervisord started with pid 1\n2026-11-21 08:21:38,066 CRIT é\n\"b\n"
        );
    }

    #[test]
    fn an_object_has_the_name_of_the_level_and_stays_on_one_line() {
        let text = format(Formatter::new(true));
        let offset = Local.with_ymd_and_hms(2026, 11, 21, 8, 21, 38).unwrap().format("%:z");
        assert_eq!(
            text,
            format!(
                "{{\"time\":\"2026-11-21T08:21:38.066{offset}\",\"level\":\"info\",\
                 \"message\":\"supervisord started with pid 1\"}}\n\
                 {{\"time\":\"2026-11-21T08:21:38.066{offset}\",\"level\":\"critical\",\"message\":\"é\\n\\\"b\"}}\n"
            )
        );
    }
}
