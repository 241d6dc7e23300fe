//! What runs is not lost to a mistake: a second supervisord, a restart with a broken config, an end with plugins that
//! will not end.

use std::{fs, time::Duration};

use crate::common::{Config, Kind, Sandbox, Supervisord, supervisord_command, wait_until};
use nix::sys::signal::Signal;

/// The `AUTO` logs in a sandbox.
fn auto_logs(sandbox: &Sandbox) -> Vec<String> {
    let names = fs::read_dir(sandbox.path()).expect("the sandbox").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name.contains("---"));
    names.sort();
    names
}

#[test]
fn a_second_supervisord_takes_nothing_from_the_first() {
    let config = Config::new().section("program:cat", "command=/bin/cat\nstartsecs=0");
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("cat", "RUNNING");
    let (logs, pidfile) = (auto_logs(&supervisord.sandbox), supervisord.sandbox.read("supervisord.pid"));
    assert_eq!(logs.len(), 2);

    let port = format!("port=127.0.0.1:{}", supervisord.port);
    let second = supervisord
        .sandbox
        .write("second.conf", config.section("inet_http_server", &port).render(supervisord.sandbox.here(), 1));
    let elsewhere = Sandbox::new();
    let status = supervisord_command(&elsewhere, Kind::Ours, &second).status().expect("supervisord can be run");
    assert_eq!(status.code(), Some(2));
    assert!(elsewhere.read("stderr.txt").contains("already listening"));

    assert_eq!(auto_logs(&supervisord.sandbox), logs, "nothing is gone, and nothing was left behind");
    assert_eq!(supervisord.sandbox.read("supervisord.pid"), pidfile);
}

#[test]
fn the_auto_logs_of_an_earlier_one_are_removed_and_the_new_ones_stay() {
    let config = Config::new().section("program:cat", "command=/bin/cat\nstartsecs=0");
    let sandbox = Sandbox::new();
    sandbox.write("cat-stdout---supervisor-abcdefgh.log", "of old");
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    supervisord.wait_for_state("cat", "RUNNING");
    let logs = auto_logs(&supervisord.sandbox);
    assert!(logs.len() == 2 && !logs.contains(&"cat-stdout---supervisor-abcdefgh.log".to_owned()), "{logs:?}");
}

