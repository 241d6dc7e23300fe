//! A disk that does not answer: who writes to it waits, and nobody else does.
//!
//! What `output/stall.rs` shows with a file system that hangs, and where the tests may mount one, is here shown of each
//! call by itself, with no privilege.

use std::{
    io::Write as _,
    net::TcpStream,
    time::{Duration, Instant},
};

use super::{
    injection::{A_WHILE, Call, Injection, nothing_leaks},
    lateness::{self, Control, descriptors_with_crashers, with_crashers},
};
use crate::common::{
    Config, Supervisord,
    http::{self, Connection},
    wait_until,
};

const CAT: &str = "command=/bin/cat\nstartsecs=0";

fn start(config: Config) -> (Injection, Supervisord) {
    let sandbox = lateness::sandbox();
    let faults = Injection::new(&sandbox);
    let supervisord = faults.start(sandbox, &with_crashers(config));
    (faults, supervisord)
}

fn say(supervisord: &Supervisord, program: &str, line: &str) {
    supervisord.call("supervisor.sendProcessStdin", &[program, &format!("{line}\n")]);
}

#[test]
fn a_log_that_takes_nothing_holds_up_its_own_program_alone_and_loses_nothing() {
    let control = Control::start();
    let logs = "stdout_logfile_maxbytes=1000\nstdout_logfile_backups=100";
    let (faults, supervisord) = start(Config::new().program("cat", &format!("{CAT}\n{logs}")).program("other", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    supervisord.wait_for_state("other", "RUNNING");
    let open = descriptors_with_crashers(&supervisord);
    let mut all = String::new();
    let written = || (1..=100).rev().map(|number| format!(".{number}")).chain([String::new()]);
    let written = || written().map(|end| supervisord.sandbox.read(format!("cat.out{end}"))).collect::<String>();
    for call in [Call::Write, Call::Rename, Call::Open] {
        let hanging = faults.hang(call, "cat.out");
        // More than a file holds, so that it is rotated.
        for number in 0..50 {
            let line = format!("{call:?} {number:2} and as much that twenty of them fill a file");
            say(&supervisord, "cat", &line);
            all += &(line + "\n");
        }
        hanging.wait_for_hits(1);
        say(&supervisord, "other", "others go on");
        wait_until("others are written", || supervisord.sandbox.read("other.out").ends_with("others go on\n"));
        control.restarts_are_on_time(&supervisord, &format!("a log that hangs in {call:?}"));
        drop(hanging);
        wait_until(&format!("all is written: {call:?}"), || written() == all);
    }
    assert!(!supervisord.log().contains(" lost"), "{}", supervisord.log());
    nothing_leaks(&supervisord, open);
}

#[test]
fn an_activity_log_that_takes_nothing_holds_up_nobody_and_loses_nothing() {
    let control = Control::start();
    let (faults, supervisord) = start(Config::new().program("cat", CAT));
    let open = descriptors_with_crashers(&supervisord);
    let hanging = faults.hang(Call::Write, "supervisord.log");
    hanging.wait_for_hits(1);
    control.restarts_are_on_time(&supervisord, "an activity log that hangs");
    assert_eq!(supervisord.ctl(&["restart", "cat"]).text(), "cat: stopped\ncat: started\n");
    drop(hanging);
    wait_until("all that happened is told", || {
        supervisord.log_lines().iter().any(|line| line.contains("stopped: cat"))
    });
    let ends = supervisord.sandbox.read("crasher0.ends").lines().count();
    let told = || supervisord.log_lines().iter().filter(|line| line.contains("exited: crasher0")).count();
    wait_until("each end is told", || told() >= ends);
    nothing_leaks(&supervisord, open);
}

#[test]
fn a_cache_whose_file_is_not_kept_waits_with_its_answer_and_alone() {
    let control = Control::start();
    let (faults, supervisord) =
        start(Config::new().section("rpcinterface:cache", "store=file\nfile={here}/cache").program("cat", CAT));
    // The file of the store is open all the time.
    let open = descriptors_with_crashers(&supervisord);
    for call in [Call::Sync, Call::Write] {
        let hanging = faults.hang(call, "/cache");
        let mut client = TcpStream::connect(("127.0.0.1", supervisord.port)).expect("a connection");
        let body = http::call("cache.store", &["key", &format!("{call:?}")]);
        let head =
            format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
        client.write_all((head + &body).as_bytes()).expect("a request");
        hanging.wait_for_hits(1);
        control.restarts_are_on_time(&supervisord, &format!("a cache that hangs in {call:?}"));
        assert_eq!(supervisord.ctl(&["restart", "cat"]).text(), "cat: stopped\ncat: started\n");
        client.set_read_timeout(Some(A_WHILE)).expect("a timeout");
        assert!(client.peek(&mut [0]).is_err(), "nothing is acknowledged that is not kept");
        drop(hanging);
        client.set_read_timeout(None).expect("no timeout");
        let mut answer = String::new();
        std::io::Read::read_to_string(&mut client, &mut answer).expect("an answer");
        assert!(answer.contains("<boolean>1</boolean>"), "{answer}");
        assert!(supervisord.call("cache.fetch", &["key"]).contains(&format!("{call:?}")));
    }
    nothing_leaks(&supervisord, open);
}

#[test]
fn who_reads_a_log_that_does_not_come_is_told_so_and_holds_up_nobody() {
    let control = Control::start();
    let (faults, supervisord) = start(Config::new().program("cat", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    say(&supervisord, "cat", "hello");
    wait_until("it is written", || supervisord.sandbox.read("cat.out") == "hello\n");
    let open = descriptors_with_crashers(&supervisord);
    let hanging = faults.hang(Call::Read, "cat.out");
    let clients: Vec<_> = (0..40)
        .map(|number| {
            let mut client = Connection::open(supervisord.port);
            let request = if number % 2 == 0 {
                "GET /logtail/cat HTTP/1.1\r\nHost: x\r\n\r\n".to_owned()
            } else {
                let body = http::call("supervisor.readProcessStdoutLog", &["cat", "0", "0"]);
                format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            };
            client.send(request);
            client
        })
        .collect();
    hanging.wait_for_hits(1);
    control.restarts_are_on_time(&supervisord, "a log that cannot be read");
    let start = Instant::now();
    assert_eq!(supervisord.ctl(&["restart", "cat"]).text(), "cat: stopped\ncat: started\n");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    drop(hanging);
    drop(clients);
    nothing_leaks(&supervisord, open);
}
