//! Changes that others make: events of them, and who waits for them.

use std::time::Duration;

use plugin_api::Value;

use super::super::{
    engines::Engine,
    shared_engines::{all, settings},
    subject::{Subject, subject_with},
};
use crate::store::Limits;

/// Two supervisords that share an engine.
fn machines(engine: &Engine, prefix: &str) -> [Subject; 2] {
    let url = format!("redis://{}/5", engine.place());
    let machines = [(); 2].map(|()| subject_with(settings(&url, prefix), Limits::default()));
    for machine in &machines {
        // From then on each hears of what the other does.
        machine.call("store", ("begun", 1)).unwrap();
    }
    machines[0].host.wait_until(|host| !host.events().is_empty());
    machines
}

fn later(machine: &Subject, since: usize) -> Vec<String> {
    machine.host.wait_until(|host| host.events().last().is_some_and(|event| event.ends_with("key:end")));
    machine.host.events().split_off(since)
}

#[test]
fn each_machine_hears_of_what_all_do() {
    for (name, engine) in all() {
        let [one, other] = machines(engine, "each:");
        one.host.wait_until(|host| host.events().len() == 2);
        one.call("storeFor", ("a", 1, 60)).unwrap();
        other.call("increment", ("a",)).unwrap();
        other.call("storeMany", (Value::structure([("b", 1.into()), ("c", 2.into())]),)).unwrap();
        one.call("deleteIf", ("b", 1)).unwrap();
        one.call("deleteIf", ("c", 1)).unwrap();
        other.call("expire", ("a", 0)).unwrap();
        one.call("clear", ()).unwrap();
        // Other programs write there too.
        engine.ask(&["EVAL", "redis.call('SELECT', 5) redis.call('SET', 'each:x', 1)", "0"]);
        engine.ask(&["EVAL", "redis.call('SELECT', 5) redis.call('APPEND', 'each:x', 1)", "0"]);
        engine.ask(&["EVAL", "redis.call('SELECT', 5) redis.call('DEL', 'each:x', 'each')", "0"]);
        other.call("store", ("end", 1)).unwrap();
        let expected = [
            "CACHE_STORE key:a",
            "CACHE_STORE key:a",
            "CACHE_STORE key:b",
            "CACHE_STORE key:c",
            "CACHE_DELETE key:b",
            "CACHE_CLEAR",
            "CACHE_STORE key:x",
            "CACHE_STORE key:x",
            "CACHE_DELETE key:x",
            "CACHE_STORE key:end",
        ];
        assert_eq!(later(&one, 2), expected, "{name}");
        let its = later(&other, 0);
        assert_eq!(its[its.len() - expected.len()..], expected, "{name}");
    }
}

#[test]
fn what_expires_is_told_by_the_engine() {
    for (name, engine) in all() {
        let [one, other] = machines(engine, "expires:");
        one.call("storeFor", ("k", 1, 0.05)).unwrap();
        other.host.wait_until(|host| host.events().last().is_some_and(|event| event == "CACHE_EXPIRE key:k"));
        // One whose time is over has expired before it is stored again.
        one.call("storeFor", ("l", 1, 0.001)).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        one.call("store", ("l", 2)).unwrap();
        one.call("store", ("end", 2)).unwrap();
        let events = later(&one, 0);
        let of_l: Vec<_> = events.iter().filter(|event| event.ends_with("key:l")).collect();
        assert_eq!(of_l, ["CACHE_STORE key:l", "CACHE_EXPIRE key:l", "CACHE_STORE key:l"], "{name}");
    }
}

#[test]
fn who_waits_hears_of_other_machines() {
    for (name, engine) in all() {
        let [one, other] = machines(engine, "waits:");
        let mut waits = one.cache.as_ref().unwrap().begin::<Value>("wait", ("k", Value::Nil, 3600));
        assert!(!waits.is_ready());
        other.call("store", ("k", "v")).unwrap();
        assert_eq!(waits.wait().unwrap().get("value"), Some(&"v".into()), "{name}");
    }
}

#[test]
fn who_waits_hears_of_other_programs_though_nothing_notifies() {
    let engine = Engine::valkey(&[]);
    let [one, _] = machines(&engine, "waits:");
    let mut waits = one.cache.as_ref().unwrap().begin::<Value>("wait", ("k", Value::Nil, 3600));
    assert!(!waits.is_ready());
    engine.ask(&["EVAL", "redis.call('SELECT', 5) redis.call('SET', 'waits:k', 'v')", "0"]);
    assert_eq!(waits.wait().unwrap().get("value"), Some(&"v".into()));
}

#[test]
fn where_nobody_listens_there_is_no_subscription() {
    let engine = Engine::valkey(&[]);
    let subject = subject_with(settings(&format!("redis://{}", engine.place()), "quiet:"), Limits::default());
    subject.host.set_listeners(false);
    subject.call("store", ("k", "v")).unwrap();
    // It may have been there for those who listened at first.
    engine.ask_until(&["PUBSUB", "CHANNELS"], str::is_empty);
    let mut waits = subject.cache.as_ref().unwrap().begin::<Value>("wait", ("k", "v", 3600));
    assert!(!waits.is_ready());
    engine.ask_until(&["PUBSUB", "CHANNELS"], |channels| channels == "__cache@0__:quiet:");
    subject.call("delete", ("k",)).unwrap();
    assert_eq!(waits.wait().unwrap().get("changed"), Some(&true.into()));
    engine.ask_until(&["PUBSUB", "CHANNELS"], str::is_empty);
}
