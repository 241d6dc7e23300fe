//! A disk that stops to answer while logs lie on it: their programs wait, and nobody else does.

use std::fs;

use nix::sys::signal::{Signal, kill};

use crate::{
    common::{Config, Kind, Sandbox, wait_until},
    event_listeners::listener::{install, notes, wait_for_note, with_listener},
    output::wrapped::{Wrapped, can_mount},
};

/// Makes a folder `disk`. With the first line that `go` gets, a file system that never answers lies over it; with the
/// second one, that is gone.
const SCRIPT: &str = "
mkdir disk; mkfifo go
(read x < go
 exec 9<>/dev/fuse
 mount -i -t fuse -o fd=9,rootmode=40000,user_id=0,group_id=0 none disk && touch stalled
 read x < go) &
exec \"$@\"
";

/// Starts one with a listener and a plugin that hear of a program which is started again and again.
fn start(config: Config) -> Wrapped {
    let sandbox = Sandbox::new();
    install(&sandbox);
    let crash = "command=/bin/sh -c 'exit 1'\nstartsecs=0\nautorestart=true\nstdout_logfile=NONE\nstderr_logfile=NONE";
    let events = "events=PROCESS_STATE_EXITED,PROCESS_LOG,REMOTE_COMMUNICATION\nbuffer_size=1000\nstartsecs=0";
    let config = with_listener(config, "ear", events)
        .program("crash", crash)
        .program("other", "command=/bin/cat\nstdout_events_enabled=true")
        .section("rpcinterface:witness", "supervisor.rpcinterface_factory=witness_plugin:make_witness");
    let supervisord = Wrapped::start(sandbox, Kind::Ours, &["unshare", "-rm", "sh", "-c", SCRIPT, "sh"], &config);
    wait_for_note(&supervisord.sandbox, "ear.notes", "PROCESS_STATE_EXITED", "processname:crash");
    supervisord
}

/// Stalls the disk, and has all logs opened anew. `log` is the activity log.
fn stall(supervisord: &Wrapped, log: &str) {
    tell(supervisord);
    wait_until("the disk stalls", || supervisord.sandbox.join("stalled").exists());
    kill(supervisord.pid(), Signal::SIGUSR2).expect("it is there");
    wait_until("logs are opened anew", || supervisord.sandbox.read(log).contains("supervisord logreopen"));
}

fn tell(supervisord: &Wrapped) {
    fs::write(supervisord.sandbox.join("go"), "go\n").expect("somebody reads it");
}

/// Waits until the listener has heard of so many ends of the program that crashes.
fn wait_for_crashes(supervisord: &Wrapped, more: usize) {
    let crashes = || {
        let notes = notes(&supervisord.sandbox, "ear.notes");
        notes.iter().filter(|note| note.payload.contains("processname:crash")).count()
    };
    let before = crashes();
    wait_until("it is started again and again", || crashes() >= before + more);
}

fn on_disk(config: Config, name: &str) -> Config {
    config.program(name, &format!("command=/bin/cat\nstdout_logfile={{here}}/disk/{name}.log"))
}

#[test]
fn while_some_logs_wait_listeners_plugins_and_other_logs_go_on() {
    if !can_mount() {
        return;
    }
    let names: Vec<_> = (0..40).map(|number| format!("stalled{number}")).collect();
    let config = names.iter().fold(Config::new(), |config, name| on_disk(config, name));
    let mut supervisord = start(config);
    supervisord.say("stalled0", "before");
    let log = supervisord.sandbox.join("disk/stalled0.log");
    wait_until("it is written", || fs::read_to_string(&log).is_ok_and(|log| log == "before\n"));
    stall(&supervisord, "supervisord.log");
    for name in &names {
        supervisord.say(name, "after");
    }
    wait_for_crashes(&supervisord, 3);
    let (plugin, heard) = ("INFO witness: PROCESS_STATE_EXITED crash", supervisord.sandbox.read("supervisord.log"));
    let count = |log: &str| log.matches(plugin).count();
    wait_until("the plugin hears of it", || count(&supervisord.sandbox.read("supervisord.log")) > count(&heard));
    supervisord.call("supervisor.sendRemoteCommEvent", &["test", "hello"]);
    wait_for_note(&supervisord.sandbox, "ear.notes", "REMOTE_COMMUNICATION", "hello");
    supervisord.say("other", "said meanwhile");
    wait_for_note(&supervisord.sandbox, "ear.notes", "PROCESS_LOG_STDOUT", "said meanwhile");
    let answer = supervisord.call("supervisor.readProcessStdoutLog", &["other", "0", "0"]);
    assert!(answer.contains("said meanwhile"), "{answer}");
    let answer = supervisord.call("supervisor.readLog", &["-100", "0"]);
    assert!(answer.contains("<string>"), "{answer}");
    assert!(supervisord.call("supervisor.stopProcess", &["stalled1"]).contains("<boolean>1</boolean>"));
    assert!(fs::read_to_string(&log).is_ok_and(|log| log == "before\n"), "it is as it was");

    // The disk is given up, and the files that were open are still there.
    tell(&supervisord);
    wait_until("nothing is lost", || fs::read_to_string(&log).is_ok_and(|log| log == "before\nafter\n"));
    supervisord.wait_for_log("could not reopen");
    supervisord.end();
}

#[test]
fn while_the_activity_log_waits_programs_listeners_and_their_logs_go_on() {
    if !can_mount() {
        return;
    }
    let supervisord =
        start(Config::new().section("supervisord", "logfile={here}/disk/supervisord.log\nloglevel=debug"));
    stall(&supervisord, "disk/supervisord.log");
    wait_for_crashes(&supervisord, 3);
    supervisord.say("other", "said meanwhile");
    wait_for_note(&supervisord.sandbox, "ear.notes", "PROCESS_LOG_STDOUT", "said meanwhile");
    let answer = supervisord.call("supervisor.readProcessStdoutLog", &["other", "0", "0"]);
    assert!(answer.contains("said meanwhile"), "{answer}");
    tell(&supervisord);
    wait_until("the log goes on", || supervisord.sandbox.read("disk/supervisord.log").contains("could not reopen"));
    let log = supervisord.sandbox.read("disk/supervisord.log");
    assert!(log.contains("'other' stdout output:\nsaid meanwhile\n"), "nothing is lost: {log}");
}
