//! `group:process`, as people name a process; a process that bears its group's name is named once.

/// Split a namespec into group and process; no process where the whole group is meant: `group:*` or `group:`.
pub fn split_namespec(namespec: &str) -> (&str, Option<&str>) {
    match namespec.split_once(':') {
        Some((group, "" | "*")) => (group, None),
        Some((group, process)) => (group, Some(process)),
        None => (namespec, Some(namespec)),
    }
}

/// Make the namespec of a process.
pub fn make_namespec(group: &str, process: &str) -> String {
    if group == process { process.to_owned() } else { format!("{group}:{process}") }
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
        ];
        for (namespec, (group, process), made) in table {
            assert_eq!(split_namespec(namespec), (group, process));
            assert_eq!(make_namespec(group, process.unwrap()), made);
        }
        for namespec in ["web:*", "web:"] {
            assert_eq!(split_namespec(namespec), ("web", None));
        }
    }
}
