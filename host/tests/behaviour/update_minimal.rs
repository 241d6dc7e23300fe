//! `update=minimal`, and `supervisorctl update --dry-run`.

use std::fs;

use crate::common::{Config, Supervisord, wait_until};

const SLEEP: &str = "command=/bin/sleep 1000\nstartsecs=0\nstderr_logfile=NONE";

/// Puts another config in the place of that of a supervisord.
fn rewrite(supervisord: &Supervisord, config: &Config) {
    let sandbox = &supervisord.sandbox;
    fs::write(supervisord.config_file(), config.render(sandbox.here(), supervisord.port)).unwrap();
}

fn numbered(count: u32, lines: &str) -> Config {
    let name = "process_name=%(program_name)s_%(process_num)d";
    Config::new().program("web", &format!("{SLEEP}\n{name}\nnumprocs={count}\nupdate=minimal\n{lines}"))
}

fn pids(supervisord: &Supervisord, names: &[&str]) -> Vec<i32> {
    names.iter().map(|name| supervisord.pid_of(name)).collect()
}

#[test]
fn another_number_of_processes_starts_and_stops_the_difference() {
    let supervisord = Supervisord::start(&numbered(2, ""));
    supervisord.wait_for_state("web:web_1", "RUNNING");
    let before = pids(&supervisord, &["web:web_0", "web:web_1"]);
    rewrite(&supervisord, &numbered(4, ""));
    let said = supervisord.ctl(&["update", "--dry-run"]);
    let lines = "web: would be updated (minimal)\n    web:web_0: keep\n    web:web_1: keep\n    web:web_2: add\n    \
                 web:web_3: add\n";
    assert_eq!(said.text(), lines);
    assert_eq!(supervisord.statename("web:web_2"), "", "nothing was done");
    assert_eq!(supervisord.ctl(&["update"]).text(), "web: updated process group\n");
    supervisord.wait_for_state("web:web_3", "RUNNING");
    assert_eq!(pids(&supervisord, &["web:web_0", "web:web_1"]), before);
    assert_eq!(supervisord.ctl(&["reread"]).text(), "No config updates to processes\n");

    rewrite(&supervisord, &numbered(1, ""));
    assert_eq!(supervisord.ctl(&["update"]).text(), "web: updated process group\n");
    assert_eq!(supervisord.statename("web:web_1"), "");
    assert_eq!(supervisord.pid_of("web:web_0"), before[0]);
    assert_eq!(supervisord.ctl(&["status"]).stdout.lines().count(), 1);
    assert_eq!(supervisord.ctl(&["update", "--dry-run"]).text(), "No config updates to processes\n");
}

#[test]
fn a_changed_member_leaves_the_others_alone() {
    let config = |lines: &str| {
        Config::new()
            .program("a", SLEEP)
            .program("b", &format!("{SLEEP}\n{lines}"))
            .section("group:g", "programs=a,b\nupdate=minimal")
    };
    let supervisord = Supervisord::start(&config("environment=TOKEN=one"));
    supervisord.wait_for_state("g:b", "RUNNING");
    let before = pids(&supervisord, &["g:a", "g:b"]);
    rewrite(&supervisord, &config("environment=TOKEN=two\nstopwaitsecs=5"));
    let said = supervisord.ctl(&["update", "--dry-run", "g"]).text().to_owned();
    assert!(said.contains("    g:b: restart\n        stopwaitsecs: 10 -> 5\n        environment: "), "{said}");
    assert!(!said.contains("one") && !said.contains("two"), "{said}");
    assert_eq!(supervisord.ctl(&["update"]).text(), "g: updated process group\n");
    supervisord.wait_for_state("g:b", "RUNNING");
    let after = pids(&supervisord, &["g:a", "g:b"]);
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
}

#[test]
fn options_are_taken_up_by_processes_that_run() {
    let writes = "command=/bin/sh -c 'while :; do echo 0123456789; sleep 0.01; done'\nstartsecs=0\nautorestart=true\n\
                  stdout_logfile={here}/web.out\nstderr_logfile=NONE\nupdate=minimal";
    let config = |lines: &str| Config::new().program("web", &format!("{writes}\n{lines}"));
    let supervisord = Supervisord::start(&config(""));
    supervisord.wait_for_state("web", "RUNNING");
    let pid = supervisord.pid_of("web");
    rewrite(
        &supervisord,
        &config(
            "autorestart=false\nstopsignal=KILL\nstdout_logfile_maxbytes=200\nstdout_logfile_backups=2\npriority=5",
        ),
    );
    let said = supervisord.ctl(&["update", "--dry-run"]).text().to_owned();
    for line in [
        "    web: take up\n",
        "        priority: 999 -> 5\n",
        "        autorestart: true -> false\n",
        "        stopsignal: TERM -> KILL\n",
        "        stdout_logfile_maxbytes: 52428800 -> 200\n",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    assert_eq!(supervisord.ctl(&["update"]).text(), "web: updated process group\n");
    assert_eq!(supervisord.pid_of("web"), pid);
    wait_until("the log is rotated", || supervisord.sandbox.join("web.out.2").exists());
    assert!(!supervisord.sandbox.join("web.out.3").exists());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM).unwrap();
    supervisord.wait_for_state("web", "EXITED");
    supervisord.ctl(&["start", "web"]);
    supervisord.ctl(&["stop", "web"]);
    supervisord.wait_for_log("stopped: web (terminated by SIGKILL)");
}

#[test]
fn without_the_option_all_is_restarted_as_ever_and_says_so() {
    let config = |priority: u32| Config::new().program("web", &format!("{SLEEP}\npriority={priority}"));
    let supervisord = Supervisord::start(&config(5));
    supervisord.wait_for_state("web", "RUNNING");
    let pid = supervisord.pid_of("web");
    rewrite(&supervisord, &config(6));
    let said = supervisord.ctl(&["update", "--dry-run"]);
    assert_eq!(said.text(), "web: would be updated\n    web: restart\n        priority: 5 -> 6\n");
    let refused = supervisord
        .python("try:\n    s.update.updateProcessGroup('web')\nexcept Fault as fault:\n    print(fault.faultString)");
    assert!(refused.contains("INCORRECT_PARAMETERS: web: the whole group is to be restarted"), "{refused}");
    assert_eq!(supervisord.ctl(&["update"]).text(), "web: stopped\nweb: updated process group\n");
    assert_ne!(supervisord.pid_of("web"), pid);
}
