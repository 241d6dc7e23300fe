//! Disks that are full: output is lost, with a notice, and nothing else; and what comes when there is room is kept.

use std::{fs, path::PathBuf};

use crate::{
    common::{Config, Kind, Sandbox, wait_until},
    output::wrapped::{Wrapped, can_mount},
};

/// Writes as many bytes as it is told.
const MUCH: &str = "while read count; do head -c $count /dev/zero | tr \"\\000\" x; done";

fn config(log: &str) -> Config {
    Config::new()
        .program("much", &format!("command=/bin/sh -c '{MUCH}'\nstdout_logfile={log}\nstdout_logfile_maxbytes=0"))
        .program("other", "command=/bin/cat")
}

fn len(path: &PathBuf) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// The story of a log that fills up, and of which `make_room` makes a usable one.
fn fills_up(mut supervisord: Wrapped, log: &PathBuf, why: &str, make_room: impl FnOnce()) {
    supervisord.say("much", "300000");
    let notice = supervisord.wait_for_log("could not write to");
    assert!(notice.ends_with(&format!("much.log: {why}; output is lost")), "{notice}");
    supervisord.say("other", "hello");
    wait_until("others are written", || supervisord.sandbox.read("other.out") == "hello\n");
    let before = len(log);
    assert!((1..300_000).contains(&before), "{before}");
    make_room();
    let mut said = 0;
    wait_until("it is written again", || {
        supervisord.say("much", "1000");
        said += 1;
        supervisord.sandbox.read("supervisord.log").contains("is written again")
    });
    let notice = supervisord.wait_for_log("is written again");
    assert!(notice.ends_with(" bytes were lost"), "{notice}");
    assert!(said < 1000 && len(log) > 0);
    let log = supervisord.sandbox.read("supervisord.log");
    assert_eq!(log.matches("could not write").count(), 1, "{log}");
    assert_eq!(log.matches("spawned: 'much'").count(), 1, "{log}");
    supervisord.end();
}

#[test]
fn a_full_disk() {
    const SCRIPT: &str = "mkdir small; mount -t tmpfs -o size=256k none small; head -c 100000 /dev/zero > small/filler; \
                          exec \"$@\"";
    if !can_mount() {
        return;
    }
    let words = ["unshare", "-rm", "sh", "-c", SCRIPT, "sh"];
    let supervisord = Wrapped::start(Sandbox::new(), Kind::Ours, &words, &config("{here}/small/much.log"));
    let small = PathBuf::from(format!("/proc/{}/root{}/small", supervisord.pid(), supervisord.sandbox.here()));
    let why = "No space left on device (os error 28)";
    fills_up(supervisord, &small.join("much.log"), why, || fs::remove_file(small.join("filler")).unwrap());
}

#[test]
fn a_limit_of_the_size_of_files() {
    let words = ["sh", "-c", "ulimit -f 200; exec \"$@\"", "sh"];
    let supervisord = Wrapped::start(Sandbox::new(), Kind::Ours, &words, &config("{here}/much.log"));
    let log = supervisord.sandbox.join("much.log");
    let truncate = || fs::write(&log, "").unwrap();
    fills_up(supervisord, &log, "File too large (os error 27)", truncate);
}
