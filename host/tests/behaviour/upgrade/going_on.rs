//! What goes on: processes in each of their states, clocks, groups as they are active, the daemon itself.

use std::{fs, process::Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Upgradable, put_executable, with_program};
use crate::common::{Config, Kind, Sandbox, Supervisord, free_port, plugin_path, supervisord_command, wait_until};

/// A program in each state that one can be brought to, and stay in.
fn in_each_state() -> Config {
    Config::new()
        .program("running", "command=/bin/sleep 1000\nstartsecs=0")
        .program("starting", "command=/bin/sleep 1000\nstartsecs=1000")
        .program("backoff", "command=/bin/false\nstartretries=1000")
        .program("stopping", "command=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'\nstopwaitsecs=1000")
        .program("exited", "command=/bin/sh -c 'sleep 0.1; exit 3'\nstartsecs=0\nautorestart=false")
        .program("fatal", "command=/nonexistent/program\nstartretries=0")
        .program("stopped", "command=/bin/sleep 1000\nstartsecs=0")
        .program("never", "command=/bin/sleep 1000\nautostart=false")
        .section(
            "eventlistener:unknown",
            "command=/bin/sh -c 'echo nonsense; exec sleep 1000'\nevents=TICK_3600\nstartsecs=0",
        )
}

#[track_caller]
fn brought_there(supervisord: &Supervisord) {
    for (name, state) in [
        ("running", "RUNNING"),
        ("starting", "STARTING"),
        ("stopped", "RUNNING"),
        ("exited", "EXITED"),
        ("fatal", "FATAL"),
        ("unknown", "RUNNING"),
    ] {
        supervisord.wait_for_state(name, state);
    }
    wait_until("stopping ignores SIGTERM", || {
        supervisord.info("stopping", "statename") == "STOPPING" || {
            let status = fs::read_to_string(format!("/proc/{}/status", supervisord.pid_of("stopping")));
            let ignores = status.is_ok_and(|status| status.contains("SigIgn:\t0000000000004000"));
            if ignores {
                supervisord.python("s.supervisor.stopProcess('stopping', False)");
            }
            false
        }
    });
    supervisord.python("s.supervisor.stopProcess('stopped')");
    supervisord.wait_for_state("backoff", "BACKOFF");
}

#[test]
fn a_process_stays_what_it_is_in_each_state() {
    let supervisord = Upgradable::start(&in_each_state());
    brought_there(&supervisord);
    // That of a process in BACKOFF changes with each try.
    let but_backoff = |infos: String| -> Vec<String> {
        infos.lines().filter(|line| !line.contains("'backoff'")).map(str::to_owned).collect()
    };
    let before = but_backoff(supervisord.infos());
    assert_eq!(before.len(), 8);
    for _ in 0..3 {
        supervisord.upgrade();
        assert_eq!(but_backoff(supervisord.infos()), before);
    }
    supervisord.wait_for_state("backoff", "BACKOFF");
    let of = |text: &str| supervisord.log_lines().iter().filter(|line| line.contains(text)).count();
    // The log may be a moment late.
    wait_until("each upgrade has its lines", || (of("upgrading supervisord"), of("upgraded supervisord")) == (3, 3));
    assert_eq!((of("spawned: 'running'"), of("spawned: 'stopped'"), of("spawned: 'never'")), (1, 1, 0));

    // They are still its own: they can be stopped, started, and are missed when they die.
    supervisord.python("s.supervisor.stopProcess('running'); s.supervisor.startProcess('running')");
    let killed = supervisord.pid_of("starting");
    kill(Pid::from_raw(killed), Signal::SIGKILL).expect("it is there");
    wait_until("it is started anew", || ![0, killed].contains(&supervisord.pid_of("starting")));
    supervisord.python("s.supervisor.signalProcess('stopping', 'KILL')");
    supervisord.wait_for_state("stopping", "STOPPED");
}

