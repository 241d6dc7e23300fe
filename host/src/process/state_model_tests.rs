//! Random histories of a machine and of a model, which has Supervisor's manual and its own words for it: after each
//! step both are in the same state, have told the same events and sent the same signals, at the same times.

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{events::Event, process::history_fixtures::histories};

/// State of a process, with what is known of it there.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Stopped {
        is_new: bool,
    },
    /// STARTING, with the time from which on it is RUNNING, once it is spawned.
    Starting {
        up: Option<Time>,
    },
    Running,
    Backoff {
        until: Time,
    },
    Stopping {
        sigkill: Time,
    },
    Exited {
        again: Option<Time>,
    },
    Fatal,
    Unknown,
}

/// A process as Supervisor's manual has it: its options as they are, and no extension of ours.
struct Model {
    life: Life,
    pid: i32,
    started: Time,
    /// Number of starts in a row that have failed.
    tries: u32,
    exitstatus: Option<i32>,
    spawnerr: &'static str,
    is_shutdown: bool,
    done: Vec<String>,
}

impl Model {
    fn new() -> Self {
        Self {
            life: Life::Stopped { is_new: true },
            pid: 0,
            started: Time::ZERO,
            tries: 0,
            exitstatus: None,
            spawnerr: "",
            is_shutdown: false,
            done: vec![],
        }
    }

    fn name(&self) -> &'static str {
        match self.life {
            Life::Stopped { .. } => "STOPPED",
            Life::Starting { .. } => "STARTING",
            Life::Running => "RUNNING",
            Life::Backoff { .. } => "BACKOFF",
            Life::Stopping { .. } => "STOPPING",
            Life::Exited { .. } => "EXITED",
            Life::Fatal => "FATAL",
            Life::Unknown => "UNKNOWN",
        }
    }

    /// Change the state, and tell what an event listener hears of that.
    fn becomes(&mut self, life: Life, is_expected: bool) {
        let from = self.name();
        self.life = life;
        let (to, pid, tries) = (self.name(), self.pid, self.tries);
        if from == to {
            return;
        }
        let rest = match to {
            "STARTING" | "BACKOFF" => format!(" tries:{tries}"),
            "EXITED" => format!(" expected:{} pid:{pid}", i32::from(is_expected)),
            "FATAL" | "UNKNOWN" => String::new(),
            _ => format!(" pid:{pid}"),
        };
        self.done.push(format!("PROCESS_STATE_{to} processname:x groupname:g from_state:{from}{rest}"));
    }

    fn starts(&mut self) {
        (self.exitstatus, self.spawnerr) = (None, "");
        self.becomes(Life::Starting { up: None }, true);
        self.done.push("spawn".to_owned());
    }

    fn signal(&mut self, signal: i32, as_group: bool) {
        let whom = if as_group { -self.pid } else { self.pid };
        self.done.push(format!("kill {whom} {signal}"));
    }

    fn has_tries_left(&self, rules: &config::Process) -> bool {
        rules.startretries == INFINITE || i64::from(self.tries) <= rules.startretries
    }

    /// Time at which it changes by itself.
    fn due(&self, rules: &config::Process) -> Option<Time> {
        let start = |time: Time| Some(time).filter(|_| !self.is_shutdown);
        match self.life {
            Life::Stopped { is_new: true } if rules.autostart => start(Time::ZERO),
            Life::Starting { up } => up,
            Life::Backoff { .. } if !self.has_tries_left(rules) => Some(Time::ZERO),
            Life::Backoff { until } => start(until),
            Life::Stopping { sigkill } => Some(sigkill),
            Life::Exited { again } => again.and_then(start),
            _ => None,
        }
    }

    /// Look at it, and let happen what is due.
    fn look(&mut self, rules: &config::Process, now: Time) {
        if self.due(rules).is_none_or(|due| due > now) {
            return;
        }
        match self.life {
            Life::Starting { .. } => {
                self.tries = 0;
                self.becomes(Life::Running, true);
            }
            Life::Backoff { .. } if !self.has_tries_left(rules) => self.gives_up(),
            Life::Stopping { .. } => {
                self.signal(libc::SIGKILL, rules.killasgroup);
                // One that cannot be killed is not killed all the time.
                self.life = Life::Stopping { sigkill: now + seconds(rules.stopwaitsecs.max(1)) };
            }
            _ => self.starts(),
        }
    }

    fn gives_up(&mut self) {
        self.tries = 0;
        self.becomes(Life::Fatal, true);
    }

    fn fails(&mut self, now: Time, counts: bool) {
        self.tries += u32::from(counts);
        self.becomes(Life::Backoff { until: now + seconds(self.tries.max(1).into()) }, true);
    }

    fn spawned(&mut self, rules: &config::Process, now: Time, pid: i32) {
        (self.pid, self.started) = (pid, now);
        self.life = Life::Starting { up: Some(now + seconds(rules.startsecs)) };
    }

    fn stops(&mut self, rules: &config::Process, now: Time) {
        match self.life {
            Life::Starting { up: Some(_) } | Life::Running => {
                self.becomes(Life::Stopping { sigkill: now + seconds(rules.stopwaitsecs) }, true);
                self.signal(rules.stopsignal, rules.stopasgroup);
            }
            Life::Starting { up: None } | Life::Backoff { .. } => self.becomes(Life::Stopped { is_new: false }, true),
            _ => {}
        }
    }

    fn dies(&mut self, rules: &config::Process, now: Time, exit: Exit) {
        let status = if let Exit::Code(code) = exit { code } else { -1 };
        let is_expected = rules.exitcodes.contains(&status);
        match self.life {
            Life::Stopping { .. } => {
                self.exitstatus = Some(status);
                self.becomes(Life::Stopped { is_new: false }, true);
            }
            Life::Starting { .. } if now < self.started + seconds(rules.startsecs) => {
                (self.exitstatus, self.spawnerr) = (None, "Exited too quickly (process log may have details)");
                self.fails(now, true);
            }
            life => {
                if matches!(life, Life::Starting { .. }) {
                    self.becomes(Life::Running, true);
                }
                (self.tries, self.exitstatus) = (0, Some(status));
                if !is_expected {
                    self.spawnerr = "Bad exit code";
                }
                let returns = match rules.autorestart {
                    AutoRestart::Always => true,
                    AutoRestart::Unexpected => !is_expected,
                    AutoRestart::Never => false,
                };
                // One that is started again whenever it ends is started once a second.
                let again = returns.then(|| now.max(self.started + seconds(1)));
                self.becomes(Life::Exited { again }, is_expected);
            }
        }
        self.pid = 0;
    }
}

