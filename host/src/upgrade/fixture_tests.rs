//! States that released versions have left, which must be readable for ever.
//!
//! `fixtures/state-VERSION.json` is the state as text, made by hand of one that a supervisord of that version had;
//! `fixtures/state-VERSION.bin` is the file that this version wrote of it, by [`write_fixture`]. Neither changes ever
//! again. A version that adds something to the state adds a pair of its own.

use std::{collections::BTreeSet, fs, path::PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{state::State, state_file};
use crate::rpc::HandedOver;

/// Both parts of a file.
#[derive(Serialize, Deserialize)]
struct Whole {
    plugins: HandedOver,
    state: State,
}

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src/upgrade/fixtures").join(name)
}

fn json(version: &str) -> Json {
    let text = fs::read_to_string(fixture(&format!("state-{version}.json"))).expect("the fixture is kept");
    serde_json::from_str(&text).expect("the fixture is JSON")
}

/// Read the fixture of that version.
fn read(version: &str) -> Whole {
    let bytes = fs::read(fixture(&format!("state-{version}.bin"))).expect("the fixture is kept");
    let (state, plugins) = state_file::decode(&bytes).expect("it is readable for ever");
    Whole { plugins, state }
}

/// List where something that `then` has is not, or is another, in `now`. What only `now` has is of a later version.
fn differences(place: &str, then: &Json, now: &Json, found: &mut Vec<String>) {
    match (then, now) {
        (Json::Object(then), Json::Object(now)) => {
            for (name, then) in then {
                differences(&format!("{place}.{name}"), then, now.get(name).unwrap_or(&Json::Null), found);
            }
        }
        (Json::Array(then), Json::Array(now)) if then.len() == now.len() => {
            for (index, (then, now)) in then.iter().zip(now).enumerate() {
                differences(&format!("{place}[{index}]"), then, now, found);
            }
        }
        _ if then == now => {}
        _ => found.push(format!("{place}: {then} has become {now}")),
    }
}

#[test]
#[ignore = "it writes the fixture of this version"]
fn write_fixture() {
    let version = "1.0.0";
    let Whole { plugins, state } = serde_json::from_value(json(version)).expect("a state");
    let bytes = state_file::encode(&plugins, &state).expect("it can be written");
    fs::write(fixture(&format!("state-{version}.bin")), bytes).expect("a file");
}

