//! `depends_on=`: who starts after whom, who stops before whom, and what those who wait say.

use std::time::{Duration, Instant};

use crate::{
    check_config::check,
    common::{Config, Sandbox, Supervisord, wait_until},
    event_listeners::listener,
};

const SLEEP: &str = "command=/bin/sleep 1000\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE";

/// Names in the lines of the log that begin with that word, in order.
fn named(supervisord: &Supervisord, word: &str) -> Vec<String> {
    let lines = supervisord.log_lines();
    let names = lines.iter().filter_map(|line| line.split_once(word)?.1.split_whitespace().next().map(str::to_owned));
    names.map(|name| name.trim_matches('\'').to_owned()).collect()
}

fn position(names: &[String], name: &str) -> usize {
    names.iter().position(|it| it == name).unwrap_or_else(|| panic!("no {name} in {names:?}"))
}

/// Twelve programs as a network switch has them, which wait for each other.
fn switch() -> (Config, Vec<(&'static str, &'static str)>) {
    let needs = vec![
        ("rsyslogd", ""),
        ("start", "rsyslogd"),
        ("portsyncd", "start:exited"),
        ("orchagent", "portsyncd,syncd"),
        ("syncd", "rsyslogd,start:exited"),
        ("coppmgrd", "orchagent"),
        ("neighsyncd", "orchagent"),
        ("vlanmgrd", "orchagent"),
        ("intfmgrd", "vlanmgrd"),
        ("portmgrd", "intfmgrd,start:exited"),
        ("restore", "portmgrd:running"),
        ("fdbsyncd", "restore:exited,managers"),
    ];
    let mut config = Config::new().section("group:managers", "programs=coppmgrd,vlanmgrd,intfmgrd,portmgrd");
    // In the file the last comes first.
    for (name, on) in needs.iter().rev() {
        let command = match *name {
            "start" | "restore" => "/bin/sh -c 'sleep 0.2'",
            _ => "/bin/sleep 1000",
        };
        let startsecs = u8::from(*name == "orchagent");
        let autostart = *name == "fdbsyncd";
        let rest = "autorestart=unexpected\nstdout_logfile=NONE\nstderr_logfile=NONE";
        config = config.program(
            name,
            &format!("command={command}\nstartsecs={startsecs}\nautostart={autostart}\ndepends_on={on}\n{rest}"),
        );
    }
    (config, needs)
}

#[test]
fn twelve_programs_of_a_switch_boot_in_order_and_stop_in_the_reverse_of_it() {
    let (config, needs) = switch();
    let mut supervisord = Supervisord::start(&config.section("supervisord", "loglevel=debug"));
    supervisord.wait_for_log("success: fdbsyncd ");
    let up = named(&supervisord, "spawned: ");
    // `neighsyncd` is needed by nobody, and not started.
    assert_eq!(up.len(), 11, "{up:?}");
    let log = supervisord.log();
    let line = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text} in {log}"));
    for (name, on) in needs.iter().filter(|(name, _)| *name != "neighsyncd") {
        for needed in on.split(',').filter(|on| !on.is_empty() && *on != "managers") {
            let (needed, condition) = needed.split_once(':').unwrap_or((needed, "running"));
            let met = if condition == "exited" { format!("exited: {needed} ") } else { format!("success: {needed} ") };
            assert!(line(&met) < line(&format!("spawned: '{name}' ")), "{name} after {needed}\n{log}");
        }
    }
    supervisord.ctl(&["start", "neighsyncd"]);
    supervisord.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(supervisord.wait().success());
    let (down, killed) = (named(&supervisord, "stopped: "), named(&supervisord, "killing "));
    assert_eq!((down.len(), killed.len()), (10, 10), "{down:?}");
    let log = supervisord.log();
    let line = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text} in {log}"));
    for (name, on) in needs.iter().filter(|(name, _)| !["start", "restore"].contains(name)) {
        for needed in on.split(',').filter(|on| !on.is_empty() && !on.contains("exited") && *on != "managers") {
            let needed = needed.trim_end_matches(":running");
            if !["start", "restore"].contains(&needed) {
                let (first, then) = (format!("stopped: {name} "), format!("killing {needed} "));
                assert!(line(&first) < line(&then), "{name} before {needed}\n{log}");
            }
        }
    }
}

