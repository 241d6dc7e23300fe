//! Differences between two configs of one process, option by option, and which of them a process that runs takes up.

use serde_json::Value;

use super::{json, model::Group, options::Process};

/// Options that are taken up in place: a process that runs need not be started again for them. They are asked for when
/// something happens to it, or the output threads are told. All others are part of the program as it was started.
const IN_PLACE: &[&str] = &[
    "priority",
    "autostart",
    "autorestart",
    "startsecs",
    "startretries",
    "restart_delay",
    "restart_delay_max",
    "stopsignal",
    "stopwaitsecs",
    "stopasgroup",
    "killasgroup",
    "exitcodes",
    "depends_on",
    "update",
    "exit_when",
    "stdout_logfile_maxbytes",
    "stdout_logfile_backups",
    "stdout_events_enabled",
    "stdout_log_format",
    "stdout_logfile_rotate",
    "stderr_logfile_maxbytes",
    "stderr_logfile_backups",
    "stderr_events_enabled",
    "stderr_log_format",
    "stderr_logfile_rotate",
];

/// Members of what is shown of a process that are not its own options.
const NOT_OPTIONS: &[&str] = &["group", "name", "kind", "process_name", "numprocs", "numprocs_start"];

/// Difference of one option, with the values as `--check-config` shows them, secrets hidden.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionChange {
    /// Key of the option.
    pub option: String,
    /// Value that it has had.
    pub old: String,
    /// Value that it has now.
    pub new: String,
    /// Set where a process that runs takes it up.
    pub in_place: bool,
}

impl Process {
    /// List the options in which `new`, of the group `new_group`, differs from this one.
    pub fn changes_to(&self, group: &Group, new: &Self, new_group: &Group) -> Vec<OptionChange> {
        if self == new {
            return Vec::new();
        }
        let [old_shown, new_shown] =
            [(group, self), (new_group, new)].map(|(group, it)| json::program(group, it, None));
        let members = new_shown.as_object().into_iter().flatten();
        let options = members.filter(|(option, _)| !NOT_OPTIONS.contains(&option.as_str()));
        let differs = |option: &str, value: &Value| match option {
            // Names of one user are no difference, and secrets look the same.
            "user" => self.user != new.user,
            "environment" => self.environment != new.environment,
            _ => old_shown.get(option) != Some(value),
        };
        let changed = options.filter(|(option, value)| differs(option, value));
        changed
            .map(|(option, value)| OptionChange {
                option: option.clone(),
                old: text(old_shown.get(option)),
                new: text(Some(value)),
                in_place: IN_PLACE.contains(&option.as_str()),
            })
            .collect()
    }
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => "not given".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().map(|item| text(Some(item))).collect::<Vec<_>>().join(","),
        Some(Value::Object(members)) => {
            let pairs = members.iter().map(|(name, value)| format!("{name}={}", text(Some(value))));
            pairs.collect::<Vec<_>>().join(",")
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        options::program::KEYS,
        testing::{Files, only_process},
    };

    #[test]
    fn each_option_that_is_taken_up_is_one() {
        for option in IN_PLACE {
            assert!(KEYS.iter().any(|key| key.name == *option), "{option}");
        }
    }

    #[test]
    fn differences_are_named_with_both_values_and_without_secrets() {
        let load = |lines: &str| Files::with(&format!("[program:x]\ncommand=/bin/cat\n{lines}\n")).load();
        let changes = |old: &str, new: &str| {
            let (old, new) = (load(old), load(new));
            let changes = only_process(&old).changes_to(&old.groups[0], only_process(&new), &new.groups[0]);
            let shown = changes.into_iter().map(|it| (format!("{}: {} -> {}", it.option, it.old, it.new), it.in_place));
            shown.collect::<Vec<_>>()
        };
        assert_eq!(changes("priority=5", "priority=5"), []);
        assert_eq!(changes("autorestart=true", ""), [("autorestart: true -> unexpected".to_owned(), true)]);
        assert_eq!(
            changes("", "stdout_logfile_maxbytes=1KB"),
            [("stdout_logfile_maxbytes: 52428800 -> 1024".into(), true)]
        );
        assert_eq!(changes("", "umask=022"), [("umask: not given -> 022".to_owned(), false)]);
        assert_eq!(changes("exitcodes=0", "exitcodes=0,3"), [("exitcodes: 0 -> 0,3".to_owned(), true)]);
        let secret = changes("environment=PASSWORD=one", "environment=PASSWORD=two");
        assert_eq!((secret.len(), secret[0].1), (1, false));
        assert!(secret[0].0.starts_with("environment: ") && !secret[0].0.contains("one"), "{secret:?}");
    }
}
