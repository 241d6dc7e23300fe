//! Structs of an author's own as parameters, as results, and as what the answers of the supervisor are read into.

#![allow(
    missing_docs,
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a plugin as its author would write it"
)]

use std::collections::{BTreeMap, HashMap};

use plugin_api::{Config, Fault, FromValue, Host, IntoValue, Value, find, rpc_interface, testing::FakeHost};
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize, FromValue, IntoValue)]
struct Note {
    text: String,
    #[serde(default)]
    urgency: Urgency,
    #[serde(default)]
    attachment: Value,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, FromValue, IntoValue)]
#[serde(rename_all = "lowercase")]
enum Urgency {
    #[default]
    Low,
    High,
}

#[derive(Serialize, IntoValue)]
struct Page<T> {
    items: Vec<T>,
    more: bool,
}

#[derive(Serialize, IntoValue)]
struct Unfit {
    by_place: BTreeMap<(i32, i32), String>,
}

/// Some of the members of `supervisor.getProcessInfo`.
#[derive(Deserialize, FromValue)]
struct ProcessInfo {
    name: String,
    pid: u32,
}

struct Board(Host);

#[rpc_interface]
impl Board {
    pub fn pin(&self, note: Note) -> Note {
        note
    }

    pub fn pin_all(&self, notes: Vec<Note>, urgency: Option<Urgency>) -> Page<Note> {
        let items = notes.into_iter().map(|note| Note { urgency: urgency.unwrap_or(note.urgency), ..note }).collect();
        Page { items, more: false }
    }

    pub fn count(&self, words: Vec<String>) -> HashMap<String, usize> {
        let mut counts = HashMap::new();
        for word in words {
            *counts.entry(word).or_default() += 1;
        }
        counts
    }

    pub fn find(&self, name: String) -> Result<Option<BTreeMap<String, u32>>, Fault> {
        let info: ProcessInfo = self.0.call("supervisor.getProcessInfo", (name,))?;
        Ok((info.pid != 0).then(|| BTreeMap::from([(info.name, info.pid)])))
    }

    pub fn fall(&self) -> Unfit {
        Unfit { by_place: BTreeMap::from([((0, 0), String::new())]) }
    }
}

fn make_board(host: Host, _config: Config) -> Result<Board, Fault> {
    Ok(Board(host))
}

fn call(method: &str, params: impl plugin_api::IntoParams) -> Result<Value, Fault> {
    FakeHost::new().make(make_board, []).unwrap().call(method, params)
}

fn note(text: &str) -> Value {
    Value::structure([("text", text.into()), ("urgency", "low".into()), ("attachment", Value::Nil)])
}

#[test]
fn structs_come_in_and_go_out() {
    assert_eq!(call("pin", (Value::structure([("text", "buy cat food".into())]),)), Ok(note("buy cat food")));
    let when = Value::DateTime("20240101T00:00:00".into());
    let dated = Value::structure([("text", "x".into()), ("urgency", "high".into()), ("attachment", when)]);
    assert_eq!(call("pin", (dated.clone(),)), Ok(dated));
    let answer = call("pinAll", (vec![note("a"), note("b")], "high")).unwrap();
    let items = answer.get("items").and_then(Value::as_array).unwrap();
    assert_eq!((items.len(), items[1].get("urgency")), (2, Some(&"high".into())));
}

#[test]
fn a_struct_that_does_not_fit_is_the_callers_fault() {
    let fault = call("pin", ("buy cat food",)).unwrap_err();
    assert_eq!(fault.text, "INCORRECT_PARAMETERS: note: expected a struct, not a string");
    let fault = call("pinAll", (vec![note("a"), Value::structure([("text", 1.into())])],)).unwrap_err();
    assert_eq!(fault.text, "INCORRECT_PARAMETERS: notes: item 1: text: expected a string, not an int");
    let fault = call("pinAll", (Value::array([]), "soon")).unwrap_err();
    assert_eq!(fault.text, "INCORRECT_PARAMETERS: urgency: unknown variant `soon`, expected `low` or `high`");
}

#[test]
fn what_cannot_be_a_value_is_a_fault() {
    let fault = call("fall", ()).unwrap_err();
    let start = "FAILED: fall panicked: `structs::Unfit` cannot become a value: the keys of a map must be strings, \
                 not of the type array (plugin-api/tests/structs.rs:";
    assert!(fault.text.starts_with(start), "{fault}");
}

#[test]
fn maps_and_options_are_results() {
    let counted = call("count", (vec!["b", "a", "b"],));
    assert_eq!(counted, Ok(Value::structure([("a", 1.into()), ("b", 2.into())])));

    let host = FakeHost::new();
    let board = host.make(make_board, []).unwrap();
    host.answers_with("supervisor.getProcessInfo", |params| {
        let pid = if params[0] == "cat" { 4711 } else { 0 };
        Value::structure([("name", params[0].clone()), ("pid", pid.into()), ("statename", "RUNNING".into())])
    });
    assert_eq!(board.call("find", ("cat",)), Ok(Value::structure([("cat", 4711.into())])));
    assert_eq!(board.call("find", ("dog",)), Ok(Value::Nil));
    host.answers("supervisor.getProcessInfo", Value::structure([("name", "cat".into())]));
    let fault = board.call::<Value>("find", ("cat",)).unwrap_err();
    assert_eq!(fault.text, "FAILED: answer of supervisor.getProcessInfo: 'pid' is missing");
}

#[test]
fn signatures_name_what_serde_makes() {
    let board = FakeHost::new().make(make_board, []).unwrap();
    let pin_all = board.method("pinAll").unwrap();
    let kinds: Vec<_> = pin_all.params.iter().map(|param| param.kind.as_str()).collect();
    assert_eq!((pin_all.returns.as_str(), kinds), ("struct", vec!["array", "string"]));
    assert_eq!(find(&pin_all.params[1].properties, "optional"), Some(&true.into()));
}
