//! The cache in an engine that machines share: Valkey, and Redis where it is installed.

use std::time::{Duration, Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    check_config::check,
    common::{
        Config, Kind, Sandbox, Supervisord,
        engines::{self, Engine},
        http, wait_until,
    },
    event_listeners::listener,
};

fn config(engine: &Engine, lines: &str) -> Config {
    let store = format!("store=redis://{}\nstore_timeout=20\n{lines}", engine.place());
    Config::new().section("rpcinterface:cache", &store)
}

#[test]
fn machines_that_share_an_engine_see_one_state() {
    for (_, program) in engines::programs() {
        let engine = Engine::start(&program, &[]);
        let one = Supervisord::start(&config(&engine, ""));
        let other = Supervisord::start(&config(&engine, ""));
        one.doctest(
            "
            >>> s.cache.store('foo', 'bar baz'), s.cache.store('n', 1)
            (True, True)
            >>> s.cache.storeFor('t', DateTime('20240101T00:00:00'), 60)
            True
            >>> s.cache.add('foo', 'x'), s.cache.replaceIf('foo', 'bar baz', 'bar'), s.cache.getKeys()
            (False, True, ['foo', 'n', 't'])
            ",
        );
        assert_eq!(engine.ask(&["GET", "cache:foo"]), "bar");
        engine.ask(&["SET", "cache:theirs", "42"]);
        other.doctest(
            "
            >>> s.cache.fetch('foo'), s.cache.increment('n'), str(s.cache.fetch('t')), s.cache.fetch('theirs')
            ('bar', 2, '20240101T00:00:00', '42')
            >>> s.cache.wait('foo', 'another', 10)
            {'changed': True, 'value': 'bar'}
            >>> 0 < s.cache.getSecondsLeft('t') <= 60, s.cache.fetchMany(['n', 'nope'])
            (True, {'n': 2})
            >>> info = s.cache.getInfo()
            >>> info['store'], info['keys'], info['connection'], info['limits']['max_keys']
            ('redis', 4, 'connected', 0)
            >>> s.supervisor.restart()
            True
            ",
        );
        wait_until("it has started anew", || other.log().matches("supervisord started with pid").count() == 2);
        other.doctest(
            "
            >>> s.cache.getCount(), s.cache.clear()
            (4, True)
            ",
        );
        one.doctest(
            "
            >>> s.cache.getKeys(), s.system.multicall([{'methodName': 'cache.store', 'params': ['a', 1]},
            ...                                        {'methodName': 'cache.fetch', 'params': ['a']}])
            ([], [True, 1])
            ",
        );
    }
}

#[test]
fn supervisord_starts_without_its_engine() {
    let port = engines::free_port();
    let lines = format!("store=valkey://127.0.0.1:{port}\nstore_timeout=20");
    let supervisord = Supervisord::start(&Config::new().section("rpcinterface:cache", &lines));
    assert_eq!(supervisord.wait_for_log("cannot be reached").matches("WARN").count(), 1);
    assert!(supervisord.call("cache.fetch", &["foo"]).contains("<int>241</int>"));
    assert!(supervisord.call("supervisor.getState", &[]).contains("RUNNING"));
    let (_, program) = &engines::programs()[0];
    let _engine = Engine::start_at(program, port, &[]);
    supervisord.wait_for_log("INFO cache: valkey://127.0.0.1");
    assert!(supervisord.call("cache.store", &["foo", "bar"]).contains("<boolean>1</boolean>"));
}

