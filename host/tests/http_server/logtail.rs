//! Logs that are followed over HTTP.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    sync::atomic::Ordering::SeqCst,
    time::Duration,
};

use plugin_api::Value;
use supervisor_host::server::Limits;

use crate::harness::{Server, echo, until};

/// How many threads may read logs at once.
const THREADS: usize = 32;

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: here\r\n\r\n")
}

#[test]
fn the_end_of_a_log_and_what_follows() {
    let server = Server::start();
    for (file, path) in [("main.log", "/mainlogtail"), ("cat.log", "/logtail/cat"), ("cat.log", "/logtail/cat/stdout")]
    {
        fs::write(server.file(file), format!("too old\n{}", "x".repeat(1024))).unwrap();
        let mut client = server.connect();
        client.send(get(path));
        let head = client.receive_head().unwrap();
        assert_eq!(head.status, 200);
        assert_eq!(head.header("Content-Type"), Some("text/plain;charset=utf-8"));
        assert_eq!(head.header("Transfer-Encoding"), Some("chunked"));
        assert!(head.header("Last-Modified").is_some_and(|date| date.ends_with(" GMT")), "{head:?}");
        assert_eq!(head.header("X-Accel-Buffering"), (file == "cat.log").then_some("no"));
        assert_eq!(client.read_until("xxx\r\n"), format!("400\r\n{}\r\n", "x".repeat(1024)));
        OpenOptions::new().append(true).open(server.file(file)).unwrap().write_all(b"new").unwrap();
        client.read_until("3\r\nnew\r\n");
    }
}

#[test]
fn the_end_begins_with_a_whole_character() {
    let server = Server::start();
    for (file, path) in [("main.log", "/mainlogtail"), ("cat.log", "/logtail/cat")] {
        fs::write(server.file(file), "가".repeat(1000)).unwrap();
        let mut client = server.connect();
        client.send(get(path));
        assert_eq!(client.receive_head().unwrap().status, 200);
        assert_eq!(client.read_until("가\r\n"), format!("3FF\r\n{}\r\n", "가".repeat(341)), "{path}");
    }
}

#[test]
fn a_part_of_a_log_is_given_as_it_is_and_ends() {
    let server = Server::start();
    fs::write(server.file("cat.log"), b"\x1b[1m\xff\0end\n").unwrap();
    fs::write(server.file("main.log"), b"").unwrap();
    let ask = |path: &str, range: &str| {
        let mut client = server.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: here\r\nRange: {range}\r\nConnection: close\r\n\r\n"));
        let head = client.receive_head().unwrap();
        let range = head.header("Content-Range").map(str::to_owned);
        (head.status, range, client.read_to_end())
    };
    for (asked, answered, bytes) in [
        ("bytes=-4", "bytes 6-9/10", &b"end\n"[..]),
        ("bytes=-100", "bytes 0-9/10", b"\x1b[1m\xff\0end\n"),
        ("bytes=0-", "bytes 0-9/10", b"\x1b[1m\xff\0end\n"),
        ("bytes=4-", "bytes 4-9/10", b"\xff\0end\n"),
    ] {
        let chunks = [format!("{:X}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n0\r\n\r\n"].concat();
        assert_eq!(ask("/logtail/cat", asked), (206, Some(answered.to_owned()), chunks), "{asked}");
    }
    for (path, range) in [("/logtail/cat", "bytes=10-"), ("/logtail/cat", "bytes=-0"), ("/mainlogtail", "bytes=0-")] {
        assert_eq!(ask(path, range).0, 416, "{path} {range}");
    }
    assert_eq!(ask("/logtail/dog", "bytes=0-").0, 404);
}

#[test]
fn a_log_that_is_not_there() {
    let server = Server::start();
    for path in ["/mainlogtail", "/logtail/cat", "/logtail/cat/stderr", "/logtail/dog", "/logtail/", "/logtail"] {
        assert_eq!(server.status(get(path)), 404, "{path}");
    }
}

#[test]
fn an_old_client_reads_until_it_has_enough() {
    let mut server = Server::start();
    fs::write(server.file("main.log"), "line\n").unwrap();
    let mut client = server.connect();
    client.send("GET /mainlogtail HTTP/1.0\r\n\r\n");
    let head = client.receive_head().unwrap();
    assert_eq!((head.header("Transfer-Encoding"), head.header("Content-Length")), (None, None));
    assert_eq!(client.read_until("line\n"), "line\n");
    // The end of the server is the end of the log.
    assert!(server.stop() < Duration::from_millis(300));
}

#[test]
fn a_reader_that_goes_leaves_nothing_behind() {
    let server = Server::with(None, Limits { connections: 1, ..Limits::default() });
    fs::write(server.file("main.log"), "line\n").unwrap();
    let mut client = server.connect();
    client.send(get("/mainlogtail"));
    client.read_until("line");
    assert_eq!(server.status(echo()), 503, "one that follows a log is not idle");
    drop(client);
    until("its place is free", || server.status(echo()) == 200);
}

#[test]
fn more_may_read_logs_than_there_are_threads_for_that() {
    let server = Server::start();
    fs::write(server.file("main.log"), "line\n").unwrap();
    let mut readers: Vec<_> = (0..3 * THREADS).map(|_| server.connect()).collect();
    for reader in &mut readers {
        reader.send(get("/mainlogtail"));
        reader.read_until("line");
    }
    OpenOptions::new().append(true).open(server.file("main.log")).unwrap().write_all(b"next").unwrap();
    for reader in &mut readers {
        reader.read_until("next");
    }
}

#[test]
fn a_disk_that_does_not_answer_takes_no_more_threads_than_there_are_for_logs() {
    let mut server = Server::start();
    let mut readers: Vec<_> = (0..THREADS + 8).map(|_| server.connect()).collect();
    for reader in &mut readers {
        reader.send(get("/logtail/stuck"));
    }
    until("all threads hang", || server.events.waiting.load(SeqCst) == THREADS);
    // Whoever is not concerned is answered: by the server's thread, and by one of a plugin's.
    assert_eq!(server.status(echo()), 200);
    assert_eq!(server.call("plugin.add", &[Value::Int(1), Value::Int(2)]), Ok(Value::Int(3)));
    assert_eq!(server.events.waiting.load(SeqCst), THREADS);
    assert!(server.stop() < Duration::from_secs(1));
}

#[test]
fn a_client_that_says_no_more_hears_that_there_is_no_log() {
    let server = Server::start();
    for path in ["/mainlogtail", "/logtail/cat", "/logtail/nope"] {
        assert_eq!(server.connect().send(get(path)).half_close().receive().expect("an answer").status, 404, "{path}");
    }
}
