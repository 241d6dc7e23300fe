//! The machine driven by hand: each test is a story of inputs at times, and what came of them.

use super::*;
use crate::process::fixtures::process;

/// Drives a machine and writes down what it does.
struct Story {
    rules: config::Process,
    machine: Machine,
    now: Time,
}

impl Story {
    fn of(rules: config::Process) -> Self {
        Self { rules, machine: Machine::new(), now: Time::ZERO }
    }

    fn at(&mut self, millis: u64) -> &mut Self {
        self.now = Duration::from_millis(millis);
        self
    }

    /// What the input led to, one word or line for each action.
    fn step(&mut self, input: Input) -> Vec<String> {
        self.machine
            .step(&self.rules, self.now, input)
            .into_iter()
            .map(|action| match action {
                Action::Spawn => "spawn".to_owned(),
                Action::Kill { pid, signal, as_group } => {
                    format!("kill {}{pid} {}", if as_group { "-" } else { "" }, signals::name(signal))
                }
                Action::Log(level, text) => format!("{level:?} {text}"),
                Action::HealthChanged { is_ok } => format!("health {}", if is_ok { "OK" } else { "FAILED" }),
                Action::Changed(change) => format!("{}>{}", change.from.name(), change.to.name()),
            })
            .collect()
    }

    fn tick(&mut self) -> Vec<String> {
        self.step(Input::Tick { may_start: true })
    }

    fn state(&self) -> ProcessState {
        self.machine.state()
    }

    fn deadline(&self) -> Option<u128> {
        self.machine.next_deadline(&self.rules, true).map(|due| due.as_millis())
    }

    /// Started at 0 and up since `startsecs`.
    fn running(rules: config::Process) -> Self {
        let mut story = Self::of(rules);
        story.step(Input::Start);
        story.step(Input::Spawned(5));
        story.at(1_000).tick();
        assert_eq!(story.state(), ProcessState::Running);
        story
    }
}

const TERM: Exit = Exit::Signal { signal: 15, core: false };

#[test]
fn a_start_becomes_running_exactly_after_startsecs() {
    let mut story = Story::of(process("cat"));
    assert_eq!(story.deadline(), Some(0), "autostart");
    assert_eq!(story.tick(), ["STOPPED>STARTING", "spawn"]);
    assert_eq!(story.step(Input::Spawned(5)), ["Info spawned: 'cat' with pid 5"]);
    assert_eq!(story.deadline(), Some(1_000));
    assert!(story.at(999).tick().is_empty());
    assert_eq!(
        story.at(1_000).tick(),
        [
            "STARTING>RUNNING",
            "Info success: cat entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)"
        ]
    );
    assert_eq!(story.deadline(), None);
}

#[test]
fn startsecs_0_is_running_at_once() {
    let mut story = Story::of(config::Process { startsecs: 0, ..process("cat") });
    story.step(Input::Start);
    story.step(Input::Spawned(5));
    assert_eq!(story.deadline(), Some(0));
    assert_eq!(
        story.tick(),
        [
            "STARTING>RUNNING",
            "Info success: cat entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)"
        ]
    );
}

#[test]
fn without_autostart_nothing_happens_by_itself() {
    let mut story = Story::of(config::Process { autostart: false, ..process("cat") });
    assert_eq!(story.deadline(), None);
    assert!(story.tick().is_empty());
    assert_eq!(story.step(Input::Start), ["STOPPED>STARTING", "spawn"]);
}

#[test]
fn nothing_is_started_while_the_supervisor_stops() {
    let mut story = Story::of(process("cat"));
    assert_eq!(story.machine.next_deadline(&story.rules, false), None);
    assert!(story.step(Input::Tick { may_start: false }).is_empty());
}

#[test]
fn retries_come_after_1_2_and_3_seconds_and_then_it_is_fatal() {
    let mut story = Story::of(process("x"));
    let mut now = 0;
    for (tries, wait) in [(1, 1_000), (2, 2_000), (3, 3_000)] {
        story.at(now).tick();
        story.step(Input::Spawned(5));
        assert_eq!(
            story.step(Input::Reaped(Exit::Code(0))),
            ["STARTING>BACKOFF", "Warn exited: x (exit status 0; not expected)"]
        );
        assert_eq!(story.machine.backoff, tries);
        assert_eq!(story.machine.spawnerr(), Some("Exited too quickly (process log may have details)"));
        assert_eq!(story.deadline(), Some(u128::from(now + wait)));
        now += wait;
        assert!(story.at(now - 1).tick().is_empty());
    }
    assert_eq!(story.at(now).tick(), ["BACKOFF>STARTING", "spawn"]);
    story.step(Input::Spawned(5));
    story.step(Input::Reaped(Exit::Code(0)));
    assert_eq!(story.deadline(), Some(0), "the fourth failure is one more than startretries");
    assert_eq!(
        story.tick(),
        ["BACKOFF>FATAL", "Info gave up: x entered FATAL state, too many start retries too quickly"]
    );
    assert_eq!((story.deadline(), story.machine.exitstatus()), (None, None));
    assert_eq!(story.step(Input::Start), ["FATAL>STARTING", "spawn"]);
    assert_eq!(story.machine.backoff, 0);
}

