//! Random histories of a machine: whatever happens, and in whatever order, some things hold.

use proptest::prelude::*;

use super::*;
use crate::process::history_fixtures::histories;

/// Something that happens to a machine in a random history.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A client asks for a start or, with `false`, a stop.
    Asked(bool),
    /// The spawn that was asked for succeeds, fails, or is hindered.
    Spawn(Fate),
    /// The process ends.
    Ends(i32),
    /// Dependencies of it go or, with `true`, come.
    Dependencies(bool),
    /// The process, or a probe, says that it is ready.
    IsReady,
    /// The process says that it goes on.
    IsAlive,
    /// A probe finds it well, or does not.
    Probed(bool),
    /// Time goes on by so many millis, and what is due is done.
    Later(u64),
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        any::<bool>().prop_map(Happening::Asked),
        prop_oneof![Just(Fate::Stays), Just(Fate::CannotBeSpawned), Just(Fate::IsHindered)].prop_map(Happening::Spawn),
        (0..2).prop_map(Happening::Ends),
        any::<bool>().prop_map(Happening::Dependencies),
        Just(Happening::IsReady),
        Just(Happening::IsAlive),
        any::<bool>().prop_map(Happening::Probed),
        (0_u64..20_000).prop_map(Happening::Later),
    ]
}

fn rules() -> impl Strategy<Value = config::Process> {
    let delay = || proptest::option::of((0_u64..30_000).prop_map(Duration::from_millis));
    let restarts = prop_oneof![Just(AutoRestart::Always), Just(AutoRestart::Unexpected), Just(AutoRestart::Never)];
    let retries = prop_oneof![Just(INFINITE), 0_i64..4];
    let ready = prop_oneof![Just(None), Just(Some("notify")), Just(Some("tcp:1"))];
    let time = || prop_oneof![Just(0_u64), 1_u64..10_000].prop_map(Duration::from_millis);
    let readiness = (ready, time(), time()).prop_map(|(ready, ready_timeout, watchdog_secs)| {
        (ready.map(config::Ready::from_text), ready_timeout, watchdog_secs)
    });
    let action = prop_oneof![Just(HealthAction::Log), Just(HealthAction::Restart)];
    let health = (any::<bool>(), 1_u32..4, action);
    (delay(), delay(), restarts, retries, 0_i64..3, readiness, health).prop_map(
        |(restart_delay, restart_delay_max, autorestart, startretries, startsecs, readiness, health)| {
            let (ready, ready_timeout, watchdog_secs) = readiness;
            let (has_health, health_retries, health_action) = health;
            config::Process {
                autorestart,
                startsecs,
                startretries,
                restart_delay,
                restart_delay_max,
                ready,
                ready_timeout,
                watchdog_secs,
                health: has_health.then_some(config::Probe::Tcp(1)),
                health_retries,
                health_action,
                ..process("x")
            }
        },
    )
}

/// A machine, and what must be true of it whatever happens.
struct Checked {
    rules: config::Process,
    machine: Machine,
    now: Time,
    /// Set from a client's stop on, until a client's start.
    is_stopped: bool,
    /// Set while all that it depends on is there.
    are_met: bool,
    /// End of the last run or try.
    ended: Option<Time>,
    /// Start of the present run, and whether it has become ready.
    run: (Time, bool),
    /// Health as it was told last.
    is_well: bool,
}

