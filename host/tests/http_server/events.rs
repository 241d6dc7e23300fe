//! Events that are followed over HTTP.

use std::time::Duration;

use supervisor_host::{
    events::{Event, Period},
    server::Limits,
};

use crate::harness::{Client, Server, echo, until};

fn follow(server: &Server, query: &str) -> Client {
    let mut client = server.connect();
    client.send(format!("GET /events{query} HTTP/1.1\r\nHost: here\r\n\r\n"));
    let head = client.receive_head().unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(head.header("Content-Type"), Some("text/event-stream"));
    assert_eq!((head.header("Cache-Control"), head.header("X-Accel-Buffering")), (Some("no-store"), Some("no")));
    client
}

fn tick() -> Event {
    Event::Tick { period: Period::Seconds5, when: 5 }
}

#[test]
fn events_come_as_they_happen() {
    let server = Server::start();
    server.bus.publish(Event::SupervisorRunning);
    let mut all = follow(&server, "");
    let mut ticks = follow(&server, "?types=TICK_5,TICK_60");
    for event in [tick(), Event::RemoteCommunication { kind: "a".into(), data: "b".into() }, tick()] {
        server.bus.publish(event);
    }
    let text = all.read_until("REMOTE_COMMUNICATION\",");
    assert!(!text.contains("TICK") && !text.contains("RUNNING") && text.contains("retry: 1000\n\n"), "{text}");
    all.read_until("\"payload\":\"type:a\\nb\"}\n\n");
    assert!(text.contains("event: REMOTE_COMMUNICATION\nid: 3\ndata: {\"serial\":3,"), "{text}");
    let text = ticks.read_until("id: 4\n");
    assert!(text.contains("event: TICK_5\nid: 2\n") && !text.contains("REMOTE"), "{text}");
}

#[test]
fn bad_requests_say_what_is_wrong() {
    let server = Server::with(Some(("user", "123")), Limits::default());
    assert_eq!(server.status("GET /events HTTP/1.1\r\nHost: here\r\n\r\n"), 401);
    let server = Server::start();
    let ask = |line: &str| server.connect().ask(format!("{line} HTTP/1.1\r\nHost: here\r\n\r\n"));
    assert_eq!(ask("POST /events").status, 400);
    assert_eq!(ask("GET /eventsource").status, 404);
    let answer = ask("GET /events?types=TICK_6");
    let text = "'TICK_6' is no type of events of supervisord, nor of a plugin that is loaded; did you mean TICK_5?\n";
    assert_eq!((answer.status, String::from_utf8_lossy(&answer.body).as_ref()), (400, text));
    let foreign = "GET /events HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n\r\n";
    assert_eq!(server.status(foreign), 403, "a page of another site hears nothing");
}

#[test]
fn a_client_that_does_not_read_misses_events_and_is_dropped() {
    let limits = Limits { tick: Duration::from_millis(10), answer: Duration::from_millis(100), ..Limits::default() };
    let server = Server::with(None, limits);
    let mut client = follow(&server, "");
    let mut reader = follow(&server, "?types=SUPERVISOR_STATE_CHANGE");
    let data = "x".repeat(1 << 20);
    // More than the queue and the sockets hold.
    for _ in 0..64 {
        server.bus.publish(Event::RemoteCommunication { kind: "large".into(), data: data.clone() });
    }
    assert!(server.call("host.echo", &[1.into()]).is_ok(), "others are served");
    until("the one that does not read is dropped", || !client.is_served());
    server.bus.publish(Event::SupervisorRunning);
    reader.read_until("SUPERVISOR_STATE_CHANGE_RUNNING");
}

#[test]
fn the_end_of_the_server_ends_the_streams() {
    let mut server = Server::start();
    let mut client = follow(&server, "");
    client.read_until("retry");
    assert_eq!(server.connect().ask(echo()).status, 200);
    assert!(server.stop() < Limits::default().shutdown);
    client.read_to_end();
}
