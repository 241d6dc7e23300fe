//! Methods, old and new, with their answers.

use std::time::Duration;

use plugin_api::{Fault, Value, testing::FakeHost};

use super::subject::{Subject, subjects};
use crate::store::{Clock, Limits};

/// A line of a table: a call, or the passing of so many seconds.
enum Line {
    Call(&'static str, Vec<Value>, Result<Value, Fault>),
    Pass(u64),
}

/// A call that is answered.
fn ok(method: &'static str, params: impl Into<Vec<Value>>, answer: impl Into<Value>) -> Line {
    Line::Call(method, params.into(), Ok(answer.into()))
}

/// A call that is refused.
fn no(method: &'static str, params: impl Into<Vec<Value>>, fault: Fault) -> Line {
    Line::Call(method, params.into(), Err(fault))
}

fn run(limits: Limits, lines: impl Fn() -> Vec<Line>) {
    for subject in subjects(limits, Clock::standing) {
        for (number, line) in lines().into_iter().enumerate() {
            match line {
                Line::Pass(seconds) => subject.pass(Duration::from_secs(seconds)),
                Line::Call(method, params, expected) => {
                    let shown = format!("{}, line {number}: {method} {params:?}", subject.name);
                    assert_eq!(subject.call(method, params), expected, "{shown}");
                }
            }
        }
    }
}

fn strings<const N: usize>(strings: [&str; N]) -> Value {
    Value::array(strings.map(Value::from))
}

fn bad_key() -> Fault {
    Fault::bad_name_with("Cache key must be a non-empty string")
}

fn quota(what: &str) -> Fault {
    Fault::new(240, format!("QUOTA_EXCEEDED: {what}"))
}

#[test]
fn the_methods_of_the_original() {
    run(Limits::default(), || {
        vec![
            ok("getAPIVersion", [], "0.2"),
            ok("getKeys", [], Value::array([])),
            ok("getCount", [], 0),
            ok("store", ["foo".into(), "bar baz".into()], true),
            ok("store", ["a".into(), Value::Int64(7)], true),
            ok("store", ["foo".into(), "other".into()], true),
            ok("fetch", ["foo".into()], "other"),
            ok("fetch", ["a".into()], Value::Int64(7)),
            ok("getKeys", [], strings(["a", "foo"])),
            ok("getCount", [], 2),
            ok("delete", ["a".into()], true),
            ok("delete", ["a".into()], true),
            no("fetch", ["a".into()], Fault::bad_name()),
            no("fetch", ["".into()], bad_key()),
            ok("clear", [], true),
            ok("clear", [], true),
            ok("getCount", [], 0),
        ]
    });
}

#[test]
fn values_of_every_type() {
    let values = || {
        [
            Value::Nil,
            false.into(),
            (-7).into(),
            Value::Int64(7),
            Value::Int64(i64::MIN),
            0.5.into(),
            f64::INFINITY.into(),
            "".into(),
            "x".repeat(3000).into(),
            Value::DateTime("20240101T00:00:00".into()),
            Value::Base64(vec![0, 255].into()),
            Value::array([Value::structure([("b", 1.into()), ("a", Value::Nil)]), Value::array([])]),
            Value::structure([("", Value::Bool(true)), ("", Value::Bool(false))]),
        ]
    };
    run(Limits::default(), || {
        let each = |value: Value| {
            let other = Value::from("another");
            [
                ok("store", ["k".into(), value.clone()], true),
                ok("fetch", ["k".into()], value.clone()),
                ok("replaceIf", ["k".into(), other.clone(), 1.into()], false),
                ok("replaceIf", ["k".into(), value.clone(), other.clone()], true),
                ok("replaceIf", ["k".into(), other.clone(), value.clone()], true),
                ok("expire", ["k".into(), 5.into()], true),
                ok("fetch", ["k".into()], value.clone()),
                ok("deleteIf", ["k".into(), other], false),
                ok("deleteIf", ["k".into(), value], true),
            ]
        };
        values().into_iter().flat_map(each).collect()
    });
}

#[test]
fn what_is_added_stays() {
    run(Limits::default(), || {
        vec![
            ok("add", ["k".into(), "first".into()], true),
            ok("add", ["k".into(), "second".into()], false),
            ok("add", ["k".into(), "second".into(), 5.into()], false),
            ok("fetch", ["k".into()], "first"),
            ok("getSecondsLeft", ["k".into()], 0.0),
            no("add", ["".into(), 1.into()], bad_key()),
            ok("add", ["t".into(), 1.into(), 5.into()], true),
            ok("add", ["t".into(), 2.into(), 5.into()], false),
            Line::Pass(6),
            ok("add", ["t".into(), 2.into()], true),
            ok("fetch", ["t".into()], 2),
        ]
    });
}

#[test]
fn comparing_and_acting_is_one_step() {
    run(Limits::default(), || {
        vec![
            ok("replaceIf", ["k".into(), Value::Nil, "x".into()], false),
            ok("deleteIf", ["k".into(), Value::Nil], false),
            ok("getCount", [], 0),
            ok("store", ["k".into(), 1.into()], true),
            ok("replaceIf", ["k".into(), "1".into(), 2.into()], false),
            ok("replaceIf", ["k".into(), 1.into(), 2.into()], true),
            ok("deleteIf", ["k".into(), 1.into()], false),
            ok("fetch", ["k".into()], 2),
            ok("deleteIf", ["k".into(), 2.into()], true),
            no("fetch", ["k".into()], Fault::bad_name()),
            no("replaceIf", [Value::Nil, 1.into(), 2.into()], bad_key()),
            no("deleteIf", [Value::Nil, 1.into()], bad_key()),
        ]
    });
}

#[test]
fn integers_are_counted_up_and_down() {
    let no_integer = |kind| Fault::bad_arguments_with(format!("what is cached under 't' is {kind} and not an integer"));
    run(Limits::default(), || {
        vec![
            ok("increment", ["n".into()], 1),
            ok("increment", ["n".into()], 2),
            ok("increment", ["n".into(), 40.into()], 42),
            ok("increment", ["n".into(), (-43).into()], -1),
            ok("fetch", ["n".into()], -1),
            ok("increment", ["n".into(), Value::Int64(1 << 40)], (1_i64 << 40) - 1),
            ok("increment", ["new".into(), 0.into()], 0),
            ok("fetch", ["new".into()], 0),
            ok("store", ["t".into(), "5".into()], true),
            no("increment", ["t".into()], no_integer("a string")),
            ok("store", ["t".into(), 5.0.into()], true),
            no("increment", ["t".into()], no_integer("a double")),
            ok("store", ["t".into(), true.into()], true),
            no("increment", ["t".into()], no_integer("a boolean")),
            ok("store", ["t".into(), Value::Int64(i64::MAX)], true),
            no(
                "increment",
                ["t".into()],
                Fault::bad_arguments_with(format!("{} and 1 make more than an integer of 64 bits holds", i64::MAX)),
            ),
            ok("fetch", ["t".into()], Value::Int64(i64::MAX)),
            no("increment", ["".into()], bad_key()),
            ok("storeFor", ["s".into(), 1.into(), 100.into()], true),
            ok("increment", ["s".into()], 2),
            Line::Pass(101),
            ok("increment", ["s".into()], 1),
        ]
    });
}

#[test]
fn time_goes_by() {
    run(Limits::default(), || {
        vec![
            ok("storeFor", ["k".into(), "v".into(), 10.into()], true),
            ok("storeFor", ["l".into(), "v".into(), 20.into()], true),
            ok("storeFor", ["for ever".into(), "v".into(), 0.into()], true),
            ok("getSecondsLeft", ["for ever".into()], 0.0),
            Line::Pass(9),
            ok("fetch", ["k".into()], "v"),
            ok("replaceIf", ["k".into(), "v".into(), "w".into()], true),
            Line::Pass(2),
            no("fetch", ["k".into()], Fault::bad_name()),
            no("getSecondsLeft", ["k".into()], Fault::bad_name()),
            ok("expire", ["k".into(), 5.into()], false),
            ok("getCount", [], 2),
            ok("getKeys", [], strings(["for ever", "l"])),
            ok("listKeys", ["".into(), 1.into()], strings(["for ever"])),
            ok("fetchMany", [strings(["k", "l"])], Value::structure([("l", "v".into())])),
            ok("expire", ["l".into(), 0.into()], true),
            ok("getSecondsLeft", ["l".into()], 0.0),
            Line::Pass(100),
            ok("fetch", ["l".into()], "v"),
            ok("expire", ["l".into(), 0.001.into()], true),
            Line::Pass(1),
            ok("getKeys", [], strings(["for ever"])),
            ok("expire", ["for ever".into(), 5.into()], true),
            ok("store", ["for ever".into(), "again".into()], true),
            Line::Pass(6),
            ok("fetch", ["for ever".into()], "again"),
        ]
    });
    for seconds in [Value::from(-1), (-0.5).into(), f64::NAN.into(), f64::INFINITY.into(), 1e11.into()] {
        for subject in subjects(Limits::default(), Clock::default) {
            for (method, params) in [
                ("add", vec!["k".into(), "v".into(), seconds.clone()]),
                ("storeFor", vec!["k".into(), "v".into(), seconds.clone()]),
                ("expire", vec!["k".into(), seconds.clone()]),
                ("wait", vec!["k".into(), "v".into(), seconds.clone()]),
            ] {
                let fault = subject.call(method, params).unwrap_err();
                assert_eq!(fault.code, 3, "{method} {seconds:?}: {fault}");
            }
        }
    }
}

#[test]
fn the_time_that_is_left_is_told() {
    for subject in subjects(Limits::default(), Clock::default) {
        subject.call("storeFor", ("k", "v", 90)).unwrap();
        subject.pass(Duration::from_secs(30));
        let Value::Double(left) = subject.call("getSecondsLeft", ("k",)).unwrap() else { panic!("no double") };
        assert!(left > 50.0 && left <= 60.0, "{left}");
        assert_eq!(subject.call("getSecondsLeft", ("nope",)), Err(Fault::bad_name()));
        assert_eq!(subject.call("getSecondsLeft", ("",)), Err(bad_key()));
    }
}

#[test]
fn many_at_once() {
    run(Limits::default(), || {
        let entries = || Value::structure([("b", 1.into()), ("a", Value::Nil), ("c", "x".into())]);
        vec![
            ok("storeMany", [Value::structure::<&str>([])], true),
            ok("storeMany", [entries()], true),
            ok("getKeys", [], strings(["a", "b", "c"])),
            ok(
                "fetchMany",
                [strings(["c", "nope", "a", "c"])],
                Value::structure([("a", Value::Nil), ("c", "x".into())]),
            ),
            ok("fetchMany", [Value::array([])], Value::structure::<&str>([])),
            no("fetchMany", [strings(["c", ""])], bad_key()),
            no("storeMany", [Value::structure([("d", 1.into()), ("", 2.into())])], bad_key()),
            no("fetch", ["d".into()], Fault::bad_name()),
        ]
    });
}

#[test]
fn keys_are_listed_in_pages() {
    run(Limits::default(), || {
        let entries = ["a", "b:1", "b:2", "b:3", "b;", "ba", "c", "ä"].map(|key| (key, Value::from(1)));
        let page =
            |prefix: &str, limit: i32, after: &str| -> [Value; 3] { [prefix.into(), limit.into(), after.into()] };
        vec![
            ok("storeMany", [Value::structure(entries)], true),
            ok("listKeys", ["b:".into()], strings(["b:1", "b:2", "b:3"])),
            ok("listKeys", ["b:".into(), 2.into()], strings(["b:1", "b:2"])),
            ok("listKeys", page("b:", 2, "b:2"), strings(["b:3"])),
            ok("listKeys", page("b:", 0, "b:1"), strings(["b:2", "b:3"])),
            ok("listKeys", page("b:", 2, "a"), strings(["b:1", "b:2"])),
            ok("listKeys", page("b:", 2, "b:11"), strings(["b:2", "b:3"])),
            ok("listKeys", page("b:", 2, "c"), Value::array([])),
            ok("listKeys", page("", 2, "ba"), strings(["c", "ä"])),
            ok("listKeys", page("", 5000, "b;"), strings(["ba", "c", "ä"])),
            ok("listKeys", ["x".into()], Value::array([])),
            ok("listKeys", ["ä".into()], strings(["ä"])),
        ]
    });
}

#[test]
fn limits_of_keys() {
    run(Limits { max_keys: 2, ..Limits::default() }, || {
        let full = || quota("max_keys is 2, and 3 keys were asked for");
        vec![
            ok("store", ["a".into(), 1.into()], true),
            ok("storeFor", ["b".into(), 1.into(), 10.into()], true),
            no("store", ["c".into(), 1.into()], full()),
            no("add", ["c".into(), 1.into()], full()),
            no("increment", ["c".into()], full()),
            no("storeMany", [Value::structure([("a", 5.into()), ("c", 1.into())])], full()),
            ok("fetch", ["a".into()], 1),
            ok("add", ["a".into(), 1.into()], false),
            ok("store", ["a".into(), "longer".into()], true),
            Line::Pass(11),
            ok("store", ["c".into(), 1.into()], true),
            no("store", ["d".into(), 1.into()], full()),
            ok("delete", ["c".into()], true),
            ok("store", ["d".into(), 1.into()], true),
            ok("clear", [], true),
            ok("store", ["e".into(), 1.into()], true),
        ]
    });
}

#[test]
fn limits_of_bytes() {
    // An entry counts for 64 bytes, its key's, and its value's.
    run(Limits { max_bytes: 200, ..Limits::default() }, || {
        let over = |bytes: u32| quota(&format!("max_bytes is 200, and {bytes} bytes were asked for"));
        vec![
            ok("store", ["a".into(), "x".repeat(135).into()], true),
            no("store", ["a".into(), "x".repeat(136).into()], over(201)),
            no("store", ["b".into(), "".into()], over(265)),
            ok("store", ["a".into(), "x".repeat(134).into()], true),
            ok("store", ["a".into(), 1.into()], true),
            ok("store", ["b".into(), Value::array([1.into()])], true),
            no("replaceIf", ["a".into(), 1.into(), "y".repeat(24).into()], over(202)),
            ok("replaceIf", ["a".into(), 1.into(), "y".repeat(22).into()], true),
            ok("delete", ["a".into()], true),
            ok("storeMany", [Value::structure([("a", "".into()), ("b", "".into())])], true),
        ]
    });
}

#[test]
fn limits_of_one_value() {
    run(Limits { max_value_bytes: 10, ..Limits::default() }, || {
        let over = |bytes: u32| quota(&format!("max_value_bytes is 10, and a value of {bytes} bytes was asked for"));
        vec![
            ok("store", ["k".repeat(50).into(), "x".repeat(10).into()], true),
            no("store", ["a".into(), "x".repeat(11).into()], over(11)),
            no("add", ["a".into(), Value::array([Value::Nil])], over(48)),
            no("storeMany", [Value::structure([("a", 1.into()), ("b", "x".repeat(12).into())])], over(12)),
            ok("getCount", [], 1),
        ]
    });
}

#[test]
fn who_waits_hears_of_the_change() {
    for subject in subjects(Limits::default(), Clock::default) {
        let cache = subject.cache.as_ref().unwrap();
        let answer =
            |changed: bool, value: Value| Ok(Value::structure([("changed", changed.into()), ("value", value)]));
        // What is another value already is told at once.
        assert_eq!(subject.call("wait", ("k", "v", 30)), answer(true, Value::Nil));
        let steps: [(&str, Vec<Value>, Value); 7] = [
            ("store", vec!["k".into(), 1.into()], 1.into()),
            ("increment", vec!["k".into()], 2.into()),
            ("replaceIf", vec!["k".into(), 2.into(), "x".into()], "x".into()),
            ("storeMany", vec![Value::structure([("k", "y".into())])], "y".into()),
            ("delete", vec!["k".into()], Value::Nil),
            ("add", vec!["k".into(), "z".into()], "z".into()),
            ("clear", vec![], Value::Nil),
        ];
        let mut known = Value::Nil;
        for (method, params, value) in steps {
            let mut waits = cache.begin::<Value>("wait", ("k", known.clone(), 30));
            let mut elsewhere = cache.begin::<Value>("wait", ("other", Value::Nil, 30));
            assert!(!waits.is_ready());
            subject.call("store", ("unrelated", 1)).unwrap();
            assert!(!waits.is_ready());
            subject.call(method, params).unwrap();
            assert_eq!(waits.wait(), answer(true, value.clone()), "{method}");
            assert!(!elsewhere.is_ready());
            known = value;
        }
        // The time is over.
        let mut waits = cache.begin::<Value>("wait", ("k", Value::Nil, 30));
        assert!(!waits.is_ready());
        subject.host.advance(Duration::from_secs(30));
        assert_eq!(waits.wait(), answer(false, Value::Nil));
        assert_eq!(subject.call("wait", ("", 1, 1)), Err(bad_key()));
    }
}

#[test]
fn who_waits_hears_of_what_expires() {
    for subject in subjects(Limits::default(), Clock::default) {
        subject.call("storeFor", ("k", "v", 0.2)).unwrap();
        let cache = subject.cache.as_ref().unwrap();
        let answer = Value::structure([("changed", true.into()), ("value", Value::Nil)]);
        assert_eq!(cache.call("wait", ("k", "v", 30)), Ok(answer), "{}", subject.name);
        let info = subject.call("getInfo", ()).unwrap();
        assert_eq!(info.get("keys"), Some(&0.into()));
        // An engine has other things in its memory.
        assert!(subject.is_engine() || info.get("bytes") == Some(&0.into()));
    }
}

#[test]
fn ten_thousand_wait() {
    for subject in subjects(Limits::default(), Clock::default) {
        let cache = subject.cache.as_ref().unwrap();
        let mut waits: Vec<_> = (0..10_000)
            .map(|number| cache.begin::<Value>("wait", (format!("k{}", number % 100), Value::Nil, 30)))
            .collect();
        assert!(waits.iter_mut().all(|wait| !wait.is_ready()));
        let threads = std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count);
        assert!(threads < 200, "{threads} threads");
        for key in 0..100 {
            subject.call("store", (format!("k{key}"), 1)).unwrap();
        }
        assert!(waits.into_iter().all(|wait| wait.wait().is_ok_and(|answer| answer.get("value") == Some(&1.into()))));
    }
}

