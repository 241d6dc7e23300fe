//! supervisord's own life: order of start and shutdown, and the signals it takes.

use std::{fs, net::TcpStream};

use crate::common::{Config, Kind, Sandbox, Supervisord, wait_until};
use nix::sys::signal::Signal;

/// Priorities: up from the lowest, down from the highest.
#[test]
fn the_order_of_start_and_shutdown() {
    let config = Config::new()
        .program("last", "command=/bin/cat\npriority=30\nstartsecs=0")
        .program("first", "command=/bin/cat\npriority=10\nstartsecs=0")
        .program("middle", "command=/bin/cat\npriority=20\nstartsecs=0");
    for mut supervisord in Supervisord::both(&config) {
        for name in ["first", "middle", "last"] {
            supervisord.wait_for_state(name, "RUNNING");
        }
        supervisord.signal(Signal::SIGTERM);
        assert_eq!(supervisord.wait().code(), Some(0));
        let log: Vec<_> = supervisord.log_lines();
        let order = |start: &str| -> Vec<String> {
            let names = log.iter().filter_map(|line| line.strip_prefix(start));
            names.map(|rest| rest.chars().take_while(char::is_ascii_alphabetic).collect()).collect()
        };
        assert_eq!(order("INFO spawned: '"), ["first", "middle", "last"]);
        assert_eq!(order("WARN stopped: "), ["last", "middle", "first"]);
        let text = log.join("\n");
        assert!(text.contains("WARN received SIGTERM indicating exit request\n"), "{text}");
        assert!(text.contains("INFO waiting for first, middle, last to die\n"), "{text}");
    }
}

#[test]
fn signals_that_end_it() {
    for (signal, name) in [(Signal::SIGINT, "SIGINT"), (Signal::SIGQUIT, "SIGQUIT"), (Signal::SIGTERM, "SIGTERM")] {
        for mut supervisord in Supervisord::both(&Config::new().program("cat", "command=/bin/cat")) {
            // Supervisor accepts before it has its signal handlers.
            supervisord.wait_for_log("spawned: 'cat'");
            supervisord.signal(signal);
            assert_eq!(supervisord.wait().code(), Some(0));
            supervisord.wait_for_log(&format!("WARN received {name} indicating exit request"));
            for file in ["supervisord.pid", "supervisor.sock"] {
                assert!(!supervisord.sandbox.join(file).exists(), "{:?} left {file}", supervisord.kind);
            }
        }
    }
}

#[test]
fn hup_restarts_it_under_the_same_pid() {
    for supervisord in Supervisord::both(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0")) {
        supervisord.wait_for_state("cat", "RUNNING");
        let pid = supervisord.pid_of("cat");
        supervisord.signal(Signal::SIGHUP);
        supervisord.wait_for_log("WARN received SIGHUP indicating restart request");
        wait_until("it has started again", || supervisord.log().matches("supervisord started with pid").count() == 2);
        wait_until("another cat runs", || {
            TcpStream::connect(("127.0.0.1", supervisord.port)).is_ok()
                && ![0, pid].contains(&supervisord.pid_of("cat"))
        });
        let own = format!("INFO supervisord started with pid {}", supervisord.pid());
        assert_eq!(supervisord.log_lines().iter().filter(|line| **line == own).count(), 2);
    }
}

#[test]
fn usr2_reopens_the_logs() {
    let config =
        Config::new().program("talker", "command=/bin/sh -c 'while :; do echo line; sleep 0.1; done'\nstartsecs=0");
    for supervisord in Supervisord::both(&config) {
        wait_until("it talks", || supervisord.sandbox.read("talker.out").contains("line"));
        for file in ["talker.out", "supervisord.log"] {
            fs::rename(supervisord.sandbox.join(file), supervisord.sandbox.join(format!("{file}.old")))
                .expect("a log file");
        }
        supervisord.signal(Signal::SIGUSR2);
        wait_until("both are open again", || {
            ["talker.out", "supervisord.log"].iter().all(|file| supervisord.sandbox.join(file).exists())
        });
        wait_until("it talks into the new file", || supervisord.sandbox.read("talker.out").contains("line"));
        let old = supervisord.sandbox.read("supervisord.log.old");
        assert!(old.contains("INFO received SIGUSR2 indicating log reopen request\n"), "{old}");
        // The last line of the old file, not the first of the new one.
        assert!(old.ends_with("INFO supervisord logreopen\n"), "{old}");
    }
}

/// `reread` and `update` load the file again; what the command line said stays said.
#[test]
fn the_command_line_wins_also_over_a_file_that_is_read_again() {
    for kind in [Kind::Real, Kind::Ours] {
        let arguments = ["-i", "from the command line", "-l", "other.log"];
        let supervisord = Supervisord::start_with(Sandbox::new(), kind, &Config::new(), &arguments);
        supervisord.doctest(
            "
            >>> s.supervisor.getIdentification()
            'from the command line'
            >>> s.supervisor.reloadConfig()
            [[[], [], []]]
            >>> s.supervisor.getIdentification()
            'from the command line'
            >>> 'supervisord started' in s.supervisor.readLog(0, 0)
            True
            ",
        );
        assert!(!supervisord.sandbox.join("supervisord.log").exists());
    }
}
