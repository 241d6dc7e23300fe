//! Two hundred programs: how soon they are started, stopped and listed, and what they cost while nothing happens.

use std::{
    fs,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{
    ROUNDS,
    common::{Config, Kind, PATIENCE, Sandbox, Supervisord, free_port, supervisord_command},
    load,
    table::{Limit, Row, median},
};

const COUNT: usize = 200;
/// Programs in a layer, where some wait for others.
const WIDTH: usize = 20;
/// How long nothing happens while its cost is measured, in each round.
const IDLE: Duration = Duration::from_secs(2);

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    eprintln!("{COUNT} programs …");
    let mut rows = vec![exec_to_spawned(), beside_a_bare_loop(), in_layers()];
    let [ours, real] = [Kind::Ours, Kind::Real].map(|kind| Supervisord::start_in(Sandbox::new(), kind, &config()));
    for supervisord in [&ours, &real] {
        wait(|| supervisord.log().matches("success: ").count() == COUNT);
    }
    // Before anything else has been asked of them.
    rows.extend(idle(&ours, &real));
    rows.extend(stop_and_start(&ours, &real));
    rows.push(status(&ours, &real));
    rows
}

/// Programs as people have them, with log files, that do nothing.
fn config() -> Config {
    let lines = format!("command=/bin/sleep 100000\nstartsecs=0\nnumprocs={COUNT}\nprocess_name=p%(process_num)03d\n");
    // What they and their logs need, and no more.
    Config::new().section("program:many", &lines).section("supervisord", "minfds=4096")
}

fn wait(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain");
        thread::sleep(Duration::from_millis(1));
    }
}

fn exec_to_spawned() -> Row {
    let once = |kind| exec_until(kind, &config(), "spawned: ", COUNT);
    Row::times("200 programs, exec to all spawned, ms", || (once(Kind::Ours), once(Kind::Real)), Limit::AtLeast(5.0))
}

/// Programs that a second starts when a client asks for all of them, beside a loop that does the same and nothing else.
fn beside_a_bare_loop() -> Row {
    let sandbox = Sandbox::new();
    let config = config().section("program:many", "autostart=false");
    let ours = Supervisord::start_in(sandbox, Kind::Ours, &config);
    let mut connection = load::Connection::open(super::address(&ours));
    let [start, stop] = ["start", "stop"].map(|action| {
        load::request(&format!(
            "<?xml version='1.0'?><methodCall><methodName>supervisor.{action}AllProcesses</methodName></methodCall>"
        ))
    });
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let answer = connection.call(&start);
        let rate = rate(begin);
        assert_eq!(answer.matches("<string>OK</string>").count(), COUNT, "{answer}");
        connection.call(&stop);
        rates[0].push(rate);
        rates[1].push(bare_loop(&ours.sandbox));
    }
    let [ours, bare] = rates;
    Row::new("200 programs, started in a second when a client asks for all")
        .other("ours", median(&ours))
        .other("a bare loop", median(&bare))
        .ratio("of the loop", &ours, &bare, Limit::AtLeast(0.85))
}

/// Programs in a second of a loop of fork and exec, with the same pipes and log files.
fn bare_loop(sandbox: &Sandbox) -> f64 {
    let begin = Instant::now();
    let mut children: Vec<_> = (0..COUNT)
        .map(|number| {
            let logs = ["out", "err"].map(|stream| {
                let path = sandbox.join(format!("bare{number}.{stream}"));
                fs::OpenOptions::new().append(true).create(true).open(path).expect("a log")
            });
            let mut command = Command::new("/bin/sleep");
            command.arg("100000").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            (command.spawn().expect("sleep can be run"), logs)
        })
        .collect();
    let rate = rate(begin);
    for (child, _) in &mut children {
        let _ = child.kill();
        let _ = child.wait();
    }
    rate
}

fn rate(begin: Instant) -> f64 {
    f64::from(u32::try_from(COUNT).unwrap_or(u32::MAX)) / begin.elapsed().as_secs_f64()
}

