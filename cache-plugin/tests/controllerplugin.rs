//! `cache_*` as supervisorctl sees it. That a wrong number of words shows the help, and that a fault becomes a line, is
//! supervisorctl's doing and tested there.

#![allow(missing_docs)]

use plugin_api::{Fault, IntoParams, Value, find, testing::FakeController};
use supervisor_cache::controllerplugin::make_cache_controllerplugin;

/// A supervisorctl whose server has `foo` in its cache.
fn ctl() -> FakeController {
    let ctl = FakeController::new();
    for method in ["cache.clear", "cache.delete", "cache.store"] {
        ctl.answers(method, true);
    }
    ctl.answers("cache.getCount", 1);
    ctl.answers("cache.getKeys", vec!["foo", "it's"]);
    ctl.answers("cache.fetch", "bar baz");
    ctl
}

fn run(ctl: &FakeController, command: &str, words: impl IntoParams) -> Result<(), Fault> {
    ctl.make(make_cache_controllerplugin, []).unwrap().call(command, words)
}

#[test]
fn what_changes_the_cache_prints_nothing() {
    let ctl = ctl();
    run(&ctl, "cache_store", ("foo", "bar baz")).unwrap();
    run(&ctl, "cache_delete", ("foo",)).unwrap();
    run(&ctl, "cache_clear", ()).unwrap();
    assert_eq!(ctl.calls(), ["cache.store('foo', 'bar baz')", "cache.delete('foo')", "cache.clear()"]);
    assert!(ctl.output().is_empty());
}

#[test]
fn what_asks_the_cache_prints_as_python_does() {
    let ctl = ctl();
    run(&ctl, "cache_fetch", ("foo",)).unwrap();
    run(&ctl, "cache_keys", ()).unwrap();
    run(&ctl, "cache_count", ()).unwrap();
    assert_eq!(ctl.calls(), ["cache.fetch('foo')", "cache.getKeys()", "cache.getCount()"]);
    assert_eq!(ctl.output(), ["'bar baz'", "['foo', \"it's\"]", "1"]);
}

#[test]
fn a_long_value_is_cut_at_80_columns() {
    let ctl = ctl();
    ctl.answers("cache.fetch", Value::structure([("b", "x".repeat(50).into()), ("a", "y".repeat(50).into())]));
    run(&ctl, "cache_fetch", ("foo",)).unwrap();
    let expected = format!("{{'a': '{}',\n 'b': '{}'}}", "y".repeat(50), "x".repeat(50));
    assert_eq!(ctl.output(), [expected]);
}

#[test]
fn a_fault_of_the_cache_is_that_of_the_command() {
    let ctl = ctl();
    ctl.fails("cache.fetch", Fault::bad_name());
    assert_eq!(run(&ctl, "cache_fetch", ("foo",)), Err(Fault::bad_name()));
    ctl.stop_server();
    assert_eq!(run(&ctl, "cache_keys", ()).unwrap_err().code, -32300);
    assert!(ctl.output().is_empty());
}

#[test]
fn usages_are_those_of_the_original() {
    let plugin = ctl().make(make_cache_controllerplugin, []).unwrap();
    let usages: Vec<_> =
        plugin.methods().iter().map(|command| find(&command.properties, "usage").cloned().unwrap()).collect();
    let expected = [
        "cache_clear",
        "cache_count",
        "cache_delete <key>",
        "cache_fetch <key>",
        "cache_keys",
        "cache_store <key> <value>",
    ];
    assert_eq!(usages, expected);
}

#[test]
fn keys_are_completed() {
    let commands = ctl().make(make_cache_controllerplugin, []).unwrap();
    for command in ["cache_fetch", "cache_delete"] {
        assert_eq!(commands.complete(command, &[]), Ok(vec!["foo".to_owned(), "it's".to_owned()]));
        assert_eq!(commands.complete(command, &["foo"]), Ok(Vec::new()));
        let complete = commands.method(command).unwrap().properties;
        assert_eq!(find(&complete, "complete"), Some(&"plugin".into()));
    }
    assert_eq!(commands.complete("cache_count", &[]), Err(Fault::unknown_method()));
}