#[test]
fn it_tells_how_it_is() {
    for subject in subjects(Limits { max_keys: 2, ..Limits::default() }, Clock::default) {
        let Subject { name, .. } = subject;
        subject.call("store", ("a", "four")).unwrap();
        subject.call("fetch", ("a",)).unwrap();
        subject.call("fetch", ("b",)).unwrap_err();
        subject.call("fetchMany", (strings(["a", "b", "c"]),)).unwrap();
        subject.call("storeMany", (Value::structure([("b", 1.into()), ("c", 1.into())]),)).unwrap_err();
        let info = subject.call("getInfo", ()).unwrap();
        let expected = Value::structure([
            ("store", name.into()),
            ("keys", 1.into()),
            ("bytes", 69.into()),
            (
                "limits",
                Value::structure([("max_keys", 2.into()), ("max_bytes", 0.into()), ("max_value_bytes", 0.into())]),
            ),
            ("hits", 2.into()),
            ("misses", 3.into()),
            ("refused", 1.into()),
            ("connection", "local".into()),
        ]);
        for member in ["store", "keys", "bytes", "limits", "hits", "misses", "refused", "connection"] {
            assert_eq!(info.get(member), expected.get(member), "{name} {member}");
        }
    }
}

#[test]
fn nobody_is_answered_while_supervisord_shuts_down() {
    for subject in subjects(Limits::default(), Clock::default) {
        subject.host.set_state(plugin_api::SupervisorState::Shutdown);
        for method in subject.cache.as_ref().unwrap().methods() {
            let params: Vec<Value> = method
                .params
                .iter()
                .map(|param| match param.kind.as_str() {
                    "array" => Value::array([]),
                    "struct" => Value::structure::<&str>([]),
                    _ => "1".into(),
                })
                .collect();
            assert_eq!(subject.call(&method.name, params), Err(Fault::shutdown_state()), "{}", method.name);
        }
    }
}

#[test]
fn signatures() {
    let cache = FakeHost::new().make(crate::rpcinterface::make_cache_rpcinterface, []).unwrap();
    let signatures: Vec<String> = cache
        .methods()
        .iter()
        .map(|method| {
            let params: Vec<_> = method.params.iter().map(|param| param.kind.as_str()).collect();
            format!("{} {}({})", method.returns, method.name, params.join(", "))
        })
        .collect();
    let expected = [
        "boolean add(string, value, double)",
        "boolean storeFor(string, value, double)",
        "boolean replaceIf(string, value, value)",
        "boolean deleteIf(string, value)",
        "int increment(string, int)",
        "boolean expire(string, double)",
        "double getSecondsLeft(string)",
        "struct fetchMany(array)",
        "boolean storeMany(struct)",
        "array listKeys(string, int, string)",
        "struct wait(string, value, double)",
        "struct getInfo()",
    ];
    assert_eq!(signatures[7..], expected);
}