#[test]
fn a_spawn_error_is_retried() {
    let mut story = Story::of(process("x"));
    story.tick();
    let why = "can't find command '/nonexistent/x'";
    assert_eq!(
        story.step(Input::SpawnFailed(why.to_owned())),
        ["Info spawnerr: can't find command '/nonexistent/x'", "STARTING>BACKOFF"]
    );
    assert_eq!(story.machine.spawnerr(), Some(why));
    assert_eq!(story.at(1_000).tick(), ["BACKOFF>STARTING", "spawn"]);
    assert_eq!(story.machine.spawnerr(), None);
}

#[test]
fn a_death_before_startsecs_is_never_running_and_one_after_it_always_was() {
    let mut early = Story::of(process("x"));
    early.tick();
    early.step(Input::Spawned(5));
    early.at(999).step(Input::Reaped(Exit::Code(0)));
    assert_eq!(early.state(), ProcessState::Backoff);

    let mut late = Story::of(process("x"));
    late.tick();
    late.step(Input::Spawned(5));
    assert_eq!(
        late.at(1_000).step(Input::Reaped(Exit::Code(0))),
        ["STARTING>RUNNING", "RUNNING>EXITED", "Info exited: x (exit status 0; expected)"]
    );
}

#[test]
fn exits_are_judged_by_exitcodes_and_followed_by_autorestart() {
    let cases = [
        (AutoRestart::Unexpected, Exit::Code(0), "Info exited: x (exit status 0; expected)", false),
        (AutoRestart::Unexpected, Exit::Code(3), "Warn exited: x (exit status 3; not expected)", true),
        (AutoRestart::Unexpected, TERM, "Warn exited: x (terminated by SIGTERM; not expected)", true),
        (AutoRestart::Always, Exit::Code(0), "Info exited: x (exit status 0; expected)", true),
        (AutoRestart::Never, Exit::Code(3), "Warn exited: x (exit status 3; not expected)", false),
    ];
    for (autorestart, exit, line, again) in cases {
        let mut story = Story::running(config::Process { autorestart, ..process("x") });
        assert_eq!(story.at(5_000).step(Input::Reaped(exit)), ["RUNNING>EXITED", line]);
        assert_eq!(story.machine.exitstatus(), Some(exit.status()));
        assert_eq!(story.deadline(), again.then_some(5_000), "{autorestart:?} {exit:?}");
        if again {
            assert_eq!(story.tick(), ["EXITED>STARTING", "spawn"]);
        } else {
            assert!(story.tick().is_empty());
        }
    }
}

#[test]
fn an_unexpected_exit_says_so_in_spawnerr() {
    let mut story = Story::running(config::Process { autorestart: AutoRestart::Never, ..process("x") });
    story.step(Input::Reaped(Exit::Code(7)));
    assert_eq!(story.machine.spawnerr(), Some("Bad exit code 7"));
}

#[test]
fn exits_at_once_with_startsecs_0_are_not_restarted_in_a_hot_loop() {
    let mut story = Story::of(config::Process { startsecs: 0, autorestart: AutoRestart::Always, ..process("x") });
    story.tick();
    story.step(Input::Spawned(5));
    story.at(3).step(Input::Reaped(Exit::Code(0)));
    assert_eq!(story.deadline(), Some(1_000));
}

#[test]
fn a_stop_is_a_signal_and_later_a_kill() {
    let rules = config::Process { stopasgroup: true, killasgroup: true, stopwaitsecs: 10, ..process("slow") };
    let mut story = Story::running(rules);
    assert_eq!(
        story.at(2_000).step(Input::Stop { waited_for: false }),
        ["Debug killing slow (pid 5) process group with signal SIGTERM", "RUNNING>STOPPING", "kill -5 SIGTERM"]
    );
    assert!(story.step(Input::Stop { waited_for: false }).is_empty(), "already stopping");
    assert_eq!(story.deadline(), Some(12_000));
    assert!(story.at(11_999).tick().is_empty());
    assert_eq!(
        story.at(12_000).tick(),
        [
            "Warn killing 'slow' (5) with SIGKILL",
            "Debug killing slow (pid 5) process group with signal SIGKILL",
            "kill -5 SIGKILL"
        ]
    );
    assert_eq!(story.deadline(), Some(22_000), "and again, should it not help");
    let killed = Exit::Signal { signal: 9, core: false };
    assert_eq!(story.step(Input::Reaped(killed)), ["STOPPING>STOPPED", "Warn stopped: slow (terminated by SIGKILL)"]);
    assert_eq!((story.machine.pid(), story.machine.exitstatus()), (0, Some(-1)));
    assert_eq!(story.deadline(), None, "a stopped process stays stopped");
}

#[test]
fn with_stopwaitsecs_0_the_kill_comes_at_once_and_then_once_a_second() {
    for stopwaitsecs in [0, -5] {
        let mut story = Story::running(config::Process { stopwaitsecs, ..process("x") });
        story.at(2_000).step(Input::Stop { waited_for: false });
        let killing =
            ["Warn killing 'x' (5) with SIGKILL", "Debug killing x (pid 5) with signal SIGKILL", "kill 5 SIGKILL"];
        for due in [2_000, 3_000, 4_000] {
            assert_eq!(story.deadline(), Some(due.into()));
            assert!(story.at(due - 1).tick().is_empty());
            assert_eq!(story.at(due).tick(), killing);
        }
        story.step(Input::Reaped(Exit::Signal { signal: 9, core: false }));
        assert_eq!(story.deadline(), None);
    }
}