/// The engine is stopped, so that connections to it are taken and nothing is answered.
#[test]
fn an_engine_that_hangs_costs_calls_of_the_cache_and_nobody_else() {
    let engine = Engine::valkey(&[]);
    let lines = format!("store=redis://{}\nstore_timeout=1", engine.place());
    let config = Config::new().section("rpcinterface:cache", &lines).program("cat", "command=cat\nautorestart=true");
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("cat", "RUNNING");
    assert!(supervisord.call("cache.store", &["foo", "bar"]).contains("<boolean>1</boolean>"));
    engine.signal("STOP");

    let mut states = Vec::new();
    std::thread::scope(|scope| {
        let calls = (0..32).map(|_| {
            scope.spawn(|| {
                let begun = Instant::now();
                (supervisord.post("/RPC2", http::call("cache.fetch", &["foo"])).text(), begun.elapsed())
            })
        });
        let calls: Vec<_> = calls.collect();
        while !calls.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            let begun = Instant::now();
            assert!(supervisord.call("supervisor.getState", &[]).contains("RUNNING"));
            states.push(begun.elapsed());
        }
        for call in calls {
            let (answer, took) = call.join().unwrap();
            assert!(answer.contains("<int>241</int>") && answer.contains("STORE_FAILED: redis://"), "{answer}");
            // Twice the timeout, and some more for a machine that does much else.
            assert!(took < Duration::from_secs(10), "{took:?}");
        }
    });
    states.sort_unstable();
    assert!(states[states.len() / 2] < Duration::from_millis(100), "{:?}", states[states.len() / 2]);
    // A program that crashes is there again.
    let pid = supervisord.pid_of("cat");
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
    wait_until("it runs again", || ![0, pid].contains(&supervisord.pid_of("cat")));

    engine.signal("CONT");
    supervisord.wait_for_log("connected again");
    wait_until("it answers", || supervisord.call("cache.fetch", &["foo"]).contains("bar"));
    let told: Vec<_> = supervisord.log_lines().into_iter().filter(|line| line.contains("cache: redis")).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].starts_with("WARN") && told[1].starts_with("INFO"), "{told:?}");
}

#[test]
fn listeners_hear_of_what_another_machine_does() {
    let engine = Engine::valkey(&[]);
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    let hears = listener::with_listener(config(&engine, ""), "ear", "events=CACHE");
    let hears = Supervisord::start_in(sandbox, Kind::Ours, &hears);
    engine.ask_until(&["PUBSUB", "CHANNELS"], |channels| !channels.is_empty());
    let other = Supervisord::start(&config(&engine, ""));
    other.call("cache.store", &["a key", "secret"]);
    other.call("cache.delete", &["a key"]);
    other.call("cache.clear", &[]);
    listener::wait_for_note(&hears.sandbox, "ear.notes", "CACHE_CLEAR", "");
    let notes = listener::notes(&hears.sandbox, "ear.notes");
    let told: Vec<_> = notes.iter().map(|note| (note.event(), note.payload.as_str())).collect();
    assert_eq!(told, [("CACHE_STORE", "key:a%20key"), ("CACHE_DELETE", "key:a%20key"), ("CACHE_CLEAR", "")]);
}

#[test]
fn passwords_are_not_shown() {
    let engine = Engine::valkey(&["--requirepass", "tiger"]);
    for lines in [
        format!("store=redis://:tiger@{}", engine.place()),
        format!("store=redis://{}\nstore_password=tiger", engine.place()),
        format!("store=redis://someone:tiger@{}", engine.place()),
    ] {
        let config = Config::new().section("rpcinterface:cache", &lines);
        let supervisord = Supervisord::start(&config);
        let answer = supervisord.call("cache.getInfo", &[]) + &supervisord.call("cache.fetch", &["foo"]);
        assert!(lines.contains("someone") || answer.contains("connected"), "{answer}");
        assert!(!answer.contains("tiger") && !supervisord.log().contains("tiger"), "{answer}{}", supervisord.log());
        for format in ["text", "json"] {
            let text = supervisord.sandbox.read("supervisord.conf");
            let shown = check(&Sandbox::new(), &text, format);
            assert_eq!(shown.status, 0, "{shown:?}");
            assert!(!shown.stdout.contains("tiger") && !shown.stderr.contains("tiger"), "{shown:?}");
        }
    }
    let lines = "store=redis://u:tiger@host/x";
    let refused = Supervisord::run(Kind::Ours, &Config::new().section("rpcinterface:cache", lines));
    assert!(refused.status != 0 && refused.stderr.contains("'/x' is no number of a database"), "{refused:?}");
    assert!(!refused.stderr.contains("tiger"), "{refused:?}");
}
