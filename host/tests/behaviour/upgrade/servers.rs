//! HTTP servers over an upgrade: sockets that stay, come and go, and clients that are connected.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    thread,
};

use super::Upgradable;
use crate::common::{Config, free_port, http, wait_until};

#[test]
fn a_new_port_is_opened_and_an_old_one_closed() {
    let supervisord = Upgradable::start(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0"));
    supervisord.wait_for_state("cat", "RUNNING");
    let (old, new) = (supervisord.port, free_port());
    let plan = {
        supervisord
            .edit(|text| text.replace(&format!(":{old}"), &format!(":{new}")).replace("supervisor.sock", "other.sock"));
        supervisord.ctl(&["-s", &format!("http://127.0.0.1:{old}"), "upgrade", "--check"])
    };
    let here = supervisord.sandbox.here();
    for line in [
        format!("opens: 127.0.0.1:{new}"),
        format!("closes: 127.0.0.1:{old}"),
        format!("opens: {here}/other.sock"),
        format!("closes: {here}/supervisor.sock"),
    ] {
        assert!(plan.stdout.contains(&format!("    {line}\n")), "{line}: {plan:?}");
    }
    let answer = http::post(old, "/RPC2", http::call("upgrade.start", &[])).text();
    assert!(answer.contains("<name>version</name>"), "{answer}");
    wait_until("the new port is open", || TcpStream::connect(("127.0.0.1", new)).is_ok());
    wait_until("the old port is closed", || TcpStream::connect(("127.0.0.1", old)).is_err());
    UnixStream::connect(supervisord.sandbox.join("other.sock")).expect("the new socket");
    wait_until("the old socket is gone", || !supervisord.sandbox.join("supervisor.sock").exists());
    let state = http::post(new, "/RPC2", http::call("supervisor.getState", &[])).text();
    assert!(state.contains("RUNNING"), "{state}");
}

#[test]
fn a_port_that_somebody_else_has_ends_nothing() {
    let supervisord = Upgradable::start(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0"));
    supervisord.wait_for_state("cat", "RUNNING");
    let before = supervisord.infos();
    let other = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = other.local_addr().expect("an address").port();
    supervisord.edit(|text| text + &format!("[inet_http_server:second]\nport=127.0.0.1:{port}\n"));
    let said = supervisord.refuses();
    assert!(said.contains("Another program is already listening"), "{said}");
    assert_eq!(supervisord.infos(), before);
    supervisord.wait_for_log("CRIT went back to supervisord");
}

#[test]
fn a_kept_connection_ends_between_two_requests() {
    let supervisord = Upgradable::start(&Config::new());
    let mut stream = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("a connection");
    let body = http::call("supervisor.getState", &[]);
    let request = format!("POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200");
    supervisord.upgrade();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).expect("the connection was closed in order");
    assert!(
        rest.ends_with(b"</methodResponse>\n") || rest.ends_with(b"</methodResponse>"),
        "and nothing came after it"
    );
}

#[test]
fn who_has_asked_is_answered_first_and_who_comes_waits() {
    let slow =
        "command=/bin/sh -c 'trap \"sleep 0.7; exit 0\" TERM; echo up; while :; do sleep 0.05; done'\nstartsecs=0";
    let supervisord = Upgradable::start(&Config::new().program("slow", slow));
    wait_until("slow is up", || supervisord.sandbox.read("slow.out").contains("up"));
    let port = supervisord.port;
    let stopped =
        thread::spawn(move || http::post(port, "/RPC2", http::call("supervisor.stopProcess", &["slow"])).text());
    supervisord.wait_for_state("slow", "STOPPING");
    supervisord.upgrade();
    let answer = stopped.join().expect("an answer");
    assert!(answer.contains("<boolean>1</boolean>"), "{answer}");
}

#[test]
fn who_follows_a_log_or_waits_for_a_start_is_left_as_at_a_restart() {
    let config = Config::new()
        .program("cat", "command=/bin/sh -c 'echo begun; exec cat'\nstartsecs=0")
        .program("slow", "command=/bin/sleep 1000\nstartsecs=1000\nautostart=false");
    let supervisord = Upgradable::start(&config);
    wait_until("cat has begun", || supervisord.sandbox.read("cat.out").contains("begun"));
    let mut follower = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("a connection");
    follower.write_all(b"GET /logtail/cat HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("it is sent");
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("begun") {
        let mut buffer = [0; 1024];
        let count = follower.read(&mut buffer).expect("the log");
        assert!(count > 0, "the log ends");
        seen.extend_from_slice(&buffer[..count]);
    }
    let mut waiter = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("a connection");
    let body = http::call("supervisor.startProcess", &["slow"]);
    let head = format!("POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
    waiter.write_all((head + &body).as_bytes()).expect("it is sent");
    // It is STARTING before it is spawned.
    wait_until("slow is spawned", || supervisord.pid_of("slow") != 0);
    let pid = supervisord.pid_of("slow");
    supervisord.upgrade();
    // Whether it is an end or a reset is the system's business.
    let mut rest = Vec::new();
    let _ = follower.read_to_end(&mut rest);
    let mut answer = Vec::new();
    let _ = waiter.read_to_end(&mut answer);
    assert_eq!(String::from_utf8_lossy(&answer), "", "nobody knows how the start ends");
    assert_eq!((supervisord.statename("slow").as_str(), supervisord.pid_of("slow")), ("STARTING", pid));
}
