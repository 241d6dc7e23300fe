//! A new supervisord that fails when it has been executed already: the one before gets the state back.

use std::fs;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::Upgradable;
use crate::common::{Config, wait_until};

fn config() -> Config {
    Config::new()
        .section("rpcinterface:unruly", "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface")
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program(
            "lines",
            "command=/bin/sh -c 'i=0; while :; do i=$((i+1)); echo $i; done'\nstartsecs=0\nstdout_logfile_maxbytes=0",
        )
}

/// What the new one has in the place of `make_unruly_rpcinterface`.
#[track_caller]
fn with_factory(supervisord: &Upgradable, factory: &str) {
    supervisord.edit(|text| {
        let (before, rest) = text.split_once("unruly_plugin:").expect("the section");
        let (_, after) = rest.split_once('\n').expect("the end of the line");
        format!("{before}unruly_plugin:make_{factory}_rpcinterface\n{after}")
    });
}

/// It goes back for that reason, and all goes on.
#[track_caller]
fn goes_back(supervisord: &Upgradable, reason: &str) {
    let before = supervisord.infos();
    let said = supervisord.refuses();
    assert!(said.contains(reason), "{said}");
    supervisord.wait_for_log(&format!("CRIT the supervisord that was to go on could not: {reason}"));
    supervisord.wait_for_log("CRIT went back to supervisord");
    assert_eq!(supervisord.infos(), before);
}

/// Programs are still looked after, and no line of output is lost.
#[track_caller]
fn all_goes_on(supervisord: &Upgradable) {
    let pid = supervisord.pid_of("cat");
    kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
    wait_until("it runs again", || ![0, pid].contains(&supervisord.pid_of("cat")));
    let lines = supervisord.sandbox.read("lines.out");
    let whole = lines.rsplit_once('\n').map_or("", |(whole, _)| whole);
    assert!(whole.lines().count() > 100);
    for (index, line) in whole.lines().enumerate() {
        assert_eq!(line, (index + 1).to_string(), "each number once and in order");
    }
}

#[test]
fn a_plugin_that_refuses_ends_dies_or_panics() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("lines", "RUNNING");
    supervisord.python("s.cache.store('key', 'value')");
    for (factory, reason) in [
        ("refusing", "Could not make unruly rpc interface"),
        ("panicking", "Could not make unruly rpc interface"),
        ("exiting", "it called exit before it had begun"),
        ("aborting", "it aborted"),
    ] {
        with_factory(&supervisord, factory);
        goes_back(&supervisord, reason);
        assert_eq!(supervisord.python("print(s.cache.fetch('key'))"), "value\n", "{factory}");
    }
    with_factory(&supervisord, "unruly");
    supervisord.upgrade();
    assert_eq!(supervisord.python("print(s.cache.fetch('key'))"), "value\n");
    let info = supervisord.python("info = s.upgrade.getInfo(); print(info['upgrades'], info['failures'])");
    assert_eq!(info, "1 4\n");
    all_goes_on(&supervisord);
}

#[test]
fn a_plugin_that_hangs() {
    let supervisord = Upgradable::start(&config());
    supervisord.wait_for_state("lines", "RUNNING");
    with_factory(&supervisord, "hanging");
    goes_back(&supervisord, "it had not begun after ten seconds");
    all_goes_on(&supervisord);
}

/// Both execute the constructor that has become bad.
#[test]
fn a_plugin_with_which_neither_can_go_on() {
    let config = config()
        .section(
            "rpcinterface:moody",
            "supervisor.rpcinterface_factory=unruly_plugin:make_moody_rpcinterface\nabort_if={here}/mood",
        )
        .section(
            "eventlistener:judged",
            "command=/bin/cat\nevents=TICK_5\nstartsecs=0\nresult_handler=supervisor_twiddler.rpcinterface:stdin_write_handler",
        );
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("lines", "RUNNING");
    let before = supervisord.infos();
    supervisord.sandbox.write("mood", "");
    let said = supervisord.refuses();
    assert!(said.contains("it aborted"), "{said}");
    let line = supervisord.wait_for_log("CRIT going on without plugins; running are ");
    for name in ["cat", "lines", "judged"] {
        assert!(line.contains(&format!("{name} ({})", supervisord.pid_of(name))), "{line}");
    }
    assert_eq!(supervisord.infos(), before);
    assert_eq!(supervisord.python("fault(s.cache.getCount)"), "1 UNKNOWN_METHOD\n");

    fs::remove_file(supervisord.sandbox.join("mood")).expect("it is there");
    supervisord.upgrade();
    assert_eq!(supervisord.python("print(s.cache.getCount())"), "0\n");
    all_goes_on(&supervisord);
}
