//! Random scripts of calls, signals, deaths and steps of the wall clock, played to Supervisor and to ours: after each
//! step the same answer and the same states, and at the end the same story in the log.
//!
//! `SCRIPTS=200 cargo test -p supervisor-host --test behaviour random_scripts` plays more of them; `SCRIPT_SEED=7` plays
//! that one alone.

use std::{
    fmt::Write as _,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::common::{Config, Kind, PATIENCE, Random, Sandbox, SteppedClock, Supervisord, comes_true, wait_until};

/// Scripts that are played unless more are asked for.
const SCRIPTS: u64 = 4;

const STEPS: usize = 14;

/// Programs, each of a kind: full name, section, and options.
const PROGRAMS: [(&str, &str, &str); 9] = [
    ("stays", "program:stays", "command=/bin/sleep 1000\nstartsecs=0\nautorestart=false"),
    ("returns", "program:returns", "command=/bin/sleep 1000\nstartsecs=1\nautorestart=true"),
    ("ends", "program:ends", "command=/bin/sh -c 'sleep 0.2; exit 3'\nstartsecs=0\nautorestart=false\nautostart=false"),
    (
        "quits",
        "program:quits",
        "command=/bin/sh -c 'sleep 0.2; exit 7'\nstartsecs=0\nexitcodes=7\nautorestart=unexpected",
    ),
    ("flaps", "program:flaps", "command=/bin/false\nstartsecs=1\nstartretries=1\nautostart=false"),
    ("missing", "program:missing", "command=/no/such/command\nstartretries=0\nautostart=false"),
    (
        "stubborn",
        "program:stubborn",
        "command=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.05; done'\nstartsecs=0\nstopwaitsecs=1\nautostart=false",
    ),
    ("pair:one", "program:one", "command=/bin/sleep 1000\nstartsecs=0\nautorestart=unexpected\nstopsignal=INT"),
    ("pair:two", "program:two", "command=/bin/sleep 1000\nstartsecs=0\nexitcodes=0\nautorestart=unexpected"),
];

/// Programs that end by themselves, so that being RUNNING is no state that lasts.
const PASSING: [&str; 2] = ["ends", "quits"];

/// Programs that are started again whenever they have ended, so that being EXITED is no state that lasts.
const RETURNING: [&str; 4] = ["returns", "stubborn", "pair:one", "pair:two"];

/// Programs whose states, while they change, do not hang on the wall clock with Supervisor. A start that fails may count
/// as one that has not where the clock goes while it is tried.
const STEADY: [&str; 6] = ["stays", "returns", "ends", "stubborn", "pair:one", "pair:two"];

/// Seconds by which the wall clock goes ahead or, if negative, back.
const STEPS_OF_CLOCK: [i64; 8] = [-200_000, -3_600, -30, -2, 2, 30, 3_600, 200_000];

/// Step of a script.
#[derive(Clone, Debug)]
enum Step {
    Call(&'static str, Vec<&'static str>),
    /// Death of a process by another hand, if it is there.
    Kill(&'static str, Signal),
    /// Step of the wall clock.
    Clock(i64),
    /// Step of the wall clock right after a start or a stop that nobody waits for.
    ClockDuring(&'static str, &'static str, i64),
}

impl Step {
    fn random(random: &mut Random) -> Self {
        let name = random.one_of(&PROGRAMS).0;
        let group = random.one_of(&["pair", "stays", "nobody"]);
        match random.below(26) {
            0..=4 => Self::Call("supervisor.startProcess", vec![name]),
            5..=8 => Self::Call("supervisor.stopProcess", vec![name]),
            9 => Self::Call("supervisor.startProcessGroup", vec![group]),
            10 => Self::Call("supervisor.stopProcessGroup", vec![group]),
            11 => Self::Call("supervisor.startAllProcesses", vec![]),
            12 => Self::Call("supervisor.stopAllProcesses", vec![]),
            13..=15 => {
                let signal = random.one_of(&["TERM", "KILL", "USR1", "INT", "NONSENSE"]);
                Self::Call("supervisor.signalProcess", vec![name, signal])
            }
            16 => Self::Call("supervisor.clearProcessLogs", vec![name]),
            17 => Self::Call("supervisor.startProcess", vec!["pair:*"]),
            18..=20 => Self::Clock(random.one_of(&STEPS_OF_CLOCK)),
            21..=23 => {
                let seconds = random.one_of(&STEPS_OF_CLOCK);
                // What is stopping while the clock goes ahead Supervisor kills at once, its time being over.
                let methods = ["supervisor.startProcess", "supervisor.stopProcess"];
                let method = if seconds > 0 { methods[0] } else { random.one_of(&methods) };
                Self::ClockDuring(method, random.one_of(&STEADY), seconds)
            }
            _ => Self::Kill(name, random.one_of(&[Signal::SIGKILL, Signal::SIGTERM, Signal::SIGHUP])),
        }
    }
}

fn config() -> Config {
    let config = Config::new().section("group:pair", "programs=one,two");
    PROGRAMS.iter().fold(config, |config, (_, section, lines)| {
        let logs = "stdout_logfile=NONE\nstderr_logfile=NONE\n";
        config.section(section, &format!("{logs}{lines}"))
    })
}

/// State of each process that lasts, once all have one.
fn settled(supervisord: &Supervisord) -> String {
    let mut shown = String::new();
    let settles = comes_true(|| {
        shown.clear();
        PROGRAMS.iter().all(|(name, ..)| {
            let state = supervisord.statename(name);
            let (exit, error) = (supervisord.info(name, "exitstatus"), supervisord.info(name, "spawnerr"));
            let _ = writeln!(shown, "{name} {state} {exit} {error}");
            let passes = state == "RUNNING" && PASSING.contains(name) || state == "EXITED" && RETURNING.contains(name);
            !passes && ["RUNNING", "STOPPED", "EXITED", "FATAL"].contains(&state.as_str())
        })
    });
    assert!(settles, "no state that lasts: {shown}");
    shown
}

/// Supervisord, and the clock that it goes by.
struct Player {
    supervisord: Supervisord,
    clock: SteppedClock,
    /// Seconds that the clock is ahead.
    ahead: i64,
}

impl Player {
    fn start(kind: Kind) -> Self {
        let sandbox = Sandbox::new();
        let clock = SteppedClock::new(&sandbox);
        let supervisord = Supervisord::start_as(sandbox, kind, &config(), |command| clock.run(command)).nudged();
        Self { supervisord, clock, ahead: 0 }
    }

    fn step_clock(&mut self, seconds: i64) {
        self.ahead += seconds;
        self.clock.set(self.ahead);
        let true_time = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
        let shown: i64 = self.supervisord.info("stays", "now").parse().expect("a time");
        let wrong = shown - self.ahead - true_time.cast_signed();
        assert!(wrong.abs() < 2 + PATIENCE.as_secs().cast_signed(), "supervisord goes by the clock: {shown}");
    }

    /// Play a step, and return what it was answered.
    fn play(&mut self, step: &Step) -> String {
        let supervisord = &self.supervisord;
        supervisord.settle();
        let pids: Vec<_> = PROGRAMS.iter().map(|(name, ..)| supervisord.pid_of(name)).collect();
        match step {
            Step::Call(method, params) => {
                let answer = supervisord.call(method, params);
                if *method == "supervisor.signalProcess" && answer.contains("<boolean>1<") {
                    let (name, signal) = (params[0], params[1]);
                    if !(name == "stubborn" && signal == "TERM") {
                        wait_for_death(supervisord, name, &pids);
                    }
                }
                texts(&answer)
            }
            Step::Kill(name, signal) => {
                let pid = pids[PROGRAMS.iter().position(|it| it.0 == *name).expect("one of them")];
                // One that has ended meanwhile is as good as killed.
                if pid != 0
                    && kill(Pid::from_raw(pid), *signal).is_ok()
                    && !(*name == "stubborn" && *signal == Signal::SIGTERM)
                {
                    wait_for_death(supervisord, name, &pids);
                }
                String::new()
            }
            Step::Clock(seconds) => {
                self.step_clock(*seconds);
                String::new()
            }
            Step::ClockDuring(method, name, seconds) => {
                // An empty text is as good as false.
                let answer = supervisord.call(method, &[name, ""]);
                self.step_clock(*seconds);
                texts(&answer)
            }
        }
    }
}

/// Wait until it is known that a process has ended.
fn wait_for_death(supervisord: &Supervisord, name: &str, pids: &[i32]) {
    let pid = pids[PROGRAMS.iter().position(|it| it.0 == name).expect("one of them")];
    wait_until(&format!("{name} has ended"), || supervisord.pid_of(name) != pid);
}

/// Texts of an answer. Of one for several processes those of each, in the order of their names: they stand there as they
/// came to an end, which is nobody's promise.
fn texts(answer: &str) -> String {
    let texts = answer.split('>').filter_map(|piece| piece.split('<').next()).map(str::trim);
    let text = texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
    let mut processes: Vec<_> = text.split("name ").map(str::trim).collect();
    processes.sort_unstable();
    processes.join("\n")
}

/// Play the script of a seed to one of them. Return what was seen.
fn history(kind: Kind, script: &[Step]) -> Vec<String> {
    let mut player = Player::start(kind);
    let mut seen = vec![settled(&player.supervisord)];
    for (number, step) in script.iter().enumerate() {
        let answer = player.play(step);
        seen.push(format!("{number} {step:?}\n{answer}\n{}", settled(&player.supervisord)));
    }
    // A state is known before the line of it is in the file; this line comes after all of them.
    player.supervisord.signal(Signal::SIGUSR2);
    player.supervisord.wait_for_log("received SIGUSR2");
    for (name, ..) in PROGRAMS {
        let name = name.rsplit(':').next().unwrap_or(name);
        // The one is said only of what takes its time, which a busy machine makes of any; the other of what has ended
        // before it has started, by a clock that ours does not look at.
        let is_told = |line: &String| !line.contains("waiting for") && !line.contains("is in the future");
        let story = player.supervisord.story_of(name).into_iter().filter(is_told);
        seen.push(story.collect::<Vec<_>>().join("\n"));
    }
    seen
}

fn play_seed(seed: u64) {
    let mut random = Random::new(seed);
    let script: Vec<_> = (0..STEPS).map(|_| Step::random(&mut random)).collect();
    let script = &script;
    let [ours, real] = std::thread::scope(|scope| {
        [Kind::Ours, Kind::Real]
            .map(|kind| scope.spawn(move || history(kind, script)))
            .map(|thread| thread.join().unwrap())
    });
    for (ours, real) in ours.iter().zip(&real) {
        assert!(ours == real, "script {seed} departs:\n--- ours\n{ours}\n--- Supervisor\n{real}\n--- {script:#?}");
    }
}

#[test]
fn scripts_end_in_the_same_states_and_tell_the_same_story() {
    if let Ok(seed) = std::env::var("SCRIPT_SEED") {
        return play_seed(seed.parse().expect("a number"));
    }
    let scripts = std::env::var("SCRIPTS").map_or(SCRIPTS, |scripts| scripts.parse().expect("a number"));
    (0..scripts).for_each(play_seed);
}
