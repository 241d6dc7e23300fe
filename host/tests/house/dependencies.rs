//! `DEPENDENCIES.md`: the crates that are in what we ship, and when each of them last moved.

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::supply::metadata;

/// Packages of the workspace that people get.
const SHIPPED: &[&str] = &["supervisor-host", "supervisor-cache", "supervisor-plugin-api"];

/// Variable with which the table is written anew instead of compared.
const WRITE: &str = "WRITE_DEPENDENCIES";

const HEAD: &str = "# Dependencies

The crates that are in supervisord, supervisorctl, the SDK and the cache plugin on Linux, with the version that we have
and the day of its release, and the day on which the crate last moved. `needed by` names those of ours that ask for it
themselves; without any it is there for the sake of another crate. A test holds the list to `Cargo.lock`;
`WRITE_DEPENDENCIES=1 cargo test -p supervisor-host --test house dependencies` writes it anew, with the days that cargo
has found in the registry's index (`cargo update --dry-run` has it look).

| Crate | Version | Released | Last moved | Needed by |
|---|---|---|---|---|
";

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("DEPENDENCIES.md")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} of {value}"))
}

/// Each crate with its version, and those of ours that ask for it.
fn crates() -> BTreeMap<(String, String), BTreeSet<String>> {
    let metadata = metadata(&["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let all = |list: &Value| list.as_array().expect("a list").clone();
    let packages: BTreeMap<String, Value> =
        all(&metadata["packages"]).into_iter().map(|package| (text(&package, "id").to_owned(), package)).collect();
    let nodes: BTreeMap<String, Value> =
        all(&metadata["resolve"]["nodes"]).into_iter().map(|node| (text(&node, "id").to_owned(), node)).collect();
    let is_ours = |id: &str| packages[id]["source"].is_null();
    let mut next: Vec<String> =
        packages.iter().filter(|(_, it)| SHIPPED.contains(&text(it, "name"))).map(|(id, _)| id.clone()).collect();
    assert_eq!(next.len(), SHIPPED.len(), "all that is shipped is there");
    let (mut seen, mut found) = (BTreeSet::new(), BTreeMap::<_, BTreeSet<String>>::new());
    while let Some(id) = next.pop() {
        if !seen.insert(id.clone()) {
            continue;
        }
        for dependency in all(&nodes[&id]["deps"]) {
            let is_shipped = all(&dependency["dep_kinds"]).iter().any(|kind| kind["kind"] != "dev");
            let needed = text(&dependency, "pkg").to_owned();
            if !is_shipped {
                continue;
            }
            if !is_ours(&needed) {
                let package = &packages[&needed];
                let key = (text(package, "name").to_owned(), text(package, "version").to_owned());
                let asked = found.entry(key).or_default();
                if is_ours(&id) {
                    asked.insert(text(&packages[&id], "name").to_owned());
                }
            }
            next.push(needed);
        }
    }
    found
}

/// Days on which versions of a crate were released, as the index says that cargo keeps.
fn releases(name: &str) -> BTreeMap<String, String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo"))).expect("a home");
    let below = match name.len() {
        1 | 2 => format!("{}/{name}", name.len()),
        3 => format!("3/{}/{name}", &name[..1]),
        _ => format!("{}/{}/{name}", &name[..2], &name[2..4]),
    };
    let mut found = BTreeMap::new();
    for index in fs::read_dir(home.join("registry/index")).expect("cargo has an index").flatten() {
        let bytes = fs::read(index.path().join(".cache").join(&below)).unwrap_or_default();
        for entry in bytes.split(|byte| *byte == 0).filter_map(|entry| serde_json::from_slice::<Value>(entry).ok()) {
            if let (Some(version), Some(time)) = (entry["vers"].as_str(), entry["pubtime"].as_str()) {
                found.insert(version.to_owned(), time.get(..10).unwrap_or(time).to_owned());
            }
        }
    }
    found
}

/// Version without what a crate adds behind a plus sign.
fn plain(version: &str) -> &str {
    version.split('+').next().unwrap_or(version)
}

#[test]
fn the_table_of_dependencies_has_all_of_them() {
    let crates = crates();
    if env::var_os(WRITE).is_some() {
        let mut table = HEAD.to_owned();
        for ((name, version), asked) in &crates {
            let releases = releases(name);
            let of_ours = releases.iter().find(|(it, _)| plain(it) == plain(version)).map(|(_, day)| day.as_str());
            let last = releases.values().max().map(String::as_str);
            let asked = asked.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
            let (of_ours, last) = (of_ours.unwrap_or("not known"), last.unwrap_or("not known"));
            let _ = writeln!(table, "| {name} | {version} | {of_ours} | {last} | {asked} |");
        }
        fs::write(file(), table).expect("our own file");
    }
    let table = fs::read_to_string(file()).unwrap_or_default();
    let rows: BTreeSet<_> = table
        .lines()
        .filter_map(|line| {
            let mut cells = line.strip_prefix("| ")?.split(" | ");
            Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
        })
        .filter(|(name, _)| name != "Crate")
        .collect();
    let expected: BTreeSet<_> = crates.into_keys().collect();
    assert!(
        rows == expected,
        "DEPENDENCIES.md lacks {:?} and has {:?} too many: run this test with {WRITE}=1",
        expected.difference(&rows).collect::<Vec<_>>(),
        rows.difference(&expected).collect::<Vec<_>>()
    );
}
