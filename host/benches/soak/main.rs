//! An hour of everything at once: clients, crashing programs, updates, upgrades, tails, listeners, and a cache in a file.
//!
//! `cargo bench -p supervisor-host --bench soak`; with `-- 60` behind it sixty seconds of it. What has to hold at every
//! moment is checked all the time, and a breach is printed at once. It ends with status 1 where anything was broken, or
//! where descriptors or memory grew: how soon things were done is printed beside its limit, and judges nothing, since
//! the machine may have more to do than this.

// Nothing of a benchmark is reachable from outside, so `pub` can say what its parts offer each other.
#![allow(unreachable_pub)]

mod run;

mod client;
mod samples;

mod churn;
mod clients;
mod followers;
mod programs;

#[allow(dead_code, unused_imports, reason = "it is made for the behaviour tests, and this uses a part of it")]
#[path = "../../tests/behaviour/common/mod.rs"]
mod common;

#[allow(dead_code, reason = "as above")]
#[path = "../../tests/behaviour/event_listeners/listener.rs"]
mod listener;

#[allow(dead_code, reason = "it is made for the comparison, and this uses a part of it")]
#[path = "../compare/table.rs"]
mod table;

use std::{
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use common::{Sandbox, Supervisord, comes_true};
use programs::Programs;
use run::Run;
use samples::Samples;
use table::{Limit, Row, print};

/// Rounds of a comparison; there is one.
const ROUNDS: usize = 1;

/// Seconds that it runs, unless told otherwise.
const HOUR: u64 = 3_600;

const CLIENTS: usize = 64;

/// Share of the time after which descriptors and memory are what they will be.
const WARM_UP: u32 = 5;

/// Requests that an hour of it should come to.
const REQUESTS_IN_AN_HOUR: f64 = 1e7;

fn main() -> ExitCode {
    let seconds = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(HOUR);
    let length = Duration::from_secs(seconds);
    let sandbox = Sandbox::new();
    let programs = Programs::new(&sandbox);
    let supervisord = Supervisord::start_in(sandbox, common::Kind::Ours, &programs.config(0));
    assert!(comes_true(|| Programs::all_run(&supervisord)), "not all run:\n{}", supervisord.log());
    let pids = Programs::pids(&supervisord);
    eprintln!("a calm moment …");
    thread::sleep((length / 10).clamp(Duration::from_secs(4), Duration::from_secs(30)));
    let calm = Programs::starts(&supervisord);
    let open = samples::descriptors(&supervisord);

    eprintln!("{seconds} s of everything at once …");
    let run = Run::begin(length);
    let mut samples = Samples::default();
    thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (run, port) = (&run, supervisord.port);
            scope.spawn(move || clients::run(run, port, number));
        }
        scope.spawn(|| followers::run(&run, supervisord.port));
        scope.spawn(|| churn::run(&run, &supervisord, &programs));
        let begin = Instant::now();
        while !run.is_over() {
            thread::sleep(Duration::from_millis(500));
            if begin.elapsed() > length / WARM_UP {
                samples.take(&supervisord);
            }
        }
    });
    let figures = run.figures();
    if !comes_true(|| samples::descriptors(&supervisord) <= open) {
        run.broken(format_args!("{} descriptors are open, and were {open}", samples::descriptors(&supervisord)));
    }
    if Programs::pids(&supervisord) != pids {
        run.broken(format_args!("a program that does nothing was started again"));
    }
    Programs::check_end(&run, &supervisord, &calm);
    let crashes = Programs::lateness(&supervisord, &calm);
    drop(supervisord);

    let grown = samples.growth();
    let requests = figures.requests / length.as_secs_f64() * 3600.0;
    let none = Limit::Below(1.0);
    print(&[
        Row::new("requests")
            .other("in all", figures.requests)
            .other("sent again after an upgrade", figures.again)
            .other("updates", figures.updates)
            .other("upgrades", figures.upgrades)
            .own("in an hour", requests, Limit::AtLeast(REQUESTS_IN_AN_HOUR)),
        Row::new("programs that crash, from their end to their next start, ms later than when it was calm")
            .other("starts", crashes.starts)
            .other("median", crashes.median)
            .own("of 99 %", crashes.most, Limit::Below(50.0)),
        Row::new("descriptors")
            .other("at first", grown.descriptors.first)
            .other("in an hour, by the slope", grown.descriptors.in_an_hour)
            .own("more in this run", grown.descriptors.in_this_run, Limit::Below(8.0)),
        Row::new("resident MB")
            .other("at first", grown.megabytes.first)
            .other("in an hour, by the slope", grown.megabytes.in_an_hour)
            .own("more in this run", grown.megabytes.in_this_run, Limit::Below(4.0)),
        Row::new("what has to hold").own("broken", run.count_broken(), none),
    ]);
    let is_flat = grown.descriptors.in_this_run < 8.0 && grown.megabytes.in_this_run < 4.0;
    if run.count_broken() < 1.0 && is_flat { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
