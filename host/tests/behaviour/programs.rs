//! Programs: their states, their log lines to the letter, and what they are given to run with.

use std::{fs, time::Instant};

use crate::common::{Config, Supervisord, wait_until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getpgid},
};

/// A shell command line for `command=`.
fn sh(script: &str) -> String {
    format!("command=/bin/sh -c '{script}'\n")
}

#[test]
fn one_that_runs_and_is_stopped() {
    for supervisord in Supervisord::both(&Config::new().program("cat", "command=/bin/cat")) {
        supervisord.wait_for_state("cat", "RUNNING");
        supervisord.doctest(
            "
            >>> s.supervisor.stopProcess('cat')
            True
            >>> info = s.supervisor.getProcessInfo('cat')
            >>> info['statename'], info['state'], info['pid'], info['exitstatus'], info['spawnerr']
            ('STOPPED', 0, 0, -1, '')
            >>> fault(s.supervisor.stopProcess, 'cat')
            70 NOT_RUNNING: cat
            >>> s.supervisor.startProcess('cat')
            True
            >>> fault(s.supervisor.startProcess, 'cat')
            60 ALREADY_STARTED: cat
            >>> info = s.supervisor.getProcessInfo('cat')
            >>> info['statename'], info['description'] == 'pid %d, uptime 0:00:0%s' % (info['pid'], info['description'][-1])
            ('RUNNING', True)
            ",
        );
        let expected = [
            "INFO spawned: 'cat' with pid N",
            "INFO success: cat entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)",
            "WARN stopped: cat (terminated by SIGTERM)",
            "INFO spawned: 'cat' with pid N",
            "INFO success: cat entered RUNNING state, process has stayed up for > than 1 seconds (startsecs)",
        ];
        // Supervisor says now and then that it waits, if a second passes meanwhile.
        let story = supervisord.story_of("cat").into_iter().filter(|line| !line.contains("waiting for"));
        assert_eq!(story.collect::<Vec<_>>(), expected);
    }
}

#[test]
fn one_that_crashes_is_started_again() {
    let config = Config::new().program("crasher", &(sh("sleep 0.2; exit 3") + "startsecs=0"));
    for supervisord in Supervisord::both(&config) {
        wait_until("it has crashed twice", || supervisord.log().matches("exited: crasher").count() >= 2);
        let expected = [
            "INFO spawned: 'crasher' with pid N",
            "INFO success: crasher entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)",
            "WARN exited: crasher (exit status 3; not expected)",
            "INFO spawned: 'crasher' with pid N",
        ];
        assert_eq!(supervisord.story_of("crasher")[..4], expected);
    }
}

#[test]
fn one_that_ends_as_expected_stays_ended() {
    let config = Config::new()
        .program("zero", &(sh("exit 0") + "startsecs=0"))
        .program("seven", &(sh("exit 7") + "startsecs=0\nexitcodes=7,8"))
        .program("never", &(sh("exit 5") + "startsecs=0\nautorestart=false"));
    for supervisord in Supervisord::both(&config) {
        for name in ["zero", "seven", "never"] {
            supervisord.wait_for_state(name, "EXITED");
            // The log hears of it a moment later.
            supervisord.wait_for_log(&format!("exited: {name} ("));
        }
        let last = |name| supervisord.story_of(name).pop().expect("a story");
        assert_eq!(last("zero"), "INFO exited: zero (exit status 0; expected)");
        assert_eq!(last("seven"), "INFO exited: seven (exit status 7; expected)");
        assert_eq!(last("never"), "WARN exited: never (exit status 5; not expected)");
        supervisord.doctest(
            "
            >>> for name in ['zero', 'seven', 'never']:
            ...     info = s.supervisor.getProcessInfo(name)
            ...     print(info['state'], info['exitstatus'], info['pid'], repr(info['spawnerr']))
            100 0 0 ''
            100 7 0 ''
            100 5 0 'Bad exit code 5'
            ",
        );
    }
}

#[test]
fn one_that_always_restarts_does_so_after_a_good_end() {
    let config = Config::new().program("again", &(sh("sleep 0.1; exit 0") + "startsecs=0\nautorestart=true"));
    for supervisord in Supervisord::both(&config) {
        wait_until("it has been spawned three times", || supervisord.log().matches("spawned: 'again'").count() >= 3);
        assert_eq!(supervisord.story_of("again")[2], "INFO exited: again (exit status 0; expected)");
    }
}

