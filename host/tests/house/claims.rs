//! `host/CLAIMS.md`: each claim of the README has its tests.

use std::{collections::BTreeSet, fs, path::Path};

use crate::source;

/// Folders whose tests may be named.
const FOLDERS: [&str; 6] =
    ["host", "cache-plugin", "plugin-api", "examples/hello-plugin", "examples/stdout", "examples/twiddler"];

/// Scripts that may be named in place of a test: they are run as they stand.
const SCRIPTS: [&str; 5] =
    [".ci/run", ".ci/targets", ".ci/run-targets", "host/package/check-exchange", "host/package/check-unit"];

/// Text with single blanks in place of line ends.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Names of the functions below a folder that have the attribute of a test.
fn tests(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != "target" {
                tests(&path, names);
            }
        } else if path.extension().is_some_and(|it| it == "rs") {
            let text = fs::read_to_string(&path).expect("a source file");
            let mut is_test = false;
            for line in text.lines().map(str::trim) {
                if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
                    names.extend(rest.split(['(', '<']).next().map(str::to_owned));
                    is_test = false;
                }
                is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            }
        }
    }
}

/// Rows of the table: what is claimed, and the names of what tests it.
fn rows(table: &str) -> Vec<(String, Vec<String>)> {
    let cells = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.rsplit_once(" | "));
    let row =
        |(claim, by): (&str, &str)| (flat(claim), by.split(", ").map(|it| it.trim_matches('`').to_owned()).collect());
    cells.skip(1).map(row).collect()
}

#[test]
fn each_claim_of_the_readme_has_tests_that_exist() {
    let workspace = source::workspace();
    let readme = fs::read_to_string(workspace.join("README.md")).expect("it is there");
    let rows = rows(&fs::read_to_string(workspace.join("host/CLAIMS.md")).expect("it is there"));
    let mut known = BTreeSet::new();
    for folder in FOLDERS {
        tests(&workspace.join(folder), &mut known);
    }
    let text = flat(&readme);
    let mut faults = Vec::new();
    for (claim, by) in &rows {
        if !text.contains(claim) {
            faults.push(format!("the README does not say: {claim}"));
        }
        let missing = by.iter().filter(|name| !known.contains(*name) && !SCRIPTS.contains(&name.as_str()));
        faults.extend(missing.map(|name| format!("there is no test {name}: {claim}")));
    }
    for script in SCRIPTS {
        assert!(workspace.join(script).is_file(), "{script} is there");
    }
    // No section, and no paragraph that has a name, is without a claim.
    let sections = readme.split("\n## ").flat_map(|section| section.split("\n**"));
    for section in sections.map(flat) {
        // A paragraph has lost the beginning of its name.
        let has_claim = rows.iter().any(|(claim, _)| section.contains(claim.trim_start_matches("**")));
        if !has_claim {
            faults.push(format!("no claim of it has a test: {}…", section.chars().take(60).collect::<String>()));
        }
    }
    assert!(faults.is_empty(), "README.md and host/CLAIMS.md:\n{}", faults.join("\n"));
}
