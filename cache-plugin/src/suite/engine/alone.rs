//! Things that hold of an engine alone: what lies there, what others write, and what becomes of an engine that goes.

use std::{
    thread,
    time::{Duration, Instant},
};

use plugin_api::{Fault, Value};

use super::super::{
    engines::{self, Engine},
    shared_engines::{all, settings},
    subject::{Subject, engine_subject, subject_with},
};
use crate::store::{Kind, Limits, Settings};

impl Subject {
    fn settings(&self) -> &Settings {
        let Kind::Engine(settings) = &self.kind else { panic!("{} is no engine", self.name) };
        settings
    }

    /// The key as it is in the engine.
    pub(super) fn in_engine(&self, key: &str) -> String {
        format!("{}{key}", self.settings().prefix)
    }

    /// The lines of the log that say something of the link.
    pub(super) fn told(&self) -> Vec<String> {
        self.host.logs().into_iter().filter(|line| line.contains("cache: ")).collect()
    }

    pub(super) fn wait_for_log(&self, what: &str) {
        self.host.wait_until(|host| host.logs().iter().any(|line| line.contains(what)));
    }
}

/// A cache in an engine, and the engine.
fn each() -> impl Iterator<Item = (Subject, &'static Engine)> {
    all().iter().map(|(_, engine)| (engine_subject(&format!("redis://{}", engine.place()), Limits::default()), engine))
}

#[test]
fn every_engine_that_is_there_is_in_the_suite() {
    let names: Vec<_> = all().iter().map(|(name, _)| *name).collect();
    assert!(names.starts_with(&["valkey"]));
    for (name, engine) in all() {
        assert!(engine.ask(&["INFO", "server"]).contains(&format!("{name}_version")), "{name}");
    }
}

#[test]
fn strings_lie_there_as_they_are() {
    for (subject, engine) in each() {
        subject.call("store", ("foo", "bar baz")).unwrap();
        let foo = subject.in_engine("foo");
        assert_eq!(engine.ask(&["GET", &foo]), "bar baz");
        engine.ask(&["SET", &foo, "from another"]);
        assert_eq!(subject.call("fetch", ("foo",)), Ok("from another".into()));
        subject.call("store", ("number", 7)).unwrap();
        assert_eq!(engine.ask(&["GET", &subject.in_engine("number")]), "\0json:7");
        engine.ask(&["SET", &foo, "7"]);
        assert_eq!(subject.call("fetch", ("foo",)), Ok("7".into()), "what others write is a string");
        assert_eq!(subject.call("increment", ("foo",)).unwrap_err().code, 3);
        engine.ask(&["EVAL", "redis.call('SET', KEYS[1], '\\255\\1')", "1", &foo]);
        assert_eq!(subject.call("fetch", ("foo",)), Ok(Value::Base64(vec![255, 1].into())));
        // The same value in another spelling.
        engine.ask(&["SET", &foo, "\0json: [1, 2.50]"]);
        let list = Value::array([1.into(), 2.5.into()]);
        assert_eq!(subject.call("replaceIf", ("foo", list.clone(), "x")), Ok(true.into()));
        engine.ask(&["SET", &foo, "\0json: [1, 2.50]"]);
        assert_eq!(subject.call("deleteIf", ("foo", list)), Ok(true.into()));
        assert_eq!(subject.call("fetch", ("foo",)), Err(Fault::bad_name()));
        subject.call("store", ("nan", f64::NAN)).unwrap();
        assert_eq!(subject.call("replaceIf", ("nan", f64::NAN, 1)), Ok(false.into()));
    }
}

#[test]
fn integers_are_as_large_as_64_bits() {
    for (subject, _) in each() {
        for (number, by) in [
            (i64::MAX - 1, 1),
            (i64::MIN + 1, -1),
            (i64::MIN, i64::MAX),
            (9_007_199_254_740_993, 2),
            (999_999_999, 1),
            (1_000_000_000, -1),
            (-999_999_999, -1),
            (1_000_000_001, -2_000_000_002),
            (-5, 5),
            (5, -1_000_000_000),
            (i64::MAX, i64::MIN),
        ] {
            subject.call("store", ("n", Value::Int64(number))).unwrap();
            assert_eq!(subject.call("increment", ("n", Value::Int64(by))), Ok((number + by).into()), "{number} {by}");
            assert_eq!(subject.call("fetch", ("n",)), Ok((number + by).into()));
        }
        for (number, by) in [(i64::MAX, 1), (i64::MIN, -1), (i64::MAX, i64::MAX), (i64::MIN, i64::MIN)] {
            subject.call("store", ("n", Value::Int64(number))).unwrap();
            assert_eq!(subject.call("increment", ("n", Value::Int64(by))).unwrap_err().code, 3);
            assert_eq!(subject.call("fetch", ("n",)), Ok(Value::Int64(number)));
        }
    }
}