/// What a program does, or what becomes of it, each time.
#[derive(Clone, Copy, Debug)]
enum Fate {
    EndsAtOnce(i32),
    Stays,
    CannotBeSpawned,
    IsHindered,
}

/// How often a machine is due within its first minute when nothing that it does has any effect but this. Five seconds
/// after its start a client may ask it to stop, and no signal ends the process.
fn times_due(rules: &config::Process, fate: Fate, stop: Option<&Input>) -> usize {
    let mut machine = Machine::new();
    let (mut now, mut times, mut stop) = (Time::ZERO, 0, stop);
    while let Some(due) = [machine.next_deadline(rules, true), stop.map(|_| seconds(5))].into_iter().flatten().min() {
        now = now.max(due);
        times += 1;
        if now > seconds(60) || times > 1_000 {
            break;
        }
        let input = if now < seconds(5) { None } else { stop.take().cloned() };
        let actions = machine.step(rules, now, input.unwrap_or(Input::Tick { may_start: true }));
        if actions.contains(&Action::Spawn) {
            let why = || "no".to_owned();
            for input in match fate {
                Fate::EndsAtOnce(code) => vec![Input::Spawned(5), Input::Reaped(Exit::Code(code))],
                Fate::Stays => vec![Input::Spawned(5)],
                Fate::CannotBeSpawned => vec![Input::SpawnFailed(why())],
                Fate::IsHindered => vec![Input::SpawnHindered(why())],
            } {
                machine.step(rules, now, input);
            }
        }
    }
    times
}

#[test]
fn whatever_the_config_says_nothing_is_due_again_and_again() {
    let fates = [Fate::EndsAtOnce(0), Fate::EndsAtOnce(3), Fate::Stays, Fate::CannotBeSpawned, Fate::IsHindered];
    let stops = [Input::Stop { waited_for: false }, Input::Stop { waited_for: true }, Input::Shutdown];
    let stops = || stops.iter().map(Some).chain([None]);
    for secs in [i64::MIN, -1, 0, 1, i64::MAX] {
        for (other, autorestart) in [
            (i64::MIN, AutoRestart::Always),
            (-1, AutoRestart::Unexpected),
            (0, AutoRestart::Always),
            (0, AutoRestart::Never),
            (i64::MAX, AutoRestart::Always),
        ] {
            for (startsecs, startretries, stopwaitsecs) in
                [(secs, other, other), (other, secs, other), (other, other, secs)]
            {
                let rules = config::Process { autorestart, startsecs, startretries, stopwaitsecs, ..process("x") };
                for (fate, stop) in fates.into_iter().flat_map(|fate| stops().map(move |stop| (fate, stop))) {
                    // A kill a second, a report every two; a start a second, each RUNNING at once.
                    let times = times_due(&rules, fate, stop);
                    assert!(times <= 125, "{times} times: {fate:?} {stop:?} {rules:?}");
                }
            }
        }
    }
}

#[test]
fn a_stop_that_is_waited_for_is_reported_every_two_seconds() {
    let mut story = Story::running(process("slow"));
    let waiting = "Info waiting for slow to stop";
    assert_eq!(story.step(Input::Stop { waited_for: true }).last().unwrap(), waiting);
    assert_eq!(story.deadline(), Some(3_000));
    assert_eq!(story.at(3_000).tick(), [waiting]);
    assert_eq!(story.deadline(), Some(5_000));
    assert_eq!(story.step(Input::Reaped(Exit::Code(0))).last().unwrap(), "Info stopped: slow (exit status 0)");
    assert_eq!(story.deadline(), None);
}

#[test]
fn a_stop_works_while_starting_and_in_backoff() {
    let mut starting = Story::of(process("x"));
    starting.tick();
    starting.step(Input::Spawned(5));
    assert_eq!(starting.step(Input::Stop { waited_for: false }).last().unwrap(), "kill 5 SIGTERM");
    assert_eq!(starting.step(Input::Reaped(TERM))[0], "STOPPING>STOPPED", "not BACKOFF");

    let mut backoff = Story::of(process("x"));
    backoff.tick();
    backoff.step(Input::SpawnFailed("no".to_owned()));
    assert_eq!(
        backoff.step(Input::Stop { waited_for: true }),
        ["Debug Attempted to kill x, which is in BACKOFF state.", "BACKOFF>STOPPED"]
    );
    assert_eq!(backoff.deadline(), None);
}

#[test]
fn a_start_is_ignored_while_there_is_a_process() {
    let mut story = Story::running(process("x"));
    assert!(story.step(Input::Start).is_empty());
    story.step(Input::Stop { waited_for: false });
    assert!(story.step(Input::Start).is_empty());
    assert_eq!(story.state(), ProcessState::Stopping);
}

#[test]
fn a_shutdown_stops_what_runs_and_gives_up_what_does_not_start() {
    let mut running = Story::running(process("x"));
    assert_eq!(running.step(Input::Shutdown).last().unwrap(), "kill 5 SIGTERM");

    let mut backoff = Story::of(process("x"));
    backoff.tick();
    backoff.step(Input::SpawnFailed("no".to_owned()));
    assert_eq!(backoff.step(Input::Shutdown), ["BACKOFF>FATAL"]);

    let mut stopped = Story::of(process("x"));
    assert!(stopped.step(Input::Shutdown).is_empty());
}