#[test]
fn one_that_dies_too_quickly_is_given_up() {
    // Supervisor may notice a death up to a second late; this many seconds are too few for it all the same.
    let config = Config::new().program("quick", &(sh("sleep 0.2; exit 0") + "startretries=1\nstartsecs=5"));
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("quick", "FATAL");
        supervisord.wait_for_log("gave up: quick");
        let expected = [
            "INFO spawned: 'quick' with pid N",
            "WARN exited: quick (exit status 0; not expected)",
            "INFO spawned: 'quick' with pid N",
            "WARN exited: quick (exit status 0; not expected)",
            "INFO gave up: quick entered FATAL state, too many start retries too quickly",
        ];
        assert_eq!(supervisord.story_of("quick"), expected);
        supervisord.doctest(
            "
            >>> info = s.supervisor.getProcessInfo('quick')
            >>> info['state'], info['exitstatus'], info['spawnerr'], info['description']
            (200, 0, 'Exited too quickly (process log may have details)', 'Exited too quickly (process log may have details)')
            >>> fault(s.supervisor.startProcess, 'quick')
            50 SPAWN_ERROR: quick
            ",
        );
    }
}

#[test]
fn one_in_backoff_can_be_stopped() {
    // The witness goes through the same, and nobody stops it.
    let failing = sh("exit 1") + "startretries=100\nstartsecs=5";
    let config = Config::new().program("quick", &failing).program("witness", &failing);
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("quick", "BACKOFF");
        supervisord.doctest(
            "
            >>> s.supervisor.stopProcess('quick'), s.supervisor.getProcessInfo('quick')['statename']
            (True, 'STOPPED')
            ",
        );
        let spawned = supervisord.story_of("quick").len();
        let exits = || supervisord.log().matches("exited: witness").count();
        let before = exits().max(1);
        wait_until("the wait of the witness is over", || exits() > before);
        assert_eq!(supervisord.story_of("quick").len(), spawned);
    }
}

#[test]
fn commands_that_cannot_be_run() {
    let config = Config::new()
        .program("absent", "command=/nonexistent/x\nstartretries=0")
        .program("plain", "command=/etc/passwd\nstartretries=0")
        .program("directory", "command=/tmp\nstartretries=0")
        .program("quoted", "command=/bin/echo \"unclosed\nstartretries=0");
    for supervisord in Supervisord::both(&config) {
        for name in ["absent", "plain", "directory", "quoted"] {
            supervisord.wait_for_state(name, "FATAL");
        }
        let first = |name| supervisord.story_of(name)[0].clone();
        assert_eq!(supervisord.wait_for_log("/nonexistent"), "INFO spawnerr: can't find command '/nonexistent/x'");
        assert_eq!(supervisord.wait_for_log("passwd"), "INFO spawnerr: command at '/etc/passwd' is not executable");
        assert_eq!(supervisord.wait_for_log("/tmp' is"), "INFO spawnerr: command at '/tmp' is a directory");
        let unclosed = "INFO spawnerr: can't parse command '/bin/echo \"unclosed': No closing quotation";
        assert_eq!(supervisord.wait_for_log("unclosed"), unclosed);
        assert_eq!(first("absent"), "INFO gave up: absent entered FATAL state, too many start retries too quickly");
        supervisord.doctest(
            "
            >>> for name in ['absent', 'plain', 'directory', 'quoted', 'nope', 'group:nope']:
            ...     fault(s.supervisor.startProcess, name)
            20 NO_FILE: can't find command '/nonexistent/x'
            21 NOT_EXECUTABLE: command at '/etc/passwd' is not executable
            21 NOT_EXECUTABLE: command at '/tmp' is a directory
            21 NOT_EXECUTABLE: can't parse command '/bin/echo \"unclosed': No closing quotation
            10 BAD_NAME: nope
            10 BAD_NAME: group:nope
            >>> s.supervisor.getProcessInfo('absent')['spawnerr']
            \"can't find command '/nonexistent/x'\"
            ",
        );
    }
}

