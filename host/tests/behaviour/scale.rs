//! Many programs, and limits that are too low for them.

use std::process::{Child, Command, Stdio};

use crate::common::{Config, Sandbox, Supervisord, plugin_path, wait_until};
use nix::sys::{
    resource::{Resource, getrlimit},
    signal::Signal,
};

/// What sleeps and writes nothing, `count` times.
fn sleepers(count: usize) -> Config {
    let lines = format!(
        "command=/bin/sleep 1000\nstartsecs=0\nnumprocs={count}\nprocess_name=%(process_num)04d\n\
         stdout_logfile=NONE\nstderr_logfile=NONE"
    );
    Config::new().section("program:sleeper", &lines)
}

fn count(supervisord: &Supervisord, state: &str) -> usize {
    supervisord.ctl(&["status"]).stdout.matches(state).count()
}

#[test]
fn a_thousand_programs_start_run_are_listed_and_stop() {
    let needed = 1000 * 3 + 200;
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    assert!(hard >= needed, "this test needs a hard limit of {needed} open files, and it is {hard}");
    let config = sleepers(1000).section("supervisord", &format!("minfds={needed}"));
    let mut supervisord = Supervisord::start(&config);
    wait_until("all run", || count(&supervisord, "RUNNING") == 1000);
    assert!(!supervisord.log().contains("RLIMIT_NOFILE is"), "{}", supervisord.log());
    let stopped = supervisord.ctl(&["stop", "all"]);
    assert_eq!(stopped.text().matches(": stopped\n").count(), 1000);
    assert_eq!(count(&supervisord, "STOPPED"), 1000);
    let started = supervisord.ctl(&["start", "sleeper:*"]);
    assert_eq!(started.text().matches(": started\n").count(), 1000);
    assert_eq!(count(&supervisord, "RUNNING"), 1000);
    supervisord.signal(Signal::SIGTERM);
    assert_eq!(supervisord.wait().code(), Some(0));
    assert_eq!(supervisord.log().matches("stopped: ").count(), 2000);
    assert!(supervisord.sandbox.processes().is_empty());
}

/// Starts a supervisord that may open a hundred files.
fn with_a_hundred_descriptors(sandbox: &Sandbox, config: &Config) -> Child {
    let config = config.clone().section("supervisord", "minfds=100").without("inet_http_server");
    let file = sandbox.write("supervisord.conf", config.render(sandbox.here(), 0));
    let script = format!(
        "ulimit -n 100; exec {} -n -c {} >/dev/null 2>stderr.txt",
        env!("CARGO_BIN_EXE_supervisord"),
        file.display()
    );
    let mut shell: Command = sandbox.command("/bin/sh");
    shell
        .args(["-c", &script])
        .env("SUPERVISOR_PLUGIN_PATH", plugin_path())
        .stdin(Stdio::null())
        .spawn()
        .expect("a shell")
}

/// Sends SIGTERM and waits for a good end.
fn shut_down(child: &mut Child) {
    assert!(child.try_wait().expect("a child of ours").is_none(), "it is still there");
    let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
    nix::sys::signal::kill(pid, Signal::SIGTERM).expect("it is still there");
    assert_eq!(child.wait().expect("a child of ours").code(), Some(0), "and it ends as it should");
}

#[test]
fn what_runs_for_want_of_nothing_has_its_logs_and_the_server_answers() {
    let sandbox = Sandbox::new();
    let lines = "command=/bin/sh -c 'echo here; exec sleep 1000'\nstartsecs=0\nnumprocs=40\n\
                 process_name=%(process_num)04d\nstdout_logfile=%(here)s/%(process_num)d.out";
    let mut child = with_a_hundred_descriptors(&sandbox, &Config::new().section("program:writer", lines));
    let log = || sandbox.read("supervisord.log");
    wait_until("some have found no descriptors", || log().contains("spawnerr: too many open files to spawn '00"));
    let status = || {
        let mut supervisorctl = sandbox.command(env!("CARGO_BIN_EXE_supervisorctl"));
        let output = supervisorctl.args(["-c", "supervisord.conf", "status"]).output().expect("an answer");
        String::from_utf8(output.stdout).expect("text")
    };
    let running = status().lines().filter(|line| line.contains("RUNNING")).count();
    assert!(running >= 8, "{}", status());
    let written = || (0..40).filter(|number| sandbox.join(format!("{number}.out")).exists()).count();
    wait_until("each that runs has written", || written() == running);
    assert!(!log().contains("output is lost"), "{}", log());
    assert!(!log().contains("cannot accept"), "{}", log());
    shut_down(&mut child);
}

#[test]
fn a_limit_that_is_too_low_is_named_with_what_it_would_have_to_be() {
    let sandbox = Sandbox::new();
    let mut child = with_a_hundred_descriptors(&sandbox, &sleepers(40));
    let log = || sandbox.read("supervisord.log");
    wait_until("some have found no descriptors", || log().contains("spawnerr: too many open files to spawn '00"));
    let log = log();
    let complaint = "CRIT RLIMIT_NOFILE is 100, and 40 programs may need 184 file descriptors at the same time: not all of \
                     them will start.  Set minfds=184 in the [supervisord] section, or more.";
    assert_eq!(log.matches(complaint).count(), 1, "{log}");
    assert!(log.matches("success: ").count() >= 8, "{log}");
    shut_down(&mut child);
    assert!(!sandbox.read("supervisord.log").contains("FATAL"), "what others hinder does not count as a try");
}