#[test]
fn what_is_no_string_is_no_value() {
    for (subject, engine) in each() {
        engine.ask(&["HSET", &subject.in_engine("hash"), "a", "1"]);
        for (method, params) in [
            ("fetch", vec![Value::from("hash")]),
            ("increment", vec!["hash".into()]),
            ("replaceIf", vec!["hash".into(), 1.into(), 2.into()]),
        ] {
            let fault = subject.call(method, params).unwrap_err();
            assert_eq!(fault.code, 241, "{method}");
            assert!(fault.text.starts_with("STORE_FAILED: redis://") && fault.text.contains("WRONGTYPE"), "{fault}");
        }
        assert_eq!(subject.call("add", ("hash", 1)), Ok(false.into()));
        assert_eq!(subject.call("store", ("hash", 1)), Ok(true.into()));
        assert_eq!(subject.call("fetch", ("hash",)), Ok(1.into()));
        assert_eq!(subject.told(), Vec::<String>::new(), "the link is there all the time");
    }
}

#[test]
fn nothing_but_the_prefix_is_touched() {
    for (subject, engine) in each() {
        let near = ["xt:", "*[t]", "*[t-"].map(|text| format!("{text}near-{}", subject.settings().prefix));
        for key in &near {
            engine.ask(&["SET", key, "1"]);
        }
        // A key that is no text is not the cache's, but goes with the rest; the prefix alone is no key at all.
        engine.ask(&["EVAL", "redis.call('SET', KEYS[1] .. '\\255', 1)", "1", &subject.in_engine("")]);
        let entries = Value::structure((0..2500).map(|number| (format!("{number:04}"), Value::from(number))));
        subject.call("storeMany", (entries,)).unwrap();
        assert_eq!(subject.call("getCount", ()), Ok(2500.into()));
        let keys = subject.call("getKeys", ()).unwrap();
        assert_eq!(keys.as_array().map(<[_]>::len), Some(2500));
        assert_eq!(subject.call("getInfo", ()).unwrap().get("keys"), Some(&2500.into()));
        subject.call("clear", ()).unwrap();
        assert_eq!(subject.call("getCount", ()), Ok(0.into()));
        assert_eq!(engine.ask(&["EXISTS", near[0].as_str(), near[1].as_str(), near[2].as_str()]), "3");
        let pattern = subject.in_engine("").replace('*', "\\*").replace('[', "\\[");
        assert_eq!(engine.ask(&["KEYS", &format!("{pattern}*")]), "");
    }
}

#[test]
fn it_tells_how_it_is() {
    for (subject, engine) in each() {
        subject.call("store", ("a", "four")).unwrap();
        let info = subject.call("getInfo", ()).unwrap();
        assert_eq!(info.get("store"), Some(&"redis".into()));
        assert_eq!(info.get("keys"), Some(&1.into()));
        assert_eq!(info.get("connection"), Some(&"connected".into()));
        assert_eq!(info.get("address"), Some(&format!("redis://{}", engine.place()).into()));
        assert!(info.get("bytes").and_then(Value::as_i64).is_some_and(|bytes| bytes > 100_000));
        assert!(info.get("server").and_then(Value::as_str).is_some_and(|server| server.contains(' ')), "{info:?}");
    }
}

#[test]
fn databases_are_apart_and_what_is_there_outlives_the_cache() {
    for (_, engine) in all() {
        let at = |database: u8| settings(&format!("redis://{}/{database}", engine.place()), "apart:");
        let (zero, three) = (subject_with(at(0), Limits::default()), subject_with(at(3), Limits::default()));
        three.call("store", ("k", "three")).unwrap();
        assert_eq!(zero.call("fetch", ("k",)), Err(Fault::bad_name()));
        drop(three);
        let again = subject_with(at(3), Limits::default());
        assert_eq!(again.call("fetch", ("k",)), Ok("three".into()));
    }
}

