//! Supervisors with processes that depend on each other, at work.

use std::collections::HashMap;

use proptest::prelude::*;

use super::super::fixtures::{AtWork, block_on};
use crate::{
    config::{self, AutoRestart, Condition, Dependency},
    events::{Event, Subscription},
    process::{fixtures, launch::Launch},
    states::ProcessState,
};

/// A program that others depend on to have ended, or to run.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Stays,
    Ends,
    Fails,
}

fn process(name: &str, kind: Kind, depends_on: Vec<Dependency>) -> config::Process {
    let command = match kind {
        Kind::Stays => "/bin/sleep 1000",
        Kind::Ends => "/bin/true",
        Kind::Fails => "/bin/false",
    };
    config::Process {
        command: command.to_owned(),
        startsecs: 0,
        autostart: false,
        autorestart: AutoRestart::Never,
        depends_on,
        ..fixtures::process(name)
    }
}

fn on(name: &str, condition: Condition) -> Dependency {
    Dependency { name: name.to_owned(), condition }
}

/// Replay of events, to see in which states other processes were at each.
struct Replay<'a> {
    processes: &'a [config::Process],
    events: Subscription,
    states: HashMap<String, (ProcessState, bool)>,
}

impl Replay<'_> {
    fn is_met(&self, dependency: &Dependency) -> bool {
        let state = self.states.get(&dependency.name);
        match dependency.condition {
            Condition::Exited => state == Some(&(ProcessState::Exited, true)),
            _ => state.is_some_and(|(state, _)| *state == ProcessState::Running),
        }
    }

    /// Check what has happened. `stops_all` is set where all stop, in order.
    fn check(&mut self, stops_all: bool) {
        while let Some(event) = self.events.try_recv() {
            let Event::ProcessState { process, change, .. } = &*event else { continue };
            let config = self.processes.iter().find(|it| it.name == *process).unwrap();
            if change.to == ProcessState::Starting {
                assert!(config.depends_on.iter().all(|it| self.is_met(it)), "{process} with {:?}", self.states);
            }
            if change.to == ProcessState::Stopping && stops_all {
                let up = |it: &&config::Process| {
                    let depends = it.depends_on.iter().any(|dependency| dependency.name == *process);
                    depends && self.states.get(&it.name).is_some_and(|(state, _)| !state.is_stopped())
                };
                let first = self.processes.iter().find(up);
                assert!(first.is_none(), "{process} is stopped before {:?}", first.map(|it| &it.name));
            }
            self.states.insert(process.clone(), (change.to, change.expected));
        }
    }
}

