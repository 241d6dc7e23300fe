//! The cache before and after an upgrade of supervisord.

#![allow(missing_docs)]

use plugin_api::{
    Value,
    testing::{FakeHost, Published},
};
use supervisor_cache::rpcinterface::make_cache_rpcinterface;

fn cache_in(host: &FakeHost, options: &[(&'static str, Value)]) -> Published {
    host.make(make_cache_rpcinterface, options.iter().cloned()).unwrap()
}

/// The next instance, of these options.
fn upgraded(host: &FakeHost, cache: &Published, options: &[(&'static str, Value)]) -> Published {
    host.set_handed_over(cache.hand_over().wait().unwrap());
    cache_in(host, options)
}

fn all(cache: &Published) -> Vec<(String, Value)> {
    let keys: Vec<String> = cache.call("getKeys", ()).unwrap();
    keys.into_iter().map(|key| (key.clone(), cache.call("fetch", (key,)).unwrap())).collect()
}

fn counts(cache: &Published) -> [Option<i64>; 5] {
    let info: Value = cache.call("getInfo", ()).unwrap();
    ["keys", "bytes", "hits", "misses", "refused"].map(|name| info.get(name).and_then(Value::as_i64))
}

#[test]
fn what_is_cached_stays_and_goes_on_expiring() {
    let host = FakeHost::new();
    let cache = cache_in(&host, &[("max_value_bytes", "10KB".into())]);
    for (key, value) in [
        ("text", Value::from("bar baz")),
        ("long", "x".repeat(5000).into()),
        ("wide", Value::Int64(7)),
        ("infinite", f64::NEG_INFINITY.into()),
        ("bytes", Value::Base64(vec![0, 255].into())),
        ("date", Value::DateTime("20240101T00:00:00".into())),
        ("deep", Value::array([Value::structure([("b", Value::Nil), ("a", true.into())])])),
        ("ä\n", "".into()),
    ] {
        cache.call::<bool>("store", (key, value)).unwrap();
    }
    cache.call::<bool>("storeFor", ("an hour", 1, 3600.0)).unwrap();
    cache.call::<bool>("storeFor", ("a moment", 1, 1.0)).unwrap();
    cache.call::<Value>("fetch", ("nothing",)).unwrap_err();
    cache.call::<Value>("store", ("large", "x".repeat(20_000))).unwrap_err();
    let (before, entries) = (counts(&cache), all(&cache));

    let after = FakeHost::new();
    let next = upgraded(&after, &cache, &[("max_value_bytes", "10KB".into())]);
    assert_eq!(counts(&next)[2..], counts(&cache)[2..]);
    let gone = |cache: &Published| !cache.call::<Vec<String>>("getKeys", ()).unwrap().contains(&"a moment".to_owned());
    after.wait_until(|_| gone(&next));
    assert!(after.logs().is_empty(), "{:?}", after.logs());
    let left: f64 = next.call("getSecondsLeft", ("an hour",)).unwrap();
    assert!((3500.0..=3600.0).contains(&left), "{left}");
    // An event tells that it has expired, though not before somebody may hear of it.
    after.wait_until(|host| host.events() == ["CACHE_EXPIRE key:a%20moment"]);
    let expected: Vec<_> = entries.into_iter().filter(|(key, _)| key != "a moment").collect();
    assert_eq!(all(&next), expected);
    // The old one has it all the same, should the upgrade be called off.
    assert_eq!(all(&cache), expected);
    assert!(before[0] > counts(&next)[0]);
    assert_eq!(counts(&next)[..2], counts(&cache)[..2]);
}

#[test]
fn an_empty_cache_and_one_without_an_upgrade_are_empty() {
    let host = FakeHost::new();
    let cache = upgraded(&host, &cache_in(&host, &[]), &[]);
    assert_eq!(counts(&cache), [Some(0); 5]);
    assert!(host.logs().is_empty());
}

#[test]
fn what_makes_no_sense_is_told_and_forgotten() {
    let entries = |bytes: &[u8]| ("entries", Value::Base64(bytes.to_vec().into()));
    for (handed_over, why) in [
        (Value::from("a text"), "it is no cache's"),
        (Value::structure([entries(b"")]), "it is no cache's"),
        (Value::structure([("version", 2.into()), entries(b"")]), "it is of version 2, and this library knows 1"),
        (Value::structure([("version", 1.into())]), "it has no entries"),
        (Value::structure([("version", 1.into()), ("entries", 7.into())]), "it has no entries"),
        (
            Value::structure([("version", 1.into()), entries(b"\x01\0\0"), ("hits", 7.into())]),
            "its entries make no sense",
        ),
        (
            Value::structure([("version", 1.into()), entries(b"\x04")]),
            "there are others than entries among its entries",
        ),
    ] {
        let host = FakeHost::new();
        host.set_handed_over(handed_over);
        let cache = cache_in(&host, &[]);
        let expected = format!("critical: cache: what was cached before the upgrade is not taken over: {why}");
        assert_eq!(host.logs(), [expected]);
        assert_eq!(counts(&cache), [Some(0); 5]);
        assert_eq!(cache.call("store", ("k", "v")), Ok(true));
    }
    // What another version adds does no harm, and what it leaves out neither.
    let host = FakeHost::new();
    let known =
        [("version", 1.into()), entries(b""), ("hits", 3.into()), ("misses", "many".into()), ("more", 1.into())];
    host.set_handed_over(Value::structure(known));
    assert_eq!(counts(&cache_in(&host, &[]))[2..], [Some(3), Some(0), Some(0)]);
    assert!(host.logs().is_empty());
}

#[test]
#[cfg(feature = "file")]
fn a_file_is_there_after_the_upgrade_anyway() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("cache");
    let options = [("store", "file".into()), ("file", file.to_str().unwrap().into())];
    let host = FakeHost::new();
    let (in_memory, in_file) = (cache_in(&host, &[]), cache_in(&host, &options));
    in_memory.call::<bool>("store", ("volatile", 1)).unwrap();
    in_file.call::<bool>("store", ("kept", 1)).unwrap();
    assert_eq!(in_file.hand_over().wait(), Ok(Value::Nil));
    drop(in_file);

    // The section has become another: it is told that what was in memory is lost, as at a restart.
    let mut next = None;
    host.wait_until(|host| {
        host.set_handed_over(in_memory.hand_over().wait().unwrap());
        // Until the thread of the other has given the file back.
        next = host.make(make_cache_rpcinterface, options.iter().cloned()).ok();
        next.is_some()
    });
    let next = next.unwrap();
    assert_eq!(all(&next), [("kept".to_owned(), 1.into())]);
    let told = "critical: cache: what was cached before the upgrade is not taken over: this store has its own";
    assert_eq!(host.logs(), [told]);
}