impl Checked {
    fn step(&mut self, input: Input) {
        let (had, awaited, input_is_start) = (self.machine.pid(), self.machine.awaits_spawn(), input == Input::Start);
        let actions = self.machine.step(&self.rules, self.now, input);
        for action in actions {
            match action {
                Action::Spawn => {
                    assert!(had == 0 && !awaited, "a slot has one process");
                    assert!(!self.is_stopped || input_is_start, "a stop wins");
                    assert!(self.are_met, "no start without what it depends on");
                    let least = match (self.rules.restart_delay, self.rules.restart_delay_max) {
                        (Some(delay), Some(max)) => delay.min(max),
                        (delay, _) => delay.unwrap_or_default(),
                    };
                    if let Some(ended) = self.ended.filter(|_| !input_is_start) {
                        assert!(self.now >= ended + least, "a delay is waited for");
                    }
                }
                Action::Kill { pid, .. } => assert_eq!(pid, had),
                Action::Changed(change) if change.to == ProcessState::Running => {
                    let (begun, is_ready) = self.run;
                    assert!(is_ready || self.rules.ready.is_none(), "none is up before it is ready");
                    assert!(self.now >= begun + seconds(self.rules.startsecs), "none is up too early");
                    assert!(!self.is_stopped, "a stop wins");
                }
                Action::HealthChanged { is_ok } => {
                    assert_ne!(is_ok, self.is_well, "each change is told once");
                    self.is_well = is_ok;
                }
                Action::Log(..) | Action::Changed(_) => {}
            }
        }
        if self.machine.pid() != 0 && !self.rules.ready_timeout.is_zero() && self.machine.awaits_ready(&self.rules) {
            let due = self.machine.next_deadline(&self.rules, true);
            assert_eq!(due, Some(self.run.0 + self.rules.ready_timeout), "a wait ends");
        }
        if let Some(due) = self.machine.delayed_start(&self.rules) {
            let longest = self.rules.restart_delay.max(self.rules.restart_delay_max).unwrap_or_default();
            assert!(due <= self.now + longest.max(FIRST_DELAY), "a wait ends");
            assert_eq!(self.machine.next_deadline(&self.rules, true), Some(due));
        }
    }

    fn due(&self) -> Option<Time> {
        self.machine.next_deadline(&self.rules, true).filter(|due| *due <= self.now)
    }

    fn happens(&mut self, happening: Happening) {
        match happening {
            Happening::Asked(true) => {
                // A client's start of what runs, or is stopping, does nothing.
                let does_nothing = self.machine.pid() != 0 || self.machine.awaits_spawn();
                if !self.are_met && !does_nothing {
                    // As with a start at once, no delay is left.
                    self.ended = None;
                }
                self.step(if self.are_met { Input::Start } else { Input::Await { asked: true } });
                self.is_stopped &= does_nothing;
            }
            Happening::Asked(false) => {
                // What Supervisor starts again at once cannot be stopped between: it is EXITED.
                let is_between =
                    self.machine.state() == ProcessState::Exited && self.machine.delayed_start(&self.rules).is_none();
                let is_new = self.machine.starts() == 0;
                self.step(Input::Stop { waited_for: false });
                self.is_stopped |= !is_between && !is_new;
            }
            Happening::Spawn(fate) if self.machine.awaits_spawn() => {
                let why = || "no".to_owned();
                let input = match fate {
                    Fate::CannotBeSpawned => Input::SpawnFailed(why()),
                    Fate::IsHindered => Input::SpawnHindered(why()),
                    Fate::Stays | Fate::EndsAtOnce(_) => Input::Spawned(5),
                };
                self.ended = Some(self.now);
                self.run = (self.now, false);
                self.step(input);
            }
            Happening::IsReady => {
                self.run.1 |= self.machine.awaits_ready(&self.rules);
                self.step(Input::Ready);
            }
            Happening::IsAlive => self.step(Input::Notified(Notice::parse(b"WATCHDOG=1\nSTATUS=x"))),
            Happening::Probed(is_ok) => {
                self.step(Input::Probed(if is_ok { Ok(()) } else { Err("no".to_owned()) }));
            }
            Happening::Ends(code) if self.machine.pid() != 0 => {
                self.ended = Some(self.now);
                self.step(Input::Reaped(Exit::Code(code)));
            }
            Happening::Later(millis) => {
                self.now += Duration::from_millis(millis);
                let mut times = 0;
                while self.due().is_some() {
                    if self.are_met || !self.machine.starts_next(&self.rules) {
                        self.step(Input::Tick { may_start: true });
                    } else {
                        self.step(Input::Await { asked: false });
                    }
                    times += 1;
                    assert!(times < 4, "what is due is done");
                }
            }
            Happening::Dependencies(are_met) => {
                self.are_met = are_met;
                if are_met {
                    self.step(Input::DependenciesMet);
                    assert!(!self.machine.waits() || self.due().is_some(), "a wait ends");
                }
            }
            Happening::Spawn(_) | Happening::Ends(_) => {}
        }
    }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn hold(rules in rules(), history in proptest::collection::vec(happening(), 1..100)) {
        let machine = Machine::new();
        let (now, run) = (Time::ZERO, (Time::ZERO, false));
        let mut checked = Checked { rules, machine, now, is_stopped: false, are_met: true, ended: None, run, is_well: true };
        for happening in history {
            checked.happens(happening);
        }
    }
}
