//! The crates that the workspace is built from: where they come from, what their licences allow, and which are there in
//! more than one version.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::Command,
};

use serde_json::Value;

use crate::source::workspace;

/// The rules, which `cargo deny` reads too.
fn rules() -> Value {
    let text = fs::read_to_string(workspace().join("deny.toml")).expect("it stands beside Cargo.toml");
    toml::from_str(&text).expect("TOML")
}

/// Licences under which a crate may be used. Of an expression with `OR` one has to be among them, of `AND` all.
fn licences() -> Vec<String> {
    let allowed = rules()["licenses"]["allow"].as_array().expect("a list").clone();
    allowed.iter().map(|licence| licence.as_str().expect("a text").to_owned()).collect()
}

/// Crates that are there in more than one version, and who keeps the older one.
fn several() -> BTreeMap<String, String> {
    let skipped = rules()["bans"]["skip"].as_array().expect("a list").clone();
    let text = |skip: &Value, key: &str| skip[key].as_str().unwrap_or_else(|| panic!("{key} of {skip}")).to_owned();
    skipped.iter().map(|skip| (text(skip, "crate"), text(skip, "reason"))).collect()
}

/// What cargo tells of the workspace and all that it needs, asked with these arguments besides. It fetches the crates
/// that other systems need, which no build here has.
pub(super) fn metadata(arguments: &[&str]) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--locked"]).args(arguments);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output();
    let output = output.expect("cargo can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Packages of the workspace and all that they need.
fn packages() -> Vec<Value> {
    metadata(&[])["packages"].as_array().expect("a list of packages").clone()
}

/// True if an expression of licences is met by these.
fn is_allowed(expression: &str, licences: &[String]) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|part| part.split(" OR ").any(|licence| licences.iter().any(|it| it == licence.trim())))
}

#[test]
fn crates_come_from_one_place_under_licences_that_allow_it() {
    let (licences, mut sources) = (licences(), BTreeSet::new());
    for package in packages() {
        let name = package["name"].as_str().expect("a name");
        if let Some(source) = package["source"].as_str() {
            assert!(source.starts_with("registry+"), "{name} comes from {source}");
            sources.insert(source.to_owned());
        }
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(is_allowed(licence, &licences), "the licence of {name} is {licence}");
    }
    assert_eq!(sources.len(), 1, "one registry has them all");
}

#[test]
fn a_crate_is_there_once_or_there_is_a_reason() {
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages() {
        let text = |key: &str| package[key].as_str().expect("a text").to_owned();
        versions.entry(text("name")).or_default().insert(text("version"));
    }
    let several: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    let known = self::several();
    for (name, versions) in &several {
        let is_known = known.contains_key(*name);
        assert!(is_known, "{name} is there as {versions:?}; do without one of them, or say in deny.toml why not");
    }
    for (name, why) in &known {
        assert!(several.iter().any(|(there, _)| *there == name), "{name} is there once: \"{why}\" is no longer true");
    }
}

#[test]
fn expressions_of_licences_are_understood() {
    let licences = licences();
    for good in ["MIT", "Apache-2.0/MIT", "GPL-3.0 OR MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
        assert!(is_allowed(good, &licences), "{good}");
    }
    for bad in ["GPL-3.0", "none", "MIT AND GPL-3.0"] {
        assert!(!is_allowed(bad, &licences), "{bad}");
    }
}
