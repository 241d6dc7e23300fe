//! Those who stop, by SIGSTOP or of their own will: programs, a listener, readers of logs, clients, a plugin.

use std::{
    fs,
    io::Write as _,
    net::TcpStream,
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    injection::{descriptors, nothing_leaks, signal},
    lateness::{self, Control, descriptors_with_crashers, with_crashers},
};
use crate::{
    common::{
        Config, Kind, Supervisord,
        http::{self, Connection},
        wait_until,
    },
    event_listeners::listener::{install, notes, with_listener},
};

const UNRULY: &str = "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface";

#[test]
fn programs_that_stand_still_are_stopped_in_time_and_keep_nobody() {
    let control = Control::start();
    let config = with_crashers(Config::new()).section(
        "program:still",
        "command=/bin/cat\nnumprocs=10\nprocess_name=%(process_num)d\nstartsecs=0\nstopwaitsecs=1",
    );
    let mut supervisord = Supervisord::start_in(lateness::sandbox(), Kind::Ours, &config);
    let open = descriptors_with_crashers(&supervisord);
    for number in 0..10 {
        signal(&supervisord, &format!("still:{number}"), Signal::SIGSTOP);
    }
    // Their stdins fill up, and what more is sent is refused or kept.
    let much = "x".repeat(1 << 20);
    for number in 0..10 {
        supervisord.call("supervisor.sendProcessStdin", &[&format!("still:{number}"), &much]);
    }
    control.restarts_are_on_time(&supervisord, "programs that stand still");
    let start = Instant::now();
    let stopped = supervisord.ctl(&["stop", "still:*"]);
    assert_eq!(stopped.text().matches(": stopped\n").count(), 10);
    // SIGTERM waits until they go on; SIGKILL does not.
    assert!(start.elapsed() >= Duration::from_secs(1) && start.elapsed() < Duration::from_secs(15));
    supervisord.ctl(&["start", "still:*"]);
    nothing_leaks(&supervisord, open);

    // Every child at once, and the end all the same.
    for pid in
        fs::read_to_string(format!("/proc/{0}/task/{0}/children", supervisord.pid())).expect("it runs").split(' ')
    {
        if let Ok(pid) = pid.trim().parse() {
            // One that has just crashed is gone.
            let _ = kill(Pid::from_raw(pid), Signal::SIGSTOP);
        }
    }
    supervisord.signal(Signal::SIGTERM);
    assert_eq!(supervisord.wait().code(), Some(0));
}

#[test]
fn a_listener_that_stands_still_keeps_nobody_and_is_told_what_it_has_missed() {
    let control = Control::start();
    let sandbox = lateness::sandbox();
    install(&sandbox);
    let events = "events=PROCESS_LOG,PROCESS_STATE\nbuffer_size=1000\nstartsecs=0\nstopwaitsecs=1";
    let config = with_crashers(with_listener(Config::new(), "ear", events))
        .program("talks", "command=/bin/cat\nstartsecs=0\nstdout_events_enabled=true");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    supervisord.wait_for_state("talks", "RUNNING");
    supervisord.wait_for_state("ear", "RUNNING");
    let open = descriptors_with_crashers(&supervisord);
    let ear = signal(&supervisord, "ear", Signal::SIGSTOP);
    let said = |number: usize| format!("the line {number}");
    let wait_for = |number: usize| {
        supervisord.call("supervisor.sendProcessStdin", &["talks", &format!("{}\n", said(number))]);
        wait_until("it is written", || supervisord.sandbox.read("talks.out").ends_with(&(said(number) + "\n")));
    };
    (0..100).for_each(wait_for);
    control.restarts_are_on_time(&supervisord, "a listener that stands still");
    kill(ear, Signal::SIGCONT).expect("it is there");
    let heard = || {
        let notes = notes(&supervisord.sandbox, "ear.notes");
        let of_talk = notes.into_iter().filter(|note| note.event() == "PROCESS_LOG_STDOUT");
        of_talk
            .map(|note| note.payload.split_once('\n').map_or(String::new(), |(_, said)| said.to_owned()))
            .collect::<Vec<_>>()
    };
    wait_until("it has heard of each", || heard().len() >= 100);
    assert_eq!(heard(), (0..100).map(|number| said(number) + "\n").collect::<Vec<_>>(), "in their order, and once");
    nothing_leaks(&supervisord, open);
}

/// All of them at once; each keeps as much as it can.
#[test]
fn readers_clients_and_a_plugin_that_stop_keep_nobody_and_leave_nothing() {
    let control = Control::start();
    let sandbox = lateness::sandbox();
    let config = with_crashers(Config::new()).section("rpcinterface:unruly", UNRULY).program(
        "loud",
        "command=/bin/sh -c 'head -c 20000000 /dev/zero | tr \"\\000\" x; echo; echo end; exec cat'\nstartsecs=0\n\
         stdout_logfile_maxbytes=0\nautostart=false",
    );
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    let open = descriptors_with_crashers(&supervisord);
    supervisord.call("cache.store", &["large", &"x".repeat(4 << 20)]);
    let (fetch, wait) = (http::call("cache.fetch", &["large"]), http::call("unruly.wait", &[]));
    let post = |body: &str| format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut inet = Vec::new();
    let ask = |request: &str, more: &mut Vec<TcpStream>| {
        let mut client = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("a connection");
        client.write_all(request.as_bytes()).expect("a request");
        more.push(client);
    };
    for _ in 0..10 {
        ask("GET /logtail/loud HTTP/1.1\r\nHost: x\r\n\r\n", &mut inet);
        ask("GET /mainlogtail HTTP/1.1\r\nHost: x\r\n\r\n", &mut inet);
        ask("GET /events HTTP/1.1\r\nHost: x\r\n\r\n", &mut inet);
        ask(&post(&fetch), &mut inet);
        ask(&post(&wait), &mut inet);
        ask("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n<?xml", &mut inet);
    }
    let halfway: Vec<_> = (0..10)
        .map(|_| {
            let mut client = UnixStream::connect(supervisord.sandbox.join("supervisor.sock")).expect("the socket");
            client.write_all(b"GET /").expect("a part of a request");
            client
        })
        .collect();
    wait_until("they are all there", || descriptors(&supervisord) >= open + inet.len() + halfway.len());
    supervisord.call("supervisor.startProcess", &["loud"]);
    // Started after them, it is not there for those that asked before.
    for _ in 0..10 {
        ask("GET /logtail/loud HTTP/1.1\r\nHost: x\r\n\r\n", &mut inet);
    }
    control.restarts_are_on_time(&supervisord, "readers, clients and a plugin that stop");
    wait_until("all that it says is written", || {
        fs::metadata(supervisord.sandbox.join("loud.out")).is_ok_and(|log| log.len() == 20_000_005)
    });
    let mut other = Connection::open(supervisord.port);
    other.send(post(&http::call("supervisor.getState", &[])));
    assert!(other.receive().expect("an answer").text().contains("RUNNING"));
    drop(other);
    drop((inet, halfway));
    supervisord.call("supervisor.stopProcess", &["loud"]);
    nothing_leaks(&supervisord, open);
}
