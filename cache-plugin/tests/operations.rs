//! The commands of `make_cache_operations`, against a cache.

#![allow(missing_docs)]

use std::{fs, sync::Arc};

use plugin_api::{
    Fault, IntoParams, Value,
    testing::{FakeController, FakeHost, Published},
};
use supervisor_cache::{operations::make_cache_operations, rpcinterface::make_cache_rpcinterface};

/// A supervisorctl whose server has a cache.
struct Fixture {
    ctl: FakeController,
    cache: Arc<Published>,
    host: FakeHost,
}

impl Fixture {
    fn new() -> Self {
        let (ctl, host) = (FakeController::new(), FakeHost::new());
        let cache = Arc::new(host.make(make_cache_rpcinterface, []).unwrap());
        for method in cache.methods() {
            let (its, name) = (Arc::clone(&cache), method.name.to_string());
            ctl.answers_with(&format!("cache.{name}"), move |params| its.call::<Value>(&name, params.to_vec()));
        }
        let its = Arc::clone(&cache);
        ctl.answers_with("system.multicall", move |params| {
            let one = |call: &Value| {
                let name = call.get("methodName").and_then(Value::as_str).unwrap().strip_prefix("cache.").unwrap();
                let params = call.get("params").and_then(Value::as_array).unwrap();
                its.call::<Value>(name, params.to_vec()).unwrap_or_else(|fault| {
                    Value::structure([("faultCode", fault.code.into()), ("faultString", fault.text.as_str().into())])
                })
            };
            Value::array(params[0].as_array().unwrap().iter().map(one))
        });
        Self { ctl, cache, host }
    }

    fn run(&self, command: &str, words: impl IntoParams) -> Result<Value, Fault> {
        self.ctl.make(make_cache_operations, []).unwrap().call(command, words)
    }

    /// What a command prints.
    fn prints(&self, command: &str, words: impl IntoParams) -> String {
        let before = self.ctl.output().len();
        self.run(command, words).unwrap();
        self.ctl.output()[before..].join("\n")
    }
}

#[test]
fn usages() {
    let commands = FakeController::new().make(make_cache_operations, []).unwrap();
    let usages: Vec<_> = commands
        .methods()
        .iter()
        .map(|command| plugin_api::find(&command.properties, "usage").unwrap().as_str().unwrap().to_owned())
        .collect();
    let expected = [
        "cache_add <key> <value> [<seconds>]",
        "cache_dump [<file>]",
        "cache_increment <key> [<by>]",
        "cache_info",
        "cache_list [<prefix>]",
        "cache_load <file>",
        "cache_store_for <key> <value> <seconds>",
        "cache_wait <key> <seconds> [<known>]",
    ];
    assert_eq!(usages, expected);
}

#[test]
fn the_methods_of_the_cache_are_called() {
    let fixture = Fixture::new();
    assert_eq!(fixture.run("cache_add", ("k", "v")), Ok(true.into()));
    assert_eq!(fixture.run("cache_add", ("k", "w", "5")), Ok(false.into()));
    assert_eq!(fixture.run("cache_increment", ("n",)), Ok(1.into()));
    assert_eq!(fixture.run("cache_increment", ("n", "-3")), Ok((-2).into()));
    fixture.run("cache_store_for", ("s", "v", "100")).unwrap();
    assert_eq!(fixture.prints("cache_list", ()), "k\nn\ns");
    assert_eq!(fixture.prints("cache_list", ("n",)), "n");
    assert_eq!(fixture.prints("cache_list", ("x",)), "");
    assert!(fixture.prints("cache_info", ()).contains("'store': 'memory'"));
    assert!(fixture.run("cache_increment", ("k",)).unwrap_err().is(plugin_api::Code::BadArguments));
    assert_eq!(fixture.prints("cache_wait", ("k", "5", "another")), "'v'");
    assert_eq!(fixture.ctl.exit_status(), 0);
    assert_eq!(fixture.prints("cache_wait", ("k", "0")), "'v'");
    assert_eq!(fixture.ctl.exit_status(), 1);
}

#[test]
fn what_is_dumped_can_be_loaded() {
    let fixture = Fixture::new();
    for number in 0..2500 {
        fixture.cache.call::<bool>("store", (format!("key {number:04}"), number)).unwrap();
    }
    let odd = Value::structure([("faultCode", 10.into()), ("faultString", "BAD_NAME".into())]);
    fixture.cache.call::<bool>("store", ("odd", odd.clone())).unwrap();
    fixture.cache.call::<bool>("store", ("bytes", Value::Base64(vec![0, 255].into()))).unwrap();
    fixture.cache.call::<bool>("storeFor", ("soon", "gone", 100)).unwrap();
    let printed = fixture.prints("cache_dump", ());
    assert_eq!(printed.lines().count(), 2503);
    assert!(
        printed
            .starts_with("{\"key\":\"bytes\",\"value\":{\"base64\":\"AP8=\"}}\n{\"key\":\"key 0000\",\"value\":0}\n")
    );

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump").to_str().unwrap().to_owned();
    assert_eq!(fixture.prints("cache_dump", (&file,)), "");
    fixture.cache.call::<bool>("clear", ()).unwrap();
    assert_eq!(fixture.prints("cache_load", (&file,)), "");
    assert_eq!(fixture.cache.call("getCount", ()), Ok(2503));
    assert_eq!(fixture.cache.call("fetch", ("odd",)), Ok(odd));
    assert_eq!(fixture.cache.call("fetch", ("key 2499",)), Ok(2499));
    let left: f64 = fixture.cache.call("getSecondsLeft", ("soon",)).unwrap();
    assert!(left > 50.0 && left <= 100.0, "{left}");
    let bars = fixture.ctl.progress();
    assert!(bars.iter().any(|bar| bar == "saving 2503/2503"), "{:?}", &bars[bars.len() - 3..]);
    assert!(bars.iter().any(|bar| bar.starts_with("loading 0/")));
    assert!(fixture.host.logs().is_empty());
}

#[test]
fn a_line_that_is_wrong_is_named() {
    let fixture = Fixture::new();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("dump").to_str().unwrap().to_owned();
    let fault = fixture.run("cache_load", (&file,)).unwrap_err();
    assert_eq!(fault.text, format!("FAILED: cannot read {file}: No such file or directory (os error 2)"));
    fs::write(&file, "{\"key\":\"a\",\"value\":1}\n\n{\"key\":\"b\"}\n").unwrap();
    let fault = fixture.run("cache_load", (&file,)).unwrap_err();
    assert_eq!(fault.text, format!("FAILED: {file}, line 3: 'value' is missing"));
    fs::write(&file, "{\"key\":\"\",\"value\":1}\n").unwrap();
    assert!(fixture.run("cache_load", (&file,)).unwrap_err().is(plugin_api::Code::BadName));
}