#[test]
fn a_process_that_cannot_be_signalled_is_unknown_until_it_is_gone() {
    let mut story = Story::running(process("x"));
    story.step(Input::Stop { waited_for: false });
    assert_eq!(
        story.step(Input::KillFailed("EPERM".to_owned())),
        ["Critical unknown problem killing x (5):EPERM", "STOPPING>UNKNOWN"]
    );
    assert!(story.step(Input::Start).is_empty());
    assert_eq!(story.step(Input::Reaped(Exit::Code(0)))[0], "UNKNOWN>EXITED");
}

#[test]
fn changes_carry_what_events_tell() {
    let mut machine = Machine::new();
    let rules = process("x");
    let change = |actions: Vec<Action>| {
        actions.into_iter().find_map(|a| if let Action::Changed(c) = a { Some(c) } else { None }).unwrap()
    };
    machine.step(&rules, Time::ZERO, Input::Start);
    let failed = change(machine.step(&rules, Time::ZERO, Input::SpawnFailed(String::new())));
    assert_eq!((failed.to, failed.tries), (ProcessState::Backoff, 1));
    let second = change(machine.step(&rules, seconds(1), Input::Tick { may_start: true }));
    assert_eq!((second.to, second.tries), (ProcessState::Starting, 1));
    machine.step(&rules, seconds(1), Input::Spawned(9));
    let up = change(machine.step(&rules, seconds(2), Input::Tick { may_start: true }));
    assert_eq!((up.to, up.pid), (ProcessState::Running, 9));
    let exited = change(machine.step(&rules, seconds(9), Input::Reaped(Exit::Code(3))));
    assert_eq!((exited.to, exited.pid, exited.expected), (ProcessState::Exited, 9, false));
}

#[test]
fn a_start_that_others_hinder_is_tried_again_and_does_not_count() {
    let mut story = Story::of(process("cat"));
    story.tick();
    for second in 1..20 {
        let why = "too many open files to spawn 'cat'".to_owned();
        assert_eq!(
            story.step(Input::SpawnHindered(why.clone())),
            [format!("Info spawnerr: {why}"), "STARTING>BACKOFF".to_owned()]
        );
        assert_eq!(story.machine.spawnerr(), Some(why.as_str()));
        assert_eq!(story.deadline(), Some(u128::from(second) * 1_000));
        assert_eq!(story.at(second * 1_000).tick(), ["BACKOFF>STARTING", "spawn"]);
    }
}

#[test]
fn until_it_is_spawned_nothing_is_due_and_a_stop_is_the_end() {
    let mut story = Story::of(process("cat"));
    story.step(Input::Start);
    assert!(story.machine.awaits_spawn());
    assert_eq!(story.deadline(), None);
    assert!(story.at(100_000).tick().is_empty(), "however long that takes");
    assert_eq!(
        story.step(Input::Stop { waited_for: true }),
        ["Debug Attempted to kill cat, which is in STARTING state.", "STARTING>STOPPED"]
    );
    assert!(!story.machine.awaits_spawn());
    assert_eq!(story.step(Input::Start), ["STOPPED>STARTING", "spawn"]);
    assert_eq!(
        story.step(Input::Shutdown),
        ["Debug Attempted to kill cat, which is in STARTING state.", "STARTING>STOPPED"]
    );
}

#[test]
fn startsecs_count_from_the_spawn() {
    let mut story = Story::of(process("cat"));
    story.step(Input::Start);
    story.at(5_000).step(Input::Spawned(5));
    assert_eq!(story.deadline(), Some(6_000));
}

#[test]
fn a_retry_does_not_become_running_before_it_is_spawned() {
    let mut story = Story::of(process("cat"));
    story.step(Input::Start);
    story.step(Input::SpawnFailed("no".to_owned()));
    assert_eq!(story.at(1_000).tick(), ["BACKOFF>STARTING", "spawn"]);
    assert!(story.at(50_000).tick().is_empty());
}

/// Millis from an end to the start that follows, each time, for a program that ends at once or after so many millis.
fn delays(rules: config::Process, up: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut story = Story::of(rules);
    story.step(Input::Start);
    let (mut delays, mut now) = (Vec::new(), 0);
    for up in up {
        story.at(now).step(Input::Spawned(5));
        now += up;
        story.at(now).step(Input::Reaped(Exit::Code(1)));
        let due = u64::try_from(story.deadline().expect("it is started again")).unwrap();
        delays.push(due - now);
        assert!(story.at(due - 1).tick().is_empty());
        // A fraction of a millisecond may be left.
        now = due + 1;
        assert_eq!(story.at(now).tick().last().map(String::as_str), Some("spawn"));
    }
    delays
}

fn delayed(delay: f64, max: Option<f64>) -> config::Process {
    let restart_delay = Some(Duration::from_secs_f64(delay));
    let restart_delay_max = max.map(Duration::from_secs_f64);
    config::Process { restart_delay, restart_delay_max, startretries: INFINITE, ..process("x") }
}

