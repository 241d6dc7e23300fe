//! How fast the output of one program that writes without end is taken.

use std::{
    fs,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use super::{
    ROUNDS,
    common::{Config, Kind, Peers, Sandbox, Supervisord},
    load,
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

/// Megabytes in a second, with rotation at its defaults, and what each costs.
pub fn yes() -> Vec<Row> {
    eprintln!("output of yes …");
    let config = config();
    let [ours, real] = [Kind::Ours, Kind::Real].map(|kind| Supervisord::start_in(Sandbox::new(), kind, &config));
    // What it costs does not depend on how busy the machine is.
    let (mut ours_costs, mut real_costs) = (Vec::new(), Vec::new());
    let measure = |supervisord: &Supervisord, costs: &mut Vec<f64>| {
        let before = cpu_time(supervisord);
        let (rate, megabytes) = rate(supervisord);
        costs.push(cpu_time(supervisord).saturating_sub(before).as_secs_f64() * 1e6 / megabytes);
        rate
    };
    let mut rates = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        rates[0].push(measure(&ours, &mut ours_costs));
        rates[1].push(measure(&real, &mut real_costs));
        rates[2].push(rate_of_cat(&ours.sandbox));
    }
    let [ours_rates, real_rates, of_cat] = rates;
    vec![
        Row::new("capture of one yes with rotation on, MB/s")
            .figures(median(&ours_rates), median(&real_rates))
            .other("cat into a file", median(&of_cat))
            .ratio("times Supervisor", &ours_rates, &real_rates, Limit::AtLeast(1.0))
            .ratio("of cat", &ours_rates, &of_cat, Limit::AtLeast(0.9)),
        Row::new("the same, µs of processor for each MB").figures(median(&ours_costs), median(&real_costs)),
    ]
}

/// What each megabyte of lines of 80 bytes costs in each form of the log.
pub fn forms() -> Row {
    eprintln!("output of yes, as text and as objects …");
    let forms = ["raw", "text", "json"];
    let of_form = |form: &str| {
        let command = format!("command=/usr/bin/yes {}\nstdout_log_format={form}", "x".repeat(79));
        Supervisord::start(&config().section("program:yes", &command))
    };
    let all = forms.map(of_form);
    let mut costs = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (supervisord, costs) in all.iter().zip(&mut costs) {
            let before = cpu_time(supervisord);
            let megabytes = rate(supervisord).1;
            costs.push(cpu_time(supervisord).saturating_sub(before).as_secs_f64() * 1e6 / megabytes);
        }
    }
    let row = Row::new("lines of 80 bytes in each form, µs of processor for each MB that the program writes");
    forms.iter().zip(&costs).fold(row, |row, (form, costs)| row.other(form, median(costs)))
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
    let (ours_rates, real_rates): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (rate(&ours).0, rate(&real).0)).unzip();
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

fn cpu_time(supervisord: &Supervisord) -> Duration {
    load::cpu_time_of(supervisord.pid().as_raw().cast_unsigned())
}

/// Runs the program for a while and sees how much of its output was read meanwhile: megabytes in a second, and in all.
fn rate(supervisord: &Supervisord) -> (f64, f64) {
    supervisord.call("supervisor.startProcess", &["yes"]);
    let figures = watch(supervisord.pid_of("yes"));
    supervisord.call("supervisor.stopProcess", &["yes"]);
    figures
}

/// Megabytes in a second that `cat` takes from the same program into a file beside the logs, which it does not rotate:
/// the most that there is to reach.
fn rate_of_cat(sandbox: &Sandbox) -> f64 {
    let path = sandbox.join("cat.out");
    let file = fs::File::create(&path).expect("a file");
    let mut yes = Command::new("/usr/bin/yes").stdout(Stdio::piped()).spawn().expect("yes can be run");
    let pipe = yes.stdout.take().expect("it is piped");
    let mut cat = Command::new("/bin/cat").stdin(pipe).stdout(file).spawn().expect("cat can be run");
    let rate = watch(yes.id().cast_signed()).0;
    for child in [&mut yes, &mut cat] {
        let _ = child.kill();
        let _ = child.wait();
    }
    let _ = fs::remove_file(path);
    rate
}

/// Sees for a while how much a process writes: megabytes in a second, and in all.
fn watch(pid: i32) -> (f64, f64) {
    let (start, before) = (Instant::now(), written(pid));
    std::thread::sleep(TIME);
    let bytes = written(pid).saturating_sub(before);
    let megabytes = f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0;
    (megabytes / start.elapsed().as_secs_f64(), megabytes)
}

/// What a process has written, which is what was read from its pipe but for what that holds.
fn written(pid: i32) -> u64 {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).unwrap_or_default();
    let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap_or("0");
    line.parse().unwrap_or(0)
}