/// As many programs in layers, where each needs two of the layer before and has to stay up for a second: no path to the
/// last one is quicker than a second for each layer.
fn in_layers() -> Row {
    let mut config = Config::new().section("supervisord", "minfds=4096");
    for number in 0..COUNT {
        let needs = |offset| format!("p{:03}", number - number % WIDTH - WIDTH + (number + offset) % WIDTH);
        let needs = if number < WIDTH { String::new() } else { format!("{}, {}", needs(0), needs(1)) };
        let lines = format!("command=/bin/sleep 100000\nstartsecs=1\ndepends_on={needs}\n");
        config = config.section(&format!("program:p{number:03}"), &lines);
    }
    let path = f64::from(u32::try_from(COUNT / WIDTH).unwrap_or(u32::MAX)) * 1000.0;
    let time = exec_until(Kind::Ours, &config, "success: ", COUNT);
    Row::new("200 programs in 10 layers with startsecs=1, exec to all RUNNING, ms")
        .other("ours", time)
        .other("the slowest path", path)
        .ratio("times that", &[time], &[path], Limit::Below(1.15))
}

/// Milliseconds from exec until the log has such a line for each program.
pub fn exec_until(kind: Kind, config: &Config, line: &str, count: usize) -> f64 {
    let sandbox = Sandbox::new();
    let file = sandbox.write(config.file(), config.render(sandbox.here(), free_port()));
    let mut command = supervisord_command(&sandbox, kind, &file);
    let log = sandbox.join("supervisord.log");
    let start = Instant::now();
    let mut child = command.spawn().expect("supervisord can be run");
    wait(|| fs::read_to_string(&log).is_ok_and(|log| log.matches(line).count() == count));
    let time = milliseconds(start);
    // The sandbox ends the programs.
    let _ = child.kill();
    let _ = child.wait();
    time
}

fn idle(ours: &Supervisord, real: &Supervisord) -> [Row; 2] {
    let (mut shares, mut real_shares) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let cpu = |supervisord: &Supervisord| load::cpu_time_of(supervisord.pid().as_raw().cast_unsigned());
        let before = (Instant::now(), cpu(ours), cpu(real));
        thread::sleep(IDLE);
        let elapsed = before.0.elapsed().as_secs_f64();
        let share = |now: Duration, before: Duration| now.saturating_sub(before).as_secs_f64() * 1000.0 / elapsed;
        shares.push(share(cpu(ours), before.1));
        real_shares.push(share(cpu(real), before.2));
    }
    let megabytes = |supervisord: &Supervisord| {
        f64::from(u32::try_from(supervisord.resident() / 1024).unwrap_or(u32::MAX)) / 1024.0
    };
    let (memory, real_memory) = (megabytes(ours), megabytes(real));
    [
        Row::new("200 idle programs, ms of processor in a second")
            .figures(median(&shares), median(&real_shares))
            .ratio("of Supervisor's", &shares, &real_shares, Limit::Below(1.0)),
        Row::new("200 idle programs, resident MB").figures(memory, real_memory).ratio(
            "of Supervisor's",
            &[memory],
            &[real_memory],
            Limit::Below(0.333),
        ),
    ]
}

fn stop_and_start(ours: &Supervisord, real: &Supervisord) -> [Row; 2] {
    let round = |action: &str| {
        let done = if action == "stop" { ": stopped\n" } else { ": started\n" };
        [ours, real].map(|supervisord| {
            let (time, output) = ctl(supervisord, &[action, "all"]);
            assert_eq!(output.matches(done).count(), COUNT, "{output}");
            time
        })
    };
    let (stops, starts): (Vec<_>, Vec<_>) = (0..ROUNDS).map(|_| (round("stop"), round("start"))).unzip();
    [("200 programs, supervisorctl stop all, ms", stops), ("200 programs, supervisorctl start all, ms", starts)].map(
        |(name, times)| {
            let (ours, real): (Vec<_>, Vec<_>) = times.into_iter().map(|[ours, real]| (ours, real)).unzip();
            Row::new(name).figures(median(&ours), median(&real)).ratio(
                "times faster",
                &real,
                &ours,
                Limit::AtLeast(5.0),
            )
        },
    )
}

fn status(ours: &Supervisord, real: &Supervisord) -> Row {
    let time = |supervisord| {
        let (time, output) = ctl(supervisord, &["status"]);
        assert_eq!(output.matches("RUNNING").count(), COUNT, "{output}");
        time
    };
    Row::times("200 programs, supervisorctl status, ms", || (time(ours), time(real)), Limit::AtLeast(5.0))
}

/// Runs the supervisorctl of the same kind, from exec to exit.
pub fn ctl(supervisord: &Supervisord, arguments: &[&str]) -> (f64, String) {
    let mut command = supervisord.ctl_command(supervisord.kind, arguments);
    command.stdin(Stdio::null());
    let start = Instant::now();
    let output = command.output().expect("supervisorctl can be run");
    (milliseconds(start), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}