fn graph() -> impl Strategy<Value = Vec<config::Process>> {
    let kind = prop_oneof![6 => Just(Kind::Stays), 2 => Just(Kind::Ends), 1 => Just(Kind::Fails)];
    proptest::collection::vec((kind, proptest::collection::vec(any::<proptest::sample::Index>(), 0..3)), 2..7).prop_map(
        |programs| {
            let kinds: Vec<_> = programs.iter().map(|(kind, _)| *kind).collect();
            let depends_on = |at: usize, picks: &[proptest::sample::Index]| {
                let mut needed: Vec<_> = if at == 0 { vec![] } else { picks.iter().map(|it| it.index(at)).collect() };
                needed.dedup();
                let condition =
                    |of: usize| if kinds[of] == Kind::Stays { Condition::Running } else { Condition::Exited };
                needed.into_iter().map(|of| on(&format!("p{of}"), condition(of))).collect()
            };
            let all = programs.iter().enumerate();
            all.map(|(at, (kind, picks))| process(&format!("p{at}"), *kind, depends_on(at, picks))).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn nothing_starts_without_what_it_depends_on_and_a_stop_wins(
        processes in graph(),
        asked in proptest::collection::vec((any::<bool>(), any::<proptest::sample::Index>()), 0..12),
    ) {
        let supervisor = AtWork::with(processes.clone());
        let mut replay = Replay { processes: &processes, events: supervisor.bus().subscribe(), states: HashMap::new() };
        for (is_start, which) in asked {
            let id = supervisor.process(&format!("p{}", which.index(processes.len()))).id;
            // Refused is what cannot be at that moment.
            let _ = if is_start { block_on(supervisor.start(id)) } else { block_on(supervisor.stop(id, false, false)) };
            replay.check(false);
        }
        let stop_all = || {
            let all = supervisor.in_stop_order(supervisor.by_priority());
            let stops: Vec<_> = all.iter().map(|info| supervisor.stop(info.id, false, true)).collect();
            for stop in stops {
                drop(block_on(stop));
            }
        };
        let is_down = |info: &crate::supervisor::ProcessInfo| info.state.is_stopped() && info.waits_for.is_none();
        stop_all();
        for it in &processes {
            supervisor.wait(&it.name, is_down);
        }
        replay.check(false);

        // All that can be met is met, and all else says what it waits for.
        let all = supervisor.in_start_order(supervisor.by_priority());
        let starts: Vec<_> = all.iter().map(|info| supervisor.start(info.id)).collect();
        for start in starts {
            drop(block_on(start));
        }
        let mut hopeless: Vec<&str> = Vec::new();
        for it in &processes {
            let waits = it.depends_on.iter().any(|on| hopeless.contains(&&*on.name));
            if waits || it.command == "/bin/false" {
                hopeless.push(&it.name);
            }
            supervisor.wait(&it.name, |info| {
                if waits { info.waits_for.is_some() } else { info.state == ProcessState::Running || info.exitstatus.is_some() }
            });
        }
        replay.check(false);
        stop_all();
        for it in &processes {
            supervisor.wait(&it.name, is_down);
        }
        replay.check(true);
    }
}

#[test]
fn a_dependency_that_comes_later_is_waited_for() {
    let group = |process: config::Process| {
        fixtures::group(&process.name.clone(), 1, vec![config::Process { autostart: true, ..process }])
    };
    let web = group(process("web", Kind::Stays, vec![on("db", Condition::Running)]));
    let supervisor = AtWork::of_groups([web], Box::new(Launch::command));
    let web = supervisor.wait("web", |info| info.waits_for.is_some());
    assert_eq!((web.state, web.waits_for.as_deref()), (ProcessState::Stopped, Some("db (not active)")));
    let db = process("db", Kind::Stays, vec![]);
    supervisor.add_group(&fixtures::group("db", 1, vec![db])).unwrap();
    supervisor.wait("web", |info| info.state == ProcessState::Running);
    assert_eq!(supervisor.process("db").state, ProcessState::Running, "it was started, without autostart");
}

#[test]
fn a_dependency_that_is_stopping_is_started_again() {
    let slow = config::Process {
        command: "/bin/sh -c 'trap \"while [ ! -e \\$0.go ]; do sleep 0.02; done; exit\" TERM; echo > \"$0.up\"; while :; do sleep 0.02; done' PATH"
            .to_owned(),
        // Longer than anything here is waited for.
        stopwaitsecs: 60,
        ..process("db", Kind::Stays, vec![])
    };
    let directory = tempfile::tempdir().unwrap();
    let go = directory.path().join("x");
    let slow = config::Process { command: slow.command.replace("PATH", go.to_str().unwrap()), ..slow };
    for stopped_again in [true, false] {
        for file in ["go", "up"] {
            let _ = std::fs::remove_file(go.with_extension(file));
        }
        let supervisor = AtWork::with([slow.clone(), process("web", Kind::Stays, vec![on("db", Condition::Running)])]);
        let (db, web) = (supervisor.process("db").id, supervisor.process("web").id);
        block_on(supervisor.start(db)).unwrap();
        // What the kernel says of its signals is supervisord's own until it executes.
        supervisor.wait("db", |_| go.with_extension("up").exists());
        block_on(supervisor.stop(db, false, true)).unwrap();
        assert_eq!(supervisor.process("db").state, ProcessState::Stopping);
        block_on(supervisor.start(web)).unwrap();
        supervisor.wait("web", |info| info.waits_for.as_deref() == Some("db (STOPPING)"));
        if stopped_again {
            let _ = block_on(supervisor.stop(db, false, true));
        }
        std::fs::write(go.with_extension("go"), "").unwrap();
        if stopped_again {
            supervisor.wait("db", |info| info.state == ProcessState::Stopped);
            supervisor.wait("web", |info| info.waits_for.as_deref() == Some("db (STOPPED)"));
        } else {
            supervisor.wait("web", |info| info.state == ProcessState::Running);
        }
    }
}

#[test]
fn a_stop_goes_on_when_what_held_it_up_is_gone() {
    let ignores = config::Process {
        command: "/bin/sh -c 'trap \"\" TERM; echo; while :; do sleep 0.05; done'".to_owned(),
        stopwaitsecs: 1000,
        ..process("web", Kind::Stays, vec![on("db", Condition::Running)])
    };
    let supervisor = AtWork::with([process("db", Kind::Stays, vec![]), ignores]);
    let (db, web) = (supervisor.process("db").id, supervisor.process("web").id);
    block_on(supervisor.start(web)).unwrap();
    let web_info = supervisor.wait("web", |info| info.state == ProcessState::Running);
    let ignores_term = |pid: i32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.lines().any(|line| line == "SigIgn:\t0000000000004000")
    };
    supervisor.wait("web", |info| ignores_term(info.pid));
    block_on(supervisor.stop(web, false, true)).unwrap();
    assert_eq!(block_on(supervisor.stop(db, false, true)).unwrap().state, ProcessState::Running, "web first");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(web_info.pid), nix::sys::signal::Signal::SIGKILL).unwrap();
    supervisor.wait("db", |info| info.state == ProcessState::Stopped);
}
