//! `exit_when=` and `exit_when_all=`: programs whose ends are that of supervisord.

use crate::{
    check_config::check,
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
};

const SLEEP: &str = "command=/bin/sleep 1000\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE";

/// Runs until it ends by itself, and gives its status and the log.
#[track_caller]
fn ends(config: &Config) -> (Option<i32>, String) {
    let sandbox = Sandbox::new();
    let status = Supervisord::run_in(&sandbox, Kind::Ours, config).status;
    assert_eq!(sandbox.processes(), [], "nothing is left behind");
    (Some(status), sandbox.read("supervisord.log"))
}

fn with(lines: &str) -> Config {
    Config::new().program("web", SLEEP).program("main", &format!("{lines}\ndepends_on=web"))
}

#[test]
fn the_end_of_a_program_is_that_of_supervisord_and_its_status_too() {
    let (status, log) =
        ends(&with("command=/bin/sh -c 'exit 7'\nstartsecs=0\nautorestart=false\nexit_when=exited,fatal"));
    assert_eq!(status, Some(7), "{log}");
    let why = "WARN shutting down, to exit with status 7: main is EXITED, and it has exit_when=exited\n";
    assert!(log.contains(why) && log.contains("stopped: web (terminated by SIGTERM)"), "{log}");
    let (status, log) = ends(&with("command=/bin/sh -c 'exit 0'\nstartsecs=0\nexit_when=exited"));
    assert_eq!(status, Some(0), "{log}");
    let (status, log) =
        ends(&with("command=/bin/sh -c 'kill -9 $$'\nstartsecs=0\nautorestart=false\nexit_when=exited"));
    assert_eq!(status, Some(137), "{log}");
}

#[test]
fn fatal_is_an_end_with_the_status_of_the_last_try() {
    let (status, log) = ends(&with("command=/bin/sh -c 'exit 9'\nstartsecs=5\nstartretries=1\nexit_when=fatal"));
    assert_eq!(status, Some(9), "{log}");
    assert!(log.contains("to exit with status 9: main is FATAL, and it has exit_when=fatal\n"), "{log}");
    assert_eq!(log.matches("spawned: 'main'").count(), 2, "not before its retries");
    let (status, log) = ends(&with("command=/nonexistent\nstartretries=0\nexit_when=fatal"));
    assert_eq!(status, Some(1), "{log}");
}

#[test]
fn a_restart_and_a_stop_are_no_ends() {
    let once =
        "command=/bin/sh -c 'while [ ! -e {here}/end ]; do sleep 0.05; done; exit 3'\nstartsecs=0\nautorestart=false";
    let config = Config::new()
        .section("supervisord", "exit_when_all=exited")
        .program("main", &format!("{once}\nexit_when=exited"))
        .program("other", SLEEP);
    let mut supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("main", "RUNNING");
    supervisord.wait_for_state("other", "RUNNING");
    supervisord.ctl(&["stop", "all"]);
    supervisord.ctl(&["restart", "all"]);
    supervisord.wait_for_state("main", "RUNNING");
    supervisord.sandbox.write("end", "");
    assert_eq!(supervisord.wait().code(), Some(3));
}

#[test]
fn when_nothing_runs_any_more_the_first_bad_end_counts() {
    let listener = "command=/bin/sleep 1000\nevents=TICK_3600\nstartsecs=0";
    let config = |second: u8, first: &str| {
        let one = format!("command=/bin/sh -c 'sleep 0.3; exit {second}'\nstartsecs=0\nautorestart=false");
        Config::new()
            .section("supervisord", "exit_when_all=exited")
            .program("first", &format!("command={first}\nstartsecs=0\nautorestart=false\nstartretries=0"))
            .program("second", &one)
            .program("idle", &format!("{SLEEP}\nautostart=false"))
            .section("eventlistener:watch", listener)
    };
    let (status, log) =
        ends(&config(5, "/bin/sh -c 'exit 4'").program("hopeless", &format!("{SLEEP}\ndepends_on=first:exited")));
    assert_eq!(status, Some(4), "{log}");
    let why = "WARN shutting down, to exit with status 4: nothing runs any more, and exit_when_all=exited; first was the \
               first to end badly\n";
    assert!(log.contains(why), "{log}");
    assert_eq!(ends(&config(5, "/bin/true")).0, Some(5));
    assert_eq!(ends(&config(5, "/nonexistent")).0, Some(1));
    let (status, log) = ends(&config(0, "/bin/true"));
    assert_eq!(status, Some(0), "{log}");
    assert!(log.contains("to exit with status 0: nothing runs any more, and exit_when_all=exited\n"), "{log}");
}

#[test]
fn wrong_ends_are_errors_that_say_what_would_be_right() {
    let sandbox = Sandbox::new();
    let said = |own: &str, lines: &str| {
        check(&sandbox, &format!("[supervisord]\n{own}\n[program:x]\ncommand=x\n{lines}\n"), "text")
    };
    let wrong = said("", "exit_when=stopped").stderr;
    assert!(wrong.contains("exit_when takes fatal, exited, or both with a comma between them"), "{wrong}");
    let wrong = said("exit_when_all=fatal", "").stderr;
    assert!(wrong.contains("exit_when_all in [supervisord] takes exited"), "{wrong}");
    let shown = said("exit_when_all=exited", "exit_when=exited").stdout;
    assert!(shown.contains("exit_when_all = exited\n") && shown.contains("exit_when = exited\n"), "{shown}");
    wait_until("nothing is started", || sandbox.processes().is_empty());
}
