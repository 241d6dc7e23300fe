//! The same program under both: its logs, what the activity log shows of it, and the events of its output.

use std::fs;

use nix::sys::signal::Signal;

use crate::common::{Config, Peers, Sandbox, Supervisord, wait_until};

/// Writes one piece for each line that it reads.
const TALK: &str = r"
while read word; do
  case $word in
    plain) printf 'a line that is longer than a token\n' ;;
    captured) printf 'in front of the token, far from it<!--XSUPERVISOR:BEGIN-->captured \303\251\nin two long lines<!--XSUPERVISOR:END-->behind the token, far from it\n' ;;
    long) printf '<!--XSUPERVISOR:BEGIN-->%03000d<!--XSUPERVISOR:END-->and a few words more behind it\n' 0 ;;
    empty) printf 'something in front of it, again<!--XSUPERVISOR:BEGIN--><!--XSUPERVISOR:END-->and something behind it, again\n' ;;
    binary) printf '\210\377 no text, but long enough to be seen \000\n' ;;
    red) printf '\033[31mred and long enough to be seen at once\033[0m\n' ;;
    stderr) printf 'a line that is for stderr alone\n' >&2 ;;
    end) printf 'these are my very last words, which are long'; exit 3 ;;
  esac
done
";

/// Writes down all that it is sent, an event by line.
const COLLECT: &str = r"
import sys
out = open('events.txt', 'a')
while True:
    sys.stdout.write('READY\n'); sys.stdout.flush()
    header = dict(word.split(':') for word in sys.stdin.readline().split())
    data = sys.stdin.read(int(header['len']))
    out.write('%s %r\n' % (header['eventname'], data)); out.flush()
    sys.stdout.write('RESULT 2\nOK'); sys.stdout.flush()
";

/// With `N` for the pid of the program.
fn without_pid(text: &str, pid: i32) -> String {
    text.replace(&format!("pid:{pid}"), "pid:N").replace(&format!("pid {pid}"), "pid N")
}

fn talk_config() -> Config {
    let python = Peers::get().program("python");
    Config::new()
        .section("supervisord", "loglevel=debug\nstrip_ansi=true")
        .section(
            "eventlistener:collect",
            &format!(
                "command={} {{here}}/collect.py\nevents=PROCESS_LOG,PROCESS_COMMUNICATION,PROCESS_STATE_EXITED\nbuffer_size=100\n\
                 stderr_logfile={{here}}/collect.err",
                python.display()
            ),
        )
        .program(
            "talk",
            "command=/bin/sh {here}/talk.sh\nautorestart=false\nstartsecs=0\nstdout_capture_maxbytes=1KB\n\
             stdout_events_enabled=true\nstderr_events_enabled=true",
        )
}

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("talk.sh", TALK);
    sandbox.write("collect.py", COLLECT);
    sandbox
}

/// What the activity log shows of the program's output, and of its messages and its end.
fn shown(supervisord: &Supervisord) -> Vec<String> {
    let mut shown = Vec::new();
    let mut inside = false;
    for line in supervisord.sandbox.read("supervisord.log").lines() {
        let is_start = line.get(4..8).is_some_and(|rest| rest.starts_with('-') && rest.ends_with('-'));
        if is_start {
            let text = line.get(24..).unwrap_or_default();
            inside = text.starts_with("DEBG 'talk' std") || text.starts_with("WARN exited: talk");
            if inside {
                shown.push(text.to_owned());
            }
        } else if inside {
            shown.push(line.to_owned());
        }
    }
    shown
}

#[test]
fn output_is_logged_shown_and_told_as_supervisor_does() {
    // How many events each piece makes.
    let pieces = [("plain", 1), ("captured", 4), ("long", 3), ("empty", 3), ("binary", 1), ("red", 1), ("stderr", 1)];
    let mut results = Vec::new();
    for kind in [crate::common::Kind::Real, crate::common::Kind::Ours] {
        let supervisord = Supervisord::start_in(sandbox(), kind, &talk_config());
        supervisord.wait_for_state("talk", "RUNNING");
        let pid = supervisord.pid_of("talk");
        let mut count = 0;
        for (word, events) in pieces {
            count += events;
            supervisord.call("supervisor.sendProcessStdin", &["talk", &format!("{word}\n")]);
            let has_come = || supervisord.sandbox.read("events.txt").lines().count() == count;
            wait_until(&format!("{kind:?}: {count} events have come with {word}"), has_come);
        }
        supervisord.call("supervisor.sendProcessStdin", &["talk", "end\n"]);
        supervisord.wait_for_log("exited: talk");
        let told = || supervisord.sandbox.read("events.txt").lines().count() == count + 2;
        wait_until("its last words are told, and then its end", told);
        let read = |name: &str| fs::read(supervisord.sandbox.join(name)).expect("it is there");
        results.push((
            String::from_utf8_lossy(&read("talk.out")).into_owned(),
            String::from_utf8_lossy(&read("talk.err")).into_owned(),
            without_pid(&supervisord.sandbox.read("events.txt"), pid),
            shown(&supervisord),
        ));
    }
    let [real, ours] = <[_; 2]>::try_from(results).expect("two of them");
    assert_eq!(ours.0, real.0, "stdout_logfile");
    assert_eq!(ours.1, real.1, "stderr_logfile");
    assert_eq!(ours.2, real.2, "events");
    assert_eq!(ours.3, real.3, "the activity log");
    assert!(ours.2.contains("PROCESS_COMMUNICATION_STDOUT 'processname:talk groupname:talk pid:N\\ncaptured é\\nin"));
}

