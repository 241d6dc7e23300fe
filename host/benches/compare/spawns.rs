//! One start, and what it costs more where much runs or much is stored: supervision does not wait for either.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use super::{
    ROUNDS,
    common::{Config, Supervisord, http, wait_until},
    load::{self, Connection},
    table::{Limit, Row, median},
};

const FEW: usize = 10;
/// As many as the descriptors of a machine allow, if these are fewer than 4,000 programs take.
const MANY: u64 = 4_000;
/// What each program takes, without log files: its three pipes.
const DESCRIPTORS: u64 = 3;
/// Bytes in the cache, as entries of one page.
const STORED: usize = 2_000_000_000;
const ENTRY: usize = 4_000;
const STARTS: usize = 20;

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    let (_, limit) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap_or((0, 1024));
    let many = usize::try_from(MANY.min(limit.saturating_sub(200) / DESCRIPTORS)).unwrap_or(FEW);
    eprintln!("one start beside {many} programs, and beside {} MB in the cache …", STORED / 1_000_000);
    let small = start(FEW);
    let crowded = start(many);
    let full = start(FEW);
    fill(&full);
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        for (supervisord, times) in [&small, &crowded, &full].into_iter().zip(&mut times) {
            times.push(one_start(supervisord));
        }
    }
    let [small, crowded, full] = times;
    let row = |name, times: &[f64], what| {
        Row::new(name).other(what, median(times)).other("10 programs, an empty cache", median(&small)).ratio(
            "times that",
            times,
            &small,
            Limit::Below(1.3),
        )
    };
    vec![
        row("startProcess of one more, ms", &crowded, "4,000 programs"),
        row("startProcess of one more, ms", &full, "2 GB in the cache"),
    ]
}

fn start(count: usize) -> Supervisord {
    let logs = "stdout_logfile=NONE\nstderr_logfile=NONE\nstartsecs=0\n";
    let many = format!("command=/bin/sleep 100000\nnumprocs={count}\nprocess_name=p%(process_num)04d\n{logs}");
    let one = format!("command=/bin/sleep 100000\nautostart=false\n{logs}");
    let descriptors = 150 + DESCRIPTORS * count as u64;
    let config = Config::new()
        .section("program:one", &one)
        .section("program:many", &many)
        .section("supervisord", &format!("minfds={descriptors}"));
    let supervisord = Supervisord::start(&config);
    let spawned = || supervisord.log().matches("spawned: ").count() == count;
    while !spawned() {
        thread::sleep(Duration::from_millis(100));
    }
    supervisord
}

fn fill(supervisord: &Supervisord) {
    let mut connection = Connection::open(address(supervisord));
    let value = "x".repeat(ENTRY);
    for number in 0..STORED / ENTRY {
        let request = load::request(&http::call("cache.store", &[&format!("key {number}"), &value]));
        assert!(connection.call(&request).contains("<boolean>1</boolean>"));
    }
    wait_until("it is in memory", || supervisord.resident() > STORED as u64);
}

/// Milliseconds of one `startProcess`, the median of some.
fn one_start(supervisord: &Supervisord) -> f64 {
    let mut connection = Connection::open(address(supervisord));
    let [start, stop] = ["startProcess", "stopProcess"]
        .map(|method| load::request(&http::call(&format!("supervisor.{method}"), &["one"])));
    let times: Vec<_> = (0..STARTS)
        .map(|_| {
            let mut done = |request| {
                let answer = connection.call(request);
                assert!(answer.contains("<boolean>1</boolean>"), "{answer}");
            };
            let begin = Instant::now();
            done(&start);
            let time = begin.elapsed().as_secs_f64() * 1000.0;
            done(&stop);
            time
        })
        .collect();
    median(&times)
}

fn address(supervisord: &Supervisord) -> SocketAddr {
    ([127, 0, 0, 1], supervisord.port).into()
}