#[test]
fn who_waits_says_so_and_a_stop_ends_it() {
    let config = Config::new()
        .program("db", "command=/bin/sleep 1000\nstartsecs=1000\nautostart=false")
        .program("web", &format!("{SLEEP}\ndepends_on=db"))
        .program("once", &format!("{SLEEP}\nautostart=false\ndepends_on=web"));
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("db", "STARTING");
    wait_until("web says it", || supervisord.info("web", "description") == "waiting for db (STARTING)");
    let status = supervisord.ctl(&["status", "web"]).stdout;
    assert!(status.contains("STOPPED") && status.contains("waiting for db (STARTING)"), "{status}");

    // A client that waits for the start goes on waiting, until somebody stops it.
    let said = supervisord.python(
        "print(s.supervisor.startProcess('once', False), s.supervisor.getProcessInfo('once')['description'])
print(s.supervisor.stopProcess('once'), s.supervisor.getProcessInfo('once')['description'])",
    );
    assert_eq!(said, "True waiting for web (STOPPED)\nTrue Not started\n");
    assert_eq!(supervisord.ctl(&["stop", "web"]).text(), "web: stopped\n");
    assert_eq!(supervisord.ctl(&["stop", "web"]).stdout, "web: ERROR (not running)\n");
    assert_eq!(named(&supervisord, "spawned: "), ["db"]);

    std::thread::scope(|scope| {
        let start = scope.spawn(|| supervisord.ctl(&["start", "once"]));
        wait_until("it waits", || supervisord.info("once", "description").contains("waiting for web (STOPPED)"));
        assert_eq!(supervisord.ctl(&["stop", "all"]).stdout.lines().count(), 3, "db, and two that wait");
        assert_eq!(start.join().unwrap().stdout, "once: ERROR (abnormal termination)\n");
    });
}

#[test]
fn a_dependency_that_fails_is_told_and_waited_for_until_it_is_mended() {
    let config = Config::new()
        .program("db", "command={here}/db\nstartsecs=0\nstartretries=0\nautostart=false")
        .program("migrate", "command=/bin/sh {here}/migrate\nstartsecs=0\nautorestart=false\nautostart=false")
        .program("web", &format!("{SLEEP}\ndepends_on=db,migrate:exited"));
    let config = listener::with_listener(config, "watch", "events=PROCESS_DEPENDENCY_FAILED\nstartsecs=0");
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    sandbox.write("migrate", "exit 7\n");
    let supervisord = Supervisord::start_in(sandbox, crate::common::Kind::Ours, &config);
    wait_until("both have failed", || {
        supervisord.info("web", "description").contains("waiting for db (FATAL), migrate:exited (EXITED)")
    });
    for line in [
        "WARN waiting: web depends on db, and db is FATAL\n",
        "WARN waiting: web depends on migrate:exited, and migrate is EXITED\n",
    ] {
        supervisord.wait_for_log(line.trim_end());
    }
    for payload in [
        "processname:web groupname:web dependency:db condition:running state:FATAL",
        "processname:web groupname:web dependency:migrate condition:exited state:EXITED",
    ] {
        listener::wait_for_note(&supervisord.sandbox, "watch.notes", "PROCESS_DEPENDENCY_FAILED", payload);
    }
    let script = supervisord.sandbox.write("db", "#!/bin/sh\nexec sleep 1000\n");
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    supervisord.sandbox.write("migrate", "exit 0\n");
    assert_eq!(supervisord.ctl(&["start", "db"]).text(), "db: started\n");
    supervisord.ctl(&["start", "migrate"]);
    supervisord.wait_for_state("web", "RUNNING");
}

