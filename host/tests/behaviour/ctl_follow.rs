//! What `supervisorctl` shows as it comes, and what it shows on a terminal: logs of several programs, events, details,
//! colours.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Child, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use crate::{
    common::{Config, Kind, PATIENCE, Supervisord, Terminal, wait_until},
    upgrade::Upgradable,
};

/// Lines of a pipe, as they come.
struct Lines(Receiver<String>);

impl Lines {
    fn new(pipe: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || {
            BufReader::new(pipe).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self(receiver)
    }

    #[track_caller]
    fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("one more line")
    }
}

/// A supervisorctl that follows something.
struct Follower {
    child: Child,
    out: Lines,
    err: Lines,
}

impl Follower {
    fn start(supervisord: &Supervisord, words: &[&str]) -> Self {
        let mut command = supervisord.ctl_command(Kind::Ours, words);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("supervisorctl can be run");
        let out = Lines::new(child.stdout.take().expect("a pipe"));
        let err = Lines::new(child.stderr.take().expect("a pipe"));
        Self { child, out, err }
    }

    /// Presses ^C, and gives the exit status.
    fn interrupt(mut self) -> Option<i32> {
        kill(Pid::from_raw(self.child.id().cast_signed()), Signal::SIGINT).expect("it runs");
        self.child.wait().expect("it is our child").code()
    }

