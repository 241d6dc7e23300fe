//! Where it runs: as the first process of a container, with few descriptors left, from a directory that cannot be
//! written.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    process::{Command, Stdio},
};

use nix::unistd::Pid;

use super::{Upgradable, put_executable, with_program};
use crate::{
    common::{Config, Kind, Sandbox, Supervisord, ctl, free_port, http, plugin_path, wait_until},
    pid_one::is_permitted,
};

#[test]
fn as_the_first_process() {
    let sandbox = Sandbox::new();
    if !is_permitted(&sandbox) {
        eprintln!("skipped: no PID namespaces here; the daemon's upgrade goes the same way");
        return;
    }
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("dies", "command=/bin/sh -c 'exec sleep 1000'\nstartsecs=0");
    let file = sandbox.write("supervisord.conf", config.render(sandbox.here(), free_port()));
    let mut unshare: Command = sandbox.command("unshare");
    let mut child = unshare
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(env!("CARGO_BIN_EXE_supervisord"))
        .args(["-n", "-c"])
        .arg(&file)
        .env("SUPERVISOR_PLUGIN_PATH", plugin_path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("unshare can be run");
    let run = |words: &[&str]| {
        let mut command = ctl::ours(&sandbox);
        ctl::arguments(&mut command, &file, words);
        ctl::run(&mut command, "")
    };
    wait_until("both run", || run(&["status"]).stdout.matches("RUNNING").count() == 2);
    let before = run(&["pid", "cat"]).stdout;
    for _ in 0..2 {
        let output = run(&["upgrade"]);
        assert!(output.stdout.starts_with("Upgraded "), "{output:?}\n{}", sandbox.read("supervisord.log"));
    }
    assert_eq!(run(&["pid"]).stdout, "1\n");
    assert_eq!(run(&["pid", "cat"]).stdout, before);
    assert_eq!(run(&["signal", "KILL", "dies"]).status, 0);
    wait_until("it is started anew", || sandbox.read("supervisord.log").matches("spawned: 'dies'").count() == 2);
    assert_eq!(sandbox.read("supervisord.log").matches("spawned: 'cat'").count(), 1);
    assert_eq!(run(&["shutdown"]).status, 0);
    assert!(child.wait().expect("a child of ours").success());
}

/// Limit of descriptors under which a process can open so many more.
fn limit_with(pid: Pid, left: usize) -> u64 {
    let listed = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let open: BTreeSet<u64> = listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    (0..).filter(|number| !open.contains(number)).nth(left).expect("there are more numbers than files")
}

#[test]
fn with_few_descriptors_left_it_works_or_says_so() {
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("many", "command=/bin/sleep 1000\nnumprocs=5\nprocess_name=m%(process_num)d\nstartsecs=0");
    let supervisord = Upgradable::start(&config);
    supervisord.wait_for_state("many:m4", "RUNNING");
    supervisord.wait_for_state("cat", "RUNNING");
    let before = supervisord.infos();
    let pid = supervisord.pid();
    let ended = || {
        let log = supervisord.log_lines();
        log.iter()
            .filter(|line| {
                ["INFO upgraded", "CRIT went back", "ERRO upgrade called off"].iter().any(|text| line.contains(text))
            })
            .count()
    };
    let limit = |limit: &str| {
        let mut prlimit = supervisord.sandbox.command("prlimit");
        let done = prlimit.arg(format!("--pid={pid}")).arg(format!("--nofile={limit}:")).status();
        assert!(done.expect("prlimit can be run").success());
    };
    let (mut upgrades, mut refusals) = (0, 0);
    for left in 0..10 {
        let (done, mut connection) = (ended(), http::Connection::open(supervisord.port));
        let request = |method| {
            let body = http::call(method, &[]);
            let length = body.len();
            format!("POST /RPC2 HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
        };
        connection.send(request("supervisor.getState"));
        assert!(connection.receive().expect("an answer").text().contains("RUNNING"));
        limit(&limit_with(pid, left).to_string());
        connection.send(request("upgrade.start"));
        let answer = connection.receive().expect("an answer").text();
        if answer.contains("faultString") {
            assert!(answer.contains("Too many open files"), "{answer}");
            refusals += 1;
        } else {
            wait_until("it has upgraded, or not", || ended() > done);
            upgrades += 1;
        }
        limit("1024");
        // Who could not be accepted for want of descriptors is looked after a moment later.
        assert_eq!(supervisord.infos(), before, "with {left} descriptors left");
    }
    assert!(upgrades > 0 && refusals > 0, "{upgrades} upgrades, {refusals} refusals");
    let line = supervisord.log_lines().into_iter().find(|line| line.contains("Too many open files"));
    assert!(line.is_some());
    supervisord.upgrade();
    assert_eq!(supervisord.infos(), before);
}

#[test]
fn from_a_directory_that_cannot_be_written() {
    let sandbox = Sandbox::new();
    let directory = sandbox.join("bin");
    fs::create_dir(&directory).expect("a directory");
    let own = directory.join("supervisord");
    put_executable(&own);
    let mode = |mode| fs::set_permissions(&directory, fs::Permissions::from_mode(mode)).expect("a mode");
    mode(0o555);
    let config = Config::new().program("cat", "command=/bin/cat\nstartsecs=0");
    let supervisord = Supervisord::start_as(sandbox, Kind::Ours, &config, |command| with_program(&command, &own));
    supervisord.wait_for_state("cat", "RUNNING");
    let pid = supervisord.pid_of("cat");
    assert!(supervisord.ctl(&["upgrade"]).stdout.starts_with("Upgraded "), "{}", supervisord.log());
    assert_eq!(supervisord.pid_of("cat"), pid);
    assert_eq!(fs::read_dir(&directory).expect("it is there").count(), 1, "nothing was put there");
    mode(0o755);
}
