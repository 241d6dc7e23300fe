//! What happens in the middle: between the check and the exec, and while the new one has not begun yet.

use std::{fs, net::TcpStream, thread};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::Upgradable;
use crate::common::{Config, Output, Peers, wait_until};

/// Points at which an upgrade can be held.
#[derive(Clone, Copy)]
enum Point {
    /// The new executable is being asked whether it could go on.
    Check,
    /// It has been executed, and is not supervisord yet.
    Exec,
}

impl Point {
    fn name(self) -> &'static str {
        match self {
            Self::Check => "check",
            Self::Exec => "exec",
        }
    }
}

/// A supervisord whose next upgrade waits at that point until it is [let go](let_go).
fn held_at(config: &Config, point: Point) -> Upgradable {
    let supervisord = Upgradable::start(config);
    super::put_executable(&supervisord.sandbox.join("real"));
    let python = Peers::get().program("python").display().to_string();
    let script = format!(
        "#!{python} -S\nimport os, sys, time\nhere = os.path.dirname(sys.argv[0])\n\
         point = 'check' if '--check-successor' in sys.argv else 'exec'\n\
         open(os.path.join(here, point + '.begun'), 'w').close()\n\
         while point == '{}' and not os.path.exists(os.path.join(here, 'go')): time.sleep(0.005)\n\
         os.execv(os.path.join(here, 'real'), sys.argv)\n",
        point.name()
    );
    supervisord.install(script.as_bytes());
    supervisord
}

fn let_go(supervisord: &Upgradable) {
    supervisord.sandbox.write("go", "");
}

/// Does something at that point of an upgrade, and gives what supervisorctl says of the upgrade.
fn at(supervisord: &Upgradable, point: Point, act: impl FnOnce()) -> Output {
    thread::scope(|scope| {
        let upgrade = scope.spawn(|| supervisord.ctl(&["upgrade"]));
        let begun = supervisord.sandbox.join(format!("{}.begun", point.name()));
        wait_until("the point is reached", || begun.exists());
        act();
        let_go(supervisord);
        upgrade.join().expect("supervisorctl ends")
    })
}

fn cat() -> Config {
    Config::new().program("cat", "command=/bin/cat\nstartsecs=0")
}

#[test]
fn sigterm_stops_all_in_order() {
    let mut supervisord = held_at(&cat(), Point::Exec);
    supervisord.wait_for_state("cat", "RUNNING");
    at(&supervisord, Point::Exec, || supervisord.signal(Signal::SIGTERM));
    assert!(supervisord.wait().success());
    let log = supervisord.log_lines();
    let at = |text: &str| log.iter().position(|line| line.contains(text));
    let story = ["upgraded supervisord", "WARN received SIGTERM indicating exit request", "WARN stopped: cat"].map(at);
    assert!(story[0].is_some() && story.is_sorted() && story.iter().all(Option::is_some), "{log:?}");
    assert!(!supervisord.sandbox.join("supervisord.pid").exists());
    assert!(!supervisord.sandbox.join("supervisor.sock").exists());
}

#[test]
fn sigterm_before_it_is_given_up_stops_all_and_there_is_no_upgrade() {
    let mut supervisord = held_at(&cat(), Point::Check);
    supervisord.wait_for_state("cat", "RUNNING");
    at(&supervisord, Point::Check, || {
        supervisord.signal(Signal::SIGTERM);
        supervisord.wait_for_log("WARN received SIGTERM indicating exit request");
    });
    assert!(supervisord.wait().success());
    supervisord.wait_for_log("WARN stopped: cat");
    assert!(!supervisord.log().contains("upgraded supervisord"));
}

#[test]
fn sighup_restarts_all_in_the_new_one() {
    let supervisord = held_at(&cat(), Point::Exec);
    supervisord.wait_for_state("cat", "RUNNING");
    let pid = supervisord.pid_of("cat");
    at(&supervisord, Point::Exec, || supervisord.signal(Signal::SIGHUP));
    supervisord.wait_for_log("WARN received SIGHUP indicating restart request");
    wait_until("cat runs again", || {
        // Nobody accepts while it is started anew.
        TcpStream::connect(("127.0.0.1", supervisord.port)).is_ok() && {
            let log = supervisord.log_lines();
            log.iter().filter(|line| line.contains("spawned: 'cat'")).count() == 2
        }
    });
    supervisord.wait_for_state("cat", "RUNNING");
    assert_ne!(supervisord.pid_of("cat"), pid);
    assert_eq!(supervisord.python("print(s.supervisor.getPID())").trim(), supervisord.pid().to_string());
}

/// Kills a program at that point. It is missed and started anew, once.
#[track_caller]
fn dies_at(point: Point) {
    let supervisord = held_at(&cat(), point);
    supervisord.wait_for_state("cat", "RUNNING");
    let pid = supervisord.pid_of("cat");
    let output = at(&supervisord, point, || {
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("it is there");
        if matches!(point, Point::Check) {
            wait_until("it runs again", || ![0, pid].contains(&supervisord.pid_of("cat")));
        }
    });
    assert!(output.stdout.starts_with("Upgraded "), "{output:?}");
    supervisord.wait_for_log("WARN exited: cat (terminated by SIGKILL; not expected)");
    supervisord.wait_for_state("cat", "RUNNING");
    let now = supervisord.pid_of("cat");
    assert_ne!(now, pid);
    supervisord.wait_for_log(&format!("INFO spawned: 'cat' with pid {now}"));
    let spawned = supervisord.log_lines().iter().filter(|line| line.contains("spawned: 'cat'")).count();
    assert_eq!(spawned, 2);
    assert!(fs::exists(format!("/proc/{now}")).expect("it can be looked for"));
}

#[test]
fn a_death_between_check_and_exec_is_seen() {
    dies_at(Point::Check);
}

#[test]
fn a_death_before_the_new_one_has_begun_is_seen() {
    dies_at(Point::Exec);
}

#[test]
fn an_update_that_is_under_way_can_be_done_again() {
    let slow = "command=/bin/sh -c 'trap \"\" TERM; echo up; while [ ! -e {here}/end ]; do sleep 0.02; done'\n\
                stopwaitsecs=1000\nstartsecs=0\nautorestart=false";
    let supervisord = Upgradable::start(&Config::new().program("slow", slow));
    wait_until("slow ignores SIGTERM", || supervisord.sandbox.read("slow.out").contains("up"));
    let pid = supervisord.pid_of("slow");
    supervisord.edit(|text| text.replace("stopwaitsecs=1000", "stopwaitsecs=999"));
    thread::scope(|scope| {
        let update = scope.spawn(|| supervisord.ctl(&["update"]));
        supervisord.wait_for_state("slow", "STOPPING");
        supervisord.upgrade();
        // It has waited for an answer, and ends as it does at a restart.
        assert_ne!(update.join().expect("supervisorctl ends").status, 0);
    });
    assert_eq!((supervisord.statename("slow").as_str(), supervisord.pid_of("slow")), ("STOPPING", pid));
    supervisord.sandbox.write("end", "");
    supervisord.wait_for_state("slow", "STOPPED");
    fs::remove_file(supervisord.sandbox.join("end")).expect("it is there");
    assert_eq!(supervisord.ctl(&["update"]).text(), "slow: stopped\nslow: updated process group\n");
    supervisord.wait_for_state("slow", "RUNNING");
    assert_eq!(supervisord.ctl(&["reread"]).text(), "No config updates to processes\n");
}
