//! Details of a process, as `processes.getAllDetails` tells them, in lines for people.

use chrono::{DateTime, Local};
use plugin_api::Value;

use crate::ctl::process_info::{items, number, text};

/// Lines of `status --verbose` below the one of the process: those that have something to say.
pub(super) fn describe_details(details: &Value) -> Vec<String> {
    let known = |label: &str, value: String| (!value.is_empty()).then(|| format!("{label}: {value}"));
    let health = match (text(details, "health"), text(details, "unhealthy")) {
        (health, why) if why.is_empty() => health,
        (health, why) => format!("{health} ({why})"),
    };
    let lines = [
        known("command", text(details, "command")),
        known("waits for", text(details, "waits_for")),
        known("starts again", time(details, "restarts_at")),
        known("status", text(details, "status_text")),
        known("ready", text(details, "ready")),
        known("health", health),
        known("restarts", number(details, "restarts").to_string()),
        known("exits", exits(details)),
    ];
    let last_exits =
        details.get("last_exits").map_or(&[][..], items).iter().map(|exit| format!("exit: {}", exit_line(exit)));
    let further = [
        known("limits", limits(details)),
        known("stdout log", text(details, "stdout_logfile")),
        known("stderr log", text(details, "stderr_logfile")),
    ];
    lines.into_iter().flatten().chain(last_exits).chain(further.into_iter().flatten()).collect()
}

/// Numbers of ends of each kind: `1 expected, 2 signal`; empty where there was none.
fn exits(details: &Value) -> String {
    let Some(Value::Struct(kinds)) = details.get("exits") else { return String::new() };
    let counts = kinds.iter().filter_map(|kind| kind.value.as_i64().map(|count| (count, &kind.name)));
    counts.filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect::<Vec<_>>().join(", ")
}

/// Line of one end: `2026-11-29 03:20:00 exit status 3 after 0.5 s (unexpected)`.
fn exit_line(exit: &Value) -> String {
    let seconds = match exit.get("seconds") {
        Some(&Value::Double(seconds)) => seconds,
        _ => 0.0,
    };
    format!("{} {} after {seconds:.1} s ({})", time(exit, "at"), text(exit, "description"), text(exit, "kind"))
}

/// Limits as the config spells them: `rlimit_nofile=1024, umask=022`.
fn limits(details: &Value) -> String {
    let Some(Value::Struct(limits)) = details.get("limits") else { return String::new() };
    let limits = limits.iter().map(|limit| format!("{}={}", limit.name, limit.value.as_str().unwrap_or_default()));
    limits.collect::<Vec<_>>().join(", ")
}

/// Member that is a time in seconds since 1970, local; empty where it is 0.
fn time(value: &Value, member: &str) -> String {
    let seconds = number(value, member);
    let time = DateTime::from_timestamp(seconds, 0).filter(|_| seconds > 0);
    time.map_or_else(String::new, |time| time.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_nothing_to_say_has_no_line() {
        let text = |text: &str| Value::from(text);
        let quiet = Value::structure([("command", text("/bin/cat")), ("restarts", 0.into()), ("ready", text(""))]);
        assert_eq!(describe_details(&quiet), ["command: /bin/cat", "restarts: 0"]);
        let exit = [
            ("at", 0.into()),
            ("seconds", 1.25.into()),
            ("description", text("exit status 3")),
            ("kind", text("unexpected")),
        ];
        let exits = Value::structure([("expected", 0.into()), ("unexpected", 1.into()), ("signal", 2.into())]);
        let loud = Value::structure([
            ("waits_for", text("db: STARTING")),
            ("health", text("no")),
            ("unhealthy", text("it answers 500")),
            ("restarts", 2.into()),
            ("exits", exits),
            ("last_exits", Value::array([Value::structure(exit)])),
            ("limits", Value::structure([("rlimit_nofile", text("64")), ("umask", text("022"))])),
            ("stdout_logfile", text("/tmp/x.log")),
        ]);
        let lines = [
            "waits for: db: STARTING",
            "health: no (it answers 500)",
            "restarts: 2",
            "exits: 1 unexpected, 2 signal",
            "exit:  exit status 3 after 1.2 s (unexpected)",
            "limits: rlimit_nofile=64, umask=022",
            "stdout log: /tmp/x.log",
        ];
        assert_eq!(describe_details(&loud), lines);
    }
}