#[test]
fn one_that_ignores_its_stop_signal_is_killed() {
    let script = "trap \"\" TERM; echo ready; while :; do sleep 0.1; done";
    let config = Config::new().program("stubborn", &(sh(script) + "startsecs=0\nstopwaitsecs=1"));
    for supervisord in Supervisord::both(&config) {
        wait_until("its trap is set", || supervisord.sandbox.read("stubborn.out") == "ready\n");
        supervisord.doctest(">>> s.supervisor.stopProcess('stubborn')\nTrue\n");
        let story = supervisord.story_of("stubborn");
        let end = ["WARN killing 'stubborn' (N) with SIGKILL", "WARN stopped: stubborn (terminated by SIGKILL)"];
        let story: Vec<_> = story.into_iter().filter(|line| !line.contains("waiting for")).collect();
        assert_eq!(story[2..], end);
    }
}

#[test]
fn stop_signals_reach_who_they_should() {
    let waits = "while :; do sleep 0.1; done\n";
    let config = Config::new()
        .program("usr1", "command=/bin/sh {here}/usr1\nstopsignal=USR1\nstartsecs=0")
        .program("family", "command=/bin/sh {here}/parent\nstopsignal=INT\nstopasgroup=true\nstartsecs=0");
    for kind in [crate::common::Kind::Real, crate::common::Kind::Ours] {
        let sandbox = crate::common::Sandbox::new();
        sandbox.write("usr1", format!("trap 'echo got usr1; exit' USR1; echo ready; {waits}"));
        sandbox.write("child", format!("trap 'echo child stopped; exit' INT; echo child ready; {waits}"));
        sandbox.write("parent", "trap : INT\n/bin/sh child\necho parent ends\n");
        let supervisord = Supervisord::start_in(sandbox, kind, &config);
        wait_until("both are ready", || {
            supervisord.sandbox.read("usr1.out").contains("ready")
                && supervisord.sandbox.read("family.out").contains("ready")
        });
        supervisord.doctest(">>> [result['status'] for result in s.supervisor.stopAllProcesses()]\n[80, 80]\n");
        assert_eq!(supervisord.sandbox.read("usr1.out"), "ready\ngot usr1\n");
        assert_eq!(supervisord.sandbox.read("family.out"), "child ready\nchild stopped\nparent ends\n");
    }
}

#[test]
fn one_killed_from_outside_is_started_again() {
    for supervisord in Supervisord::both(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0")) {
        supervisord.wait_for_state("cat", "RUNNING");
        let pid = supervisord.pid_of("cat");
        kill(Pid::from_raw(pid), Signal::SIGKILL).expect("cat is there");
        wait_until("another cat runs", || ![0, pid].contains(&supervisord.pid_of("cat")));
        assert_eq!(supervisord.story_of("cat")[2], "WARN exited: cat (terminated by SIGKILL; not expected)");
    }
}

#[test]
fn a_signal_is_no_exit_status() {
    for supervisord in
        Supervisord::both(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0\nautorestart=false"))
    {
        supervisord.wait_for_state("cat", "RUNNING");
        kill(Pid::from_raw(supervisord.pid_of("cat")), Signal::SIGSEGV).expect("cat is there");
        supervisord.wait_for_log("WARN exited: cat (terminated by SIGSEGV; not expected)");
        supervisord.doctest(
            "
            >>> info = s.supervisor.getProcessInfo('cat')
            >>> info['statename'], info['exitstatus'], info['spawnerr']
            ('EXITED', -1, 'Bad exit code -1')
            ",
        );
    }
}

#[test]
fn what_one_is_given_to_run_with() {
    let config = Config::new()
        .section("supervisord", "environment=BOTH=\"supervisord\",ALL=\"a,b=c;\"\nidentifier=tester")
        .program(
            "printer",
            &(sh("pwd; umask; echo $BOTH,$ALL,$OWN; env | grep -E \"^SUPERVISOR_(ENABLED|GROUP|PROC)\" | sort; echo $SUPERVISOR_SERVER_URL; echo to stderr >&2")
                + "directory=/usr\numask=027\nenvironment=BOTH=program,OWN='x y'\nredirect_stderr=true\nstartsecs=0\nautorestart=false"),
        )
        .section("group:things", "programs=printer");
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("things:printer", "EXITED");
        let expected = format!(
            "/usr\n0027\nprogram,a,b=c;,x y\nSUPERVISOR_ENABLED=1\nSUPERVISOR_GROUP_NAME=things\n\
             SUPERVISOR_PROCESS_NAME=printer\nunix://{}/supervisor.sock\nto stderr\n",
            supervisord.sandbox.here()
        );
        wait_until("its output is in the log", || supervisord.sandbox.read("printer.out").len() >= expected.len());
        assert_eq!(supervisord.sandbox.read("printer.out"), expected);
        assert_eq!(supervisord.sandbox.read("printer.err"), "");
    }
}

