//! Many upgrades in a row under load: nothing is lost, nothing comes twice, nobody is refused.

use std::{
    fs,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
};

use super::Upgradable;
use crate::{
    common::{Config, Sandbox, comes_true, http, wait_until},
    event_listeners::listener::{self, notes, with_listener},
};

const UPGRADES: usize = 10;

/// Files that a process has open, in order of their names.
fn descriptors(pid: nix::unistd::Pid) -> Vec<String> {
    let listed = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let mut names: Vec<_> = listed
        .filter_map(|entry| Some(fs::read_link(entry.path()).ok()?.display().to_string()))
        // Of sockets and pipes the kind, without the number.
        .map(|name| name.split(':').next().unwrap_or_default().to_owned())
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn nothing_is_lost_and_nobody_is_refused() {
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    let config = Config::new()
        .program("many", "command=/bin/sleep 1000\nnumprocs=50\nprocess_name=m%(process_num)d\nstartsecs=0")
        .program(
            "lines",
            "command=/bin/sh -c 'i=0; while [ ! -e {here}/end ]; do i=$((i+1)); echo $i; done'\nstartsecs=0\n\
             autorestart=false\nstdout_logfile_maxbytes=0",
        );
    let config = with_listener(config, "all", "events=REMOTE_COMMUNICATION\nbuffer_size=100000\nstartsecs=0");
    let supervisord = Upgradable::start_in(sandbox, &config);
    supervisord.wait_for_state("lines", "RUNNING");
    supervisord.wait_for_state("many:m49", "RUNNING");
    let before = supervisord.infos();
    supervisord.upgrade();
    // The output threads open the logs when they take them over, which may be a moment later.
    let logs = ["lines.out", "lines.err", "all.out", "all.err"];
    let has = |open: &[String], log: &str| open.iter().any(|name| name.ends_with(log));
    let mut open = Vec::new();
    wait_until("all logs are open", || {
        open = descriptors(supervisord.pid());
        logs.iter().all(|log| has(&open, log))
    });

    let (ends, port) = (AtomicBool::new(false), supervisord.port);
    let (asked, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ends.load(Relaxed) {
                    let answer = http::post(port, "/RPC2", http::call("supervisor.getState", &[])).text();
                    assert!(answer.contains("RUNNING"), "{answer:?}");
                    asked.fetch_add(1, Relaxed);
                }
            });
        }
        scope.spawn(|| {
            while !ends.load(Relaxed) {
                let number = sent.load(Relaxed).to_string();
                let answer =
                    http::post(port, "/RPC2", http::call("supervisor.sendRemoteCommEvent", &["n", &number])).text();
                assert!(answer.contains("<boolean>1</boolean>"), "{answer:?}");
                sent.fetch_add(1, Relaxed);
            }
        });
        let _ends = Ends(&ends);
        for _ in 0..UPGRADES {
            supervisord.upgrade();
        }
    });
    assert!(asked.load(Relaxed) > 0);
    assert_eq!(supervisord.infos(), before, "the same processes, with the same pids");
    let mut now = Vec::new();
    let is_left_over = !comes_true(|| {
        now = descriptors(supervisord.pid());
        now.len() <= open.len()
    });
    assert!(!is_left_over, "then {open:#?}, now {now:#?}");

    supervisord.sandbox.write("end", "");
    supervisord.wait_for_state("lines", "EXITED");
    supervisord.wait_for_log("exited: lines");
    let lines = supervisord.sandbox.read("lines.out");
    assert!(lines.lines().count() > 1000);
    for (index, line) in lines.lines().enumerate() {
        assert_eq!(line, (index + 1).to_string(), "each number once and in order");
    }
    let last = sent.load(Relaxed) - 1;
    listener::wait_for_note(&supervisord.sandbox, "all.notes", "REMOTE_COMMUNICATION", &format!("type:n\n{last}"));
    let told = notes(&supervisord.sandbox, "all.notes");
    for (index, note) in told.iter().enumerate() {
        assert_eq!(note.payload, format!("type:n\n{index}"), "each event once and in order");
    }
}

/// Ends the clients also where an upgrade fails.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}