    /// Whether it is connected twice: for its calls, and for what it follows. Two pairs of sockets are its own.
    fn follows(&self) -> bool {
        let files = std::fs::read_dir(format!("/proc/{}/fd", self.child.id())).into_iter().flatten().flatten();
        let links = files.filter_map(|file| std::fs::read_link(file.path()).ok());
        links.filter(|link| link.to_string_lossy().starts_with("socket:")).count() >= 6
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config() -> Config {
    Config::new()
        .program("a", "command=/bin/cat\nstartsecs=0")
        .program("long", "command=/bin/cat\nstartsecs=0")
        .program("gone", "command=/bin/sh -c \"exit 3\"\nautorestart=false\nstartsecs=0")
}

fn write(supervisord: &Supervisord, program: &str, text: &str) {
    supervisord.call("supervisor.sendProcessStdin", &[program, text]);
}

fn start() -> Supervisord {
    let supervisord = Supervisord::start(&config());
    for program in ["a", "long"] {
        supervisord.wait_for_state(program, "RUNNING");
    }
    supervisord
}

#[test]
fn several_logs_have_names_before_their_lines() {
    let supervisord = start();
    let mut terminal = supervisord.shell(&["tail", "-f", "a", "long"]);
    terminal.expect("==> Press Ctrl-C to exit <==\n");
    write(&supervisord, "a", "one\nhalf ");
    terminal.expect("a    | one\n");
    write(&supervisord, "long", "two\n");
    terminal.expect("long | two\n");
    write(&supervisord, "a", "a line\n");
    terminal.expect("a    | half a line\n");
    assert!(terminal.was_sent(b"\x1b[36ma   \x1b[0m | one\r\n"), "{:?}", terminal.text());
    terminal.send("\x03");
    assert_eq!(terminal.wait(), 0);
    // One is shown as it always was, also by a pattern, and with a channel.
    for words in [&["tail", "-f", "a", "stdout"][..], &["tail", "-f", "a*"]] {
        let mut terminal = supervisord.shell(words);
        terminal.expect("exit <==\none\nhalf a line\n");
        terminal.send("\x03");
        assert_eq!(terminal.wait(), 0);
    }
    for (words, text) in [
        (&["tail", "-f", "a", "nope"][..], "Error: bad channel 'nope'\n"),
        (&["tail", "-f", "a", "long", "nope"], "nope: ERROR (no such process name)\n"),
    ] {
        let output = supervisord.ctl(words);
        assert_eq!((output.status, output.stdout.as_str()), (1, text));
    }
}

#[test]
fn followed_lines_are_json_too() {
    let supervisord = start();
    let tail = Follower::start(&supervisord, &["--json", "tail", "-f", "a", "long"]);
    write(&supervisord, "a", "one\n");
    assert_eq!(tail.out.next(), r#"{"name":"a","channel":"stdout","line":"one"}"#);
    write(&supervisord, "long", "é\n");
    assert_eq!(tail.out.next(), r#"{"name":"long","channel":"stdout","line":"é"}"#);
    assert_eq!(tail.interrupt(), Some(0));
}

#[test]
fn lines_are_counted() {
    let supervisord = start();
    for program in ["a", "long"] {
        let lines: Vec<String> = (0..2000).map(|number| format!("{program} {number}\n")).collect();
        write(&supervisord, program, &lines.concat());
    }
    write(&supervisord, "long", "rest");
    wait_until("all is written", || supervisord.sandbox.read("long.out").ends_with("rest"));
    wait_until("all is written", || supervisord.sandbox.read("a.out").ends_with("a 1999\n"));
    let tail = |words: &[&str]| supervisord.ctl(&[&["tail"], words].concat()).text().to_owned();
    assert_eq!(tail(&["--lines", "2", "a"]), "a 1998\na 1999\n");
    assert_eq!(tail(&["a", "--lines=1", "stdout"]), "a 1999\n");
    assert_eq!(tail(&["--lines", "2", "long"]), "long 1999\nrest\n");
    assert_eq!(tail(&["--lines", "1990", "a"]).lines().next(), Some("a 10"));
    assert_eq!(tail(&["--lines", "9999", "a"]).lines().count(), 2000);
    assert_eq!(tail(&["--lines", "3", "a", "stderr"]), "");
    let main = supervisord.ctl(&["maintail", "--lines", "1"]);
    assert!(main.text().lines().count() == 1 && main.stdout.starts_with("20"), "{main:?}");
    for (words, text) in [
        (&["tail", "--lines", "0", "a"][..], "Error: --lines takes a number from 1 on, not '0'\n"),
        (&["tail", "-f", "--lines", "2", "a"], "Error: --lines goes without -f\n"),
        (&["tail", "--lines", "2", "nope"], "nope: ERROR (no such process name)\n"),
    ] {
        let output = supervisord.ctl(words);
        assert!(output.status == 1 && output.stdout.starts_with(text), "{output:?}");
    }
    // The bytes are those of the file, and a Supervisor is read as well.
    let real = Supervisord::start_real(&Config::new());
    real.wait_for_log("supervisord started with pid");
    real.sandbox.write("supervisord.log", "x\n\u{1b}[1my\n");
    assert_eq!(real.ctl(&["maintail", "--lines", "1"]).text(), "\u{1b}[1my\n");
}

#[test]
fn events_go_on_after_an_upgrade() {
    let supervisord = Upgradable::start(&config());
    for program in ["a", "long"] {
        supervisord.wait_for_state(program, "RUNNING");
    }
    let events = Follower::start(&supervisord, &["events", "PROCESS_STATE", "REMOTE_COMMUNICATION"]);
    // It hears nothing before it has asked.
    wait_until("it follows", || events.follows());
    supervisord.call("supervisor.sendRemoteCommEvent", &["kind", "one\ntwo"]);
    let line = events.out.next();
    assert!(line.ends_with(" REMOTE_COMMUNICATION type:kind\\none\\ntwo") && line.starts_with("20"), "{line}");
    supervisord.upgrade();
    assert_eq!(events.err.next(), "supervisord is lost; looking for it");
    assert_eq!(events.err.next(), "supervisord is there again");
    supervisord.ctl(&["stop", "a"]);
    assert!(events.out.next().contains(" PROCESS_STATE_STOPPING processname:a groupname:a from_state:RUNNING pid:"));
    assert!(events.out.next().contains(" PROCESS_STATE_STOPPED processname:a "));
    assert_eq!(events.interrupt(), Some(0));
}

#[test]
fn events_are_json_as_they_come() {
    let supervisord = start();
    let events = Follower::start(&supervisord, &["--json", "events", "TICK_5", "PROCESS_LOG"]);
    let event: Value = serde_json::from_str(&events.out.next()).unwrap();
    assert_eq!(event["type"], "TICK_5");
    assert!(event["serial"].is_u64() && event["time"].as_f64().unwrap() > 1.7e9, "{event}");
    assert!(event["payload"].as_str().unwrap().starts_with("when:"), "{event}");
    assert_eq!(events.interrupt(), Some(0));
    let output = supervisord.ctl(&["events", "PROCES_STATE"]);
    let text = "ERROR: 'PROCES_STATE' is no type of events of supervisord, nor of a plugin that is loaded; did you mean \
                PROCESS_STATE?\n";
    assert_eq!((output.status, output.stdout.as_str()), (1, text));
}

#[test]
fn details_are_told_below_the_line() {
    let program = "command=/bin/cat\nstartsecs=0\nrlimit_nofile=64\nautostart=false";
    let supervisord = Supervisord::start(&config().program("limited", program));
    supervisord.wait_for_state("gone", "EXITED");
    let plain = supervisord.ctl(&["status", "gone"]);
    let output = supervisord.ctl(&["status", "--verbose", "gone"]);
    assert_eq!(output.status, 3);
    let (line, details) = output.stdout.split_once('\n').unwrap();
    assert_eq!(format!("{line}\n"), plain.stdout);
    for detail in ["command: /bin/sh -c \"exit 3\"", "restarts: 0", "exits: 1 unexpected", "stdout log: "] {
        assert!(details.lines().any(|line| line.starts_with(&format!("    {detail}"))), "{detail}: {details}");
    }
    assert!(details.contains("\n    exit: 20") && details.contains(" exit status 3 after 0."), "{details}");
    let limited = supervisord.ctl(&["status", "limited", "--verbose"]);
    assert!(limited.stdout.contains("\n    limits: rlimit_nofile=64\n"), "{limited:?}");
}

#[test]
fn colours_are_for_a_terminal_that_wants_them() {
    let supervisord = start();
    let shown = |no_colour: &str, term: &str, words: &[&str]| {
        let mut command = supervisord.ctl_command(Kind::Ours, words);
        command.env("NO_COLOR", no_colour).env("TERM", term);
        let mut terminal = Terminal::spawn(&command);
        terminal.wait();
        (terminal.was_sent(b"\x1b["), terminal.was_sent(b"\x1b[32mRUNNING\x1b[0m   pid "), terminal.text())
    };
    let (.., plain) = shown("1", "xterm", &["status", "--verbose", "a"]);
    let (is_coloured, is_green, text) = shown("", "xterm", &["status", "--verbose", "a"]);
    assert!(is_coloured && is_green, "{text:?}");
    let until_uptime = |text: &str| text.split("uptime").next().unwrap().to_owned();
    assert_eq!(until_uptime(&text), until_uptime(&plain), "the columns stay");
    for (no_colour, term, words) in [
        ("1", "xterm", &["status", "--verbose", "a"][..]),
        ("", "dumb", &["status", "--verbose", "a"]),
        ("", "xterm", &["--json", "status", "--verbose", "a"]),
        // Its columns are for scripts, too.
        ("", "xterm", &["status", "a"]),
    ] {
        assert!(!shown(no_colour, term, words).0, "{no_colour} {term} {words:?}");
    }
    assert!(!supervisord.ctl(&["status"]).stdout.contains('\x1b'));
}
