//! Events that listeners hear of.

use std::{sync::Barrier, thread, time::Duration};

use plugin_api::Value;

use super::subject::{Subject, local_subjects, subjects};
use crate::store::{Clock, Limits};

#[test]
fn each_change_is_told_and_nothing_else() {
    let entries = || Value::structure([("x", 1.into()), ("y", 2.into())]);
    let calls: Vec<(&str, Vec<Value>, &[&str])> = vec![
        ("store", vec!["a b:ä/c\n".into(), "secret".into()], &["CACHE_STORE key:a%20b%3A%C3%A4%2Fc%0A"]),
        ("store", vec!["A-z.0_~".into(), 1.into()], &["CACHE_STORE key:A-z.0_~"]),
        ("add", vec!["k".into(), 1.into()], &["CACHE_STORE key:k"]),
        ("add", vec!["k".into(), 1.into()], &[]),
        ("increment", vec!["k".into()], &["CACHE_STORE key:k"]),
        ("replaceIf", vec!["k".into(), 7.into(), 8.into()], &[]),
        ("replaceIf", vec!["k".into(), 2.into(), 2.into()], &["CACHE_STORE key:k"]),
        ("expire", vec!["k".into(), 60.into()], &[]),
        ("fetch", vec!["k".into()], &[]),
        ("deleteIf", vec!["k".into(), 7.into()], &[]),
        ("deleteIf", vec!["k".into(), 2.into()], &["CACHE_DELETE key:k"]),
        ("delete", vec!["k".into()], &[]),
        ("delete", vec!["A-z.0_~".into()], &["CACHE_DELETE key:A-z.0_~"]),
        ("storeMany", vec![entries()], &["CACHE_STORE key:x", "CACHE_STORE key:y"]),
        ("clear", vec![], &["CACHE_CLEAR"]),
    ];
    for subject in subjects(Limits::default(), Clock::standing) {
        let mut expected: Vec<&str> = Vec::new();
        for (method, params, events) in &calls {
            subject.call(method, params.clone()).unwrap();
            expected.extend(*events);
            assert_eq!(subject.events(expected.len()), expected, "{}: {method}", subject.name);
        }
    }
}

#[test]
fn what_is_refused_is_not_told() {
    for subject in subjects(Limits { max_keys: 1, ..Limits::default() }, Clock::standing) {
        subject.call("store", ("a", 1)).unwrap();
        subject.call("store", ("b", 1)).unwrap_err();
        subject.call("storeMany", (Value::structure([("a", 2.into()), ("b", 2.into())]),)).unwrap_err();
        assert_eq!(subject.host.events(), ["CACHE_STORE key:a"], "{}", subject.name);
    }
}

#[test]
fn what_expires_is_told_though_nobody_calls() {
    for subject in subjects(Limits::default(), Clock::default) {
        subject.call("storeFor", ("k", 1, 0.05)).unwrap();
        subject.host.wait_until(|host| host.events().len() == 2);
        assert_eq!(subject.host.events(), ["CACHE_STORE key:k", "CACHE_EXPIRE key:k"], "{}", subject.name);
    }
}

#[test]
fn what_expires_is_told_before_it_is_stored_again() {
    for subject in local_subjects(Limits::default(), Clock::standing) {
        // More than are taken out at once, and all before the one that is stored again.
        for number in 0..700 {
            subject.call("storeFor", (format!("{number:03}"), 1, 5)).unwrap();
        }
        subject.pass(Duration::from_secs(10));
        subject.call("store", ("699", 2)).unwrap();
        let events = subject.host.events().split_off(700);
        assert_eq!(events.len(), 701, "{}", subject.name);
        assert!(events[..700].iter().all(|event| event.starts_with("CACHE_EXPIRE key:")));
        assert_eq!(events[700], "CACHE_STORE key:699");
    }
}

#[test]
fn events_of_one_key_come_in_the_order_of_its_changes() {
    let calls = 300;
    for subject in subjects(Limits::default(), Clock::default) {
        let (Subject { name, cache, host, .. }, begun) = (&subject, Barrier::new(2));
        let cache = cache.as_ref().unwrap();
        thread::scope(|scope| {
            let repeat = |method: &'static str, params: Vec<Value>| {
                begun.wait();
                for _ in 0..calls {
                    cache.call::<bool>(method, params.clone()).unwrap();
                }
            };
            scope.spawn(move || repeat("delete", vec!["k".into()]));
            scope.spawn(move || repeat("add", vec!["k".into(), 1.into()]));
        });
        // Only what is there is deleted, and only what is not is added.
        subject.call("store", ("end", 1)).unwrap();
        host.wait_until(|host| host.events().last().is_some_and(|event| event.ends_with("end")));
        let mut pairs = host.events();
        pairs.pop();
        for pair in pairs.chunks(2) {
            let expected = ["CACHE_STORE key:k", "CACHE_DELETE key:k"];
            assert_eq!(pair, &expected[..pair.len()], "{name}");
        }
    }
}

#[test]
fn where_nobody_listens_nothing_is_told() {
    for subject in subjects(Limits::default(), Clock::default) {
        subject.host.set_listeners(false);
        subject.call("storeFor", ("k", 1, 0.01)).unwrap();
        subject.call("store", ("a", 1)).unwrap();
        subject.call("wait", ("k", 1, 30)).unwrap();
        subject.call("clear", ()).unwrap();
        assert!(subject.host.events().is_empty(), "{}", subject.name);
    }
}
