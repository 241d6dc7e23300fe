//! Delays before programs are started again.

use std::time::{Duration, Instant};

use crate::{
    check_config::check,
    common::{Config, Sandbox, Supervisord, wait_until},
};

#[test]
fn a_program_that_waits_for_its_restart_says_so_and_can_be_stopped() {
    let config = Config::new().program("crasher", "command=/bin/false\nstartsecs=0\nrestart_delay=600");
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("crasher", "EXITED");
    let status = supervisord.ctl(&["status"]).stdout;
    assert!(status.contains("EXITED") && status.trim_end().ends_with(" s"), "{status}");
    let seconds =
        status.rsplit_once("; restarts in ").and_then(|(_, left)| left.trim().strip_suffix(" s")?.parse().ok());
    assert!(seconds.is_some_and(|seconds: u64| (500..=600).contains(&seconds)), "{status}");

    let pending = supervisord.ctl(&["stop", "crasher"]);
    assert_eq!(pending.text(), "crasher: stopped\n");
    let status = supervisord.ctl(&["status"]).stdout;
    assert!(status.contains("STOPPED") && !status.contains("restarts in"), "{status}");

    // All at once find it, too.
    supervisord.ctl(&["start", "crasher"]);
    supervisord.wait_for_state("crasher", "EXITED");
    assert_eq!(supervisord.ctl(&["stop", "all"]).text(), "crasher: stopped\n");
    assert_eq!(supervisord.statename("crasher"), "STOPPED");
    assert_eq!(supervisord.ctl(&["stop", "crasher"]).stdout, "crasher: ERROR (not running)\n");
}

#[test]
fn failed_starts_are_tried_for_ever_with_the_delay_between_them() {
    let lines = "command=/bin/false\nstartsecs=5\nstartretries=infinite\nrestart_delay=0.2";
    let begin = Instant::now();
    let supervisord = Supervisord::start(&Config::new().program("failing", lines));
    wait_until("it has failed more often than three times", || {
        supervisord.log().matches("exited: failing").count() >= 8
    });
    assert!(begin.elapsed() >= Duration::from_millis(7 * 200), "{:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(15), "without the option 28 seconds had passed");
    assert!(!supervisord.log().contains("FATAL"));
    wait_until("it waits", || supervisord.ctl(&["status"]).stdout.contains("BACKOFF"));
    wait_until("it says how long", || {
        let status = supervisord.ctl(&["status"]).stdout;
        status.contains("Exited too quickly (process log may have details); restarts in 1 s")
    });
    assert_eq!(supervisord.ctl(&["stop", "failing"]).text(), "failing: stopped\n");
}

#[test]
fn wrong_delays_are_errors_that_say_what_would_be_right() {
    let sandbox = Sandbox::new();
    let said =
        |lines: &str| check(&sandbox, &format!("[supervisord]\n[program:x]\ncommand=x\n{lines}\n"), "text").stderr;
    assert!(said("restart_delay=5 s").contains("line 4: restart_delay takes a number of seconds, such as 5 or 0.5"));
    assert!(said("startretries=often").contains("line 4: startretries takes a whole number, or infinite"));
    let less = "restart_delay_max=1 is less than restart_delay=2";
    assert!(said("restart_delay=2\nrestart_delay_max=1").contains(less));
    let shown =
        check(&sandbox, "[supervisord]\n[program:x]\ncommand=x\nstartretries=infinite\nrestart_delay=0.5\n", "text");
    for line in ["startretries = infinite", "restart_delay = 0.5", "restart_delay_max = "] {
        assert!(shown.text().lines().any(|shown| shown.starts_with(line.trim_end())), "{line}: {shown:#?}");
    }
}
