//! Clients that follow a log or the events, and some that stop to read.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    thread,
    time::Duration,
};

use super::run::Run;

/// Followers of each kind.
const EACH: usize = 4;

/// Time after which one that has stopped to read begins anew.
const STALL: Duration = Duration::from_secs(20);

/// Follow until the run is over.
pub fn run(run: &Run, port: u16) {
    thread::scope(|scope| {
        for _ in 0..EACH {
            scope.spawn(|| repeat(run, || numbers(run, port)));
            scope.spawn(|| repeat(run, || events(run, port)));
            scope.spawn(|| {
                repeat(run, || {
                    // What it does not read is nobody's but its own.
                    let stream = open(port, "/logtail/noise/stdout");
                    let begin = std::time::Instant::now();
                    while !run.is_over() && begin.elapsed() < STALL {
                        thread::sleep(Duration::from_millis(100));
                    }
                    drop(stream);
                });
            });
        }
    });
}

fn repeat(run: &Run, mut follow: impl FnMut()) {
    while !run.is_over() {
        follow();
        // An upgrade ends it, and is over soon.
        thread::sleep(Duration::from_millis(20));
    }
}

fn open(port: u16, path: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    Some(stream)
}

/// Follow a log of numbers: each line is the one that is due.
fn numbers(run: &Run, port: u16) {
    let Some(stream) = open(port, "/logtail/lines/stdout") else { return };
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok).skip_while(|line| !line.is_empty());
    lines.next();
    // The first line is cut somewhere.
    lines.next();
    let mut due: Option<u64> = None;
    for line in lines {
        if run.is_over() {
            return;
        }
        match line.parse::<u64>() {
            Ok(number) if due.is_none_or(|due| due == number) => due = Some(number + 1),
            // The last one may be cut by an upgrade, or by the end of our patience.
            _ if due.is_some_and(|due| due.to_string().starts_with(&line)) => return,
            _ => return run.broken(format_args!("a followed log says {line:?} where {due:?} is due")),
        }
    }
}

fn events(run: &Run, port: u16) {
    let Some(mut stream) = open(port, "/events") else { return };
    let mut buffer = [0; 4096];
    while !run.is_over() && stream.read(&mut buffer).is_ok_and(|count| count > 0) {}
}