#[test]
fn files_that_were_moved_are_left_on_request() {
    let config = Config::new().program("cat", "command=/bin/cat");
    for supervisord in Supervisord::both(&config) {
        supervisord.wait_for_state("cat", "RUNNING");
        let say = |word: &str| supervisord.call("supervisor.sendProcessStdin", &["cat", word]);
        say("old\n");
        wait_until("it is written", || supervisord.sandbox.read("cat.out") == "old\n");
        for log in ["cat.out", "supervisord.log"] {
            fs::rename(supervisord.sandbox.join(log), supervisord.sandbox.join(format!("{log}.moved"))).unwrap();
        }
        say("still old\n");
        wait_until("it is written", || supervisord.sandbox.read("cat.out.moved") == "old\nstill old\n");
        supervisord.signal(Signal::SIGUSR2);
        wait_until("new files are made", || supervisord.sandbox.join("cat.out").exists());
        say("new\n");
        wait_until("they are written", || supervisord.sandbox.read("cat.out") == "new\n");
        let moved = supervisord.sandbox.read("supervisord.log.moved");
        assert!(moved.contains("received SIGUSR2 indicating log reopen request"), "{moved}");
        assert!(moved.ends_with("INFO supervisord logreopen\n"), "{moved}");
    }
}

#[test]
fn the_activity_log_on_stdout_comes_once() {
    for logfile in ["/dev/stdout", "/dev/fd/1"] {
        let config = Config::new().section("supervisord", &format!("logfile={logfile}\nlogfile_maxbytes=0"));
        let supervisord = Supervisord::start(&config);
        let lines = || supervisord.sandbox.read("stdout.txt").matches("supervisord started with pid").count();
        wait_until("it says that it has started", || lines() > 0);
        assert_eq!(lines(), 1, "{logfile}");
    }
}

#[test]
fn a_log_on_our_own_stdout_is_written_and_never_rotated() {
    let config = Config::new().program(
        "loud",
        "command=/bin/sh -c 'head -c 300000 /dev/zero | tr \"\\000\" x; echo; echo end; read x'\n\
         stdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=100KB\nstdout_logfile_backups=2",
    );
    let supervisord = Supervisord::start(&config);
    wait_until("all of it has come", || supervisord.sandbox.read("stdout.txt").contains("x\nend\n"));
    assert_eq!(supervisord.sandbox.read("stdout.txt").matches('x').count(), 300_000 + mentions(&supervisord));
    assert!(!supervisord.log().contains("could not"), "{}", supervisord.log());
}

/// How often the letter stands in the copy of the activity log.
fn mentions(supervisord: &Supervisord) -> usize {
    let text = supervisord.sandbox.read("stdout.txt");
    text.lines().filter(|line| !line.starts_with("xx")).map(|line| line.matches('x').count()).sum()
}

#[test]
fn much_and_binary_is_captured_whole_over_many_rotations() {
    let config = Config::new().program(
        "much",
        "command=/bin/sh -c 'head -c 20000000 /dev/urandom | tee {here}/copy'\nautorestart=false\nstartsecs=0\n\
         stdout_logfile_maxbytes=1MB\nstdout_logfile_backups=30",
    );
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_log("exited: much");
    let mut whole = Vec::new();
    let names = (1..30).rev().map(|number| format!("much.out.{number}")).chain(["much.out".to_owned()]);
    for name in names {
        whole.extend(fs::read(supervisord.sandbox.join(name)).unwrap_or_default());
    }
    assert!(whole == fs::read(supervisord.sandbox.join("copy")).unwrap(), "{} bytes", whole.len());
    assert!(!supervisord.sandbox.join("much.out.30").exists());
}