#[test]
fn deadlines_go_on_where_they_stood() {
    let config = Config::new()
        .program(
            "slow",
            "command=/bin/sh -c 'trap \"\" TERM; echo up; while :; do sleep 0.1; done'\nstopwaitsecs=3\nstartsecs=0",
        )
        .program("up", "command=/bin/sleep 1000\nstartsecs=3")
        .program("again", "command=/bin/false\nstartretries=3");
    let supervisord = Upgradable::start(&config);
    wait_until("slow ignores SIGTERM", || supervisord.sandbox.read("slow.out").contains("up"));
    supervisord.python("s.supervisor.stopProcess('slow', False)");
    for _ in 0..3 {
        supervisord.upgrade();
    }
    supervisord.wait_for_state("slow", "STOPPED");
    supervisord.wait_for_log("WARN killing 'slow'");
    supervisord.wait_for_state("up", "RUNNING");
    supervisord.wait_for_state("again", "FATAL");
    supervisord.wait_for_log("gave up: again");
    let spawned = supervisord.log_lines().iter().filter(|line| line.contains("spawned: 'again'")).count();
    assert_eq!(spawned, 4, "one start, and three tries more");
}

#[test]
fn a_config_that_was_edited_stays_pending_for_programs_and_holds_for_supervisord() {
    let config =
        Config::new().program("cat", "command=/bin/cat\nstartsecs=0").section("supervisord", "identifier=before");
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("cat", "RUNNING");
    let pid = supervisord.pid_of("cat");
    supervisord.edit(|text| {
        text.replace("command=/bin/cat\n", "command=/bin/cat -u\n").replace("identifier=before", "identifier=after")
            + "[program:new]\ncommand=/bin/sleep 1000\nstartsecs=0\n"
    });
    supervisord.upgrade();
    assert_eq!(supervisord.pid_of("cat"), pid);
    assert_eq!(supervisord.statename("new"), "", "it is not active yet");
    assert_eq!(supervisord.python("print(s.supervisor.getIdentification())"), "after\n");
    assert_eq!(supervisord.ctl(&["reread"]).text(), "cat: changed\nnew: available\n");
    let update = supervisord.ctl(&["update"]);
    assert_eq!(update.status, 0, "{update:?}");
    supervisord.wait_for_state("new", "RUNNING");
    supervisord.wait_for_state("cat", "RUNNING");
    assert_ne!(supervisord.pid_of("cat"), pid);
}

#[test]
fn a_group_that_the_config_has_no_more_goes_on() {
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .section("program:gone", "command=/bin/sleep 1000\nstartsecs=0\nstdout_logfile=AUTO");
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("gone", "RUNNING");
    let before = supervisord.infos();
    let log = supervisord.info("gone", "stdout_logfile");
    supervisord.edit(|text| text.replace("[program:gone]", "[program:cat2]"));
    supervisord.upgrade();
    assert_eq!(supervisord.infos(), before);
    assert!(fs::exists(&log).expect("it can be looked for"), "AUTO logs stay");
    assert_eq!(supervisord.ctl(&["reread"]).text(), "cat2: available\ngone: disappeared\n");
}

#[test]
fn a_death_in_the_middle_is_not_missed() {
    let supervisord = Upgradable::start(&Config::new().program(
        "dies",
        "command=/bin/sh -c 'sleep 0.05; exit 0'\nstartsecs=0\nautorestart=true\nnumprocs=20\nprocess_name=d%(process_num)d",
    ));
    for _ in 0..5 {
        supervisord.upgrade();
    }
    // Whoever died at whatever moment is started anew, a second after its start.
    let spawned = |log: &[String]| log.iter().filter(|line| line.contains("INFO spawned: 'd")).count();
    let log = supervisord.log_lines();
    let (now, last) = (spawned(&log), log.iter().rposition(|line| line.contains("upgraded supervisord")));
    assert!(last.is_some());
    wait_until("each is started once more", || {
        let log = supervisord.log_lines();
        let later = &log[now.min(log.len())..];
        (0..20).all(|number| later.iter().any(|line| line.contains(&format!("spawned: 'd{number}'"))))
    });
    let log = supervisord.log_lines();
    for number in 0..20 {
        let mut alive = 0;
        for line in &log {
            alive += i32::from(line.contains(&format!("spawned: 'd{number}' ")));
            alive -= i32::from(line.contains(&format!("exited: d{number} ")));
            assert!((0..=1).contains(&alive), "d{number} runs twice, or died twice:\n{}", log.join("\n"));
        }
    }
}

