//! A program that is written for systemd, with the crate `sd-notify`, under `ready=notify` and `watchdog_secs=`.

use std::{thread, time::Duration};

use ::sd_notify::{NotifyState, notify, watchdog_enabled};

use crate::{
    common::{Config, Supervisord, wait_until},
    readiness::wait_for_description,
};

/// The program, as this test's own binary.
#[test]
#[ignore = "the program of the other test"]
fn notifies_until_its_directory_says_otherwise() {
    let here = |name: &str| std::path::Path::new(&std::env::var("HERE").expect("set by the config")).join(name);
    let interval = watchdog_enabled().expect("a watchdog is asked for") / 4;
    notify(&[NotifyState::Status("warming up")]).expect("a socket");
    while !here("warm").exists() {
        notify(&[NotifyState::Watchdog]).expect("a socket");
        thread::sleep(Duration::from_millis(20));
    }
    notify(&[NotifyState::Ready, NotifyState::Status("serving")]).expect("a socket");
    while !here("hang").exists() {
        notify(&[NotifyState::Watchdog]).expect("a socket");
        thread::sleep(interval.min(Duration::from_millis(20)));
    }
    thread::sleep(Duration::from_hours(1));
}

#[test]
fn a_program_written_for_systemd_is_understood() {
    let binary = std::env::current_exe().expect("a test has a path");
    let config = Config::new().program(
        "x",
        &format!(
            "command={} --exact sd_notify::notifies_until_its_directory_says_otherwise --ignored --nocapture\n\
             environment=HERE=\"{{here}}\"\nready=notify\nstartsecs=0\nwatchdog_secs=2\nautorestart=true",
            binary.display()
        ),
    );
    let supervisord = Supervisord::start(&config);
    wait_for_description(&supervisord, "x", "waits to be ready: notify; warming up");
    assert_eq!(supervisord.statename("x"), "STARTING");
    supervisord.sandbox.write("warm", "");
    supervisord.wait_for_state("x", "RUNNING");
    wait_for_description(&supervisord, "x", "; serving");

    let pid = supervisord.pid_of("x");
    supervisord.sandbox.write("hang", "");
    supervisord.wait_for_log(&format!("ending 'x' ({pid}): no WATCHDOG=1 within 2 seconds (watchdog_secs)"));
    wait_until("it is there again", || ![0, pid].contains(&supervisord.pid_of("x")));
}
