//! `group:process`, as people name a process; a process that bears its group's name is named once.

/// Group and process of a namespec; no process where the whole group is meant: `group:*` or `group:`.
pub(super) fn split(namespec: &str) -> (&str, Option<&str>) {
    match namespec.split_once(':') {
        Some((group, "" | "*")) => (group, None),
        Some((group, process)) => (group, Some(process)),
        None => (namespec, Some(namespec)),
    }
}

/// The namespec of a process. `None` prints as Supervisor prints it where an action takes no groups.
pub(super) fn join(group: &str, process: Option<&str>) -> String {
    match process {
        Some(process) if process == group => process.to_owned(),
        Some(process) => format!("{group}:{process}"),
        None => format!("{group}:None"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways() {
        let table = [
            ("cat", ("cat", Some("cat")), "cat"),
            ("web:1", ("web", Some("1")), "web:1"),
            ("web:web", ("web", Some("web")), "web"),
            ("web:a:b", ("web", Some("a:b")), "web:a:b"),
            ("web:*", ("web", None), "web:None"),
            ("web:", ("web", None), "web:None"),
        ];
        for (namespec, parts, joined) in table {
            assert_eq!(split(namespec), parts);
            assert_eq!(join(parts.0, parts.1), joined);
        }
    }
}
