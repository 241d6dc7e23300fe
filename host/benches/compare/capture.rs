//! How fast the output of one program that writes without end is taken.

use std::{
    fs,
    time::{Duration, Instant},
};

use super::{
    ROUNDS,
    common::{Config, Kind, Peers, Sandbox, Supervisord},
    table::{Limit, Row, median},
};

/// For how long each is measured in a round.
const TIME: Duration = Duration::from_millis(700);

/// Reads what it is sent and does nothing with it.
const LISTENER: &str = "
import sys
while True:
    sys.stdout.write('READY\\n'); sys.stdout.flush()
    header = dict(word.split(':') for word in sys.stdin.readline().split())
    sys.stdin.read(int(header['len']))
    sys.stdout.write('RESULT 2\\nOK'); sys.stdout.flush()
";

fn config() -> Config {
    Config::new().program("yes", "command=/usr/bin/yes\nautostart=false\nstderr_logfile=NONE")
}

/// Megabytes in a second, with rotation at its defaults.
pub fn yes() -> Row {
    eprintln!("output of yes …");
    let config = config();
    let [ours, real] = [Kind::Ours, Kind::Real].map(|kind| Supervisord::start_in(Sandbox::new(), kind, &config));
    let (ours, real): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (rate(&ours), rate(&real))).unzip();
    Row::new("capture of one yes with rotation on, MB/s").figures(median(&ours), median(&real)).ratio(
        "times Supervisor",
        &ours,
        &real,
        Limit::AtLeast(1.0),
    )
}

/// The same with a listener that is told of all of it, and how much memory that takes.
pub fn yes_with_events() -> Vec<Row> {
    eprintln!("output of yes, with events …");
    let python = Peers::get().program("python");
    let listener =
        format!("command={} {{here}}/listener.py\nevents=PROCESS_LOG\nstderr_logfile=NONE", python.display());
    let config = config().section("program:yes", "stdout_events_enabled=true").section("eventlistener:all", &listener);
    let [ours, real] = [Kind::Ours, Kind::Real].map(|kind| {
        let sandbox = Sandbox::new();
        sandbox.write("listener.py", LISTENER);
        Supervisord::start_in(sandbox, kind, &config)
    });
    let (ours_rates, real_rates): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (rate(&ours), rate(&real))).unzip();
    vec![
        Row::new("the same with a listener to it, MB/s").figures(median(&ours_rates), median(&real_rates)).ratio(
            "times Supervisor",
            &ours_rates,
            &real_rates,
            Limit::AtLeast(1.0),
        ),
        Row::memory("resident after that", ours.resident(), real.resident(), Limit::Below(64.0)),
    ]
}

/// Runs the program for a while and sees how much of its output was read meanwhile.
fn rate(supervisord: &Supervisord) -> f64 {
    supervisord.call("supervisor.startProcess", &["yes"]);
    let pid = supervisord.pid_of("yes");
    let (start, before) = (Instant::now(), written(pid));
    std::thread::sleep(TIME);
    let bytes = written(pid).saturating_sub(before);
    let kilobytes = u32::try_from(bytes / 1000).unwrap_or(u32::MAX);
    let rate = f64::from(kilobytes) / 1000.0 / start.elapsed().as_secs_f64();
    supervisord.call("supervisor.stopProcess", &["yes"]);
    rate
}

/// What a process has written, which is what was read from its pipe but for what that holds.
fn written(pid: i32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap_or("0");
    line.parse().unwrap_or(0)
}