#[test]
fn a_restart_delay_holds_before_each_try_and_each_restart() {
    assert_eq!(delays(delayed(2.5, None), [0, 0, 5_000, 0].into_iter()), [2_500; 4]);
    assert_eq!(delays(delayed(0.0, None), [0, 5_000, 40].into_iter()), [100, 0, 60], "ten a second at most");
    let mut never = Story::running(config::Process { autorestart: AutoRestart::Never, ..delayed(1.0, None) });
    never.at(9_000).step(Input::Reaped(Exit::Code(1)));
    assert_eq!((never.deadline(), never.machine.delayed_start(&never.rules)), (None, None));
}

#[test]
fn a_restart_delay_doubles_up_to_its_end_and_begins_again_after_a_long_run() {
    let within = |delays: &[u64], steps: &[u64]| {
        assert_eq!(delays.len(), steps.len());
        for (delay, step) in delays.iter().zip(steps) {
            assert!((step * 3 / 4..=*step).contains(delay), "{delays:?} of {steps:?}");
        }
    };
    let all = delays(delayed(1.0, Some(10.0)), [0, 0, 0, 2_000, 0, 0, 10_000, 9_999].into_iter());
    within(&all, &[1_000, 2_000, 4_000, 8_000, 10_000, 10_000, 1_000, 2_000]);
    assert_eq!((all[0], all[6]), (1_000, 1_000), "the first is never less");
    let rules = config::Process { restart_delay: None, ..delayed(0.0, Some(3.0)) };
    within(&delays(rules, [0, 0, 0].into_iter()), &[1_000, 2_000, 3_000]);
    // Two that end at the same moment do not come back at the same moment.
    let second =
        |name: &str| delays(config::Process { name: name.into(), ..delayed(1.0, Some(60.0)) }, [0; 4].into_iter());
    assert_ne!(second("a"), second("b"));
    assert_eq!(second("a"), second("a"));
}

#[test]
fn a_stop_ends_the_wait_for_a_restart_and_a_start_the_delay() {
    let mut story = Story::running(delayed(60.0, None));
    story.at(5_000).step(Input::Reaped(Exit::Code(1)));
    assert_eq!(story.machine.delayed_start(&story.rules), Some(seconds(65)));
    assert_eq!(story.step(Input::Stop { waited_for: true }), ["EXITED>STOPPED"]);
    assert_eq!((story.deadline(), story.machine.delayed_start(&story.rules)), (None, None));

    let mut story = Story::running(delayed(60.0, None));
    story.at(5_000).step(Input::Reaped(Exit::Code(1)));
    assert_eq!(story.step(Input::Start), ["EXITED>STARTING", "spawn"]);

    let mut without = Story::running(process("x"));
    without.at(5_000).step(Input::Reaped(Exit::Code(1)));
    assert_eq!(without.machine.delayed_start(&without.rules), None);
    assert!(without.step(Input::Stop { waited_for: false }).is_empty(), "as ever");
}

#[test]
fn infinite_retries_are_never_given_up() {
    let mut story = Story::of(config::Process { startretries: INFINITE, ..process("x") });
    story.tick();
    let mut now = 0;
    for tries in 1..200 {
        story.at(now).step(Input::SpawnFailed("no".to_owned()));
        assert_eq!(story.deadline(), Some(u128::from(now + tries * 1_000)));
        now += tries * 1_000;
        assert_eq!(story.at(now).tick(), ["BACKOFF>STARTING", "spawn"]);
    }
}

#[path = "state_history_tests.rs"]
mod histories;

#[path = "state_model_tests.rs"]
mod model;

#[test]
fn a_start_waits_for_dependencies_and_counts_once() {
    let mut story = Story::of(process("web"));
    assert!(story.step(Input::Await { asked: false }).is_empty(), "it is STOPPED as before");
    assert_eq!((story.state(), story.deadline(), story.machine.starts()), (ProcessState::Stopped, None, 1));
    assert!(story.at(5_000).tick().is_empty());
    story.step(Input::DependenciesMet);
    assert_eq!(story.deadline(), Some(5_000));
    assert!(story.step(Input::Tick { may_start: false }).is_empty(), "the supervisor stops");
    assert!(story.step(Input::Await { asked: false }).is_empty(), "they are gone again");
    assert_eq!(story.deadline(), None);
    story.step(Input::DependenciesMet);
    assert_eq!(story.tick(), ["STOPPED>STARTING", "spawn"]);
    assert_eq!((story.machine.starts(), story.machine.waits()), (1, false));
    assert!(story.step(Input::Await { asked: true }).is_empty(), "it is there");
    assert!(!story.machine.waits());
}

#[test]
fn a_stop_ends_the_wait_for_dependencies_for_good() {
    let mut story = Story::of(process("web"));
    story.step(Input::Await { asked: false });
    assert_eq!(story.step(Input::Stop { waited_for: true }), ["Info stopped: web (it was not started yet)"]);
    story.step(Input::DependenciesMet);
    assert_eq!((story.machine.waits(), story.deadline()), (false, None), "autostart is over");
    story.step(Input::Await { asked: true });
    story.step(Input::Shutdown);
    assert!(!story.machine.waits());
}

