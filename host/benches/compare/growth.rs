//! Costs that grow with the number of programs, and with that of keys.

use std::{thread, time::Duration};

use super::{
    CONNECTIONS, ROUNDS, address,
    common::{Config, Kind, Sandbox, Supervisord, http},
    entries, load,
    many::{ctl, exec_until},
    table::{Limit, Row, median},
};

/// Numbers of programs.
const PROGRAMS: [usize; 4] = [10, 100, 1_000, 4_000];

/// Number of programs up to which Supervisor is measured beside ours; more take it minutes.
const MOST_OF_SUPERVISOR: usize = 1_000;

/// Descriptors of each program without log files.
const DESCRIPTORS: u64 = 3;

/// Numbers of keys.
const KEYS: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];

/// Time for which nothing happens while that is measured; after it the memory of the start is given back.
const IDLE: Duration = Duration::from_secs(5);

/// Time for which calls are counted.
const TIME: Duration = Duration::from_millis(500);

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    let (_, limit) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap_or((0, 1024));
    let most = usize::try_from(limit.saturating_sub(200) / DESCRIPTORS).unwrap_or(usize::MAX);
    let mut rows = Vec::new();
    for count in PROGRAMS.map(|count| count.min(most)) {
        rows.extend(of_programs(count));
    }
    rows.extend(of_keys());
    rows
}

fn of_programs(count: usize) -> Vec<Row> {
    eprintln!("{count} programs …");
    let lines = format!(
        "command=/bin/sleep 1000000\nnumprocs={count}\nprocess_name=p%(process_num)04d\nstartsecs=0\n\
         stdout_logfile=NONE\nstderr_logfile=NONE"
    );
    let config = Config::new()
        .section("program:many", &lines)
        .section("supervisord", &format!("minfds={}", 200 + DESCRIPTORS * count as u64));
    let with_metrics = config.clone().section("inet_http_server", "metrics=true");
    let kinds = if count <= MOST_OF_SUPERVISOR { &[Kind::Ours, Kind::Real][..] } else { &[Kind::Ours][..] };
    let mut figures = [const { Vec::new() }; 4];
    let mut scrape = Vec::new();
    for kind in kinds {
        figures[0].push(exec_until(*kind, &config, "spawned: ", count));
        let config = if *kind == Kind::Ours { &with_metrics } else { &config };
        let supervisord = Supervisord::start_in(Sandbox::new(), *kind, config);
        while supervisord.log().matches("success: ").count() < count {
            thread::sleep(Duration::from_millis(100));
        }
        let cpu = || load::cpu_time_of(supervisord.pid().as_raw().cast_unsigned());
        let before = cpu();
        thread::sleep(IDLE);
        figures[1].push(cpu().saturating_sub(before).as_secs_f64() * 1000.0 / IDLE.as_secs_f64());
        figures[2].push(f64::from(u32::try_from(supervisord.resident() / 1024).unwrap_or(u32::MAX)) / 1024.0);
        let status = |_| {
            let (time, output) = ctl(&supervisord, &["status"]);
            assert_eq!(output.matches("RUNNING").count(), count, "{output}");
            time
        };
        figures[3].push(median(&(0..ROUNDS).map(status).collect::<Vec<_>>()));
        if *kind == Kind::Ours {
            scrape = (0..ROUNDS).map(|_| one_scrape(&supervisord, &cpu)).collect();
        }
    }
    let [start, idle, memory, status] = figures;
    let row = |what: &str, figures: &[f64]| {
        let row = Row::new(format!("{count} programs, {what}")).other("ours", figures[0]);
        figures.get(1).into_iter().fold(row, |row, real| row.other("Supervisor", *real))
    };
    let limited = |row: Row, figure: f64, limit: f64| {
        if count == 1_000 { row.own("ms", figure, Limit::Below(limit)) } else { row }
    };
    vec![
        row("exec to all spawned, ms", &start),
        row("idle, ms of processor in a second", &idle),
        row("idle, resident MB", &memory),
        limited(row("supervisorctl status, whole process, ms", &status), status[0], 10.0),
        limited(
            row("a scrape of /metrics, ms of processor", &[median(&scrape)]).other("the first", scrape[0]),
            median(&scrape),
            10.0,
        ),
    ]
}

/// Milliseconds of processor that a scrape takes.
fn one_scrape(supervisord: &Supervisord, cpu: &dyn Fn() -> Duration) -> f64 {
    // What the one before has read is given to nobody any more.
    thread::sleep(Duration::from_millis(1_100));
    let before = cpu();
    let mut connection = super::common::http::Connection::open(supervisord.port);
    connection.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let answer = connection.receive().expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
    cpu().saturating_sub(before).as_secs_f64() * 1000.0
}

fn of_keys() -> Vec<Row> {
    let ours = Supervisord::start(&Config::new());
    let before = ours.resident();
    let mut stored = 0;
    KEYS.map(|count| {
        eprintln!("{count} keys …");
        entries::store(&ours, stored..count);
        stored = count;
        let each = ours.resident().saturating_sub(before) / u64::from(count);
        let rate =
            |request: &dyn Fn(usize) -> Vec<u8>| load::rate(address(&ours), CONNECTIONS, request, TIME).per_second;
        let key = |client: usize| format!("k{:06}", client * (count as usize - 1) / CONNECTIONS);
        let fetch = |client: usize| load::request(&http::call("cache.fetch", &[&key(client)]));
        let store = |client: usize| load::request(&http::call("cache.store", &[&key(client), "other"]));
        Row::new(format!("{count} keys in memory, 32 connections, requests/s"))
            .other("cache.fetch", rate(&fetch))
            .other("cache.store", rate(&store))
            .other("bytes for each key", f64::from(u32::try_from(each).unwrap_or(u32::MAX)))
    })
    .into()
}
