//! Disks that are full, and disks that are broken, under all that supervisord writes.

use nix::{errno::Errno, sys::signal::Signal};

use super::{
    injection::{Call, Injection, nothing_leaks},
    lateness::{self, Control, descriptors_with_crashers, with_crashers},
};
use crate::common::{Config, Kind, Supervisord, wait_until};

/// Says each line that it reads on stdout and on stderr.
const BOTH: &str = "command=/bin/sh -c 'while read line; do echo $line; echo $line >&2; done'\nstartsecs=0";

/// Errors of a disk, with their texts.
const ERRORS: [(Errno, &str); 2] =
    [(Errno::ENOSPC, "No space left on device (os error 28)"), (Errno::EIO, "Input/output error (os error 5)")];

fn say(supervisord: &Supervisord, program: &str, line: &str) {
    supervisord.call("supervisor.sendProcessStdin", &[program, &format!("{line}\n")]);
}

#[track_caller]
fn wait_for_text(supervisord: &Supervisord, file: &str, text: &str) {
    wait_until(&format!("{file} is {text:?}"), || supervisord.sandbox.read(file) == text);
}

#[test]
fn what_a_program_says_is_lost_alone_and_only_while_its_log_cannot_be_written() {
    let (sandbox, control) = (lateness::sandbox(), Control::start());
    let faults = Injection::new(&sandbox);
    let config = with_crashers(Config::new().program("both", BOTH).program("other", BOTH));
    let supervisord = faults.start(sandbox, &config);
    supervisord.wait_for_state("both", "RUNNING");
    supervisord.wait_for_state("other", "RUNNING");
    let open = descriptors_with_crashers(&supervisord);
    let (mut kept, mut told) = (String::new(), 0);
    for (errno, text) in ERRORS {
        kept.push_str("before the error\n");
        say(&supervisord, "both", "before the error");
        for file in ["both.out", "both.err"] {
            wait_for_text(&supervisord, file, &kept);
        }
        let broken = ["both.out", "both.err"].map(|file| faults.fail(Call::Write, file, errno));
        // For ten seconds after the end of a loss the next one is not told: a disk that comes and goes is no chatter.
        say(&supervisord, "both", "lost");
        for broken in &broken {
            broken.wait_for_hits(1);
        }
        told += 1;
        if told == 1 {
            for file in ["both.out", "both.err"] {
                supervisord.wait_for_log(&format!("{file}: {text}; output is lost"));
            }
        }
        say(&supervisord, "other", &format!("while {errno}"));
        wait_until("others are written", || supervisord.sandbox.read("other.out").ends_with(&format!("{errno}\n")));
        control.restarts_are_on_time(&supervisord, &format!("{errno} on the logs of a program"));
        drop(broken);
        kept.push_str("after the error\n");
        say(&supervisord, "both", "after the error");
        for file in ["both.out", "both.err"] {
            wait_for_text(&supervisord, file, &kept);
        }
    }
    assert_eq!(supervisord.count_in_log("is written again; 5 bytes were lost"), 2);
    assert_eq!(supervisord.count_in_log("spawned: 'both'"), 1);
    nothing_leaks(&supervisord, open);
}

#[test]
fn an_activity_log_that_cannot_be_written_holds_up_nobody() {
    let (sandbox, control) = (lateness::sandbox(), Control::start());
    let faults = Injection::new(&sandbox);
    let supervisord = faults.start(sandbox, &with_crashers(Config::new().program("both", BOTH)));
    supervisord.wait_for_state("both", "RUNNING");
    let open = descriptors_with_crashers(&supervisord);
    for (errno, _) in ERRORS {
        let broken = faults.fail(Call::Write, "supervisord.log", errno);
        broken.wait_for_hits(1);
        control.restarts_are_on_time(&supervisord, &format!("{errno} on the activity log"));
        assert!(supervisord.ctl(&["restart", "both"]).text().contains("both: started"));
    }
    let after = supervisord.sandbox.read("supervisord.log").len();
    wait_until("it is written again", || supervisord.sandbox.read("supervisord.log").len() > after);
    supervisord.wait_for_log("supervisord.log is written again");
    // Its copy on stdout has all that the file lacks.
    let copy = supervisord.sandbox.read("stdout.txt");
    assert_eq!(copy.matches("spawned: 'both'").count(), 3, "{copy}");
    assert!(supervisord.count_in_log("spawned: 'both'") < 3);
    nothing_leaks(&supervisord, open);
}

#[test]
fn a_pid_file_that_cannot_be_written_keeps_nobody_from_supervising() {
    for (errno, text) in ERRORS {
        for call in [Call::Open, Call::Write] {
            let sandbox = lateness::sandbox();
            let faults = Injection::new(&sandbox);
            let broken = faults.fail(call, "supervisord.pid", errno);
            let config = Config::new().section("supervisord", "loglevel=debug").program("both", BOTH);
            let mut supervisord = faults.start(sandbox, &config);
            supervisord.wait_for_log("CRIT could not write pidfile");
            supervisord.wait_for_log(&format!("DEBG pidfile: {text}"));
            assert!(broken.hits() > 0);
            supervisord.wait_for_state("both", "RUNNING");
            supervisord.signal(Signal::SIGTERM);
            assert!(supervisord.wait().success());
        }
    }
}