#[test]
fn whatever_has_ended_is_stopped_while_it_waits() {
    let mut story = Story::running(process("web"));
    story.at(2_000).step(Input::Reaped(Exit::Code(1)));
    assert_eq!(story.step(Input::Await { asked: false }), ["EXITED>STOPPED"]);
    assert_eq!((story.machine.spawnerr(), story.machine.exitstatus(), story.deadline()), (None, None, None));
    let mut story = Story::of(process("web"));
    story.step(Input::Start);
    story.step(Input::SpawnFailed("no".to_owned()));
    assert_eq!(story.step(Input::Await { asked: false }), ["BACKOFF>STOPPED"]);
    story.step(Input::DependenciesMet);
    assert_eq!(story.tick(), ["STOPPED>STARTING", "spawn"]);
}

#[test]
fn only_an_expected_end_that_lasts_is_a_completion() {
    let ended = |rules: config::Process, code| {
        let mut story = Story::running(rules);
        story.at(2_000).step(Input::Reaped(Exit::Code(code)));
        story.machine.has_completed(&story.rules)
    };
    assert!(ended(process("once"), 0));
    assert!(!ended(process("once"), 1));
    assert!(!ended(config::Process { autorestart: AutoRestart::Always, ..process("once") }, 0), "it comes again");
    let mut story = Story::running(process("once"));
    story.step(Input::Stop { waited_for: false });
    story.step(Input::Reaped(Exit::Code(0)));
    assert!(!story.machine.has_completed(&story.rules), "it was stopped");
}

#[test]
fn a_stop_that_waits_for_dependents_keeps_it_up_and_from_starting_again() {
    let mut story = Story::running(config::Process { autorestart: AutoRestart::Always, ..process("db") });
    assert!(story.step(Input::StopLater { waited_for: true }).is_empty());
    assert_eq!((story.state(), story.machine.stops_later()), (ProcessState::Running, Some(true)));
    assert_eq!(story.step(Input::Stop { waited_for: false })[1], "RUNNING>STOPPING");
    assert_eq!(story.machine.stops_later(), None);

    let mut story = Story::running(config::Process { autorestart: AutoRestart::Always, ..process("db") });
    story.step(Input::StopLater { waited_for: false });
    story.at(2_000).step(Input::Reaped(Exit::Code(1)));
    assert_eq!((story.state(), story.deadline()), (ProcessState::Stopped, None));
    assert_eq!(story.machine.end(), None, "it was stopped");

    let mut story = Story::of(process("db"));
    story.step(Input::Start);
    story.step(Input::Spawned(5));
    story.step(Input::StopLater { waited_for: false });
    let said = story.step(Input::Reaped(Exit::Code(1)));
    assert_eq!((said[0].as_str(), said[2].as_str()), ("STARTING>BACKOFF", "BACKOFF>STOPPED"));
    assert_eq!(story.deadline(), None);
    story.step(Input::Start);
    assert_eq!(
        story.step(Input::StopLater { waited_for: false })[1],
        "STARTING>STOPPED",
        "there is nothing to wait for"
    );
}

#[test]
fn an_end_is_what_nothing_follows_and_has_the_status_of_the_last_run() {
    let ended = |rules: config::Process, exit| {
        let mut story = Story::running(rules);
        story.at(2_000).step(Input::Reaped(exit));
        (story.machine.end(), story.machine.exit_status_of_end(), story.machine.ended())
    };
    let never = || config::Process { autorestart: AutoRestart::Never, ..process("x") };
    let at = Duration::from_secs(2);
    assert_eq!(ended(never(), Exit::Code(3)), (Some(End::Exited), 3, at));
    assert_eq!(ended(never(), Exit::Code(0)), (Some(End::Exited), 0, at));
    assert_eq!(ended(never(), Exit::Signal { signal: 9, core: false }), (Some(End::Exited), 137, at));
    assert_eq!(ended(process("x"), Exit::Code(3)).0, None, "it comes again");

    let fatal = |exit: Option<Exit>| {
        let mut story = Story::of(config::Process { startretries: 0, ..process("x") });
        story.step(Input::Start);
        match exit {
            Some(exit) => {
                story.step(Input::Spawned(5));
                story.step(Input::Reaped(exit));
            }
            None => drop(story.step(Input::SpawnFailed("no".to_owned()))),
        }
        assert_eq!(story.machine.end(), None);
        story.at(500).tick();
        (story.machine.end(), story.machine.exit_status_of_end())
    };
    assert_eq!(fatal(Some(Exit::Code(7))), (Some(End::Fatal), 7));
    assert_eq!(fatal(Some(Exit::Code(0))), (Some(End::Fatal), 1), "that is no success");
    assert_eq!(fatal(None), (Some(End::Fatal), 1));

    let mut story = Story::running(process("x"));
    story.step(Input::Stop { waited_for: false });
    story.step(Input::Reaped(TERM));
    assert_eq!(story.machine.end(), None, "a stop is none");
}

fn waiting_for(ready: &str, timeout: u64) -> config::Process {
    let ready = config::Ready::from_text(ready);
    config::Process { ready: Some(ready), ready_timeout: Duration::from_millis(timeout), ..process("x") }
}

/// Spawned at 0, with pid 5.
fn spawned(rules: config::Process) -> Story {
    let mut story = Story::of(rules);
    story.step(Input::Start);
    story.step(Input::Spawned(5));
    story
}

fn notice(text: &str) -> Input {
    Input::Notified(Notice::parse(text.as_bytes()))
}

const IS_UP: [&str; 2] = [
    "STARTING>RUNNING",
    "Info success: x entered RUNNING state, process has stayed up for > than 1 seconds (startsecs) and is ready",
];

