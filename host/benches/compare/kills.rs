//! A supervisord whose cache is in a file, killed again and again while clients store.

use std::{
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    common::{Kind, PATIENCE, Sandbox, free_port, http, supervisord_command},
    stores::{folder, in_file},
    table::{Limit, Row},
};

/// Times that it is killed.
const KILLS: u64 = 1_000;

/// Clients that store at once, each under a key of its own.
const CLIENTS: usize = 8;

/// Writes that were acknowledged and are not there after `kill -9`, and such as are there and were never asked for.
pub fn lost() -> Row {
    eprintln!("{KILLS} times kill -9 under writes …");
    let (folder, sandbox, port) = (folder(), Sandbox::new(), free_port());
    let [always, everysec] = ["always", "everysec"].map(|sync| {
        let config = in_file(&folder.path().join("cache"), sync);
        sandbox.write(sync, config.render(sandbox.here(), port))
    });
    let (mut stored, mut acknowledged, mut lost) = ([0; CLIENTS], 0, 0);
    for number in 0..=KILLS {
        let config = if number % 2 == 0 { &always } else { &everysec };
        let mut child = supervisord_command(&sandbox, Kind::Ours, config).spawn().expect("supervisord can be run");
        let mut connection = connect(port);
        for (client, stored) in stored.iter_mut().enumerate() {
            let found = fetch(&mut connection, client);
            // The last one may have been stored, and its answer lost.
            if found != *stored && found != *stored + 1 {
                lost += 1;
            }
            *stored = found;
        }
        let pid = Pid::from_raw(child.id().try_into().expect("a pid is positive"));
        if number < KILLS {
            let before: u64 = stored.iter().sum();
            let connections: Vec<_> = (0..CLIENTS).map(|_| http::Connection::open(port)).collect();
            thread::scope(|scope| {
                for (client, (stored, connection)) in stored.iter_mut().zip(connections).enumerate() {
                    scope.spawn(move || *stored = store(connection, client, *stored));
                }
                // At another moment each time.
                thread::sleep(Duration::from_micros(3_000 + number * 7_919 % 10_000));
                kill(pid, Signal::SIGKILL).expect("supervisord is there");
            });
            acknowledged += stored.iter().sum::<u64>() - before;
        } else {
            kill(pid, Signal::SIGKILL).expect("supervisord is there");
        }
        child.wait().expect("supervisord is our child");
    }
    let figure = |number: u64| f64::from(u32::try_from(number).unwrap_or(u32::MAX));
    Row::new("1,000 times kill -9 under writes to a file").other("writes acknowledged", figure(acknowledged)).own(
        "lost",
        figure(lost),
        Limit::Below(1.0),
    )
}

/// A connection to a supervisord that is about to accept.
fn connect(port: u16) -> http::Connection {
    let start = Instant::now();
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(start.elapsed() < PATIENCE, "supervisord does not accept");
        thread::sleep(Duration::from_micros(100));
    }
    http::Connection::open(port)
}

fn request(method: &str, params: &[&str]) -> String {
    let body = http::call(method, params);
    format!(
        "POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/xml\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn key(client: usize) -> String {
    format!("client {client}")
}

/// The number that is stored for a client; 0 if there is none.
fn fetch(connection: &mut http::Connection, client: usize) -> u64 {
    connection.send(request("cache.fetch", &[&key(client)]));
    let answer = connection.receive().expect("an answer").text();
    let text = answer.split_once("<string>").and_then(|(_, rest)| rest.split_once("</string>"));
    match text {
        Some((number, _)) if !answer.contains("<fault>") => number.parse().expect("a number was stored"),
        _ => 0,
    }
}

/// Store one number after the other until supervisord is gone. Return the last one that was acknowledged.
fn store(mut connection: http::Connection, client: usize, mut stored: u64) -> u64 {
    loop {
        connection.send(request("cache.store", &[&key(client), &(stored + 1).to_string()]));
        match connection.receive() {
            Some(answer) if answer.text().contains("<boolean>1</boolean>") => stored += 1,
            Some(answer) => panic!("{}", answer.text()),
            None => return stored,
        }
    }
}