/// Step of a history.
#[derive(Clone, Debug)]
enum Step {
    Start,
    Stop {
        waited_for: bool,
    },
    Spawned(Spawn),
    /// Death with a status, or by a signal. With `true` nobody has looked since the time before.
    Dies(Exit, bool),
    /// Millis that pass, each deadline being kept.
    Pass(u64),
    /// Millis that pass before anybody looks.
    PassAsleep(u64),
    KillFails,
    /// Options as `update` may change them in a process that runs.
    Update(Box<config::Process>),
    /// Upgrade of supervisord in place.
    Upgrade,
    Shutdown,
}

#[derive(Clone, Copy, Debug)]
enum Spawn {
    Succeeds,
    Fails,
    IsHindered,
}

fn rules() -> impl Strategy<Value = config::Process> {
    let restarts = prop_oneof![Just(AutoRestart::Always), Just(AutoRestart::Unexpected), Just(AutoRestart::Never)];
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let seconds = (0_i64..4, prop_oneof![Just(INFINITE), 0_i64..4], 0_i64..4);
    let signal = prop_oneof![Just(libc::SIGTERM), Just(libc::SIGINT), Just(libc::SIGKILL)];
    (flags, restarts, seconds, vec(0..3, 0..3), signal).prop_map(
        |(flags, autorestart, seconds, exitcodes, stopsignal)| {
            let ((autostart, stopasgroup, killasgroup), (startsecs, startretries, stopwaitsecs)) = (flags, seconds);
            let flags = config::Process { autostart, stopasgroup, killasgroup, ..process("x") };
            config::Process { autorestart, startsecs, startretries, stopsignal, stopwaitsecs, exitcodes, ..flags }
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let exit = prop_oneof![
        (0..4).prop_map(Exit::Code),
        any::<bool>().prop_map(|core| Exit::Signal { signal: libc::SIGSEGV, core }),
    ];
    let spawn = prop_oneof![4 => Just(Spawn::Succeeds), 1 => Just(Spawn::Fails), 1 => Just(Spawn::IsHindered)];
    prop_oneof![
        8 => Just(Step::Start),
        8 => any::<bool>().prop_map(|waited_for| Step::Stop { waited_for }),
        24 => spawn.prop_map(Step::Spawned),
        16 => (exit, any::<bool>()).prop_map(|(exit, is_late)| Step::Dies(exit, is_late)),
        24 => prop_oneof![Just(0), Just(1_000), 0..3_000_u64].prop_map(Step::Pass),
        4 => (0..5_000_u64).prop_map(Step::PassAsleep),
        1 => Just(Step::KillFails),
        4 => rules().prop_map(|rules| Step::Update(Box::new(rules))),
        8 => Just(Step::Upgrade),
        1 => Just(Step::Shutdown),
    ]
}

/// The machine and its model, and another machine that sees no upgrade.
struct Pair {
    rules: config::Process,
    now: Time,
    machine: Machine,
    never_upgraded: Machine,
    model: Model,
    done: Vec<String>,
    last_pid: i32,
}

impl Pair {
    fn new(rules: config::Process) -> Self {
        let [machine, never_upgraded] = [Machine::new(), Machine::new()];
        Self { rules, now: Time::ZERO, machine, never_upgraded, model: Model::new(), done: vec![], last_pid: 0 }
    }

    /// Give the machines an input, and write down what a listener hears and what reaches the process.
    fn input(&mut self, input: Input) {
        let actions = self.machine.step(&self.rules, self.now, input.clone());
        let other = self.never_upgraded.step(&self.rules, self.now, input);
        assert_eq!(actions, other, "an upgrade changes nothing of what follows");
        self.done.extend(actions.into_iter().filter_map(|action| match action {
            Action::Spawn => Some("spawn".to_owned()),
            Action::Kill { pid, signal, as_group } => {
                Some(format!("kill {} {signal}", if as_group { -pid } else { pid }))
            }
            Action::Changed(change) => {
                let event = Event::ProcessState { process: "x".to_owned(), group: "g".to_owned(), change };
                Some(format!("{} {}", event.name(), event.payload()))
            }
            Action::Log(..) | Action::HealthChanged { .. } => None,
        }));
    }

    fn due(&self) -> Option<Time> {
        self.machine.next_deadline(&self.rules, !self.model.is_shutdown)
    }

    fn look(&mut self) {
        self.input(Input::Tick { may_start: !self.model.is_shutdown });
        self.model.look(&self.rules, self.now);
        self.agree();
    }

    /// Let time pass, and look whenever the machine asks for it.
    fn pass(&mut self, until: Time) {
        let mut times = 0;
        while let Some(due) = self.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.look();
            times += 1;
            assert!(times < 40, "no more than a few looks a second");
        }
        self.now = until;
        let due = self.model.due(&self.rules);
        assert!(due.is_none_or(|due| due > until), "nothing is late: {due:?}, {:?}", self.machine);
    }

    fn agree(&self) {
        let (model, machine) = (&self.model, &self.machine);
        assert_eq!(self.done, model.done, "{machine:?}");
        assert_eq!((machine.state().name(), machine.pid()), (model.name(), model.pid), "{machine:?}");
        assert_eq!(machine.exitstatus(), model.exitstatus, "{machine:?}");
        assert!(machine.spawnerr().unwrap_or("").starts_with(model.spawnerr), "{machine:?}");
        assert_eq!(machine.spawnerr().is_none(), model.spawnerr.is_empty(), "{machine:?}");
    }

    fn happens(&mut self, step: Step) {
        let is_there = self.model.pid != 0;
        match step {
            // A start is refused where one is under way already, and while supervisord stops.
            Step::Start if !matches!(self.model.life, Life::Backoff { .. }) && !self.model.is_shutdown => {
                self.input(Input::Start);
                if matches!(self.model.life, Life::Stopped { .. } | Life::Exited { .. } | Life::Fatal) {
                    self.model.starts();
                }
            }
            Step::Stop { waited_for } => {
                self.input(Input::Stop { waited_for });
                self.model.stops(&self.rules, self.now);
            }
            Step::Spawned(spawn) if self.model.life == (Life::Starting { up: None }) => match spawn {
                Spawn::Succeeds => {
                    self.last_pid += 1;
                    self.input(Input::Spawned(self.last_pid));
                    self.model.spawned(&self.rules, self.now, self.last_pid);
                }
                Spawn::Fails | Spawn::IsHindered => {
                    let counts = matches!(spawn, Spawn::Fails);
                    let why = "cannot be spawned".to_owned();
                    self.input(if counts { Input::SpawnFailed(why) } else { Input::SpawnHindered(why) });
                    self.model.spawnerr = "cannot be spawned";
                    self.model.fails(self.now, counts);
                }
            },
            Step::Dies(exit, is_late) if is_there => {
                if !is_late {
                    self.pass(self.now);
                }
                self.input(Input::Reaped(exit));
                self.model.dies(&self.rules, self.now, exit);
            }
            Step::Pass(millis) => self.pass(self.now + Duration::from_millis(millis)),
            Step::PassAsleep(millis) => self.now += Duration::from_millis(millis),
            Step::KillFails if matches!(self.model.life, Life::Stopping { .. }) => {
                self.input(Input::KillFailed("no".to_owned()));
                self.model.becomes(Life::Unknown, true);
            }
            Step::Update(rules) => self.rules = *rules,
            Step::Upgrade => {
                let written = rmp_serde::to_vec_named(&self.machine).expect("a machine can be written");
                self.machine = rmp_serde::from_slice(&written).expect("and read");
            }
            Step::Shutdown => {
                self.model.is_shutdown = true;
                self.input(Input::Shutdown);
                match self.model.life {
                    Life::Backoff { .. } => self.model.gives_up(),
                    _ => self.model.stops(&self.rules, self.now),
                }
            }
            Step::Start | Step::Spawned(_) | Step::Dies(..) | Step::KillFails => {}
        }
        self.agree();
    }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn the_machine_does_as_the_model(rules in rules(), history in vec(step(), 1..100)) {
        let mut pair = Pair::new(rules);
        for step in history {
            pair.happens(step);
        }
    }
}
