//! Faulty plugins in a running supervisord: supervision, other namespaces and the end go on, and the log names the
//! plugin.
//!
//! What becomes of endless loops and of methods that hang stands in `rules.rs`, of drops in `nothing_lost.rs`.

use std::time::{Duration, Instant};

use crate::common::{Config, Supervisord, http, wait_until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// The most that plugins together may hold up the end, and some room for a machine that runs other tests.
const AN_END: Duration = Duration::from_secs(20);

fn start() -> Supervisord {
    start_with("supervisord", "")
}

fn start_with(section: &str, lines: &str) -> Supervisord {
    let config = Config::new()
        .section("rpcinterface:unruly", "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface")
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .section(section, lines);
    Supervisord::start(&config)
}

/// A program that dies is started again, other namespaces answer, and it ends when it is told to.
#[track_caller]
fn all_goes_on(mut supervisord: Supervisord) {
    supervisord.wait_for_state("cat", "RUNNING");
    let pid = supervisord.pid_of("cat");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
    wait_until("it runs again", || ![0, pid].contains(&supervisord.pid_of("cat")));
    supervisord.doctest(
        "
        >>> s.cache.store('key', 'value'), unix.cache.fetch('key')
        (True, 'value')
        >>> 'unruly.huge' in s.system.listMethods()
        True
        ",
    );
    let begin = Instant::now();
    supervisord.signal(Signal::SIGTERM);
    assert!(supervisord.wait().success());
    assert!(begin.elapsed() < AN_END, "the end took {:?}", begin.elapsed());
}

#[test]
fn a_thread_that_panics_is_the_plugins_own_affair() {
    let supervisord = start();
    supervisord.doctest(">>> s.unruly.panicInThread()\nTrue");
    all_goes_on(supervisord);
}

#[test]
fn a_hundred_megabytes_are_an_answer_like_another() {
    let supervisord = start();
    supervisord.doctest(">>> len(s.unruly.huge(100)) == 100 << 20\nTrue");
    supervisord.doctest(">>> fault(s.unruly.huge, 300)\n30 FAILED: ...");
    all_goes_on(supervisord);
}

#[test]
fn what_is_nested_too_deep_is_a_fault() {
    let supervisord = start();
    supervisord.doctest(
        "
        >>> for answer in (s.unruly.nested, s.unruly.nestedHere, s.unruly.nestedLater):
        ...     assert answer(3) == [[[None]]]
        ...     for levels in (81, 40000, 100000, 1000000): print(fault(answer, levels))
        30 FAILED: the answer is nested more than 80 deep
        ...
        >>> fault(s.unruly.handOverNested, 200000)
        3 BAD_ARGUMENTS: the call is nested more than 80 deep
        >>> calls = [{'methodName': 'unruly.nestedHere', 'params': [levels]} for levels in (80, 1000000)]
        >>> [type(answer).__name__ for answer in s.system.multicall(calls)]
        ['list', 'dict']
        ",
    );
    all_goes_on(supervisord);
}

#[test]
fn circles_of_calls_come_to_an_end() {
    let supervisord = start();
    supervisord.doctest(
        "
        >>> fault(s.unruly.callItself)
        30 FAILED: calls are nested more than 16 deep
        >>> fault(s.unruly.callItselfLater)
        30 FAILED: calls are nested more than 16 deep
        >>> s.unruly.callBack()
        ['supervisor', 0, True]
        ",
    );
    all_goes_on(supervisord);
}

#[test]
fn who_promised_not_to_wait_is_held_to_it() {
    let supervisord = start();
    supervisord.doctest(
        "
        >>> s.unruly.callHere('supervisor.getIdentification'), s.unruly.callHere('cache.getCount')
        ('supervisor', 0)
        >>> for method in ('supervisor.startAllProcesses', 'unruly.wait', 'unruly.sleep'):
        ...     fault(s.unruly.callHere, method)
        30 FAILED: unruly.callHere is declared nonblocking and cannot wait for the answer of supervisor.startAllProcesses, ...
        30 FAILED: unruly.callHere is declared nonblocking and cannot wait for the answer of unruly.wait, which takes its ...
        30 FAILED: unruly.callHere is declared nonblocking and cannot wait for the answer of unruly.sleep, which takes its ...
        ",
    );
    assert!(!supervisord.log().contains("has begun"), "nothing is begun that cannot be waited for");
    all_goes_on(supervisord);
}

#[test]
fn a_crowd_that_waits_for_ever_holds_up_nobody() {
    let supervisord = start();
    // As many as there can be connections; a multicall would let them wait one after the other.
    let body = http::call("unruly.wait", &[]);
    let request = format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let crowd: Vec<_> = (0..400)
        .map(|_| {
            let mut connection = http::Connection::open(supervisord.port);
            connection.send(&request);
            connection
        })
        .collect();
    wait_until("all of them wait", || supervisord.log().matches("unruly: wait has begun").count() == crowd.len());
    all_goes_on(supervisord);
}

#[test]
fn who_keeps_the_servers_thread_to_the_end_is_named_and_nobody_else() {
    let mut supervisord = start();
    let body = http::call("unruly.brokenPromise", &[]);
    let mut connection = http::Connection::open(supervisord.port);
    connection.send(format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    supervisord.wait_for_log("unruly: brokenPromise has begun");
    supervisord.signal(Signal::SIGTERM);
    assert!(supervisord.wait().success());
    let log = supervisord.log();
    let why = "WARN unruly.brokenPromise is declared nonblocking and does not come back; no plugin can come to its end";
    assert!(log.contains(why), "{log}");
    assert!(log.contains("the plugin 'unruly' has not ended after 2 seconds"), "{log}");
    assert!(!log.contains("the plugin 'cache'"), "{log}");
}

#[test]
fn who_keeps_its_thread_is_named_before_it_comes_back() {
    let supervisord = start();
    let body = http::call("unruly.sleepInPoll", &[]);
    let mut connection = http::Connection::open(supervisord.port);
    connection.send(format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    supervisord.wait_for_log("WARN unruly.sleepInPoll is an async fn and has blocked its thread for ");
    let listed = supervisord.ctl(&["plugins"]);
    assert!(listed.text().contains(" seconds, 1 running\n"), "{}", listed.text());
    all_goes_on(supervisord);
}

#[test]
fn a_storm_of_events_drowns_nobody() {
    let supervisord = start_with(
        "eventlistener:ear",
        "command=/bin/sh -c \"echo READY; exec sleep 1000\"\nevents=UNRULY_STORM\nbuffer_size=10",
    );
    supervisord.doctest(">>> s.unruly.storm(20000)\n20000");
    all_goes_on(supervisord);
}

#[test]
fn a_flood_of_programs_is_added_and_nobody_waits_for_it() {
    let supervisord = start();
    supervisord.doctest(
        "
        >>> s.unruly.flood('cat', 300)
        300
        >>> fault(s.unruly.flood, 'cat', 1)
        10 BAD_NAME: flood_0
        >>> len(s.supervisor.getAllProcessInfo())
        301
        ",
    );
    supervisord.wait_for_state("cat:cat", "RUNNING");
    let pid = supervisord.pid_of("cat:cat");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
    wait_until("it runs again", || ![0, pid].contains(&supervisord.pid_of("cat:cat")));
}

#[test]
fn what_the_host_tells_a_plugin_is_not_for_clients_to_tell() {
    let supervisord = start();
    supervisord.doctest(
        "
        >>> hidden = ['unruly._event', 'unruly._event_on_event', 'unruly._start', 'unruly._shutdown', 'unruly._complete',
        ...           'unruly.onEvent', 'unruly.handleResult', 'unruly.log', 'unruly.addProgram', 'unruly.emit', 'host.log',
        ...           'host.addProgram', 'host.emit', 'host.call', '.log', 'log', 'addProgram', 'result_handler.handleResult']
        >>> for name in hidden:
        ...     try: print(name, getattr(s, name)('a', 'b'))
        ...     except Fault as fault: assert (fault.faultCode, fault.faultString) == (1, 'UNKNOWN_METHOD'), (name, fault)
        >>> calls = [{'methodName': name, 'params': []} for name in hidden]
        >>> [answer['faultString'] for answer in s.system.multicall(calls)] == ['UNKNOWN_METHOD'] * len(hidden)
        True
        >>> [name for name in s.system.listMethods() if '._' in name or name.startswith('host.')]
        []
        >>> for name in hidden:
        ...     for about in (s.system.methodHelp, s.system.methodSignature):
        ...         try: print(name, about(name))
        ...         except Fault as fault: assert fault.faultCode == 1 or fault.faultString.startswith('SIG'), (name, fault)
        ",
    );
    all_goes_on(supervisord);
}

#[test]
fn a_panic_over_an_event_is_logged_and_the_next_one_is_told() {
    let supervisord = start();
    supervisord.call("supervisor.sendRemoteCommEvent", &["panic", "the disco"]);
    supervisord
        .wait_for_log("ERRO unruly._event_on_event panicked: at the disco (host/tests/plugins/unruly/src/lib.rs:");
    supervisord.call("supervisor.sendRemoteCommEvent", &["news", "that it goes on"]);
    supervisord.wait_for_log("INFO unruly: it heard that it goes on");
    all_goes_on(supervisord);
}

#[test]
fn who_never_comes_back_from_an_event_misses_the_others() {
    let supervisord = start();
    supervisord.call("supervisor.sendRemoteCommEvent", &["sleep", ""]);
    supervisord.wait_for_log("unruly: onEvent has begun");
    supervisord.doctest(
        "
        >>> event = {'methodName': 'supervisor.sendRemoteCommEvent', 'params': ['news', 'x']}
        >>> all(s.system.multicall([event] * 1100))
        True
        ",
    );
    supervisord.wait_for_log("WARN unruly._event_on_event is too slow for its events: it misses some");
    all_goes_on(supervisord);
}

#[test]
fn the_end_is_not_for_a_plugin_to_refuse() {
    for (panics, line) in [
        ("yes", "ERRO unruly._shutdown panicked: it cannot be over (host/tests/plugins/unruly/src/lib.rs:"),
        ("no", "WARN unruly has not come to its end in 5 seconds; it is left behind"),
    ] {
        let factory = "supervisor.rpcinterface_factory=unruly_plugin:make_clinging_rpcinterface";
        let config = Config::new().section("rpcinterface:unruly", factory);
        let mut supervisord = Supervisord::start(&config.section("rpcinterface:unruly", &format!("panics={panics}")));
        supervisord.wait_for_log(
            "WARN unruly._event_hear is never told of PROCES_STATE: neither supervisord nor any plugin that is loaded has \
             events of that type; did you mean PROCESS_STATE?",
        );
        supervisord.signal(Signal::SIGTERM);
        assert!(supervisord.wait().success());
        assert!(supervisord.log().contains(line), "{}", supervisord.log());
    }
}
