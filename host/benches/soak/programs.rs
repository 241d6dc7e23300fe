//! Programs of the run, and what has to hold of them at the end.

use std::collections::BTreeMap;

use super::{
    common::{Config, Sandbox, Supervisord, comes_true},
    listener::{self, with_listener},
    run::{Run, float},
    table::median,
};

/// Programs that clients stop and start.
pub const OWN: usize = 16;

const SLEEPERS: usize = 50;
const CRASHERS: usize = 5;

/// Programs of the run.
pub struct Programs {
    /// Where the cache lies.
    cache: tempfile::TempDir,
}

/// Times from the end of a program that crashes to its next start, in milliseconds more than when it was calm.
#[derive(Debug)]
pub struct Lateness {
    pub starts: f64,
    pub median: f64,
    /// Ninety-nine in a hundred are not later.
    pub most: f64,
}

impl Programs {
    pub fn new(sandbox: &Sandbox) -> Self {
        listener::install(sandbox);
        let cache = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder beside what was built");
        Self { cache }
    }

    /// The config before the first update, and after each.
    pub fn config(&self, update: u64) -> Config {
        let quiet = "stdout_logfile=NONE\nstderr_logfile=NONE\nstartsecs=0\n";
        let many = |count: usize, command: &str| {
            format!("{quiet}numprocs={count}\nprocess_name=%(program_name)s_%(process_num)02d\ncommand={command}")
        };
        let crash = "/bin/sh -c 'date +%%s%%N >>{here}/starts.%(process_num)d; sleep 1.2; exit 1'\nautorestart=true";
        let count = "i=0; while [ ! -e {here}/end ]; do i=$((i+1)); echo $i; [ $((i%%200)) = 0 ] && sleep 0.1; done";
        let cache = format!("store=file\nfile={}/cache\nsync=everysec", self.cache.path().display());
        let config = Config::new()
            .section("supervisord", "minfds=2048")
            .section("rpcinterface:cache", &cache)
            .section("program:sleeper", &many(SLEEPERS, "/bin/sleep 1000000"))
            .section("program:own", &many(OWN, "/bin/sleep 1000000"))
            .section("program:crash", &many(CRASHERS, crash))
            .program(
                "lines",
                &format!("command=/bin/sh -c '{count}'\nstartsecs=0\nautorestart=false\nstdout_logfile_maxbytes=0"),
            )
            .program(
                "noise",
                "command=/bin/sh -c 'while :; do echo noise $$ and more of it; sleep 0.001; done'\nstartsecs=0\n\
                 stdout_logfile_maxbytes=200KB\nstdout_logfile_backups=2\nstdout_events_enabled=true",
            );
        let events = "events=PROCESS_STATE,SUPERVISOR_STATE_CHANGE,TICK_5\nbuffer_size=1000000\nstartsecs=0";
        let config = with_listener(config, "notes", events);
        if Self::has_more(update) {
            config.program("more", &format!("command=/bin/sleep {}\nstartsecs=0", 1_000_000 + update))
        } else {
            config
        }
    }

    /// Tell whether the config after that update has the program that comes and goes.
    pub fn has_more(update: u64) -> bool {
        update % 8 == 1 || update % 8 == 3
    }

    pub fn all_run(supervisord: &Supervisord) -> bool {
        let text = supervisord.call("supervisor.getAllProcessInfo", &[]);
        text.matches("<string>RUNNING</string>").count() >= SLEEPERS + OWN + 3
    }

    /// Pids of those that nothing happens to.
    pub fn pids(supervisord: &Supervisord) -> BTreeMap<String, i32> {
        let sleepers = (0..SLEEPERS).map(|number| format!("sleeper:sleeper_{number:02}"));
        let others = ["lines", "noise", "notes:notes"].map(str::to_owned);
        sleepers.chain(others).map(|name| (name.clone(), supervisord.pid_of(&name))).collect()
    }

    /// Starts so far of each program that crashes, in nanoseconds since 1970.
    pub fn starts(supervisord: &Supervisord) -> Vec<Vec<u64>> {
        let of = |number| supervisord.sandbox.read(format!("starts.{number}"));
        (0..CRASHERS).map(|number| of(number).lines().filter_map(|line| line.parse().ok()).collect()).collect()
    }

    /// Compare the starts since then with those up to then.
    pub fn lateness(supervisord: &Supervisord, calm: &[Vec<u64>]) -> Lateness {
        let (mut calm_gaps, mut gaps) = (Vec::new(), Vec::new());
        for (before, all) in calm.iter().zip(Self::starts(supervisord)) {
            calm_gaps.extend(gaps_of(before));
            gaps.extend(gaps_of(&all[before.len().saturating_sub(1)..]));
        }
        let usual = if calm_gaps.is_empty() { 0.0 } else { median(&calm_gaps) };
        gaps.sort_by(f64::total_cmp);
        let most = gaps.get(gaps.len() * 99 / 100).copied().unwrap_or(f64::INFINITY);
        Lateness {
            starts: float(gaps.len() as u64),
            median: if gaps.is_empty() { f64::INFINITY } else { median(&gaps) - usual },
            most: most - usual,
        }
    }

    /// See that those that crash were started again to the end, that no line and no event is lost.
    pub fn check_end(run: &Run, supervisord: &Supervisord, calm: &[Vec<u64>]) {
        for (number, (before, all)) in calm.iter().zip(Self::starts(supervisord)).enumerate() {
            if all.len() <= before.len() + 1 {
                run.broken(format_args!("crash_{number:02} was not started again"));
            }
        }
        supervisord.sandbox.write("end", "");
        let ends = || supervisord.statename("lines") == "EXITED" && supervisord.log().contains("exited: lines");
        if !comes_true(ends) {
            run.broken(format_args!("'lines' does not end"));
        }
        let lines = supervisord.sandbox.read("lines.out");
        let lines: Vec<u64> = lines.lines().map(|line| line.parse().unwrap_or(0)).collect();
        let notes = listener::notes(&supervisord.sandbox, "notes.notes");
        let events: Vec<u64> = notes.iter().map(|note| note.number("poolserial")).collect();
        for (numbers, what) in [(lines, "line"), (events, "event")] {
            if numbers.len() < 10 {
                run.broken(format_args!("there are {} numbers of {what}s", numbers.len()));
            }
            for pair in numbers.windows(2).filter(|pair| pair[0] + 1 != pair[1]) {
                run.broken(format_args!("after {what} {} came {}", pair[0], pair[1]));
            }
        }
    }
}

/// Milliseconds between each start and the next.
fn gaps_of(starts: &[u64]) -> Vec<f64> {
    let gap = |pair: &[u64]| float(pair[1].saturating_sub(pair[0]) / 1000) / 1000.0;
    starts.windows(2).map(gap).collect()
}
