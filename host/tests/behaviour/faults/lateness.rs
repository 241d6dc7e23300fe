//! The measure of every fault: how late it makes the restart of a program that crashes.
//!
//! Some programs note when they begin and when they end. They run under the supervisord that has the fault, and at the
//! same time under another one that has none, so that what the machine is busy with concerns both. What the one needs
//! longer than the other, from the end of a program to its next beginning, is the fault's.

use std::{fs, time::Duration};

use super::injection::{Injection, descriptors_at_rest};
use crate::common::{Config, Kind, Sandbox, Supervisord, wait_until};

/// Time that a fault may cost a restart.
const LIMIT: Duration = Duration::from_millis(50);

/// Time that the slowest restart may take longer than the slowest one without a fault. A machine that runs other tests
/// holds up one process or another now and then; who waits for a fault would wait for it far longer.
const LIMIT_OF_ONE: Duration = Duration::from_secs(2);

/// Programs that crash, and restarts of each that are measured at a time.
const PROGRAMS: usize = 4;
const RESTARTS: usize = 2;

/// Measurements of which one must be good.
const ATTEMPTS: usize = 6;

/// Lives a little longer than the second for which a program that ends at once would have to wait.
const SCRIPT: &str = "date +%s%N >> $1.begins; sleep 1.05; date +%s%N >> $1.ends; exit 1\n";

/// Adds the programs that crash.
pub fn with_crashers(config: Config) -> Config {
    let name = "%(program_name)s%(process_num)d";
    let lines = format!(
        "command=/bin/sh {{here}}/crash.sh {{here}}/{name}\nprocess_name={name}\nnumprocs={PROGRAMS}\nstartsecs=0\n\
         autorestart=true\nstdout_logfile=NONE\nstderr_logfile=NONE"
    );
    config.section("program:crasher", &lines)
}

/// Waits until they run, and gives the number of descriptors that supervisord has open then.
#[track_caller]
pub fn descriptors_with_crashers(supervisord: &Supervisord) -> usize {
    let running = || supervisord.ctl(&["status", "crasher:*"]).stdout.matches("RUNNING").count();
    wait_until("the programs that crash run", || running() == PROGRAMS);
    descriptors_at_rest(supervisord)
}

/// A sandbox in which they can run.
pub fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("crash.sh", SCRIPT);
    sandbox
}

/// A supervisord in such a sandbox, and the faults that it can be given.
pub fn start(config: &Config) -> (Injection, Supervisord) {
    let sandbox = sandbox();
    let faults = Injection::new(&sandbox);
    let supervisord = faults.start(sandbox, config);
    (faults, supervisord)
}

/// The supervisord without a fault.
pub struct Control(Supervisord);

impl Control {
    /// Starts it.
    pub fn start() -> Self {
        let config = with_crashers(Config::new().without("rpcinterface:cache").without("ctlplugin:cache"));
        Self(Supervisord::start_in(sandbox(), Kind::Ours, &config))
    }

    /// Sees to it that programs are restarted as soon as without the fault that is there now; `what` names it.
    ///
    /// A machine that is busy makes any one measurement wrong, and a fault that delays restarts all of them.
    #[track_caller]
    pub fn restarts_are_on_time(&self, supervisord: &Supervisord, what: &str) {
        let mut told = Vec::new();
        for _ in 0..ATTEMPTS {
            let [calm, with_fault] = self.measure(supervisord, what);
            told.push(format!("{what}: restarts take {with_fault}, and without it {calm}"));
            if with_fault.median <= calm.median + LIMIT && with_fault.longest <= calm.longest + LIMIT_OF_ONE {
                println!("{}", told.join("\n"));
                return;
            }
        }
        panic!("restarts are late:\n{}", told.join("\n"));
    }

    /// Measures some restarts without the fault, and as many with it at the same time.
    #[track_caller]
    fn measure(&self, supervisord: &Supervisord, what: &str) -> [Figures; 2] {
        let both = [&self.0.sandbox, &supervisord.sandbox];
        let before = both.map(gaps);
        // A restart that was under way when the fault came counts, too.
        let measured = |index: usize| -> Vec<Vec<Duration>> {
            let now = gaps(both[index]);
            now.iter().zip(&before[index]).map(|(now, before)| now[before.len()..].to_vec()).collect()
        };
        wait_until(&format!("programs have been restarted with {what}"), || {
            (0..both.len()).all(|index| measured(index).iter().all(|gaps| gaps.len() >= RESTARTS))
        });
        [0, 1].map(|index| Figures::of(measured(index).concat()))
    }
}

/// For each program, the times from its ends to its next beginnings.
fn gaps(sandbox: &Sandbox) -> Vec<Vec<Duration>> {
    let read = |name: String| -> Vec<u64> {
        let text = fs::read_to_string(sandbox.join(name)).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    };
    let of = |number| {
        let (begins, ends) = (read(format!("crasher{number}.begins")), read(format!("crasher{number}.ends")));
        let pairs = ends.iter().zip(begins.iter().skip(1));
        pairs.map(|(end, begin)| Duration::from_nanos(begin.saturating_sub(*end))).collect()
    };
    (0..PROGRAMS).map(of).collect()
}

struct Figures {
    median: Duration,
    longest: Duration,
}

impl Figures {
    fn of(mut gaps: Vec<Duration>) -> Self {
        gaps.sort_unstable();
        Self { median: gaps[gaps.len() / 2], longest: gaps[gaps.len() - 1] }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        write!(f, "{:.1} ms (the longest {:.1})", millis(self.median), millis(self.longest))
    }
}
