//! What keeps an upgrade from being. Nothing has changed then.

use std::{fs, os::unix::fs::PermissionsExt as _};

use super::Upgradable;
use crate::common::{Config, Supervisord, wait_until};
use nix::sys::signal::Signal;

fn config() -> Config {
    Config::new().program("cat", "command=/bin/cat\nstartsecs=0")
}

/// It is refused with these words, and all is as it was.
#[track_caller]
fn is_refused(supervisord: &Upgradable, words: &str) {
    let before = supervisord.infos();
    let said = supervisord.refuses();
    assert!(said.contains(words), "{said}");
    let check = supervisord.ctl(&["upgrade", "--check"]);
    assert!(check.status == 1 && check.stdout.contains(words), "{check:?}");
    assert_eq!(supervisord.infos(), before);
    supervisord.wait_for_log("WARN will not upgrade: ");
}

#[test]
fn an_executable_that_is_none() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let path = supervisord.executable().display().to_string();
    supervisord.install(b"#!/bin/sh\necho \"I am another program: $*\" >&2\nexit 1\n");
    let config = supervisord.config_file().display();
    is_refused(
        &supervisord,
        &format!(
            "{path} is no supervisord that can go on; it says: I am another program: --check-successor -n -c {config}"
        ),
    );
    // An ELF header for another machine, and no header at all.
    let mut other = fs::read("/proc/self/exe").expect("this test")[..4096].to_vec();
    other[18] = 0xf3;
    supervisord.install(&other);
    is_refused(&supervisord, &format!("cannot run {path}: Exec format error"));
    supervisord.install(b"\x7fnothing");
    is_refused(&supervisord, &format!("cannot run {path}: Exec format error"));
    fs::set_permissions(supervisord.executable(), fs::Permissions::from_mode(0o644)).expect("a mode");
    is_refused(&supervisord, &format!("cannot run {path}: Permission denied"));
    fs::remove_file(supervisord.executable()).expect("it is there");
    is_refused(&supervisord, &format!("cannot run {path}: No such file or directory"));

    super::put_executable(&supervisord.executable());
    supervisord.upgrade();
}

#[test]
fn one_that_does_not_answer() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    supervisord.install(b"#!/bin/sh\nexec sleep 1000\n");
    let said = supervisord.refuses();
    assert!(said.contains("does not answer within 10 seconds"), "{said}");
    assert_eq!(supervisord.statename("cat"), "RUNNING");
}

#[test]
fn a_config_that_is_broken_and_a_plugin_that_is_missing() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    let good = fs::read_to_string(supervisord.config_file()).expect("a config");
    for (lines, words) in [
        ("[program:x]\ncommand=/bin/cat\nstartsecs=soon\n", "startsecs"),
        ("[rpcinterface:x]\nsupervisor.rpcinterface_factory=nowhere.x:make\n", "libnowhere.so"),
        ("[rpcinterface:x]\nsupervisor.rpcinterface_factory=supervisor_cache.x:make_nothing\n", "make_nothing"),
        ("[eventlistener:x]\ncommand=/bin/cat\nevents=EVENT\nresult_handler=nowhere.x:judge\n", "libnowhere.so"),
    ] {
        supervisord.edit(|_| good.clone() + lines);
        is_refused(&supervisord, words);
    }
    supervisord.edit(|_| good.clone());
    supervisord.upgrade();
}

#[test]
fn one_that_is_stopping() {
    let slow =
        "command=/bin/sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.1; done'\nstopwaitsecs=1000\nstartsecs=0";
    let supervisord = Upgradable::start(&Config::new().program("slow", slow));
    wait_until("slow ignores SIGTERM", || supervisord.sandbox.read("slow.out").contains("up"));
    supervisord.signal(Signal::SIGTERM);
    supervisord.wait_for_log("WARN received SIGTERM");
    wait_until("it is refused", || supervisord.python("fault(s.upgrade.start)").contains("6 SHUTDOWN_STATE"));
}

#[test]
fn a_second_one_at_the_same_time() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("cat", "RUNNING");
    supervisord.install(b"#!/bin/sh\nsleep 1\nexec \"$(dirname \"$0\")/real\" \"$@\"\n");
    super::put_executable(&supervisord.sandbox.join("real"));
    let told = supervisord.python(
        &"import threading, xmlrpc.client\n\
         said = []\n\
         def start():\n    \
         try:\n        said.append(xmlrpc.client.ServerProxy('http://127.0.0.1:PORT').upgrade.start()['version'])\n    \
         except xmlrpc.client.Fault as fault:\n        said.append(fault.faultString)\n\
         threads = [threading.Thread(target=start) for _ in range(4)]\n\
         [thread.start() for thread in threads]\n\
         [thread.join() for thread in threads]\n\
         print(sorted(said))"
            .replace("PORT", &supervisord.port.to_string()),
    );
    assert_eq!(told.matches("FAILED: an upgrade is under way already").count(), 3, "{told}");
}

#[test]
fn words_that_it_does_not_know() {
    let supervisord = Upgradable::start(&config());
    let output = supervisord.ctl(&["upgrade", "now"]);
    assert_eq!((output.status, output.stdout.as_str()), (1, "Error: upgrade accepts no arguments but --check\n"));
    let real = Supervisord::start_real(&config());
    let output = real.ctl(&["upgrade"]);
    assert_eq!((output.status, output.stdout.as_str()), (3, "ERROR: this supervisord cannot be upgraded in place\n"));
}
