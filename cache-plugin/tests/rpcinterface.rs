//! `cache.*` as its clients see it.

#![allow(missing_docs)]

use plugin_api::{
    Fault, PanelQuery, SupervisorState, Value,
    testing::{FakeHost, Published},
};
use supervisor_cache::rpcinterface::make_cache_rpcinterface;

fn cache_in(host: &FakeHost) -> Published {
    host.make(make_cache_rpcinterface, []).unwrap()
}

fn cache() -> Published {
    cache_in(&FakeHost::new())
}

/// Every method, with parameters that it takes.
fn every_call() -> [(&'static str, Vec<Value>); 7] {
    [
        ("getAPIVersion", vec![]),
        ("getKeys", vec![]),
        ("getCount", vec![]),
        ("store", vec!["k".into(), "v".into()]),
        ("fetch", vec!["k".into()]),
        ("delete", vec!["k".into()]),
        ("clear", vec![]),
    ]
}

#[test]
fn stores_fetches_and_forgets() {
    let cache = cache();
    assert_eq!(cache.call("getAPIVersion", ()), Ok("0.2".to_owned()));
    assert_eq!(cache.call("store", ("foo", "bar baz")), Ok(true));
    assert_eq!(cache.call("fetch", ("foo",)), Ok("bar baz".to_owned()));
    assert_eq!(cache.call("store", ("foo", "other")), Ok(true));
    assert_eq!(cache.call("fetch", ("foo",)), Ok("other".to_owned()));
    assert_eq!(cache.call("getCount", ()), Ok(1));
    for _ in 0..2 {
        assert_eq!(cache.call("delete", ("foo",)), Ok(true));
        assert_eq!(cache.call::<Value>("fetch", ("foo",)), Err(Fault::bad_name()));
    }
    cache.call::<bool>("store", ("foo", "bar baz")).unwrap();
    assert_eq!(cache.call("clear", ()), Ok(true));
    assert_eq!(cache.call("getCount", ()), Ok(0));
}

#[test]
fn keys_are_sorted_by_code_point() {
    let cache = cache();
    for key in ["b", "ä", "a", "\u{1f408}", "Z", "\u{ffee}", "\n", " "] {
        cache.call::<bool>("store", (key, "v")).unwrap();
    }
    let sorted = ["\n", " ", "Z", "a", "b", "ä", "\u{ffee}", "\u{1f408}"].map(str::to_owned).to_vec();
    assert_eq!(cache.call("getKeys", ()), Ok(sorted));
}

#[test]
fn values_of_every_type_come_back_as_they_were() {
    let cache = cache();
    let values = [
        Value::Nil,
        false.into(),
        (-7).into(),
        Value::Int64(7),
        0.5.into(),
        "".into(),
        Value::DateTime("20240101T00:00:00".into()),
        Value::Base64(vec![0, 255].into()),
        Value::array([Value::structure([("b", 1.into()), ("a", Value::Nil)])]),
    ];
    for value in values {
        cache.call::<bool>("store", ("k", value.clone())).unwrap();
        assert_eq!(cache.call("fetch", ("k",)), Ok(value));
    }
}

#[test]
fn a_large_string_is_given_out_without_a_copy() {
    let cache = cache();
    let text = "x".repeat(1024 * 1024);
    cache.call::<bool>("store", ("k", &text)).unwrap();
    let [first, second]: [Value; 2] = [(); 2].map(|()| cache.call("fetch", ("k",)).unwrap());
    assert_eq!(first, text.as_str());
    let address = |value: &Value| value.as_str().unwrap().as_ptr();
    assert_eq!(address(&first), address(&second));
    // What was given out stays whole when the cache has something else.
    cache.call::<bool>("clear", ()).unwrap();
    assert_eq!(second, text.as_str());
}

#[test]
fn a_key_is_a_string_and_not_empty() {
    let cache = cache();
    for key in [Value::from(""), 1.into(), Value::Nil, Value::array([]), Value::Base64(vec![0xff].into())] {
        let fault = Fault::new(10, "BAD_NAME: Cache key must be a non-empty string");
        assert_eq!(cache.call::<bool>("store", (key.clone(), "v")), Err(fault.clone()));
        assert_eq!(cache.call::<Value>("fetch", (key.clone(),)), Err(fault.clone()));
        assert_eq!(cache.call::<bool>("delete", (key,)), Err(fault));
    }
    // Supervisor's clients may send any text as base64.
    assert_eq!(cache.call("store", (Value::Base64(b"k".to_vec().into()), "v")), Ok(true));
    assert_eq!(cache.call("fetch", ("k",)), Ok("v".to_owned()));
}

#[test]
fn the_number_of_parameters_counts() {
    let cache = cache();
    for (method, mut params) in every_call() {
        let refused = Err(Fault::new(2, "INCORRECT_PARAMETERS"));
        if params.pop().is_some() {
            assert_eq!(cache.call::<Value>(method, params.clone()), refused, "{method}");
            params.push("v".into());
        }
        params.push("one too many".into());
        assert_eq!(cache.call::<Value>(method, params), refused, "{method}");
    }
    assert_eq!(cache.call::<Value>("update", ()), Err(Fault::new(1, "UNKNOWN_METHOD")));
}

#[test]
fn a_supervisor_that_shuts_down_has_no_cache() {
    let host = FakeHost::new();
    let cache = cache_in(&host);
    host.set_state(SupervisorState::Shutdown);
    for (method, params) in every_call() {
        assert_eq!(cache.call::<Value>(method, params), Err(Fault::new(6, "SHUTDOWN_STATE")), "{method}");
    }
}

#[test]
fn a_supervisor_that_restarts_still_has_one() {
    let host = FakeHost::new();
    let cache = cache_in(&host);
    host.set_state(SupervisorState::Restarting);
    for (method, params) in every_call() {
        assert!(cache.call::<Value>(method, params).is_ok(), "{method}");
    }
}

#[test]
fn the_cache_asks_nothing_of_the_supervisor_but_its_state() {
    let host = FakeHost::new();
    let cache = cache_in(&host);
    for (method, params) in every_call() {
        cache.call::<Value>(method, params).unwrap();
    }
    assert!(host.calls().is_empty() && host.logs().is_empty());
}

#[test]
fn unknown_options_are_errors_that_name_the_known_ones() {
    let fault = FakeHost::new().make(make_cache_rpcinterface, [("size", "1".into())]).unwrap_err();
    let expected = "BAD_ARGUMENTS: unknown key 'size'; known are 'max_keys', 'max_bytes', 'max_value_bytes', 'store', \
                    'file', 'sync', 'store_prefix', 'store_username', 'store_password', 'store_password_file', \
                    'store_ca_file', 'store_timeout'";
    assert_eq!(fault.text, expected);
}

#[test]
fn limits_are_numbers_and_sizes() {
    let make = |options: [(&str, Value); 1]| FakeHost::new().make(make_cache_rpcinterface, options);
    for (option, value, fault) in [
        ("max_keys", "many", "max_keys: expected a whole number, not 'many'"),
        ("max_keys", "-1", "max_keys: -1 is out of range"),
        ("max_bytes", "10 cats", "max_bytes: expected a size such as 1024, 500KB, 10MB or 2GB, not '10 cats'"),
        (
            "store",
            "paper",
            "store: 'paper' is none; known are 'memory', 'file', and URLs that begin with redis://, valkey://, rediss://, \
             valkeys://, unix://, redis-cluster:// and redis-sentinel://",
        ),
    ] {
        assert_eq!(make([(option, value.into())]).unwrap_err().detail(), fault);
    }
    let cache = make([("max_value_bytes", "1KB".into())]).unwrap();
    assert_eq!(cache.call("store", ("k", "x".repeat(1024))), Ok(true));
    let fault = cache.call::<bool>("store", ("k", "x".repeat(1025))).unwrap_err();
    let expected = "QUOTA_EXCEEDED: max_value_bytes is 1024, and a value of 1025 bytes was asked for";
    assert_eq!(fault, Fault::new(240, expected));
}

#[test]
fn signatures_are_those_of_the_original() {
    let signatures: Vec<String> = cache()
        .methods()
        .iter()
        .map(|method| {
            let params: Vec<_> = method.params.iter().map(|param| param.kind.as_str()).collect();
            format!("{} {}({})", method.returns, method.name, params.join(", "))
        })
        .collect();
    let expected = [
        "string getAPIVersion()",
        "array getKeys()",
        "integer getCount()",
        "boolean store(string, string)",
        "string fetch(string)",
        "boolean delete(string)",
        "boolean clear()",
    ];
    assert_eq!(signatures[..7], expected);
}

#[test]
fn a_file_keeps_what_was_stored() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("cache");
    let make = |sync: &str| {
        let options = [("store", "file".into()), ("file", path.to_str().unwrap().into()), ("sync", sync.into())];
        FakeHost::new().make(make_cache_rpcinterface, options)
    };
    let fault = make("often").unwrap_err();
    assert_eq!(fault.text, "BAD_ARGUMENTS: sync: 'often' is not known; known are 'always' and 'everysec'");
    for sync in ["always", "everysec"] {
        let cache = make(sync).unwrap();
        assert_eq!(cache.call("increment", ("n",)), Ok(if sync == "always" { 1 } else { 2 }));
        let info: Value = cache.call("getInfo", ()).unwrap();
        assert_eq!(info.get("sync"), Some(&sync.into()));
        assert_eq!(info.get("file"), Some(&path.to_str().unwrap().into()));
    }
    // Without an option it lies in the plugin's own directory.
    let host = FakeHost::new();
    drop(host.make(make_cache_rpcinterface, [("store", "file".into())]).unwrap());
    assert!(host.host().data_dir().unwrap().join("cache").exists());
}

