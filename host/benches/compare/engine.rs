//! The cache in an engine on the same processors, against Supervisor's own cache in memory.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    CONNECTIONS, ROUNDS, address,
    common::{Config, Supervisord, engines::Engine, http},
    load::{self, Connection},
    table::{Limit, Row, median},
};

/// Calls of `supervisor.getState` while the engine hangs.
const CALLS: usize = 500;

/// Requests in a second over 32 connections, and the state of supervisord while the engine hangs.
pub fn rows() -> Vec<Row> {
    eprintln!("cache.fetch from an engine …");
    let engine = Engine::valkey(&[]);
    let store = format!("store=redis://{}", engine.place());
    let ours = Supervisord::start(&Config::new().section("rpcinterface:cache", &store));
    let real = Supervisord::start_real(&Config::new());
    for supervisord in [&ours, &real] {
        supervisord.call("cache.store", &["foo", "bar baz"]);
    }
    let fetch = load::request(&http::call("cache.fetch", &["foo"]));
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..2 * ROUNDS {
        for (rates, supervisord) in rates.iter_mut().zip([&ours, &real]) {
            let measured = load::rate(address(supervisord), CONNECTIONS, |_| fetch.clone(), Duration::from_millis(500));
            rates.push(measured.per_second);
        }
    }
    vec![
        Row::new("cache.fetch from an engine, 32 connections, requests/s")
            .figures(median(&rates[0]), median(&rates[1]))
            .ratio("times Supervisor", &rates[0], &rates[1], Limit::AtLeast(2.0)),
        while_it_hangs(&ours, &engine),
    ]
}

/// Milliseconds of `supervisor.getState` while clients wait for an engine that has been stopped.
fn while_it_hangs(ours: &Supervisord, engine: &Engine) -> Row {
    engine.signal("STOP");
    let [state, count] =
        ["supervisor.getState", "cache.getCount"].map(|method| load::request(&http::call(method, &[])));
    let place = address(ours);
    let mut times = Vec::new();
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| Connection::open(place).call(&count).len());
        }
        let mut connection = Connection::open(place);
        for _ in 0..CALLS {
            let begun = Instant::now();
            connection.call(&state);
            times.push(begun.elapsed().as_secs_f64() * 1000.0);
            thread::sleep(Duration::from_millis(2));
        }
    });
    engine.signal("CONT");
    times.sort_by(f64::total_cmp);
    let slowest = times[CALLS * 99 / 100];
    Row::new("supervisor.getState while the engine hangs, ms").other("median", median(&times)).own(
        "ms, 99 of 100",
        slowest,
        Limit::Below(5.0),
    )
}