#[test]
fn a_socket_and_a_password_are_used() {
    for (name, program) in engines::programs() {
        let engine = Engine::start_with(&program, |directory| {
            let socket = directory.join("s").display().to_string();
            ["--unixsocket", &socket, "--requirepass", "tiger"].map(str::to_owned).into()
        });
        let socket = engine.directory.path().join("s").display().to_string();
        let url = format!("unix://:tiger@{socket}?db=2");
        let subject = subject_with(settings(&url, "u:"), Limits::default());
        subject.call("store", ("k", 1)).unwrap();
        assert_eq!(subject.call("fetch", ("k",)), Ok(1.into()), "{name}");
        // Another password is not shown.
        let wrong = subject_with(settings(&format!("redis://:lion@{}", engine.place()), "u:"), Limits::default());
        let fault = wrong.call("fetch", ("k",)).unwrap_err();
        assert!(fault.code == 241 && !fault.text.contains("lion"), "{fault}");
        wrong.wait_for_log("cannot be reached");
        assert!(!wrong.told().concat().contains("lion"), "{:?}", wrong.told());
    }
}

#[test]
fn a_user_needs_no_more_than_the_documentation_says() {
    let rights = "+@read +@write +@scripting +@pubsub +info +ping ~cache:* &__cache@0__:cache: &__keyspace@0__:cache:*";
    let readme = include_str!("../../../../README.md");
    assert!(readme.contains(rights));
    for (name, program) in engines::programs() {
        let engine = Engine::start(&program, &["--notify-keyspace-events", "Kg$x"]);
        let user: Vec<_> = ["ACL", "SETUSER", "u", "on", ">tiger"].into_iter().chain(rights.split(' ')).collect();
        assert_eq!(engine.ask(&user), "OK");
        let url = format!("redis://u:tiger@{}", engine.place());
        let subject = subject_with(settings(&url, "cache:"), Limits::default());
        let calls: Vec<(&str, Vec<Value>)> = vec![
            ("store", vec!["a".into(), 1.into()]),
            ("storeMany", vec![Value::structure([("b", 1.into())])]),
            ("increment", vec!["a".into()]),
            ("expire", vec!["a".into(), 60.into()]),
            ("expire", vec!["a".into(), 0.into()]),
            ("fetchMany", vec![Value::array(["a".into()])]),
            ("getSecondsLeft", vec!["a".into()]),
            ("getKeys", vec![]),
            ("wait", vec!["a".into(), 1.into(), 60.into()]),
            ("deleteIf", vec!["a".into(), 2.into()]),
            ("clear", vec![]),
        ];
        for (method, params) in calls {
            assert!(
                subject.call(method, params.clone()).is_ok(),
                "{name} {method}: {:?}",
                subject.call(method, params)
            );
        }
        engine.ask(&["SET", "cache:x", "1"]);
        subject.host.wait_until(|host| host.events().last().is_some_and(|event| event == "CACHE_STORE key:x"));
        assert_eq!(subject.call("getInfo", ()).unwrap().get("connection"), Some(&"connected".into()));
    }
}

#[test]
fn the_engine_s_own_limit_is_a_quota() {
    let engine = Engine::valkey(&["--maxmemory", "3mb", "--maxmemory-policy", "noeviction"]);
    let subject = engine_subject(&format!("redis://{}", engine.place()), Limits::default());
    let fault = (0..200).find_map(|number| subject.call("store", (format!("{number}"), "x".repeat(100_000))).err());
    let fault = fault.expect("it is full");
    assert!(fault.code == 240 && fault.text.starts_with("QUOTA_EXCEEDED: maxmemory of the engine"), "{fault}");
    assert_eq!(subject.call("delete", ("0",)), Ok(true.into()));
    assert_eq!(subject.call("getInfo", ()).unwrap().get("refused"), Some(&1.into()));
}

