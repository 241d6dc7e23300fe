//! No descriptors left, in supervisord or in the whole system, at each place that opens something.

use std::{cell::Cell, collections::BTreeSet, fs};

use nix::{errno::Errno, sys::signal::Signal, unistd::Pid};

use super::{
    injection::{Call, Injection, descriptors, descriptors_at_rest, nothing_leaks, signal},
    lateness::{self, Control, descriptors_with_crashers, with_crashers},
};
use crate::common::{
    Config, Kind, Sandbox, Supervisord,
    http::{self, Connection},
    wait_until,
};

const CAT: &str = "command=/bin/cat\nstartsecs=0\nstartretries=0";

/// Both errors, with their texts.
const ERRORS: [(Errno, &str); 2] = [
    (Errno::EMFILE, "Too many open files (os error 24)"),
    (Errno::ENFILE, "Too many open files in system (os error 23)"),
];

fn get(supervisord: &Supervisord, path: &str) -> http::Response {
    let mut connection = Connection::open(supervisord.port);
    connection.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
    connection.receive().expect("an answer")
}

/// Takes from supervisord all descriptors that it does not have open; the old limit comes back when this is dropped.
struct NoneLeft(Pid);

impl NoneLeft {
    fn of(supervisord: &Supervisord) -> Self {
        let pid = supervisord.pid();
        let listed = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
        let open: BTreeSet<u64> = listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
        let free = (0..=open.len() as u64).find(|number| !open.contains(number)).expect("one number more than files");
        limit(pid, free);
        Self(pid)
    }
}

impl Drop for NoneLeft {
    fn drop(&mut self) {
        limit(self.0, 1024);
    }
}

/// Sets how many files a process may have open.
fn limit(pid: Pid, files: u64) {
    let mut prlimit = std::process::Command::new("prlimit");
    let done = prlimit.arg(format!("--pid={pid}")).arg(format!("--nofile={files}:")).status();
    assert!(done.expect("prlimit can be run").success());
}

#[test]
fn where_clients_have_taken_all_programs_are_restarted_and_written_as_ever() {
    let control = Control::start();
    let config = with_crashers(Config::new()).program("cat", CAT);
    let supervisord = Supervisord::start_in(lateness::sandbox(), Kind::Ours, &config);
    supervisord.wait_for_state("cat", "RUNNING");
    let open = descriptors_with_crashers(&supervisord);
    // As they would be while each of them is between two runs.
    wait_until("all programs run", || supervisord.ctl(&["status"]).stdout.matches("RUNNING").count() == 5);
    let none_left = NoneLeft::of(&supervisord);
    let mut unheard = Connection::open(supervisord.port);
    unheard.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    supervisord.wait_for_log("ERRO cannot accept a connection: Too many open files (os error 24)");
    control.restarts_are_on_time(&supervisord, "no descriptor left");
    assert_eq!(supervisord.count_in_log("spawnerr"), 0, "there is a reserve");
    drop(none_left);
    assert_eq!(unheard.receive().expect("an answer").status, 200);
    drop(unheard);
    nothing_leaks(&supervisord, open);
}

