//! The time of day, set forward and back by an hour, a day and decades: nothing that waits for a time notices.

use std::time::{Duration, Instant};

use super::{
    injection::{Injection, nothing_leaks},
    lateness::{self, Control, descriptors_with_crashers, with_crashers},
};
use crate::{
    common::{Config, wait_until},
    event_listeners::listener::{install, notes, with_listener},
};

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Jumps in seconds. The last ones lead beyond the range of XML-RPC's integers, and before 1970.
const JUMPS: [(i64, &str); 7] = [
    (HOUR, "an hour ahead"),
    (-HOUR, "an hour back"),
    (DAY, "a day ahead"),
    (-DAY, "a day back"),
    (20 * 365 * DAY, "twenty years ahead"),
    (-60 * 365 * DAY, "before 1970"),
    (0, "right again"),
];

#[test]
fn whoever_sets_the_clock_delays_no_restart_and_no_stop() {
    let control = Control::start();
    let sandbox = lateness::sandbox();
    install(&sandbox);
    let faults = Injection::new(&sandbox);
    let config = with_crashers(with_listener(Config::new(), "ear", "events=TICK_5\nstartsecs=0"))
        .program(
            "stubborn",
            "command=/bin/sh -c 'trap \"\" TERM; echo ready; while :; do sleep 0.05; done'\nstartsecs=0\n\
             stopwaitsecs=1\nstopasgroup=true\nkillasgroup=true\nstdout_logfile_rotate=daily",
        )
        .program("slow", "command=/bin/cat\nstartsecs=1\nautostart=false\nstderr_logfile_rotate=hourly");
    let supervisord = faults.start(sandbox, &config);
    supervisord.wait_for_state("ear", "RUNNING");
    let open = descriptors_with_crashers(&supervisord);
    for (jump, what) in JUMPS {
        let ready = || supervisord.sandbox.read("stubborn.out").matches("ready").count();
        wait_until("the trap is set", || ready() >= 1);
        supervisord.sandbox.write("stubborn.out", "");
        supervisord.call("cache.store", &["key", "value"]);
        supervisord.python("s.cache.storeFor('soon', 'value', 1.5)\ns.cache.storeFor('late', 'value', 600)");
        let (ticks, start) = (notes(&supervisord.sandbox, "ear.notes").len(), Instant::now());
        faults.set_clock(jump);

        // It has a second to end.
        assert_eq!(supervisord.ctl(&["stop", "stubborn"]).text(), "stubborn: stopped\n");
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{what}: the stop took {took:?}");
        assert!(supervisord.ctl(&["start", "stubborn"]).text().contains("started"));
        let begun = Instant::now();
        assert_eq!(supervisord.ctl(&["start", "slow"]).text(), "slow: started\n");
        let took = begun.elapsed();
        assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(10), "{what}: the start took {took:?}");
        assert_eq!(supervisord.ctl(&["stop", "slow"]).text(), "slow: stopped\n");

        control.restarts_are_on_time(&supervisord, &format!("the clock {what}"));
        wait_until(&format!("what is cached expires in its time, {what}"), || {
            supervisord.call("cache.fetch", &["soon"]).contains("BAD_NAME")
        });
        assert!(supervisord.call("cache.fetch", &["late"]).contains("value"), "{what}");
        wait_until(&format!("a tick comes, {what}"), || notes(&supervisord.sandbox, "ear.notes").len() > ticks);
        let count = notes(&supervisord.sandbox, "ear.notes").len() - ticks;
        let limit = start.elapsed().as_secs() / 5 + 3;
        assert!(count as u64 <= limit, "{what}: {count} ticks in {:?}", start.elapsed());

        // Every answer with a time in it can be read, and has no time below zero.
        let answers = supervisord.python(
            "for info in s.supervisor.getAllProcessInfo():\n    \
             assert 0 <= info['now'] < 2**31 and 0 <= info['start'] < 2**31 and 0 <= info['stop'] < 2**31, info\n    \
             assert '-' not in info['description'].replace('-- ', ''), info\n\
             print('good')",
        );
        assert_eq!(answers, "good\n", "{what}");
        let status = supervisord.ctl(&["status", "ear"]).stdout;
        assert!(status.contains("uptime ") && !status.contains("uptime -"), "{what}: {status}");
    }
    assert!(!supervisord.log().contains("panicked"));
    nothing_leaks(&supervisord, open);
}