#[test]
fn an_engine_that_is_not_there_is_no_reason_to_wait() {
    // Nobody listens there.
    let port = engines::free_port();
    let lost = engine_subject(&format!("redis://127.0.0.1:{port}"), Limits::default());
    lost.wait_for_log("cannot be reached");
    let begun = Instant::now();
    for _ in 0..20 {
        let fault = lost.call("fetch", ("k",)).unwrap_err();
        assert!(fault.code == 241 && fault.text.contains("refused"), "{fault}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "each is refused at once: {:?}", begun.elapsed());
    let info = lost.call("getInfo", ()).unwrap();
    assert!(info.get("connection").and_then(Value::as_str).is_some_and(|text| text.starts_with("lost: ")), "{info:?}");
    assert_eq!(lost.told().len(), 1, "{:?}", lost.told());
}

#[test]
fn an_engine_that_hangs_is_told_of_once_each_way() {
    let engine = Engine::valkey(&[]);
    let timeout = Duration::from_millis(500);
    let settings = Settings { timeout, ..settings(&format!("redis://{}", engine.place()), "cache:") };
    let subject = subject_with(settings, Limits::default());
    subject.host.set_listeners(false);
    subject.call("store", ("k", "v")).unwrap();
    engine.signal("STOP");
    let cache = subject.cache.as_ref().unwrap();
    let begun = Instant::now();
    let calls: Vec<_> = (0..50).map(|_| cache.begin::<Value>("fetch", ("k",))).collect();
    for call in calls {
        let fault = call.wait().unwrap_err();
        assert!(fault.code == 241 && fault.text.ends_with("no answer within 0.5 seconds"), "{fault}");
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    subject.wait_for_log("lost");
    let mut waits = cache.begin::<Value>("wait", ("k", "v", 3600));
    for _ in 0..20 {
        assert_eq!(subject.call("store", ("k", "w")).unwrap_err().code, 241);
    }
    assert!(!waits.is_ready() || waits.wait().unwrap_err().code == 241);
    engine.signal("CONT");
    subject.wait_for_log("connected again");
    subject.host.wait_until(|_| subject.call("fetch", ("k",)).is_ok());
    let told = subject.told();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].contains("lost: no answer within 0.5 seconds") && told[1].contains("connected again"), "{told:?}");
}

#[test]
fn an_engine_that_starts_later_is_found() {
    let port = engines::free_port();
    let subject = engine_subject(&format!("redis://127.0.0.1:{port}"), Limits::default());
    subject.wait_for_log("cannot be reached");
    let (_, program) = &engines::programs()[0];
    let engine = Engine::start_at(program, port, &[]);
    subject.wait_for_log("connected again");
    assert_eq!(subject.call("store", ("k", "v")), Ok(true.into()));
    assert_eq!(engine.ask(&["GET", &subject.in_engine("k")]), "v");
    assert_eq!(subject.told().len(), 2, "{:?}", subject.told());
}

#[test]
fn what_is_under_way_at_the_end_is_done() {
    let (_, engine) = &all()[0];
    let mut subject = engine_subject(&format!("redis://{}", engine.place()), Limits::default());
    let last = subject.in_engine("999");
    let cache = subject.cache.take().unwrap();
    subject.host.set_listeners(false);
    // Nobody waits for the answer, which a busy machine may have before we look.
    let under_way =
        (0..1000).filter(|number| !cache.begin::<Value>("store", (number.to_string(), "x")).is_ready()).count();
    assert!(under_way > 0);
    drop(cache);
    assert_eq!(engine.ask(&["GET", &last]), "x");
}

#[test]
fn steps_of_many_at_once_are_whole() {
    let (_, engine) = &all()[0];
    let url = format!("redis://{}", engine.place());
    // Two supervisords that share the engine.
    let machines = [(); 2].map(|()| subject_with(settings(&url, "shared:"), Limits::default()));
    machines[0].call("store", ("swapped", 0)).unwrap();
    thread::scope(|scope| {
        for number in 0..8 {
            let machine = machines[number % 2].cache.as_ref().unwrap();
            scope.spawn(move || {
                for _ in 0..50 {
                    machine.call::<Value>("increment", ("counted", 1)).unwrap();
                    loop {
                        let found: i64 = machine.call("fetch", ("swapped",)).unwrap();
                        if machine.call("replaceIf", ("swapped", found, found + 1)).unwrap() {
                            break;
                        }
                    }
                }
            });
        }
    });
    assert_eq!(machines[1].call("fetch", ("counted",)), Ok(400.into()));
    assert_eq!(machines[1].call("fetch", ("swapped",)), Ok(400.into()));
}
