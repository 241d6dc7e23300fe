//! The way down, with real signals: one supervisor, so one test, in a process of its own.

#[path = "core/setup.rs"]
#[allow(dead_code, reason = "the other binary uses the rest")]
mod setup;

use std::sync::Arc;

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use plugin_api::{Fault, RVec, namespace};
use setup::{Core, PATIENCE, group, program, shell, wait_until};
use supervisor_host::{
    config::{self, Group, Process},
    rpc::SupervisorInterface,
    states::{ProcessState, SupervisorState},
    supervisor::Outcome,
};

fn signal_ourselves(signal: Signal) {
    kill(Pid::this(), signal).unwrap();
}

#[test]
fn groups_stop_in_reverse_order_of_priority_and_a_stubborn_one_is_killed() {
    let with_priority = |priority, process| {
        let group: Arc<Group> = group(process);
        Arc::new(Group { priority, ..Group::clone(&group) })
    };
    let stubborn = "trap '' TERM; echo up; while :; do read x; done";
    let (core, main_loop) = Core::new(vec![
        with_priority(1, program("database", "/bin/cat")),
        with_priority(2, Process { stopwaitsecs: 1, ..shell("stubborn", stubborn) }),
        with_priority(3, program("web", "/bin/cat")),
        with_priority(3, Process { startretries: 100, ..program("broken", "/nonexistent/x") }),
    ]);
    let events = core.supervisor.bus().subscribe();
    let main = std::thread::spawn(move || main_loop.run());

    let state_of = |name: &str| {
        let all = core.supervisor.by_name();
        all.into_iter().find(|info| info.name == name).map(|info| (info.state, info.stdout_logfile.unwrap())).unwrap()
    };
    wait_until(|| std::fs::read_to_string(state_of("stubborn").1).unwrap() == "up\n");
    wait_until(|| state_of("broken").0 == ProcessState::Backoff);

    signal_ourselves(Signal::SIGUSR2);
    wait_until(|| core.activity().contains("INFO supervisord logreopen"));
    signal_ourselves(Signal::SIGTERM);
    wait_until(|| core.supervisor.state() == SupervisorState::Shutdown);
    wait_until(|| core.activity().contains("to die"));
    signal_ourselves(Signal::SIGHUP);
    wait_until(|| core.activity().contains("ignored SIGHUP indicating restart request (shutdown in progress)"));
    signal_ourselves(Signal::SIGTERM);

    let interface = namespace(Arc::new(SupervisorInterface::new(core.supervisor.clone())));
    assert_eq!(interface.call("getState".into(), RVec::new()).wait(), Err(Fault::shutdown_state()));

    assert_eq!(main.join().unwrap(), Outcome::Exit(0));
    core.assert_logged(&[
        "INFO received SIGUSR2 indicating log reopen request",
        "INFO supervisord logreopen",
        "WARN received SIGTERM indicating exit request",
        "INFO waiting for database, stubborn, web to die",
        "WARN stopped: web (terminated by SIGTERM)",
        "WARN stopped: stubborn (terminated by SIGKILL)",
        "WARN stopped: database (terminated by SIGTERM)",
    ]);
    assert!(core.supervisor.by_name().iter().all(|info| info.state.is_stopped()));
    assert_eq!(state_of("broken").0, ProcessState::Fatal);

    let mut names = Vec::new();
    while let Some(event) = events.try_recv() {
        names.push(event.name().to_owned());
    }
    assert_eq!(names[0], "SUPERVISOR_STATE_CHANGE_RUNNING");
    assert_eq!(names.iter().filter(|name| **name == "SUPERVISOR_STATE_CHANGE_STOPPING").count(), 1);
    core.output.stop(PATIENCE);
}
