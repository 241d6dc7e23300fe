//! Clients that want too much, take too long, are too many, or leave.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use plugin_api::Value;
use supervisor_host::server::Limits;

use crate::harness::{Client, Server, call, call_body, echo, post, until};

fn quick() -> Limits {
    Limits {
        request: Duration::from_millis(200),
        answer: Duration::from_millis(200),
        half_closed: Duration::from_millis(200),
        tick: Duration::from_millis(20),
        ..Limits::default()
    }
}

#[test]
fn a_body_that_is_too_large_is_refused() {
    let server = Server::with(None, Limits { body: 1 << 20, ..quick() });
    let mut client = server.connect();
    let text = Value::from("x".repeat(1 << 19));
    assert_eq!(client.call("host.echo", std::slice::from_ref(&text)), Ok(text));
    assert_eq!(client.ask(post("/RPC2", "", &vec![b'x'; (1 << 20) + 1])).status, 413);
    assert!(client.is_closed());
    // Whoever asks first need not send it.
    let head = "POST /RPC2 HTTP/1.1\r\nContent-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n";
    assert_eq!(server.status(head), 413);
}

#[test]
fn large_values_go_in_and_come_out() {
    let server = Server::start();
    let mut client = server.connect_unix();
    for size in [1 << 20, 3 << 20] {
        let text = Value::from("<é>".repeat(size / 4));
        assert_eq!(client.call("host.echo", std::slice::from_ref(&text)), Ok(text));
    }
    let numbers = Value::array((0..100_000).map(Value::Int));
    assert_eq!(client.call("plugin.echo", std::slice::from_ref(&numbers)), Ok(numbers));
}

#[test]
fn large_requests_share_what_memory_there_is() {
    let server = Server::with(None, Limits { requests: 3 << 20, ..Limits::default() });
    let large = call("host.echo", &[Value::from("x".repeat(2 << 20))]);
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(client.ask(&large).status, 200, "what is answered takes nothing");
    }
    let mut half = server.connect();
    half.send(&large[..large.len() - 1]);
    until("what has been sent counts", || {
        let is_full = server.status(&large) == 503;
        if !is_full && half.has_answer() {
            // The one that asked had taken what this one needed.
            half = server.connect();
            half.send(&large[..large.len() - 1]);
        }
        is_full
    });
    assert_eq!(server.status(echo()), 200, "small ones have nothing to do with it");
    assert_eq!(half.ask(&large[large.len() - 1..]).status, 200);
    assert_eq!(client.ask(&large).status, 200);
}

#[test]
fn large_answers_share_what_memory_there_is() {
    let server = Server::with(None, Limits { answers: 4 << 20, answer: Duration::from_secs(30), ..quick() });
    let text = Value::from("x".repeat(5 << 19));
    let mut client = server.connect();
    for _ in 0..3 {
        assert_eq!(
            client.call("host.echo", std::slice::from_ref(&text)),
            Ok(text.clone()),
            "what is read takes nothing"
        );
    }
    let mut unread = server.connect_unix();
    unread.send(call("host.echo", std::slice::from_ref(&text)));
    until("its answer counts", || match client.call("host.echo", std::slice::from_ref(&text)) {
        Ok(_) => false,
        Err(fault) => fault.text == "FAILED: too many large answers are on their way; try again later",
    });
    assert_eq!(server.status(echo()), 200, "small ones have nothing to do with it");
    drop(unread);
    until("it is given back", || client.call("host.echo", std::slice::from_ref(&text)).is_ok());
}

#[test]
fn a_request_that_does_not_end_is_answered_with_408() {
    let server = Server::with(None, quick());
    let mut silent_head = server.connect();
    silent_head.send("POST /RPC2 HTTP/1.1\r\nX: ");
    let mut body = server.connect();
    body.send(&echo()[..echo().len() - 5]);
    for mut client in [silent_head, body] {
        let response = client.receive().unwrap();
        assert_eq!(response.status, 408);
        assert!(client.is_closed());
    }
}

#[test]
fn a_connection_may_wait_for_its_next_request() {
    let server = Server::with(None, quick());
    let mut client = server.connect();
    let mut unused = server.connect();
    assert_eq!(client.call("host.echo", &[Value::Int(1)]), Ok(Value::Int(1)));
    assert!(client.is_silent(Duration::from_millis(500)));
    assert_eq!(client.call("host.echo", &[Value::Int(2)]), Ok(Value::Int(2)));
    assert_eq!(unused.call("host.echo", &[Value::Int(3)]), Ok(Value::Int(3)));

    let server = Server::with(None, Limits { idle: Duration::from_millis(100), ..quick() });
    let mut client = server.connect();
    assert_eq!(client.call("host.echo", &[Value::Int(1)]), Ok(Value::Int(1)));
    assert!(client.is_closed());
}