#[test]
fn a_program_is_running_once_it_is_ready_and_has_stayed_up() {
    // Ready first, up long enough later.
    let mut story = spawned(waiting_for("fd:3", 0));
    assert_eq!(story.deadline(), None, "nothing ends the wait but the program");
    assert!(story.at(5_000).tick().is_empty());
    let mut early = spawned(waiting_for("fd:3", 0));
    assert_eq!(early.at(300).step(Input::Ready), ["Debug x is ready"]);
    assert_eq!((early.state(), early.deadline()), (ProcessState::Starting, Some(1_000)));
    assert_eq!(early.at(1_000).tick(), IS_UP);
    // Up long enough, ready later.
    assert_eq!(story.step(Input::Ready), [&["Debug x is ready"], &IS_UP[..]].concat());
    assert_eq!(story.deadline(), None);
    assert!(story.step(Input::Ready).is_empty(), "once is enough");
}

#[test]
fn a_start_that_does_not_become_ready_in_time_is_ended_and_tried_again() {
    let mut story = spawned(waiting_for("tcp:80", 1_500));
    assert_eq!(story.deadline(), Some(1_500));
    story.step(Input::NotReady("refused".to_owned()));
    assert_eq!(story.machine.remarks(&story.rules), ["waits to be ready: tcp:80 (refused)"]);
    let why = "not ready within 1.5 seconds (ready_timeout): refused";
    assert_eq!(
        story.at(1_500).tick(),
        [&format!("Warn ending 'x' (5): {why}"), "Debug killing x (pid 5) with signal SIGTERM", "kill 5 SIGTERM"]
    );
    assert_eq!(story.machine.remarks(&story.rules), [format!("is being ended: {why}")]);
    assert!(story.step(Input::Ready).is_empty(), "too late");
    assert_eq!((story.state(), story.deadline()), (ProcessState::Starting, Some(11_500)));
    assert_eq!(story.at(11_500).tick()[2], "kill 5 SIGKILL");
    assert_eq!(
        story.at(11_600).step(Input::Reaped(Exit::Code(0))),
        ["STARTING>BACKOFF", "Warn exited: x (exit status 0; not expected)"]
    );
    assert_eq!((story.machine.spawnerr(), story.deadline()), (Some(why), Some(12_600)));
    story.at(12_600).tick();
    story.step(Input::Spawned(6));
    assert_eq!(story.deadline(), Some(14_100), "the next try has its own time");
}

#[test]
fn a_death_before_it_is_ready_is_too_early() {
    let mut story = spawned(waiting_for("notify", 0));
    story.at(9_000).step(Input::Reaped(Exit::Code(0)));
    assert_eq!(story.state(), ProcessState::Backoff);
    assert_eq!(story.machine.spawnerr(), Some("Exited before it was ready (process log may have details)"));
    let mut story = spawned(waiting_for("notify", 0));
    story.step(Input::Ready);
    story.at(900).step(Input::Reaped(Exit::Code(0)));
    assert_eq!(story.machine.spawnerr(), Some("Exited too quickly (process log may have details)"));
}

#[test]
fn a_stop_wins_over_a_start_that_waits_or_is_being_ended() {
    for ends in [false, true] {
        let mut story = spawned(waiting_for("tcp:80", 2_000));
        story.at(if ends { 2_000 } else { 100 }).tick();
        let stopped = story.step(Input::Stop { waited_for: false });
        assert_eq!(stopped[1..], ["STARTING>STOPPING", "kill 5 SIGTERM"]);
        assert_eq!(story.step(Input::Reaped(TERM))[0], "STOPPING>STOPPED");
        assert_eq!(story.deadline(), None);
    }
}

#[test]
fn what_it_says_of_itself_stands_in_the_description() {
    let mut story = spawned(waiting_for("notify", 0));
    story.step(notice("STATUS=loading"));
    assert_eq!(story.machine.remarks(&story.rules), ["waits to be ready: notify", "loading"]);
    story.at(2_000).step(notice("READY=1\nSTATUS=42 users"));
    assert_eq!(story.state(), ProcessState::Running);
    assert_eq!(story.machine.remarks(&story.rules), ["42 users"]);
    assert_eq!(story.step(notice("STOPPING=1\nSTATUS=")), ["Info x says that it is stopping"]);
    assert!(story.step(notice("STOPPING=1")).is_empty());
    assert_eq!(story.machine.remarks(&story.rules), ["says that it is stopping"]);
    story.step(Input::Reaped(Exit::Code(0)));
    assert!(story.machine.remarks(&story.rules).is_empty());
    assert!(story.step(notice("STATUS=late")).is_empty() && story.machine.remarks(&story.rules).is_empty());
}