#[test]
fn a_daemon_remains_one() {
    let sandbox = Sandbox::new();
    put_executable(&sandbox.join("supervisord"));
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .section("supervisord", "nodaemon=false\numask=027\ndirectory=/usr");
    let port = free_port();
    let file = sandbox.write(config.file(), config.render(sandbox.here(), port));
    // `-n` stands in the usual command.
    let usual = supervisord_command(&sandbox, Kind::Ours, &file);
    let mut command = with_program(&usual, "./supervisord".as_ref());
    command = {
        let mut daemon = Command::new("./supervisord");
        daemon.arg("-c").arg(&file).current_dir(sandbox.path());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                daemon.env(name, value);
            }
        }
        daemon.env("SUPERVISOR_PLUGIN_PATH", plugin_path());
        daemon
    };
    assert!(command.status().expect("supervisord can be run").success());
    let pid = sandbox.read("supervisord.pid");
    let link = |name: &str| fs::read_link(format!("/proc/{}/{name}", pid.trim())).expect("it runs");
    let places = ["cwd", "fd/0", "fd/1", "fd/2"].map(link);
    let ctl = |words: &[&str]| {
        let mut ctl = crate::common::ctl::ours(&sandbox);
        crate::common::ctl::arguments(&mut ctl, &file, words);
        crate::common::ctl::run(&mut ctl, "")
    };
    wait_until("cat runs", || ctl(&["status"]).stdout.contains("RUNNING"));
    for _ in 0..2 {
        let output = ctl(&["upgrade"]);
        assert_eq!(output.status, 0, "{output:?}");
    }
    assert_eq!(sandbox.read("supervisord.pid"), pid);
    assert_eq!(["cwd", "fd/0", "fd/1", "fd/2"].map(link), places);
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).expect("it runs");
    assert!(status.contains("Umask:\t0027\n") && status.starts_with("Name:\tsupervisord\n"), "{status}");
    assert!(ctl(&["shutdown"]).status == 0);
    wait_until("it has gone", || fs::metadata(format!("/proc/{}", pid.trim())).is_err());
    assert!(!sandbox.join("supervisord.pid").exists() && !sandbox.join("supervisor.sock").exists());
}

#[test]
fn what_waits_for_others_goes_on_waiting() {
    let config = Config::new()
        .program("gate", "command=/bin/sh -c 'until [ -e {here}/go ]; do sleep 0.05; done'\nstartsecs=0")
        .program("web", "command=/bin/sleep 1000\nstartsecs=0\ndepends_on=gate:exited")
        .program("base", "command=/bin/sleep 1000\nstartsecs=0")
        .program(
            "top",
            "command=/bin/sh -c 'trap \"\" TERM; while :; do sleep 0.1; done'\nstartsecs=0\nstopwaitsecs=1000\n\
             depends_on=base",
        )
        .section("group:both", "programs=base,top");
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("both:top", "RUNNING");
    let top = supervisord.pid_of("both:top");
    wait_until("top ignores SIGTERM", || {
        let status = fs::read_to_string(format!("/proc/{top}/status"));
        status.is_ok_and(|status| status.contains("SigIgn:\t0000000000004000"))
    });
    supervisord.python("s.supervisor.stopProcessGroup('both', False)");
    supervisord.wait_for_state("both:top", "STOPPING");
    let waits = || supervisord.info("web", "description") == "waiting for gate:exited (RUNNING)";
    assert!(waits());
    assert_eq!(supervisord.upgrade().status, 0);
    wait_until("it waits as before", waits);
    assert_eq!(supervisord.statename("both:base"), "RUNNING", "top goes first");
    kill(Pid::from_raw(top), Signal::SIGKILL).unwrap();
    supervisord.wait_for_state("both:base", "STOPPED");
    supervisord.sandbox.write("go", "");
    supervisord.wait_for_state("web", "RUNNING");
}