#[test]
fn each_has_a_process_group_of_its_own() {
    let config = Config::new().program("one", "command=/bin/cat").program("two", "command=/bin/cat");
    for supervisord in Supervisord::both(&config) {
        for name in ["one", "two"] {
            wait_until("it has a pid", || supervisord.pid_of(name) != 0);
            let pid = Pid::from_raw(supervisord.pid_of(name));
            wait_until("it leads its group", || getpgid(Some(pid)) == Ok(pid));
        }
    }
}

#[test]
fn nothing_of_supervisords_is_open_in_one() {
    let config = Config::new().program("one", "command=/bin/cat").program("two", "command=/bin/cat");
    for supervisord in Supervisord::both(&config) {
        for name in ["one", "two"] {
            wait_until("it has a pid", || supervisord.pid_of(name) != 0);
            let pid = supervisord.pid_of(name);
            wait_until("it has been executed", || {
                fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm == "cat\n")
            });
            // Files that are closed by exec are gone when it has its new name; the loader's own come and go.
            let open = || -> Vec<String> {
                let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
                let mut names: Vec<_> = entries.map(|it| it.file_name().to_string_lossy().into_owned()).collect();
                names.sort();
                names
            };
            wait_until("only the three standard streams are open in it", || open() == ["0", "1", "2"]);
        }
    }
}

#[test]
fn output_is_captured_whole() {
    let script = "head -c 3000000 /dev/zero; printf \"\\377\\000no newline\"; printf error >&2; exec sleep 300";
    let config =
        Config::new().program("writer", &(sh(script).replace('%', "%%") + "startsecs=0\nstdout_logfile_maxbytes=0"));
    for supervisord in Supervisord::both(&config) {
        let read = || fs::read(supervisord.sandbox.join("writer.out")).unwrap_or_default();
        wait_until("all is written", || read().len() >= 3_000_000 + 12);
        assert!(read().ends_with(b"\0\xff\0no newline"));
        assert_eq!(read().len(), 3_000_000 + 12);
        wait_until("stderr is written", || supervisord.sandbox.read("writer.err") == "error");
        supervisord.doctest(
            "
            >>> s.supervisor.readProcessStdoutLog('writer', -10, 0)
            'no newline'
            >>> s.supervisor.tailProcessStderrLog('writer', 0, 100)
            ['error', 5, False]
            >>> s.supervisor.clearProcessLogs('writer'), s.supervisor.readProcessStdoutLog('writer', 0, 0)
            (True, '')
            ",
        );
    }
}

#[test]
fn a_grandchild_that_holds_the_pipe_delays_nothing() {
    let config = Config::new().program("parent", &(sh("sleep 300 & exit 0") + "startsecs=0\nautorestart=false"));
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("parent", "EXITED");
    }
}

#[test]
fn autostart_false_waits_to_be_started() {
    let config = Config::new().program("later", "command=/bin/cat\nautostart=false\nstartsecs=0");
    for supervisord in Supervisord::both(&config) {
        assert_eq!(
            (supervisord.statename("later"), supervisord.info("later", "description")),
            ("STOPPED".into(), "Not started".into())
        );
        supervisord.doctest(">>> s.supervisor.startProcess('later')\nTrue\n");
        assert_eq!(supervisord.statename("later"), "RUNNING");
    }
}

#[test]
fn starting_until_startsecs_are_over() {
    let config = Config::new().program("slow", "command=/bin/cat\nstartsecs=2\nautostart=false");
    for supervisord in Supervisord::both(&config) {
        let start = Instant::now();
        supervisord.doctest(
            "
            >>> s.supervisor.startProcess('slow', False), s.supervisor.getProcessInfo('slow')['statename']
            (True, 'STARTING')
            ",
        );
        supervisord.wait_for_state("slow", "RUNNING");
        assert!(start.elapsed().as_secs() >= 2);
        supervisord.wait_for_log(
            "success: slow entered RUNNING state, process has stayed up for > than 2 seconds (startsecs)",
        );
    }
}
