//! Plugins over an upgrade: what they hand over, what they do instead, and one that was built long ago.

use std::{fs, path::Path};

use super::Upgradable;
use crate::common::{Config, wait_until};

fn config() -> Config {
    Config::new()
        .section("rpcinterface:unruly", "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface")
        .program("cat", "command=/bin/cat\nstartsecs=0")
}

#[test]
fn the_cache_keeps_its_entries_and_their_times() {
    let supervisord = Upgradable::start(&config());
    let store = "
s.cache.store('text', 'bar baz')
s.cache.store('struct', {'a': [1, 2.5, True, None, Binary(b'x')], 'b': DateTime('20240101T00:00:00')})
s.cache.storeFor('soon', 1, 1000)
s.cache.storeFor('sooner', 1, 0.5)
for n in range(1000): s.cache.store('key %d' % n, n)
";
    supervisord.python(store);
    let look = "both = s.cache.fetch('struct')
\
                print(s.cache.fetch('text'), both['a'][:4], both['a'][4].data, both['b'], s.cache.fetch('key 999'))";
    let before = supervisord.python(look);
    supervisord.upgrade();
    supervisord.upgrade();
    assert_eq!(supervisord.python(look), before);
    let left: f64 = supervisord.python("print(s.cache.getSecondsLeft('soon'))").trim().parse().expect("a number");
    assert!((900.0..1000.0).contains(&left), "{left}");
    wait_until("what was to expire has", || supervisord.python("print(s.cache.getCount())") == "1003\n");
}

#[test]
fn one_that_does_not_hand_over_starts_empty_and_keeps_nobody() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let upgraded_as = |how: &str| {
        supervisord.python(&format!("s.cache.store('key', 'value'); s.unruly.atUpgrade('{how}')"));
        supervisord.upgrade();
        assert_eq!(
            supervisord.python("print(s.cache.fetch('key'))"),
            "value\n",
            "{how}: what others hand over goes on"
        );
        supervisord.python("print(s.unruly.handedOver())")
    };
    assert_eq!(upgraded_as("my word"), "my word\n");
    assert_eq!(upgraded_as("much 64"), format!("{}\n", 64 << 20));
    for (how, why) in [
        ("panic", "panicked: no upgrade today"),
        ("fault", "FAILED: the moon is not full"),
        ("hang", "it has not answered in 2 seconds"),
        ("wait", "it has not answered in 2 seconds"),
    ] {
        assert_eq!(upgraded_as(how), "None\n", "{how}");
        let line = supervisord.log_lines().into_iter().rfind(|line| line.contains("starts empty after an upgrade"));
        assert!(line.as_ref().is_some_and(|line| line.contains(why)), "{how}: {line:?}");
    }
    // Where the machine is slow it is not even there in time.
    assert_eq!(upgraded_as("much 1024"), "None\n");
}

#[test]
fn one_that_was_built_against_the_first_version_goes_through() {
    let file = format!("elder-1.0.0-{}.so", std::env::consts::ARCH);
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api/loader/tests/elder/built").join(file);
    let library = fs::canonicalize(library).expect("the library is kept");
    let factory = format!("supervisor.rpcinterface_factory={}:make_elder\ngreeting=Hello", library.display());
    let supervisord = Upgradable::start(&config().section("rpcinterface:elder", &factory));
    let methods = supervisord.python("print([name for name in s.system.listMethods() if name.startswith('elder.')])");
    assert!(methods.len() > 10, "{methods}");
    supervisord.upgrade();
    let again = supervisord.python("print([name for name in s.system.listMethods() if name.startswith('elder.')])");
    assert_eq!(again, methods);
}