#[test]
fn a_program_that_leaves_its_watchdog_alone_is_killed_and_started_again() {
    let watched = |autorestart| config::Process {
        watchdog_secs: Duration::from_secs(3),
        autorestart,
        ..waiting_for("notify", 0)
    };
    for autorestart in [AutoRestart::Unexpected, AutoRestart::Never] {
        let mut story = spawned(watched(autorestart));
        story.step(notice("WATCHDOG=1"));
        assert_eq!(story.deadline(), None, "it is not watched before it is ready");
        story.at(2_000).step(notice("READY=1"));
        assert_eq!(story.deadline(), Some(5_000));
        story.at(4_000).step(notice("WATCHDOG=1"));
        assert!(story.at(6_999).tick().is_empty());
        let why = "no WATCHDOG=1 within 3 seconds (watchdog_secs)";
        let said = story.at(7_000).tick();
        assert_eq!(said[0], format!("Warn ending 'x' (5): {why}"));
        assert_eq!(said.last().unwrap(), "kill 5 SIGKILL");
        assert_eq!((story.state(), story.deadline()), (ProcessState::Running, Some(17_000)));
        let ended = story.at(7_100).step(Input::Reaped(Exit::Code(0)));
        assert_eq!(ended, ["RUNNING>EXITED", "Warn exited: x (exit status 0; not expected)"]);
        assert_eq!(story.machine.spawnerr(), Some(why));
        let again = (autorestart == AutoRestart::Unexpected).then_some(7_100);
        assert_eq!(story.deadline(), again);
    }
    let mut story = spawned(watched(AutoRestart::Always));
    story.at(2_000).step(notice("READY=1"));
    assert_eq!(story.step(notice("WATCHDOG=trigger")).last().unwrap(), "kill 5 SIGKILL");
}

#[test]
fn health_has_failed_after_so_many_failures_in_a_row() {
    let rules = config::Process { health: Some(config::Probe::Tcp(80)), health_retries: 2, ..process("x") };
    let mut story = Story::running(rules);
    let no = || Input::Probed(Err("refused".to_owned()));
    assert!(story.step(no()).is_empty() && story.step(Input::Probed(Ok(()))).is_empty());
    assert!(story.step(no()).is_empty() && story.machine.remarks(&story.rules).is_empty());
    assert_eq!(story.step(no()), ["health FAILED", "Warn health of x has FAILED (2 in a row): refused"]);
    assert_eq!(story.machine.remarks(&story.rules), ["health failed: refused"]);
    assert!(story.step(no()).is_empty(), "it is told once");
    assert_eq!(story.deadline(), None, "the log is all");
    // It outlives the run, and the next one is well again.
    story.at(9_000).step(Input::Reaped(Exit::Code(1)));
    assert!(story.step(no()).is_empty() && story.machine.remarks(&story.rules).is_empty());
    story.tick();
    story.step(Input::Spawned(6));
    assert!(story.step(no()).is_empty(), "a process that starts has no health yet");
    story.at(10_000).tick();
    assert!(story.machine.remarks(&story.rules).is_empty());
    assert_eq!(story.step(Input::Probed(Ok(()))), ["health OK", "Info health of x is OK again"]);
    assert!(story.machine.remarks(&story.rules).is_empty());
}

#[test]
fn health_that_has_failed_restarts_whatever_autorestart_says() {
    let rules = config::Process {
        health: Some(config::Probe::Tcp(80)),
        health_retries: 1,
        health_action: HealthAction::Restart,
        autorestart: AutoRestart::Never,
        ..process("x")
    };
    let no = || Input::Probed(Err("refused".to_owned()));
    let mut story = Story::running(rules.clone());
    let said = story.at(5_000).step(no());
    assert_eq!(said[2], "Warn ending 'x' (5): health failed: refused");
    assert_eq!(said[3..], ["Debug killing x (pid 5) with signal SIGTERM", "kill 5 SIGTERM"]);
    assert_eq!(story.machine.remarks(&story.rules), ["is being ended: health failed: refused"]);
    assert!(story.step(no()).is_empty() && story.step(Input::Probed(Ok(()))).is_empty(), "it is decided");
    assert_eq!(story.at(15_000).tick()[2], "kill 5 SIGKILL");
    let ended = story.at(15_100).step(Input::Reaped(Exit::Code(0)));
    assert_eq!(ended, ["RUNNING>EXITED", "Warn exited: x (exit status 0; not expected)"]);
    assert_eq!((story.deadline(), story.machine.spawnerr()), (Some(15_100), Some("health failed: refused")));
    assert_eq!(story.tick(), ["EXITED>STARTING", "spawn"]);

    // A client that stops it meanwhile wins.
    let mut story = Story::running(rules);
    story.step(no());
    assert_eq!(story.step(Input::Stop { waited_for: false })[1], "RUNNING>STOPPING");
    story.step(Input::Reaped(TERM));
    assert_eq!((story.state(), story.deadline()), (ProcessState::Stopped, None));
}

#[test]
fn what_waits_to_be_ready_goes_on_after_it_was_written_and_read() {
    let mut story = spawned(waiting_for("tcp:80", 1_500));
    story.step(notice("STATUS=loading"));
    let written = rmp_serde::to_vec_named(&story.machine).unwrap();
    story.machine = rmp_serde::from_slice(&written).unwrap();
    assert_eq!(story.deadline(), Some(1_500));
    assert_eq!(story.machine.remarks(&story.rules), ["waits to be ready: tcp:80", "loading"]);
    story.at(1_500).tick();
    let written = rmp_serde::to_vec_named(&story.machine).unwrap();
    story.machine = rmp_serde::from_slice(&written).unwrap();
    story.at(1_600).step(Input::Reaped(TERM));
    assert_eq!(story.machine.spawnerr(), Some("not ready within 1.5 seconds (ready_timeout)"));
}
