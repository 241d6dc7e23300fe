//! The supervision of processes never waits for anything else: not for a plugin, not for a client, not for a log.

use std::{
    fs::{self, File},
    io::{Read as _, Write},
    net::TcpStream,
    os::unix::{net::UnixStream, process::ExitStatusExt as _},
    time::{Duration, Instant},
};

use crate::common::{
    Config, Kind, Sandbox, Supervisord,
    http::{self, Connection},
    wait_until,
};
use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};

/// A restart takes milliseconds. This leaves room for a machine that runs other tests, and is far below "for ever".
const ON_TIME: Duration = Duration::from_secs(2);

/// The unruly plugin, and two programs of which one notes the pid of each of its lives.
fn config() -> Config {
    Config::new()
        .section("rpcinterface:unruly", "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface")
        .program("last", "command=/bin/sh -c 'echo $$ >> {here}/pids; exec sleep 300'\nstartsecs=0\npriority=20")
        .program("first", "command=/bin/cat\nstartsecs=0\npriority=10")
}

/// Calls a method whose answer nobody waits for; the connection stays open as long as what is returned.
fn call_and_wait_for_its_begin(supervisord: &Supervisord, method: &str) -> Connection {
    let begun = || supervisord.log().matches(&format!("unruly: {method} has begun")).count();
    let before = begun();
    let mut connection = Connection::open(supervisord.port);
    let body = http::call(&format!("unruly.{method}"), &[]);
    connection.send(format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()));
    wait_until(&format!("{method} has begun"), || begun() > before);
    connection
}

/// Kills the program three times over: each time another one is there on time.
fn a_crashing_program_is_restarted_on_time(sandbox: &Sandbox) {
    let pids = || -> Vec<i32> { sandbox.read("pids").lines().filter_map(|line| line.parse().ok()).collect() };
    for _ in 0..3 {
        wait_until("the program runs", || !pids().is_empty());
        let lives = pids();
        kill(Pid::from_raw(lives[lives.len() - 1]), Signal::SIGKILL).expect("the program is there");
        let start = Instant::now();
        wait_until("it runs again", || pids().len() > lives.len());
        assert!(start.elapsed() < ON_TIME, "the restart took {:?}", start.elapsed());
    }
}

fn other_calls_are_answered(supervisord: &Supervisord) {
    supervisord.doctest(
        "
        >>> start = time.monotonic()
        >>> inet.cache.store('key', 'value'), unix.cache.fetch('key')
        (True, 'value')
        >>> s.supervisor.getState()['statename'], s.supervisor.getProcessInfo('first')['statename']
        ('RUNNING', 'RUNNING')
        >>> s.supervisor.stopProcess('first'), s.supervisor.startProcess('first')
        (True, True)
        >>> 'unruly.sleep' in s.system.listMethods(), time.monotonic() - start < 5
        (True, True)
        ",
    );
}

/// SIGTERM stops the programs one after the other and ends supervisord with status 0.
fn sigterm_shuts_down_in_order(mut supervisord: Supervisord) {
    let start = Instant::now();
    supervisord.signal(Signal::SIGTERM);
    assert_eq!(supervisord.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5), "the shutdown took {:?}", start.elapsed());
    let log = supervisord.log();
    let place = |text: &str| log.rfind(text).unwrap_or_else(|| panic!("no {text:?} in the log:\n{log}"));
    assert!(place("received SIGTERM") < place("stopped: last"));
    assert!(place("stopped: last") < place("stopped: first"));
}

#[test]
fn while_a_method_sleeps_for_ever() {
    let supervisord = Supervisord::start(&config());
    let _stuck: Vec<_> = (0..30).map(|_| call_and_wait_for_its_begin(&supervisord, "sleep")).collect();
    a_crashing_program_is_restarted_on_time(&supervisord.sandbox);
    other_calls_are_answered(&supervisord);
    sigterm_shuts_down_in_order(supervisord);
}

#[test]
fn while_a_method_spins_for_ever() {
    let supervisord = Supervisord::start(&config());
    let _stuck = [(); 2].map(|()| call_and_wait_for_its_begin(&supervisord, "spin"));
    a_crashing_program_is_restarted_on_time(&supervisord.sandbox);
    other_calls_are_answered(&supervisord);
    sigterm_shuts_down_in_order(supervisord);
}

#[test]
fn while_an_answer_never_comes() {
    let supervisord = Supervisord::start(&config());
    let _stuck: Vec<_> = (0..30).map(|_| call_and_wait_for_its_begin(&supervisord, "wait")).collect();
    a_crashing_program_is_restarted_on_time(&supervisord.sandbox);
    other_calls_are_answered(&supervisord);
    sigterm_shuts_down_in_order(supervisord);
}

/// A method that promised never to block takes the server's own thread along, and a future that blocks in its poll the
/// thread of its plugin's futures. The programs do not notice.
#[test]
fn while_a_thread_that_calls_share_hangs() {
    for method in ["brokenPromise", "sleepInPoll"] {
        let supervisord = Supervisord::start(&config());
        let _stuck = call_and_wait_for_its_begin(&supervisord, method);
        a_crashing_program_is_restarted_on_time(&supervisord.sandbox);
        sigterm_shuts_down_in_order(supervisord);
    }
}