#[test]
fn a_program_for_whose_pipes_there_are_none_is_not_given_up() {
    let (faults, supervisord) = lateness::start(&Config::new().program("cat", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    let open = descriptors_at_rest(&supervisord);
    for (errno, text) in [
        (Errno::EMFILE, "spawnerr: too many open files to spawn 'cat'"),
        (Errno::ENFILE, "spawnerr: unknown error making dispatchers for 'cat': ENFILE"),
    ] {
        let broken = faults.fail(Call::Pipe, "supervisord", errno);
        signal(&supervisord, "cat", Signal::SIGKILL);
        // Once would have been enough for a program that may not try again.
        wait_until("it was tried again", || supervisord.count_in_log(text) >= 2);
        assert_eq!(supervisord.statename("cat"), "BACKOFF");
        drop(broken);
        supervisord.wait_for_state("cat", "RUNNING");
    }
    assert_eq!(supervisord.count_in_log("FATAL"), 0);
    nothing_leaks(&supervisord, open);
}

#[test]
fn a_log_that_cannot_be_opened_is_opened_as_soon_as_it_can_be() {
    let (faults, supervisord) = lateness::start(&Config::new().program("cat", &format!("{CAT}\nautostart=false")));
    for (errno, text) in ERRORS {
        let broken = [Call::Open, Call::Open].map(|call| faults.fail(call, "cat.out", errno));
        assert!(supervisord.ctl(&["start", "cat"]).text().contains("cat: started"));
        supervisord.wait_for_log(&format!("cat.out: {text}; its output is lost"));
        drop(broken);
        wait_until("it is written", || {
            supervisord.call("supervisor.sendProcessStdin", &["cat", &format!("{errno}\n")]);
            supervisord.sandbox.read("cat.out").contains(&errno.to_string())
        });
        assert!(supervisord.ctl(&["stop", "cat"]).text().contains("cat: stopped"));
    }
}

#[test]
fn clients_that_cannot_be_accepted_are_accepted_later() {
    let control = Control::start();
    let (faults, supervisord) = lateness::start(&with_crashers(Config::new()));
    let open = descriptors_with_crashers(&supervisord);
    for (errno, _) in ERRORS {
        let broken = faults.fail(Call::Accept, "server", errno);
        let mut client = Connection::open(supervisord.port);
        client.send("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        broken.wait_for_hits(1);
        control.restarts_are_on_time(&supervisord, &format!("{errno} for clients"));
        drop(broken);
        assert_eq!(client.receive().expect("an answer").status, 200);
    }
    supervisord.wait_for_log("ERRO cannot accept a connection: Too many open files");
    nothing_leaks(&supervisord, open);
}

#[test]
fn what_a_client_asks_for_and_cannot_be_opened_is_an_answer_of_its_own() {
    let config = Config::new()
        .section("inet_http_server", "metrics=true")
        .program("cat", CAT)
        .section("program:cat", "env_file={here}/cat.env");
    let sandbox = lateness::sandbox();
    sandbox.write("cat.env", "A=b\n");
    let faults = Injection::new(&sandbox);
    let supervisord = faults.start(sandbox, &config);
    supervisord.wait_for_state("cat", "RUNNING");
    supervisord.call("supervisor.sendProcessStdin", &["cat", "hello\n"]);
    wait_until("it is written", || supervisord.sandbox.read("cat.out") == "hello\n");
    let open = descriptors_at_rest(&supervisord);
    let read = || supervisord.call("supervisor.readProcessStdoutLog", &["cat", "0", "0"]);
    let tail = || supervisord.ctl(&["tail", "cat"]);
    for (errno, text) in ERRORS {
        let broken = faults.fail(Call::Open, "cat.out", errno);
        assert!(read().contains("FAILED"), "{}", read());
        assert!(!tail().stdout.contains("hello"));
        assert!(get(&supervisord, "/logtail/cat").status >= 400);
        drop(broken);
        assert!(read().contains("hello") && tail().text() == "hello\n\n");

        let broken = faults.fail(Call::Open, "/proc/", errno);
        wait_until("it was tried to read what processes use", || {
            let metrics = get(&supervisord, "/metrics");
            assert!(
                metrics.status == 200 && metrics.text().contains("supervisor_process_restarts_total"),
                "{metrics:?}"
            );
            broken.hits() > 0
        });
        drop(broken);
        wait_until("it is known again", || get(&supervisord, "/metrics").text().contains("supervisor_open_fds"));

        for file in ["cat.env", "supervisord.conf"] {
            let broken = faults.fail(Call::Open, file, errno);
            let reread = supervisord.ctl(&["reread"]);
            let said = reread.stdout + &reread.stderr;
            assert!(reread.status == 1 && said.contains(file), "{said}");
            assert!(file != "cat.env" || said.contains(text), "{said}");
            assert_ne!(supervisord.ctl(&["update"]).status, 0);
            drop(broken);
        }
    }
    assert_eq!(supervisord.ctl(&["reread"]).text(), "No config updates to processes\n");
    assert_eq!(supervisord.count_in_log("spawned: 'cat'"), 1);
    nothing_leaks(&supervisord, open);
}

/// A directory that cannot be listed must not read as one that is empty: what an update would take from that!
#[test]
fn a_directory_of_included_files_that_cannot_be_listed_takes_no_program_away() {
    let sandbox = lateness::sandbox();
    fs::create_dir(sandbox.join("conf.d")).expect("a directory");
    sandbox.write("conf.d/cat.conf", format!("[program:cat]\n{CAT}\nstdout_logfile=NONE\nstderr_logfile=NONE\n"));
    let faults = Injection::new(&sandbox);
    let supervisord = faults.start(sandbox, &Config::new().section("include", "files=conf.d/*.conf"));
    supervisord.wait_for_state("cat", "RUNNING");
    let pid = supervisord.pid_of("cat");
    for (errno, text) in [ERRORS[0], ERRORS[1], (Errno::EIO, "Input/output error (os error 5)")] {
        for call in [Call::List, Call::Open] {
            let broken = faults.fail(call, "/conf.d", errno);
            for command in ["reread", "update", "reload"] {
                let output = supervisord.ctl(&[command]);
                let said = output.stdout + &output.stderr;
                assert!(output.status != 0 && said.contains(text) && said.contains("conf.d"), "{command}: {said}");
            }
            // So that what was logged of these commands is in the file.
            supervisord.ctl(&["maintail"]);
            let refused = supervisord.count_in_log("CRIT will not restart: ");
            supervisord.signal(Signal::SIGHUP);
            wait_until("it is not restarted", || supervisord.count_in_log("CRIT will not restart: ") > refused);
            drop(broken);
            assert_eq!(supervisord.ctl(&["update"]).text(), "");
            assert_eq!(supervisord.pid_of("cat"), pid, "{call:?} {errno}");
        }
    }
}

/// One call after the other fails that supervisord makes from the request on, of its own or as the one that comes.
#[test]
fn an_upgrade_in_which_one_thing_cannot_be_had_goes_through_or_is_refused() {
    let (done, refused) = (Cell::new(0), Cell::new(0));
    for calls in [
        &[Call::Memfd, Call::Spawn, Call::Pipe, Call::List, Call::Socket, Call::Thread][..],
        &[Call::Duplicate],
        &[Call::Open],
    ] {
        let (faults, supervisord) = lateness::start(&Config::new().program("cat", CAT));
        supervisord.wait_for_state("cat", "RUNNING");
        let (pid, open) = (supervisord.pid_of("cat"), descriptors_at_rest(&supervisord));
        for &call in calls {
            for skipped in 0.. {
                let errno = if let Call::Thread | Call::Spawn = call { Errno::EAGAIN } else { Errno::ENFILE };
                let broken = faults.fail_some(call, "", errno, skipped, 1);
                let output = supervisord.ctl(&["upgrade"]);
                let has_failed = broken.hits() > 0;
                drop(broken);
                let (text, is_done) = (output.stdout + &output.stderr, output.status == 0);
                assert!(is_done || text.starts_with("ERROR: "), "{call:?} {skipped}: {text}");
                let count = if is_done { &done } else { &refused };
                count.set(count.get() + 1);
                assert_eq!(
                    (supervisord.statename("cat"), supervisord.pid_of("cat")),
                    ("RUNNING".to_owned(), pid),
                    "{call:?} {skipped}"
                );
                if !has_failed {
                    break;
                }
            }
        }
        assert!(supervisord.ctl(&["upgrade"]).text().starts_with("Upgraded "));
        nothing_leaks(&supervisord, open);
    }
    println!("{} upgrades have gone through, {} not", done.get(), refused.get());
    assert!(done.get() > 0 && refused.get() > 0);
}

/// A client that follows a log keeps one descriptor and gives it back, however it leaves.
#[test]
fn those_that_have_come_and_gone_have_left_none() {
    let supervisord = Supervisord::start_in(Sandbox::new(), Kind::Ours, &Config::new().program("cat", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    let open = descriptors_at_rest(&supervisord);
    for _ in 0..3 {
        let followers: Vec<_> = (0..20)
            .map(|_| {
                let mut client = Connection::open(supervisord.port);
                client.send("GET /mainlogtail HTTP/1.1\r\nHost: localhost\r\n\r\n");
                client
            })
            .collect();
        wait_until("all are followed", || descriptors(&supervisord) >= open + 2 * followers.len());
        drop(followers);
        nothing_leaks(&supervisord, open);
    }
    let pid = supervisord.pid_of("cat");
    for _ in 0..20 {
        signal(&supervisord, "cat", Signal::SIGKILL);
        supervisord.ctl(&["restart", "cat"]);
    }
    assert_ne!(supervisord.pid_of("cat"), pid);
    nothing_leaks(&supervisord, open);
}
