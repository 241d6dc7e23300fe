//! What a service manager hears of supervisord at the socket that `NOTIFY_SOCKET` names.

use std::{
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::common::{Config, Kind, Sandbox, Supervisord, wait_until};

/// A service manager that keeps what it hears, as long as the test runs.
struct Manager {
    socket: PathBuf,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Manager {
    fn new(sandbox: &Sandbox) -> Self {
        let socket = sandbox.join("notify");
        let listening = UnixDatagram::bind(&socket).expect("a place for a socket");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heard);
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length) = listening.recv(&mut bytes) {
                kept.lock().unwrap().push(String::from_utf8_lossy(&bytes[..length]).into_owned());
            }
        });
        Self { socket, heard }
    }

    fn start(sandbox: Sandbox, config: &Config) -> (Self, Supervisord) {
        Self::start_with_watchdog(sandbox, config, Duration::from_millis(300))
    }

    fn start_with_watchdog(sandbox: Sandbox, config: &Config, time: Duration) -> (Self, Supervisord) {
        let manager = Self::new(&sandbox);
        let socket = manager.socket.clone();
        let change = move |mut command: Command| {
            let time = time.as_micros().to_string();
            command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", time).env_remove("WATCHDOG_PID");
            command
        };
        let supervisord = Supervisord::start_as(sandbox, Kind::Ours, config, change);
        (manager, supervisord)
    }

    /// Number of messages that begin so.
    fn count(&self, beginning: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|message| message.starts_with(beginning)).count()
    }

    /// Messages but for those of the watchdog and the status.
    fn of_its_life(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        let names = heard.iter().filter_map(|message| message.split_once('=')).map(|(name, _)| name.to_owned());
        names.filter(|name| name != "WATCHDOG" && name != "STATUS").collect()
    }
}

fn config() -> Config {
    Config::new()
        .program("x", "command=/bin/cat\nstartsecs=0")
        // It is none of a program's business.
        .program("env", "command=/bin/sh -c 'env; sleep 1000'\nstartsecs=0\nautostart=false")
        .program("y", "command=/bin/cat\nstartsecs=0\nautostart=false")
}

#[test]
fn it_hears_that_all_is_ready_and_how_many_run_and_that_it_stops() {
    let (manager, mut supervisord) = Manager::start(Sandbox::new(), &config());
    wait_until("it is ready", || manager.count("READY=1\nSTATUS=") == 1);
    wait_until("one runs", || manager.heard.lock().unwrap().iter().any(|it| it.contains("1 of 3 programs running")));
    wait_until("the watchdog hears of it", || manager.count("WATCHDOG=1") > 3);
    supervisord.ctl(&["start", "y"]);
    wait_until("both run", || manager.count("STATUS=2 of 3 programs running") == 1);
    supervisord.ctl(&["start", "env"]);
    wait_until("it has printed", || supervisord.sandbox.read("env.out").contains("SUPERVISOR_PROCESS_NAME="));
    let variables = supervisord.sandbox.read("env.out");
    assert!(!variables.contains("NOTIFY_SOCKET") && !variables.contains("WATCHDOG"), "{variables}");
    supervisord.signal(Signal::SIGTERM);
    assert!(supervisord.wait().success());
    wait_until("it hears of the end", || manager.of_its_life() == ["READY", "STOPPING"]);
}

#[test]
fn a_watchdog_hears_of_each_successor_at_once() {
    // Else a few of them in a row were silent for longer than it bears.
    let (manager, supervisord) = Manager::start_with_watchdog(Sandbox::new(), &config(), Duration::from_hours(1));
    wait_until("it hears of the first", || manager.count("WATCHDOG=1") == 1);
    for upgrades in 1..=2 {
        assert_eq!(supervisord.ctl(&["upgrade"]).status, 0);
        wait_until("it hears of the next", || manager.count("WATCHDOG=1") == 1 + upgrades);
    }
}

#[test]
fn a_restart_and_an_upgrade_are_reloads() {
    let (manager, supervisord) = Manager::start(Sandbox::new(), &config());
    wait_until("it is ready", || manager.count("READY=1\nSTATUS=") == 1);
    supervisord.wait_for_state("x", "RUNNING");
    let pid = supervisord.pid_of("x");
    assert_eq!(supervisord.ctl(&["upgrade"]).status, 0);
    wait_until("it is ready again", || manager.of_its_life() == ["READY", "RELOADING", "READY"]);
    assert_eq!(supervisord.pid_of("x"), pid);
    supervisord.signal(Signal::SIGHUP);
    let all = ["READY", "RELOADING", "READY", "RELOADING", "READY"];
    wait_until("it is ready once more", || manager.of_its_life() == all);
}

#[test]
fn one_that_is_not_there_or_does_not_listen_holds_up_nobody() {
    let sandbox = Sandbox::new();
    let full = UnixDatagram::bind(sandbox.join("full")).expect("a place for a socket");
    for name in ["full", "nobody"] {
        let socket = sandbox.join(name);
        let change = |mut command: Command| {
            command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "3000");
            command
        };
        let supervisord = Supervisord::start_as(Sandbox::new(), Kind::Ours, &config(), change);
        supervisord.wait_for_state("x", "RUNNING");
        assert_eq!(supervisord.ctl(&["upgrade"]).status, 0);
        supervisord.wait_for_state("x", "RUNNING");
    }
    drop(full);
}