/// What hangs before anything is supervised can be ended like any other program.
#[test]
fn while_a_plugin_is_never_made() {
    let config = Config::new()
        .section("rpcinterface:unruly", "supervisor.rpcinterface_factory=unruly_plugin:make_hanging_rpcinterface");
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut supervisord = Supervisord::begin(&config);
        supervisord.wait_for_log("unruly: the constructor has begun");
        supervisord.signal(signal);
        assert_eq!(supervisord.wait().signal(), Some(signal as i32));
    }
}

#[test]
fn panics_become_faults_and_a_line_in_the_log() {
    let supervisord = Supervisord::start(&config());
    supervisord.doctest(
        "
        >>> fault(s.unruly.panic, 'boom')
        30 FAILED: panic panicked: boom (host/tests/plugins/unruly/src/lib.rs:...)
        >>> fault(s.unruly.panicLater, 'boom')
        30 FAILED: panicLater panicked: boom (host/tests/plugins/unruly/src/lib.rs:...)
        >>> s.system.multicall([{'methodName': 'unruly.panic', 'params': ['é<&']}, {'methodName': 'cache.getCount'}])
        [{'faultCode': 30, 'faultString': 'FAILED: panic panicked: é<& (host/tests/plugins/unruly/src/lib.rs:...)'}, 0]
        ",
    );
    for line in [
        "ERRO unruly.panic panicked: boom (host/tests/plugins/unruly/src/lib.rs:",
        "ERRO unruly.panicLater panicked: boom (host/tests/plugins/unruly/src/lib.rs:",
        "ERRO unruly.panic panicked: é<& (host/tests/plugins/unruly/src/lib.rs:",
    ] {
        wait_until(&format!("the log has {line}"), || supervisord.log().contains(line));
    }
    other_calls_are_answered(&supervisord);
    sigterm_shuts_down_in_order(supervisord);
}

/// Many clients that connect and say nothing, or stop in the middle of a request, or never read their answer.
#[test]
fn while_clients_dawdle() {
    let supervisord = Supervisord::start(&config());
    let _silent: Vec<_> = (0..50).map(|_| Connection::open(supervisord.port)).collect();
    let _halfway: Vec<_> = (0..50)
        .map(|_| {
            let mut stream = UnixStream::connect(supervisord.sandbox.join("supervisor.sock")).expect("the socket");
            stream.write_all(b"POST /RPC2 HTTP/1.1\r\nContent-Length: 1000\r\n\r\n<?xml").expect("half a request");
            stream
        })
        .collect();
    supervisord.call("cache.store", &["big", &"x".repeat(1 << 20)]);
    let fetch = http::call("cache.fetch", &["big"]);
    let _unread: Vec<_> = (0..10)
        .map(|_| {
            let mut connection = Connection::open(supervisord.port);
            connection.send(format!("POST /RPC2 HTTP/1.1\r\nContent-Length: {}\r\n\r\n{fetch}", fetch.len()));
            connection
        })
        .collect();
    a_crashing_program_is_restarted_on_time(&supervisord.sandbox);
    other_calls_are_answered(&supervisord);
    sigterm_shuts_down_in_order(supervisord);
}

/// The activity log and a program's log go into pipes that nobody reads, and are full at once.
#[test]
fn while_nobody_reads_the_logs() {
    let config = config()
        .section("supervisord", "logfile={here}/log.fifo\nlogfile_maxbytes=0\nloglevel=debug")
        .program(
            "chatterbox",
            "command=/usr/bin/yes\nstartsecs=0\nstdout_logfile={here}/out.fifo\nstdout_logfile_maxbytes=0",
        )
        .program("talker", "command=/bin/sh -c 'yes | head -c 1000000; echo end; exec cat'\nstartsecs=0");
    let sandbox = Sandbox::new();
    let pipes: Vec<File> = ["log.fifo", "out.fifo"]
        .map(|name| {
            let path = sandbox.join(name);
            mkfifo(&path, Mode::S_IRWXU).expect("a pipe with a name");
            // Both ends, so that opening it to write does not wait for a reader.
            fs::OpenOptions::new().read(true).write(true).open(path).expect("both ends")
        })
        .into();
    let mut supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    a_crashing_program_is_restarted_on_time(&supervisord.sandbox);
    supervisord.doctest(
        "
        >>> s.cache.store('key', 'value'), s.supervisor.getProcessInfo('first')['statename']
        (True, 'RUNNING')
        ",
    );
    let start = Instant::now();
    supervisord.signal(Signal::SIGTERM);
    assert_eq!(supervisord.wait().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10), "the shutdown took {:?}", start.elapsed());
    drop(pipes);
}

#[test]
fn the_memory_of_a_crowd_goes_back_when_it_has_left() {
    let supervisord = Supervisord::start(&Config::new());
    let request = {
        let body = http::call("cache.fetch", &[&"x".repeat(4000)]);
        format!("POST /RPC2 HTTP/1.1\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let crowd = |size: usize| -> Vec<_> {
        let connect = |_| {
            let mut client = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("it accepts");
            client.write_all(request.as_bytes()).expect("it reads");
            assert!(client.read(&mut [0; 4096]).expect("it answers") > 0);
            client
        };
        (0..size).map(connect).collect()
    };
    // The code that it takes is in memory from now on.
    drop(crowd(3));
    let idle = supervisord.resident();
    let crowd = crowd(200);
    let busy = supervisord.resident();
    assert!(busy > idle + (1 << 20), "{idle} {busy}");
    drop(crowd);
    wait_until("most of it has been given back", || supervisord.resident() < idle + (busy - idle) / 2);
}