#[test]
fn each_released_state_is_read_to_the_last_member() {
    let mut count = 0;
    for entry in fs::read_dir(fixture("")).expect("there are fixtures") {
        let name = entry.expect("it can be listed").file_name().into_string().expect("names are text");
        let Some(version) = name.strip_prefix("state-").and_then(|rest| rest.strip_suffix(".bin")) else { continue };
        let now = serde_json::to_value(read(version)).expect("it can be written");
        let mut found = Vec::new();
        differences(version, &json(version), &now, &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
        count += 1;
    }
    assert!(count > 0);
}

#[test]
fn the_first_state_is_of_all_kinds() {
    let Whole { plugins, state } = read("1.0.0");
    let states: BTreeSet<_> =
        state.supervisor.alive().into_iter().map(|(_, _, state)| state.name().to_owned()).collect();
    assert_eq!(states, ["RUNNING", "STARTING", "STOPPING", "UNKNOWN"].map(str::to_owned).into());
    assert_eq!((state.supervisor.groups().len(), state.supervisor.processes()), (8, 10));
    // Pipes, stdins, the shared socket and two servers.
    assert_eq!(state.descriptors().count(), 20);
    assert_eq!(plugins.sections().collect::<Vec<_>>(), ["rpcinterface:cache"]);
    let config = state.config.into_config(state.supervisor.groups());
    assert_eq!(config.rpcinterfaces[1].options.len(), 2);
}

/// Remove the member at that path, all but the last of which are names or indices.
fn without(whole: &Json, path: &[&str]) -> Json {
    let mut changed = whole.clone();
    let (name, way) = path.split_last().expect("a path");
    let place = way.iter().fold(&mut changed, |place, step| match step.parse::<usize>() {
        Ok(index) => &mut place[index],
        Err(_) => &mut place[*step],
    });
    assert!(place.as_object_mut().and_then(|object| object.remove(*name)).is_some(), "{path:?} is there");
    changed
}

/// Read a whole state as another version might write it: what of it is a member does not depend on the format.
fn read_json(whole: &Json) -> Result<State, String> {
    State::deserialize(&whole["state"]).map_err(|error| error.to_string())
}

#[test]
fn a_member_that_is_missing_has_a_default() {
    let whole = json("1.0.0");
    let groups = ["state", "supervisor", "groups"];
    for path in [
        &["state", "version"][..],
        &["state", "failures"],
        &["state", "begun"],
        &["state", "config"],
        &["state", "servers"],
        &["state", "supervisor"],
        &["state", "config", "servers"],
        &["state", "config", "supervisord", "minfds"],
        &["state", "config", "supervisord", "user"],
        &["state", "supervisor", "ticks"],
        &["state", "supervisor", "strays"],
        &["state", "supervisor", "ended_runs"],
        &["state", "supervisor", "output"],
        &["state", "supervisor", "output", "pools"],
        &[&groups[..], &["3", "socket"]].concat(),
        &[&groups[..], &["0", "config", "processes", "0", "startsecs"]].concat(),
        &[&groups[..], &["0", "processes", "0", "birth"]].concat(),
        &[&groups[..], &["0", "processes", "0", "enclosure"]].concat(),
        &[&groups[..], &["0", "processes", "0", "machine", "doublings"]].concat(),
        &[&groups[..], &["0", "processes", "0", "stdout", "syslog"]].concat(),
        &[&groups[..], &["0", "processes", "0", "stdin", "closed"]].concat(),
        &["state", "supervisor", "output", "pipes", "0", "filters"],
        &["state", "supervisor", "output", "pipes", "0", "filters", "ansi"],
        &["state", "supervisor", "output", "pipes", "8", "filters", "log_lines"],
        &["state", "supervisor", "output", "pipes", "8", "filters", "log_lines", "parts"],
        &[&groups[..], &["0", "processes", "0", "log_bytes"]].concat(),
        &[&groups[..], &["0", "processes", "0", "stdout", "log_format"]].concat(),
        &[&groups[..], &["0", "config", "processes", "0", "stdout", "rotate"]].concat(),
    ] {
        let read = read_json(&without(&whole, path));
        assert!(read.is_ok(), "{path:?}: {}", read.unwrap_err());
    }
}

/// Add a member that nobody knows to each object that is not the content of a variant.
fn with_more(value: &mut Json, count: &mut usize) {
    match value {
        Json::Object(members) => {
            members.values_mut().for_each(|member| with_more(member, count));
            // A variant with its content is an object of one member, whose name begins with a capital.
            let is_variant = members.len() == 1
                && members
                    .keys()
                    .all(|name| name.starts_with(|first: char| first.is_uppercase()) || KINDS.contains(&&**name));
            if !is_variant && !members.contains_key("secs") && !members.contains_key("secs_since_epoch") {
                members.insert("of_tomorrow".to_owned(), serde_json::json!([{ "a": [1, null] }]));
                *count += 1;
            }
        }
        Json::Array(items) => items.iter_mut().for_each(|item| with_more(item, count)),
        _ => {}
    }
}

/// Kinds of values of plugins.
const KINDS: &[&str] = &["int", "string"];

#[test]
fn a_member_that_is_not_known_is_ignored() {
    let (mut whole, mut count) = (json("1.0.0"), 0);
    with_more(&mut whole["state"], &mut count);
    assert!(count > 100, "{count}");
    let read = read_json(&whole).expect("it is readable");
    let mut found = Vec::new();
    differences("state", &json("1.0.0")["state"], &serde_json::to_value(read).expect("a state"), &mut found);
    assert!(found.is_empty(), "{}", found.join("\n"));
}