#[test]
fn a_client_that_does_not_read_is_given_up() {
    let server = Server::with(None, quick());
    let mut client = server.connect_unix();
    // More than what fits into the buffers of the sockets.
    client.send(call("host.echo", &[Value::from("x".repeat(4 << 20))]));
    until("its connection is closed", || !client.is_served());
    let answer = client.read_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() < 2 << 20, "the answer was cut off");
    assert_eq!(server.call("host.echo", &[Value::Int(1)]), Ok(Value::Int(1)));
}

#[test]
fn at_the_limit_an_idle_one_makes_room_and_then_nobody() {
    let server = Server::with(None, Limits { connections: 3, ..quick() });
    let mut idle = server.connect();
    idle.call("host.echo", &[Value::Int(1)]).unwrap();
    let mut busy = [server.connect(), server.connect()];
    for client in &mut busy {
        client.send(call("host.wait", &[]));
    }
    until("two are busy", || server.events.waiting.load(SeqCst) == 2);
    let mut last = server.connect();
    last.call("host.echo", &[Value::Int(1)]).unwrap();
    assert!(idle.is_closed());
    last.send(call("host.wait", &[]));
    until("all are busy", || server.events.waiting.load(SeqCst) == 3);
    let response = server.connect().ask(echo());
    assert_eq!((response.status, response.header("Retry-After")), (503, Some("1")));
    drop(last);
    until("the one that left has made room", || server.status(echo()) == 200);
}

#[test]
fn a_crowd_at_one_server_takes_no_place_from_another() {
    let server = Server::with(None, Limits { connections: 3, ..quick() });
    let mut crowd: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut crowd {
        client.send(call("host.wait", &[]));
    }
    until("all are busy", || server.events.waiting.load(SeqCst) == 3);
    assert_eq!(server.connect().ask(echo()).status, 503);
    assert_eq!(server.connect_unix().call("host.echo", &[Value::Int(1)]), Ok(Value::Int(1)));
}

#[test]
fn a_request_that_trickles_is_answered_with_408() {
    let server = Server::with(None, quick());
    for (begin, trickle) in [
        // One header after the other, without end.
        ("POST /RPC2 HTTP/1.1\r\n", "X: y\r\n"),
        ("POST /RPC2 HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n", "x"),
    ] {
        let mut client = server.connect();
        client.send(begin);
        until("it is answered", || {
            client.send(trickle);
            !client.is_silent(Duration::from_millis(5))
        });
        // The first byte of it was read to see that there is one.
        let answer = client.read_to_end();
        assert!(answer.starts_with(b"TTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
    }
}

#[test]
fn a_crowd_at_a_full_server_is_not_kept() {
    let server = Server::with(None, Limits { connections: 8, ..quick() });
    let mut busy: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut busy {
        client.send(call("host.wait", &[]));
    }
    until("all are busy", || server.events.waiting.load(SeqCst) == 8);
    let mut crowd: Vec<_> = (0..20).map(|_| server.connect()).collect();
    let told = crowd.iter_mut().filter_map(Client::receive).count();
    assert_eq!(told, 1, "one of them may stay to hear that the server is full");
}

#[test]
fn a_client_that_leaves_cancels_its_call() {
    let server = Server::with(None, quick());
    for (number, (method, unix)) in
        [("host.wait", false), ("host.wait", true), ("plugin.wait", false), ("plugin.wait", true)]
            .into_iter()
            .enumerate()
    {
        let mut client = if unix { server.connect_unix() } else { server.connect() };
        client.send(call(method, &[]));
        until("it waits", || server.events.waiting.load(SeqCst) == number + 1);
        assert_eq!(server.events.dropped.load(SeqCst), number);
        drop(client);
        until("it is dropped", || server.events.dropped.load(SeqCst) == number + 1);
    }
}

#[test]
fn the_end_comes_soon_and_cuts_no_answer() {
    let mut server = Server::start();
    let mut idle = server.connect();
    idle.call("host.echo", &[Value::Int(1)]).unwrap();
    let mut asking = server.connect();
    asking.send(&echo()[..50]);
    let mut waiting = server.connect();
    waiting.send(call("host.later", &[Value::Int(7)]));
    until("it has begun", || server.events.waiting.load(SeqCst) == 1);
    assert!(server.stop() < Duration::from_millis(300));
    assert_eq!(waiting.receive().unwrap().value(), Ok(Value::Int(7)));
    assert!(waiting.is_closed());
    assert!(idle.is_closed());
    assert!(asking.is_closed());
    assert!(!server.socket_exists());
}

#[test]
fn the_end_does_not_wait_for_a_call_that_hangs() {
    let mut server = Server::start();
    let mut clients = [server.connect(), server.connect(), server.connect()];
    clients[0].send(call("plugin.hang", &[]));
    clients[1].send(call("plugin.spin", &[]));
    clients[2].send(post("/RPC2", "", &call_body("host.wait", &[])));
    until("all have begun", || server.events.waiting.load(SeqCst) == 3);
    assert!(server.stop() < Duration::from_secs(1));
}
