//! Our supervisord beside Supervisor 4.3.0 and a bare hyper server, in one run on one machine.
//!
//! `cargo bench -p supervisor-host --bench compare`; with `-- server`, `-- stores`, `-- kills`, `-- engine`, `-- many`,
//! `-- capture`, `-- growth` or `-- upgrades` behind it only the rows of these.
//!
//! The contestants take turns within each round, and what is judged is the median of the rounds' ratios: a neighbour
//! that takes the processor for a while slows all of them. Nothing fails here; each row says whether its limit is
//! reached.

// Nothing of a benchmark is reachable from outside, so `pub` can say what its parts offer each other.
#![allow(unreachable_pub)]

mod bare;
mod capture;
mod engine;
mod entries;
mod growth;
mod kills;
mod load;
mod many;
mod processes;
mod spawns;
mod stores;
mod table;
mod upgrades;

#[allow(dead_code, unused_imports, reason = "it is made for the behaviour tests, and this uses a part of it")]
#[path = "../../tests/behaviour/common/mod.rs"]
mod common;

use std::{net::SocketAddr, time::Duration};

use common::{Config, Supervisord, http};
use load::Connection;
use table::{Limit, Row, median, print};

const ROUNDS: usize = 7;
const CONNECTIONS: usize = 32;

/// Part of the rows that can be asked for by its name.
type Part = (&'static str, fn() -> Vec<Row>);

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    if let Some(position) = arguments.iter().position(|argument| argument == bare::ARGUMENT) {
        return bare::serve(&arguments[position + 1]);
    }
    let parts: [Part; 8] = [
        ("server", of_server),
        ("stores", stores::rows),
        ("kills", || vec![kills::lost()]),
        ("many", many::rows),
        ("capture", capture::yes),
        ("growth", growth::rows),
        ("engine", engine::rows),
        ("upgrades", upgrades::rows),
    ];
    if let Some((_, rows)) = parts.iter().find(|(name, _)| arguments.iter().any(|argument| argument == name)) {
        return print(&rows());
    }
    let mut rows = of_server();
    rows.push(entries::small());
    rows.extend(many::rows());
    rows.extend(spawns::rows());
    rows.extend(engine::rows());
    rows.extend(capture::yes());
    rows.push(capture::forms());
    rows.extend(capture::yes_with_events());
    rows.extend(stores::rows());
    rows.push(kills::lost());
    rows.extend(upgrades::rows());
    rows.extend(growth::rows());
    print(&rows);
}

/// Rows of one supervisord with no program, as clients see it.
fn of_server() -> Vec<Row> {
    eprintln!("starting the contestants …");
    let ours = Supervisord::start(&Config::new());
    let real = Supervisord::start_real(&Config::new());
    // What only the start has needed is given back some seconds after it.
    std::thread::sleep(Duration::from_secs(5));
    let idle = ours.resident();
    let real_idle = real.resident();

    let mut rows = fetch(&ours, &real);
    rows.extend([multicall(&ours, &real), megabyte(&ours, &real)]);
    let after = ours.resident();
    rows.push(processes::exec_to_answer());
    rows.push(Row::memory("resident, idle", idle, real_idle, Limit::Below(8.0)));
    rows.push(Row::memory("resident, after the run", after, real.resident(), Limit::Below(20.0)));
    rows.push(processes::supervisorctl_version(&ours, &real));
    rows
}

/// Requests in a second over 32 connections.
fn fetch(ours: &Supervisord, real: &Supervisord) -> Vec<Row> {
    eprintln!("cache.fetch …");
    for supervisord in [ours, real] {
        supervisord.call("cache.store", &["foo", "bar baz"]);
    }
    let request = load::request(&http::call("cache.fetch", &["foo"]));
    let bare = bare::Server::start(&ours.post("/RPC2", http::call("cache.fetch", &["foo"])));
    let pids = [ours.pid().as_raw().cast_unsigned(), bare.pid(), real.pid().as_raw().cast_unsigned()];
    let contestants = [address(ours), bare.address, address(real)];
    let mut rates = [const { Vec::new() }; 3];
    // Microseconds of processor for each request: what the contestants cost, however busy the machine is.
    let mut costs = [const { Vec::new() }; 3];
    let mut busiest = 0.0_f64;
    // Many short rounds, so that what a neighbour does falls on all contestants of a round alike.
    for _ in 0..5 * ROUNDS {
        for contestant in 0..contestants.len() {
            let before = load::cpu_time_of(pids[contestant]);
            let measured =
                load::rate(contestants[contestant], CONNECTIONS, |_| request.clone(), Duration::from_millis(200));
            let cost = load::cpu_time_of(pids[contestant]).saturating_sub(before);
            rates[contestant].push(measured.per_second);
            costs[contestant].push(cost.as_secs_f64() * 1e6 / f64::from(measured.requests));
            busiest = busiest.max(measured.busy);
        }
    }
    eprintln!("  the load generator was busy for at most {:.0} % of its time", busiest * 100.0);
    let [ours, bare, real] = rates;
    vec![
        Row::new("cache.fetch, 32 connections, requests/s")
            .figures(median(&ours), median(&real))
            .other("bare hyper", median(&bare))
            .ratio("of bare hyper", &ours, &bare, Limit::AtLeast(0.95))
            .ratio("times Supervisor", &ours, &real, Limit::AtLeast(7.0)),
        Row::new("cache.fetch, µs of processor for each")
            .figures(median(&costs[0]), median(&costs[2]))
            .other("bare hyper", median(&costs[1])),
    ]
}

/// Milliseconds for a thousand fetches in one request.
fn multicall(ours: &Supervisord, real: &Supervisord) -> Row {
    eprintln!("system.multicall …");
    let call = "<value><struct><member><name>methodName</name><value><string>cache.fetch</string></value></member>\
                <member><name>params</name><value><array><data><value><string>foo</string></value></data></array></value>\
                </member></struct></value>";
    let body = format!(
        "<?xml version='1.0'?><methodCall><methodName>system.multicall</methodName><params><param><value><array><data>{}\
         </data></array></value></param></params></methodCall>",
        call.repeat(1000)
    );
    let request = load::request(&body);
    let time = |supervisord, calls| {
        let mut connection = Connection::open(address(supervisord));
        load::milliseconds(calls, || assert_eq!(connection.call(&request).matches("bar baz").count(), 1000))
    };
    Row::times("system.multicall of 1,000 fetches, ms", || (time(ours, 20), time(real, 3)), Limit::AtLeast(55.0))
}

/// Milliseconds to store a string of 1 MiB and to fetch it again.
fn megabyte(ours: &Supervisord, real: &Supervisord) -> Row {
    eprintln!("1 MiB …");
    let text = "0123456789abcdef".repeat(65536);
    let store = load::request(&http::call("cache.store", &["big", &text]));
    let fetch = load::request(&http::call("cache.fetch", &["big"]));
    let time = |supervisord, calls| {
        let mut connection = Connection::open(address(supervisord));
        load::milliseconds(calls, || {
            assert!(connection.call(&store).contains("<boolean>1</boolean>"));
            assert!(connection.call(&fetch).len() > text.len());
        })
    };
    Row::times("store and fetch of a 1 MiB string, ms", || (time(ours, 10), time(real, 3)), Limit::AtLeast(8.0))
}

fn address(supervisord: &Supervisord) -> SocketAddr {
    ([127, 0, 0, 1], supervisord.port).into()
}