#[test]
fn a_rotation_that_fails_loses_no_file_and_is_made_up_for() {
    // Before the new file is made the old one is looked at; with the last two errors that alone goes well.
    for (call, errno, is_looked_at) in [
        (Call::Rename, Errno::EIO, false),
        (Call::Unlink, Errno::EIO, false),
        (Call::Open, Errno::EMFILE, false),
        (Call::Open, Errno::ENFILE, false),
        (Call::Open, Errno::ENOSPC, true),
        (Call::Open, Errno::EIO, true),
    ] {
        let sandbox = lateness::sandbox();
        let faults = Injection::new(&sandbox);
        let program = "command=/bin/cat\nstartsecs=0\nstdout_logfile={here}/talk.log\nstdout_logfile_maxbytes=10\n\
                       stdout_logfile_backups=3";
        let supervisord = faults.start(sandbox, &Config::new().program("talk", program));
        supervisord.wait_for_state("talk", "RUNNING");
        let all = || {
            let files = ["talk.log.4", "talk.log.3", "talk.log.2", "talk.log.1", "talk.log"];
            files.map(|file| supervisord.sandbox.read(file)).concat()
        };
        let line = |number: u32| format!("the line {number:2}\n");
        // Each line fills a file, and three of those are kept.
        let talk = |number: u32| {
            say(&supervisord, "talk", line(number).trim_end());
            let kept: String = (number.saturating_sub(2).max(1)..=number).map(line).collect();
            wait_until(&format!("{kept:?} is there: {call:?} {errno}"), || all().ends_with(&kept));
        };
        (1..=3).for_each(talk);
        let broken: Vec<_> = if is_looked_at {
            (1..=6).map(|skipped| faults.fail_some(call, "/talk.log", errno, skipped, 1)).collect()
        } else {
            vec![faults.fail(call, "/talk.log", errno)]
        };
        // More that fail than there are files, so that each could be pushed out.
        (4..=9).for_each(talk);
        assert!(all().contains(&line(2)), "{call:?} {errno}: no more is dropped than for one rotation: {}", all());
        assert!(broken.iter().all(|broken| broken.hits() > 0), "{call:?} {errno}");
        supervisord.wait_for_log("could not rotate ");
        assert_eq!(supervisord.count_in_log("could not rotate "), 1);
        drop(broken);
        let readable = supervisord.sandbox.read("talk.log");
        assert!(readable.ends_with("the line  9\n"), "{call:?} {errno}: it has gone on under its own name: {readable}");
        talk(10);
        wait_until("it is rotated again", || supervisord.sandbox.read("talk.log").is_empty());
    }
}

/// A cache in a file of the sandbox.
fn with_store(config: Config) -> Config {
    config.section("rpcinterface:cache", "store=file\nfile={here}/cache")
}

#[test]
fn what_the_cache_has_acknowledged_is_there_whatever_the_disk_does() {
    let (sandbox, control) = (lateness::sandbox(), Control::start());
    let faults = Injection::new(&sandbox);
    let config = with_crashers(with_store(Config::new()));
    let mut supervisord = faults.start(sandbox, &config);
    let open = descriptors_with_crashers(&supervisord) + 1;
    let store = |key: &str, value: &str| supervisord.call("cache.store", &[key, value]);
    assert!(store("kept", "of old").contains("<boolean>1</boolean>"));
    let mut acknowledged = Vec::new();
    for (errno, text) in ERRORS {
        // With the last one the file cannot be made what it was before, and is made anew.
        for calls in [&[Call::Write][..], &[Call::Sync], &[Call::Write, Call::Truncate]] {
            let call = format!("{calls:?}");
            let broken: Vec<_> = calls.iter().map(|call| faults.fail(*call, "/cache", errno)).collect();
            let answer = store("kept", "of new");
            assert!(answer.contains("STORE_FAILED") && answer.contains(text), "{call}: {answer}");
            assert!(supervisord.call("cache.fetch", &["kept"]).contains("of old"), "what was refused is not there");
            let answer = supervisord.call("cache.delete", &["kept"]);
            assert!(answer.contains("STORE_FAILED"), "{call}: {answer}");
            assert!(supervisord.call("cache.fetch", &["kept"]).contains("of old"), "nor is it gone");
            assert!(broken.iter().all(|broken| broken.hits() > 0));
            control.restarts_are_on_time(&supervisord, &format!("{errno} on the cache's file {call}"));
            drop(broken);
            let key = format!("{call} {errno}");
            let mut answer = String::new();
            wait_until("it is stored again", || {
                answer = store(&key, "value");
                answer.contains("<boolean>1</boolean>")
            });
            acknowledged.push(key);
        }
    }
    nothing_leaks(&supervisord, open);
    supervisord.signal(Signal::SIGKILL);
    supervisord.wait();
    let sandbox = std::mem::replace(&mut supervisord.sandbox, lateness::sandbox());
    sandbox.kill_all();
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &with_store(Config::new()));
    assert!(supervisord.call("cache.fetch", &["kept"]).contains("of old"));
    for key in acknowledged {
        assert!(supervisord.call("cache.fetch", &[&key]).contains("value"), "{key}");
    }
}
