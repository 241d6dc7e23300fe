//! How programs come to life while supervisord's other threads, its clients and its plugins are at work.

use std::{ffi::OsStr, fs, path::Path};

use crate::common::{Config, Kind, NewerLibc, Sandbox, Supervisord, run_by, wait_until};

const UNRULY: &str = "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface";

/// Starts 300 programs while a plugin runs commands, which takes locks of libc's in the middle of it.
#[track_caller]
fn all_become_their_program(change: impl Fn(std::process::Command) -> std::process::Command) {
    let config = Config::new().section("rpcinterface:unruly", UNRULY).section(
        "program:many",
        "command=/bin/sleep 1000\nnumprocs=300\nprocess_name=%(process_num)03d\nautostart=false\nstartsecs=0\n\
         stdout_logfile=NONE\nstderr_logfile=NONE",
    );
    let config = config.section("supervisord", "minfds=2048");
    let supervisord = Supervisord::start_as(Sandbox::new(), Kind::Ours, &config, change);
    supervisord.call("unruly.runCommands", &["4"]);
    let started = supervisord.python("print(len(s.supervisor.startProcessGroup('many')))");
    assert_eq!(started.trim(), "300");
    let pids = supervisord.python("print(*(info['pid'] for info in s.supervisor.getAllProcessInfo()))");
    let sleep = fs::canonicalize("/bin/sleep").expect("a program");
    let pids: Vec<&str> = pids.split_whitespace().collect();
    assert_eq!(pids.len(), 300);
    wait_until("every program is there", || {
        let is_there = |pid: &&str| fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|exe| exe == sleep);
        pids.iter().all(is_there)
    });
}

#[test]
fn programs_come_to_life_beside_a_plugin_that_runs_commands() {
    all_become_their_program(|command| command);
}

#[test]
fn programs_come_to_life_beside_it_on_a_newer_libc() {
    let libc = NewerLibc::get();
    all_become_their_program(|command| libc.run(&command));
}

#[test]
fn programs_of_other_users_do_not_close_the_way_into_supervisords_log() {
    if !nix::unistd::getuid().is_root() {
        // Only root has users to change to.
        return;
    }
    // As in a container, whose root may not trace: `/proc/PID/fd` of who is not dumpable is closed to it then.
    let drop = ["--bounding-set=-sys_ptrace", "--inh-caps=-sys_ptrace"].map(OsStr::new);
    let write = "until echo here >/proc/$PPID/fd/1; do sleep 0.05; done; echo done >{here}/written; sleep 1000";
    let config = Config::new()
        .program("other", "command=/bin/sleep 1000\nuser=nobody\nstartsecs=0\nautostart=false")
        .program("writer", &format!("command=/bin/sh -c '{write}'\nstartsecs=0\nautostart=false"));
    let supervisord = Supervisord::start_as(Sandbox::new(), Kind::Ours, &config, |command| {
        run_by(&command, Path::new("/usr/bin/setpriv"), &drop)
    });
    for _ in 0..20 {
        supervisord.ctl(&["start", "other"]);
        supervisord.ctl(&["stop", "other"]);
    }
    supervisord.ctl(&["start", "writer"]);
    wait_until("a program writes to supervisord's stdout", || !supervisord.sandbox.read("written").is_empty());
    assert!(supervisord.sandbox.read("stdout.txt").contains("here\n"));
}
