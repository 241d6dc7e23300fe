//! Updates, rotations and upgrades, one after the other.

use std::{
    sync::atomic::Ordering::Relaxed,
    thread,
    time::{Duration, Instant},
};

use super::{
    common::{PATIENCE, Supervisord},
    programs::Programs,
    run::Run,
};

/// Time between two of them.
const PAUSE: Duration = Duration::from_secs(2);

/// Change one thing after the other until the run is over, and leave it as it was.
pub fn run(run: &Run, supervisord: &Supervisord, programs: &Programs) {
    for number in 1.. {
        if run.is_over() {
            break;
        }
        match number % 4 {
            1 | 3 => update(run, supervisord, programs, number),
            2 => ask(run, supervisord, &["rotate", "noise"]),
            _ => upgrade(run, supervisord),
        }
        let begin = Instant::now();
        while !run.is_over() && begin.elapsed() < PAUSE {
            thread::sleep(Duration::from_millis(50));
        }
    }
    update(run, supervisord, programs, 0);
}

fn ask(run: &Run, supervisord: &Supervisord, arguments: &[&str]) {
    let output = supervisord.ctl(arguments);
    if output.status != 0 {
        run.broken(format_args!("{arguments:?}: {output:?}"));
    }
}

fn update(run: &Run, supervisord: &Supervisord, programs: &Programs, number: u64) {
    let text = programs.config(number).render(supervisord.sandbox.here(), supervisord.port);
    std::fs::write(supervisord.config_file(), text).expect("a config file");
    ask(run, supervisord, &["update"]);
    run.updates.fetch_add(1, Relaxed);
    let (begin, is_there) = (Instant::now(), Programs::has_more(number));
    while (supervisord.statename("more") == "RUNNING") != is_there {
        if begin.elapsed() > PATIENCE {
            return run.broken(format_args!("after update {number} 'more' is not as the config says"));
        }
        thread::sleep(Duration::from_millis(50));
    }
}

fn upgrade(run: &Run, supervisord: &Supervisord) {
    ask(run, supervisord, &["upgrade"]);
    run.upgrades.fetch_add(1, Relaxed);
}