/// Supervisor stops every program first, and finds out then.
#[test]
fn a_restart_with_a_broken_config_is_refused() {
    let supervisord = Supervisord::start(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0"));
    supervisord.wait_for_state("cat", "RUNNING");
    let pid = supervisord.pid_of("cat");
    let good = supervisord.sandbox.read("supervisord.conf");
    let broken = format!("{good}[program:x]\ncommand=/bin/cat\nstartsecs=soon\nnumprocs=two\n");
    fs::write(supervisord.config_file(), broken).expect("the config can be written");

    supervisord.signal(Signal::SIGHUP);
    for value in ["'soon'", "'two'"] {
        let line = supervisord.wait_for_log(value);
        assert!(line.starts_with("CRIT will not restart: invalid literal for int()"), "{line}");
        assert!(line.contains("in section 'program:x'"), "{line}");
    }
    let output = supervisord.ctl(&["reload"]);
    assert_eq!(output.status, 1, "{output:?}");
    assert!((output.stdout.clone() + &output.stderr).contains("CANT_REREAD: "), "{output:?}");
    assert_eq!((supervisord.statename("cat"), supervisord.pid_of("cat")), ("RUNNING".into(), pid));

    let without_library = format!("{good}[rpcinterface:x]\nsupervisor.rpcinterface_factory=nowhere:make\n");
    fs::write(supervisord.config_file(), without_library).expect("the config can be written");
    supervisord.signal(Signal::SIGHUP);
    supervisord.wait_for_log("CRIT will not restart: [rpcinterface:x]");
    let listener = "command=/bin/cat\nevents=TICK_5\nresult_handler=nowhere:judge";
    fs::write(supervisord.config_file(), format!("{good}[eventlistener:x]\n{listener}\n")).expect("a config");
    supervisord.signal(Signal::SIGHUP);
    supervisord.wait_for_log("CRIT will not restart: nowhere:judge cannot be resolved within [eventlistener:x]");
    assert_eq!((supervisord.statename("cat"), supervisord.pid_of("cat")), ("RUNNING".into(), pid));

    fs::write(supervisord.config_file(), good).expect("the config can be written");
    assert_eq!(supervisord.ctl(&["reload"]).text(), "Restarted supervisord\n");
    wait_until("it has started anew", || supervisord.log().matches("supervisord started with pid").count() == 2);
}

/// A plugin that is there and yet refuses to be made is known only when it is too late: but the log says so.
#[test]
fn what_ends_a_restart_stands_in_the_log() {
    let mut supervisord = Supervisord::start(&Config::new());
    let good = supervisord.sandbox.read("supervisord.conf");
    let factory = "supervisor.rpcinterface_factory=unruly_plugin:make_panicking_rpcinterface";
    fs::write(supervisord.config_file(), format!("{good}[rpcinterface:x]\n{factory}\n")).expect("a config");
    supervisord.signal(Signal::SIGHUP);
    assert_eq!(supervisord.wait().code(), Some(2));
    let line = supervisord.wait_for_log("no interface today");
    assert!(line.starts_with("CRIT Could not make x rpc interface: [rpcinterface:x]"), "{line}");
    assert!(line.contains("make_panicking_rpcinterface panicked"), "{line}");
}

#[test]
fn after_a_reread_auto_logs_are_auto_until_the_group_is_added_again() {
    let config = Config::new().section("program:cat", "command=/bin/cat\nstartsecs=0\nstderr_logfile=NONE");
    for supervisord in Supervisord::both(&config) {
        supervisord.doctest(
            "
            >>> def logs(): return [s.supervisor.getAllConfigInfo()[0][key] for key in ('stdout_logfile', 'stderr_logfile')]
            >>> before = logs()
            >>> before[0].startswith('{here}/cat-stdout---supervisor-'), before[1]
            (True, 'none')
            >>> s.supervisor.reloadConfig(), logs()
            ([[[], [], []]], ['auto', 'none'])
            >>> s.supervisor.stopProcess('cat'), s.supervisor.removeProcessGroup('cat'), s.supervisor.addProcessGroup('cat')
            (True, True, True)
            >>> logs()[0].startswith('{here}/cat-stdout---supervisor-'), logs() == before
            (True, False)
            ",
        );
    }
}

/// A supervisord with the plugin that leaves so, told to end.
fn leaving(how: &str) -> Supervisord {
    let lines = format!("supervisor.rpcinterface_factory=unruly_plugin:make_leaving_rpcinterface\nhow={how}");
    let mut supervisord = Supervisord::start(&Config::new().section("rpcinterface:leaver", &lines));
    supervisord.signal(Signal::SIGTERM);
    assert_eq!(supervisord.wait().code(), Some(0));
    supervisord
}

#[test]
fn a_plugin_may_put_down_what_it_holds() {
    let supervisord = leaving("slowly");
    supervisord.wait_for_log("INFO leaver: has left");
    assert!(!supervisord.log().contains("not waiting"));
}

#[test]
fn a_plugin_that_never_leaves_is_left() {
    let start = std::time::Instant::now();
    leaving("never").wait_for_log("WARN the plugin 'leaver' has not ended after 2 seconds; not waiting for it");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_plugin_that_panics_when_it_leaves_is_named() {
    let supervisord = leaving("panics");
    let line = supervisord.wait_for_log("not like this");
    assert!(line.starts_with("ERRO leaver: drop panicked: not like this (") && line.ends_with(')'), "{line}");
}

#[test]
fn what_a_killed_supervisord_has_left_is_named_by_the_next() {
    let config = Config::new()
        .program("gone", "command=/bin/sleep 1000\nstartsecs=0")
        .program("stays", "command=/bin/sh -c 'sleep 1000 & exec sleep 1000'\nstartsecs=0")
        .section("group:both", "programs=gone,stays");
    let mut first = Supervisord::start(&config);
    for name in ["both:gone", "both:stays"] {
        first.wait_for_state(name, "RUNNING");
    }
    let pids = ["both:gone", "both:stays"].map(|name| nix::unistd::Pid::from_raw(first.pid_of(name)));
    first.signal(Signal::SIGKILL);
    assert!(!first.wait().success());
    nix::sys::signal::kill(pids[0], Signal::SIGKILL).expect("it is still there");
    wait_until("it is gone", || nix::sys::signal::kill(pids[0], None).is_err());

    // The pidfile and the socket are those of the first, of which nobody is in the way.
    let config_file = first.config_file().to_owned();
    let mut command = supervisord_command(&first.sandbox, Kind::Ours, &config_file);
    let mut second = command.spawn().expect("supervisord can be run");
    first.wait_for_log(&format!("WARN the supervisord with pid {} that was here before has not ended", first.pid()));
    let left = first.wait_for_log("WARN 'both:stays' is left of a supervisord that was killed");
    assert!(left.contains(&format!("with pid {};", pids[1])), "{left}");
    wait_until("the second one serves", || first.statename("both:gone") == "RUNNING");
    assert_eq!(first.log().matches(" is left of a supervisord").count(), 1, "not its child, nor what is gone");
    nix::sys::signal::kill(pids[1], Signal::SIGKILL).expect("it is still there");
    let second_pid = nix::unistd::Pid::from_raw(second.id().try_into().expect("a pid"));
    nix::sys::signal::kill(second_pid, Signal::SIGTERM).expect("it is our child");
    assert!(second.wait().expect("it is our child").success());
}
