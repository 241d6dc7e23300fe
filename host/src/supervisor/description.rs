//! State of a process in words, as `supervisorctl status` shows it.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{Local, TimeZone as _};

use super::info::ProcessInfo;
use crate::states::ProcessState;

/// Seconds from 1970 to a time, as clients know it: an integer of 32 bits, 0 without one.
pub fn unix_seconds(time: Option<SystemTime>) -> i32 {
    let since = time.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| i32::try_from(since.as_secs()).unwrap_or(i32::MAX))
}

impl ProcessInfo {
    /// Describe the state at that time of the wall clock, with what options have added to that. Not escaped: it may hold
    /// what a program says of itself.
    pub fn description(&self, wall_clock: SystemTime) -> String {
        let description = self.plain_description(wall_clock) + &restart(self.restarts, wall_clock);
        if self.remarks.is_empty() {
            return description;
        }
        let parts = [description].into_iter().filter(|part| !part.is_empty()).chain(self.remarks.iter().cloned());
        parts.collect::<Vec<_>>().join("; ")
    }

    fn plain_description(&self, wall_clock: SystemTime) -> String {
        if let Some(dependencies) = &self.waits_for {
            return format!("waiting for {dependencies}");
        }
        let [start, stop, now] = [self.started, self.stopped, Some(wall_clock)].map(unix_seconds);
        match self.state {
            ProcessState::Running => format!("pid {}, uptime {}", self.pid, uptime(now.saturating_sub(start).max(0))),
            ProcessState::Fatal | ProcessState::Backoff => {
                self.spawnerr.clone().unwrap_or_else(|| format!("unknown error (try \"tail {}\")", self.name))
            }
            ProcessState::Stopped | ProcessState::Exited if start == 0 => "Not started".to_owned(),
            ProcessState::Stopped | ProcessState::Exited => Local
                .timestamp_opt(stop.into(), 0)
                .earliest()
                .map_or_else(String::new, |time| time.format("%b %d %I:%M %p").to_string()),
            ProcessState::Starting | ProcessState::Stopping | ProcessState::Unknown => String::new(),
        }
    }
}

/// Say in how many seconds a process starts again that waits for that as `restart_delay` says; nothing of others.
fn restart(due: Option<SystemTime>, now: SystemTime) -> String {
    due.map_or_else(String::new, |due| {
        let left = due.duration_since(now).unwrap_or_default();
        format!("; restarts in {} s", left.as_secs() + u64::from(left.subsec_nanos() > 0))
    })
}

/// Print a time as Python prints a timedelta: `0:00:09`, `1 day, 0:00:00`.
fn uptime(seconds: i32) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let clock = format!("{}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60);
    match days {
        0 => clock,
        1 => format!("1 day, {clock}"),
        days => format!("{days} days, {clock}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_until_a_restart_are_counted_to_the_end() {
        let now = SystemTime::now();
        let at = |millis| Some(now + std::time::Duration::from_millis(millis));
        for (due, text) in [
            (None, ""),
            (at(3_000), "; restarts in 3 s"),
            (at(2_001), "; restarts in 3 s"),
            (at(0), "; restarts in 0 s"),
            (Some(UNIX_EPOCH), "; restarts in 0 s"),
        ] {
            assert_eq!(restart(due, now), text);
        }
    }

    #[test]
    fn uptimes_are_printed_as_python_prints_them() {
        for (seconds, text) in
            [(9, "0:00:09"), (36_061, "10:01:01"), (86_400, "1 day, 0:00:00"), (2 * 86_400 + 59, "2 days, 0:00:59")]
        {
            assert_eq!(uptime(seconds), text);
        }
    }
}