/// Cells of a column of a panel.
fn column(panel: &Value, index: usize) -> Vec<Value> {
    let rows = panel.get("rows").and_then(Value::as_array).unwrap();
    rows.iter().map(|row| row.as_array().unwrap()[index].clone()).collect()
}

#[test]
fn the_page_shows_keys_sizes_and_values() {
    let cache = cache();
    let look = |search: &str, after: &str| {
        let mut query = PanelQuery::default();
        (query.search, query.after) = (search.to_owned(), after.to_owned());
        cache.panel("Cache", query).wait().unwrap()
    };
    assert_eq!(look("", "").get("rows"), Some(&Value::array([])));
    cache.call::<bool>("store", ("a", "one\ntwo")).unwrap();
    cache.call::<bool>("store", ("b", "x".repeat(5000))).unwrap();
    cache.call::<bool>("store", ("c", vec![1, 2])).unwrap();
    let panel = look("", "");
    assert_eq!(column(&panel, 0), ["a", "b", "c"].map(Value::from));
    assert_eq!(column(&panel, 1), ["string", "string", "array"].map(Value::from));
    assert_eq!(column(&panel, 2), [7, 5000, 96].map(Value::Int));
    assert_eq!(column(&panel, 3), ["one two", &("x".repeat(100) + "…"), "[1, 2]"].map(Value::from));
    assert!(panel.get("note").and_then(Value::as_str).unwrap().starts_with("3 keys, "));
    for number in 0..120 {
        cache.call::<bool>("store", (format!("k{number:03}"), "v")).unwrap();
    }
    let first = look("k", "");
    let after = first.get("after").and_then(Value::as_str).unwrap();
    assert_eq!((column(&first, 0).len(), after), (50, "k049"));
    let last = look("k", "k099");
    assert_eq!((column(&last, 0).len(), last.get("after")), (20, Some(&Value::Nil)));
    let info: Value = cache.call("getInfo", ()).unwrap();
    assert_eq!(info.get("hits").and_then(Value::as_i64), Some(0), "to look is no use of the cache");
}

#[test]
fn its_figures_are_metrics() {
    let host = FakeHost::new();
    let cache = host.make(make_cache_rpcinterface, [("max_keys", Value::from(1))]).unwrap();
    cache.call::<bool>("store", ("foo", "bar")).unwrap();
    cache.call::<bool>("store", ("more", "bar")).unwrap_err();
    cache.call::<Value>("fetch", ("foo",)).unwrap();
    cache.call::<Value>("fetch", ("nothing",)).unwrap_err();
    let metrics = cache.metrics().wait().unwrap();
    let known = ["store_up", "keys", "max_keys", "hits", "misses", "refused"].map(|name| metrics.get(name, &[]));
    assert_eq!(known, [Some(1.0); 6]);
    assert!(metrics.get("size_bytes", &[]).is_some_and(|bytes| bytes > 0.0));
    assert_eq!(metrics.get("max_size_bytes", &[]), None);
}