#[test]
fn whoever_is_stopped_or_dies_alone_touches_nobody_else() {
    let config = Config::new()
        .program("db", &format!("{SLEEP}\nautorestart=true"))
        .program("web", &format!("{SLEEP}\ndepends_on=db"))
        .program("top", &format!("{SLEEP}\ndepends_on=web"));
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("top", "RUNNING");
    let pids = || ["web", "top"].map(|name| supervisord.pid_of(name));
    let (before, old) = (pids(), supervisord.pid_of("db"));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(old), nix::sys::signal::Signal::SIGKILL).unwrap();
    wait_until("it is there again", || ![0, old].contains(&supervisord.pid_of("db")));
    supervisord.ctl(&["restart", "db"]);
    supervisord.ctl(&["stop", "db"]);
    assert_eq!(pids(), before);

    // What comes back by itself does not bring back what somebody has stopped.
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(before[0]), nix::sys::signal::Signal::SIGKILL).unwrap();
    wait_until("it waits", || supervisord.info("web", "description").contains("waiting for db (STOPPED)"));
    assert_eq!(supervisord.statename("db"), "STOPPED");
    supervisord.ctl(&["start", "web"]);
    assert_eq!((supervisord.statename("db"), supervisord.statename("web")), ("RUNNING".into(), "RUNNING".into()));

    let stopped = supervisord.ctl(&["restart", "all"]).stdout;
    let order: Vec<_> = stopped.lines().collect();
    assert_eq!(order[..3], ["top: stopped", "web: stopped", "db: stopped"], "{stopped}");
    assert_eq!(order[3..], ["db: started", "web: started", "top: started"], "{stopped}");
}

#[test]
fn ten_layers_take_the_time_of_the_slowest_way() {
    let mut config = Config::new();
    for layer in 0..10 {
        let on = if layer > 0 { format!("\ndepends_on=layer{}", layer - 1) } else { String::new() };
        let lines = format!("{SLEEP}\nstartsecs=1\nnumprocs=20\nprocess_name=%(program_name)s_%(process_num)02d{on}");
        config = config.program(&format!("layer{layer}"), &lines);
    }
    let begin = Instant::now();
    let supervisord = Supervisord::start(&config);
    wait_until("all run", || supervisord.log().matches("entered RUNNING state").count() == 200);
    assert!(begin.elapsed() >= Duration::from_secs(10));
    eprintln!("200 programs in 10 layers: {:?}", begin.elapsed());
    assert!(begin.elapsed() < Duration::from_secs(15), "{:?}", begin.elapsed());
    let names = named(&supervisord, "spawned: ");
    assert!(position(&names, "layer0_19") < position(&names, "layer1_00"));
    assert!(position(&names, "layer8_19") < position(&names, "layer9_00"));
}

#[test]
fn what_cannot_be_is_an_error_with_its_place_also_when_read_again() {
    let supervisord = Supervisord::start(&Config::new().program("cat", SLEEP));
    let file = supervisord.config_file().to_owned();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}\n[program:x]\ncommand=/bin/cat\ndepends_on=cat,nobody\n")).unwrap();
    let said = supervisord.ctl(&["reread"]);
    assert!(
        said.stdout.contains("[program:x] depends on nobody, which is no group, program or group:process"),
        "{said:?}"
    );
    let sandbox = Sandbox::new();
    let said = check(&sandbox, "[supervisord]\n[program:x]\ncommand=x\ndepends_on=x\n", "text").stderr;
    assert!(said.contains("[program:x] depends on itself: x\n  at"), "{said}");
    let two = "[supervisord]\n[program:x]\ncommand=x\ndepends_on=y,z:exited\n[program:y]\ncommand=y\n[program:z]\ncommand=z\n";
    let shown = check(&sandbox, two, "text").stdout;
    assert!(shown.contains("depends_on = y,z:exited\n"), "{shown}");
}
