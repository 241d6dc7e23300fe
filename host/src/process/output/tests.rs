//! The output loop with pipes that the test writes to.

use std::{
    collections::HashMap,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    time::{Duration, Instant, SystemTime},
};

use nix::{fcntl::OFlag, unistd::pipe2};

use super::{completion::Done, pipe::MAX_ENLARGED, queue::*, *};
use crate::{
    config::{self, Level, LogFormat, Logfile},
    events::{Event, EventType},
    logger::{Logger, Record},
    process::{
        event_pool::DefaultHandler,
        fixtures,
        stdin::{Stdin, StdinError},
    },
};

const TIMEOUT: Duration = Duration::from_secs(20);

struct Setup {
    dir: tempfile::TempDir,
    output: OutputHandle,
    logger: Logger,
    /// Counters of all children.
    log_counters: LogCounters,
}

impl Setup {
    fn new(change: impl FnOnce(&mut config::Supervisord)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = fixtures::supervisord(dir.path());
        change(&mut config);
        let (output, logger) = start(&config).unwrap();
        Self { dir, output, logger, log_counters: LogCounters::default() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A running process whose stdout we hold; it goes to the log `name`.
    fn child(&self, run: u64, name: &str) -> File {
        self.child_with(run, name, |_| {})
    }

    fn child_with(&self, run: u64, name: &str, change: impl FnOnce(&mut config::OutputOptions)) -> File {
        let (reading, writing) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut config = fixtures::process(name).stdout;
        config.logfile = Logfile::Path(self.path(name));
        change(&mut config);
        let target = OutputTarget::new(&config, || unreachable!()).unwrap();
        let process = name.to_owned();
        self.output.add(ChildOutput {
            run,
            process,
            group: "g".to_owned(),
            pid: 7,
            stdout: (reading, target),
            stderr: None,
            listener: None,
            log_counters: self.log_counters.clone(),
        });
        writing.into()
    }

    /// Holds the output loop up until told otherwise, so that commands pile up.
    fn hold(&self) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel();
        let (begin, holds) = mpsc::channel();
        self.hold_later(held, begin);
        holds.recv().unwrap();
        release
    }

    fn hold_later(&self, held: mpsc::Receiver<()>, begin: mpsc::Sender<()>) {
        // There is nothing to clear, so the answer is given by the output loop itself.
        self.output.push(OutputCommand::Clear(Vec::new(), wait_there(held, begin)));
    }

    /// Keeps one log waiting, as its disk would, until told otherwise. All that was written before is there.
    fn stall(&self, name: &str) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel();
        let (begin, holds) = mpsc::channel();
        let done = wait_there(held, begin);
        self.output.push(OutputCommand::Flush { log: Some(self.path(name)), since: Some(0), done });
        holds.recv().unwrap();
        release
    }

    fn read_log(&self, name: &str) -> String {
        self.output.flush_log(&self.path(name), TIMEOUT).unwrap();
        fs::read_to_string(self.path(name)).unwrap()
    }

    fn read(&self, name: &str) -> String {
        self.output.flush(TIMEOUT).unwrap();
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The activity log without times.
    fn activity(&self) -> Vec<String> {
        self.read("supervisord.log").lines().map(|line| line.get(24..).unwrap_or(line).to_owned()).collect()
    }
}

/// Makes whoever gives this answer wait.
fn wait_there(held: mpsc::Receiver<()>, begin: mpsc::Sender<()>) -> Done {
    Box::new(move |_| {
        begin.send(()).unwrap();
        // The test may have failed.
        let _ = held.recv();
    })
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.output.stop(TIMEOUT);
    }
}

#[test]
fn lines_and_output_reach_their_files_in_order() {
    let setup = Setup::new(|config| config.loglevel = Level::Debug);
    let mut child = setup.child(1, "cat");
    setup.logger.info("before");
    child.write_all("é".as_bytes()).unwrap();
    assert_eq!(setup.read("cat"), "é");
    child.write_all(b"last words\n").unwrap();
    setup.output.child_exited(1);
    setup.logger.info("exited: cat");
    setup.logger.blather("not at this level");
    assert_eq!(
        setup.activity(),
        [
            "INFO before",
            "DEBG 'cat' stdout output:",
            "é",
            "DEBG 'cat' stdout output:",
            "last words",
            "",
            "INFO exited: cat"
        ]
    );
}

#[test]
fn a_character_that_the_pipe_cuts_is_not_undecodable() {
    let setup = Setup::new(|config| config.loglevel = Level::Debug);
    let mut child = setup.child(1, "cat");
    child.write_all(&"é".as_bytes()[..1]).unwrap();
    assert_eq!(setup.activity(), [""; 0]);
    child.write_all(&"é".as_bytes()[1..]).unwrap();
    assert_eq!(setup.activity()[1..2], ["é"]);
    child.write_all(b"\x88").unwrap();
    setup.output.child_exited(1);
    assert_eq!(setup.activity()[3..], ["Undecodable: b'\\x88'"]);
    assert_eq!(fs::read(setup.path("cat")).unwrap(), b"\xc3\xa9\x88");
}

#[test]
fn a_grandchild_that_holds_the_pipe_holds_nobody_up() {
    let setup = Setup::new(|_| {});
    let mut held_open = setup.child(1, "cat");
    held_open.write_all(b"what is there").unwrap();
    setup.output.child_exited(1);
    assert_eq!(setup.read("cat"), "what is there");
    assert!(held_open.write_all(b"more").is_err(), "our end is closed");
}

#[test]
fn ansi_sequences_are_taken_out_on_request() {
    let setup = Setup::new(|config| config.strip_ansi = true);
    setup.child(1, "cat").write_all(b"\x1b[1mbold\x1b[0m").unwrap();
    assert_eq!(setup.read("cat"), "bold");
}

#[test]
fn captured_output_becomes_an_event_and_no_log() {
    let setup = Setup::new(|config| config.loglevel = Level::Debug);
    let events = setup.output.bus().subscribe();
    let mut child = setup.child_with(1, "cat", |output| output.capture_maxbytes = 100);
    child.write_all(b"a<!--XSUPERVISOR:BEGIN-->secret<!--XSUPERVISOR:END-->b").unwrap();
    assert_eq!(setup.read("cat"), "ab");
    let event = events.try_recv().unwrap();
    assert_eq!(event.name(), "PROCESS_COMMUNICATION_STDOUT");
    assert_eq!(event.payload(), "processname:cat groupname:g pid:7\nsecret");
    assert!(setup.activity().contains(&"DEBG 'cat' stdout emitted a comm event".to_owned()));
}

#[test]
fn captured_output_is_published_as_output_too() {
    let setup = Setup::new(|config| config.strip_ansi = true);
    let events = setup.output.bus().subscribe();
    let mut child = setup.child_with(1, "cat", |output| (output.capture_maxbytes, output.events_enabled) = (100, true));
    child.write_all(b"a<!--XSUPERVISOR:BEGIN-->\x1b[1msecret<!--XSUPERVISOR:END-->b<!--X").unwrap();
    setup.output.child_exited(1);
    assert_eq!(setup.read("cat"), "ab<!--X", "nothing is lost at the end");
    let head = "processname:cat groupname:g pid:7";
    for (name, payload) in [
        ("PROCESS_LOG_STDOUT", format!("{head} channel:stdout\na")),
        ("PROCESS_LOG_STDOUT", format!("{head} channel:stdout\nsecret")),
        ("PROCESS_COMMUNICATION_STDOUT", format!("{head}\nsecret")),
        ("PROCESS_LOG_STDOUT", format!("{head} channel:stdout\nb")),
        ("PROCESS_LOG_STDOUT", format!("{head} channel:stdout\n<!--X")),
    ] {
        let event = events.try_recv().unwrap();
        assert_eq!((event.name(), event.payload()), (name, payload));
    }
}

#[test]
fn what_happens_to_a_process_is_told_after_its_last_words() {
    let setup = Setup::new(|_| {});
    let events = setup.output.bus().subscribe();
    let mut child = setup.child_with(1, "cat", |output| output.events_enabled = true);
    let release = setup.hold();
    child.write_all(b"last words").unwrap();
    setup.output.child_exited(1);
    setup.output.bus().publish(Event::SupervisorStopping);
    release.send(()).unwrap();
    setup.output.flush(TIMEOUT).unwrap();
    assert_eq!(events.try_recv().unwrap().name(), "PROCESS_LOG_STDOUT");
    assert_eq!(events.try_recv().unwrap().name(), "SUPERVISOR_STATE_CHANGE_STOPPING");
}

#[test]
fn lines_that_wait_crowd_out_no_event() {
    let setup = Setup::new(|_| {});
    let events = setup.output.bus().subscribe();
    let release = setup.hold();
    let text = "x".repeat(1024 * 1024);
    for _ in 0..20 {
        setup.logger.info(&text);
    }
    setup.output.bus().publish(Event::RemoteCommunication { kind: String::new(), data: text.repeat(10) });
    release.send(()).unwrap();
    setup.output.flush(TIMEOUT).unwrap();
    assert_eq!(events.try_recv().unwrap().name(), "REMOTE_COMMUNICATION", "not even where it is large");
}

#[test]
fn events_that_nobody_can_tell_are_dropped_and_counted() {
    let setup = Setup::new(|_| {});
    let _subscriber = setup.output.bus().subscribe();
    let release = setup.hold();
    let data = "x".repeat(1024 * 1024);
    for _ in 0..20 {
        setup.output.bus().publish(Event::RemoteCommunication { kind: String::new(), data: data.clone() });
    }
    release.send(()).unwrap();
    let lost = "ERRO 13 events were dropped, because they came too fast";
    assert_eq!(setup.activity(), [lost]);
}

#[test]
fn of_output_that_nobody_hears_in_time_little_is_kept() {
    let setup = Setup::new(|_| {});
    let deaf = setup.output.bus().subscribe();
    let mut child = setup.child_with(1, "loud", |output| {
        (output.events_enabled, output.logfile) = (true, Logfile::None);
    });
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        child.write_all(&piece).unwrap();
    }
    setup.output.child_exited(1);
    assert_eq!(setup.activity(), [""; 0]);
    let mut kept = 0;
    while let Some(event) = deaf.try_recv() {
        kept += event.payload().len();
    }
    assert!((8 << 20..=16 << 20).contains(&kept), "{kept}");
    assert!(plugin_api::block_on(deaf.missed()) > 0);
}

#[test]
fn output_is_published_if_asked_for() {
    let setup = Setup::new(|_| {});
    let events = setup.output.bus().subscribe();
    setup.child_with(1, "loud", |output| output.events_enabled = true).write_all(b"hi\n").unwrap();
    setup.child(2, "quiet").write_all(b"hi\n").unwrap();
    assert_eq!((setup.read("loud"), setup.read("quiet")), ("hi\n".into(), "hi\n".into()));
    assert_eq!(events.try_recv().unwrap().payload(), "processname:loud groupname:g pid:7 channel:stdout\nhi\n");
    assert!(events.try_recv().is_none());
}

#[test]
fn logs_are_cleared_and_reopened() {
    let setup = Setup::new(|_| {});
    let mut child = setup.child(1, "cat");
    child.write_all(b"old").unwrap();
    setup.logger.info("old");
    assert_eq!(setup.read("cat"), "old");
    setup.output.clear(vec![setup.path("cat"), setup.path("never made")], TIMEOUT).unwrap();
    setup.output.clear_activity(TIMEOUT).unwrap();
    child.write_all(b"new").unwrap();
    assert_eq!(setup.read("cat"), "new");
    assert_eq!(setup.activity(), [""; 0]);

    fs::rename(setup.path("cat"), setup.path("cat.old")).unwrap();
    setup.output.reopen();
    child.write_all(b"newest").unwrap();
    assert_eq!(setup.read("cat"), "newest");
    assert_eq!(setup.activity().last().unwrap(), "INFO supervisord logreopen");

    setup.output.child_exited(1);
    setup.output.clear(vec![setup.path("cat")], TIMEOUT).unwrap();
    assert_eq!(setup.read("cat"), "", "that of a stopped process too");
}

#[test]
fn a_log_that_cannot_be_opened_or_written_costs_its_output_and_nothing_else() {
    let setup = Setup::new(|_| {});
    let nowhere = |output: &mut config::OutputOptions| output.logfile = Logfile::Path("/nonexistent/dir/log".into());
    let full = |output: &mut config::OutputOptions| output.logfile = Logfile::Path("/dev/full".into());
    let mut children = [setup.child_with(1, "nowhere", nowhere), setup.child_with(2, "full", full)];
    for child in &mut children {
        child.write_all(b"lost").unwrap();
    }
    let activity = setup.activity();
    assert_eq!(
        activity[0],
        "ERRO could not open the stdout log of 'nowhere', /nonexistent/dir/log: No such file or directory (os error 2); \
         its output is lost"
    );
    assert!(activity.iter().any(|line| line.starts_with("ERRO could not write to /dev/full: No space left on device")));
    assert_eq!(activity.len(), 2, "each is said once");
    let mut other = setup.child(3, "other");
    other.write_all(b"fine").unwrap();
    assert_eq!(setup.read("other"), "fine");
}

#[test]
fn lines_that_nobody_can_write_are_dropped_and_counted() {
    let setup = Setup::new(|_| {});
    let release = setup.hold();
    let text = "x".repeat(1024 * 1024 - OVERHEAD);
    let start = Instant::now();
    for _ in 0..20 {
        setup.logger.info(&text);
    }
    assert!(setup.output.flush(Duration::from_millis(10)).is_err(), "and a reader is told");
    assert!(start.elapsed() < TIMEOUT);
    release.send(()).unwrap();
    let activity = setup.activity();
    let dropped = activity.iter().find(|line| line.contains("dropped")).unwrap();
    let written = activity.iter().filter(|line| line.starts_with("INFO xxx")).count();
    assert!((8..20).contains(&written));
    assert_eq!(dropped, &format!("ERRO {} lines of this log were dropped, because they came too fast", 20 - written));
}

#[test]
fn while_one_log_stalls_all_else_goes_on() {
    let setup = Setup::new(|_| {});
    let events = setup.output.bus().subscribe();
    let mut stalled = setup.child(1, "stalled");
    let mut other = setup.child_with(2, "other", |output| output.events_enabled = true);
    stalled.write_all(b"before").unwrap();
    let release = setup.stall("stalled");
    stalled.write_all(b" and after").unwrap();
    other.write_all(b"fine").unwrap();
    assert_eq!(setup.read_log("other"), "fine");
    assert_eq!(events.try_recv().unwrap().name(), "PROCESS_LOG_STDOUT");
    setup.output.clear(vec![setup.path("other"), setup.path("never made")], TIMEOUT).unwrap();
    assert_eq!(setup.read_log("other"), "");
    setup.logger.info("a line");
    assert_eq!(setup.read_log("supervisord.log").lines().count(), 1);
    assert!(setup.output.flush_log(&setup.path("stalled"), Duration::from_millis(10)).is_err());
    assert_eq!(fs::read_to_string(setup.path("stalled")).unwrap(), "before");
    release.send(()).unwrap();
    assert_eq!(setup.read("stalled"), "before and after");
}

#[test]
fn many_logs_that_stall_hold_up_no_other() {
    const COUNT: u64 = 50;
    let setup = Setup::new(|_| {});
    let children: Vec<_> = (1..=COUNT).map(|run| setup.child(run, &format!("stalled{run}"))).collect();
    let stalls: Vec<_> = (1..=COUNT).map(|run| setup.stall(&format!("stalled{run}"))).collect();
    let mut other = setup.child(0, "other");
    other.write_all(b"fine").unwrap();
    assert_eq!(setup.read_log("other"), "fine");
    drop((stalls, children));
}

#[test]
fn who_writes_to_a_log_that_stalls_waits_and_loses_nothing() {
    const SIZE: usize = 16 * 1024 * 1024;
    let setup = Setup::new(|_| {});
    let mut child = setup.child(1, "stalled");
    let release = setup.stall("stalled");
    let flags = OFlag::from_bits_retain(nix::fcntl::fcntl(&child, nix::fcntl::FcntlArg::F_GETFL).unwrap());
    nix::fcntl::fcntl(&child, nix::fcntl::FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK)).unwrap();
    let data: Vec<_> = (0..SIZE).map(|at| b'a' + u8::try_from(at % 23).unwrap()).collect();
    let mut written = 0;
    // Until two looks find that nothing has been read in between.
    let mut refused = 0;
    while refused < 2 {
        if let Ok(count) = child.write(&data[written..]) {
            (written, refused) = (written + count, 0);
        } else {
            refused += 1;
            setup.output.clear(Vec::new(), TIMEOUT).unwrap();
        }
    }
    assert!((64 * 1024..4 * 1024 * 1024).contains(&written), "{written}");
    release.send(()).unwrap();
    while written < SIZE {
        match child.write(&data[written..]) {
            Ok(count) => written += count,
            Err(_) => std::thread::yield_now(),
        }
    }
    assert!(setup.read("stalled").as_bytes() == data, "all of it, in order");
    assert_eq!(setup.activity(), [""; 0]);
}

#[test]
fn of_processes_that_come_and_go_while_a_log_stalls_the_output_is_kept_within_reason() {
    let setup = Setup::new(|_| {});
    let _first = setup.child(1, "short");
    let release = setup.stall("short");
    let piece = vec![b'x'; 64 * 1024];
    for run in 2..202 {
        let mut child = setup.child(run, "short");
        child.write_all(&piece).unwrap();
        setup.output.child_exited(run);
        setup.output.clear(Vec::new(), TIMEOUT).unwrap();
        // Its pipe is closed; the child of another test may hold it until its exec.
        let start = Instant::now();
        while child.write_all(b"x").is_ok() {
            assert!(start.elapsed() < TIMEOUT);
        }
    }
    release.send(()).unwrap();
    let kept = setup.read("short").len();
    assert!((7 * 1024 * 1024..=8 * 1024 * 1024).contains(&kept), "{kept}");
    let lost = format!(
        "ERRO {} bytes for {} were lost, because they could not be written fast enough",
        200 * piece.len() - kept,
        setup.path("short").display()
    );
    assert_eq!(setup.activity(), [lost]);
}

#[test]
fn lines_for_a_log_that_stalls_are_kept_within_reason() {
    let setup = Setup::new(|_| {});
    let release = setup.stall("supervisord.log");
    let text = "x".repeat(1024 * 1024);
    for _ in 0..20 {
        setup.logger.info(&text);
        setup.output.clear(Vec::new(), TIMEOUT).unwrap();
    }
    release.send(()).unwrap();
    let log = setup.read("supervisord.log");
    let written = log.lines().filter(|line| line.contains("INFO xxx")).count();
    assert_eq!(written, 7);
    assert!(log.contains(" ERRO 13 lines for "), "{}", log.lines().last().unwrap());
}

#[test]
fn a_log_that_is_used_again_while_it_stalls_stays_one() {
    let setup = Setup::new(|_| {});
    setup.child(1, "log").write_all(b"1").unwrap();
    let release = setup.stall("log");
    setup.output.child_exited(1);
    for run in 2..10 {
        setup.child(run, "log").write_all(run.to_string().as_bytes()).unwrap();
        setup.output.child_exited(run);
    }
    release.send(()).unwrap();
    assert_eq!(setup.read("log"), "123456789");
    setup.child(10, "log").write_all(b", and anew").unwrap();
    assert_eq!(setup.read("log"), "123456789, and anew");
}

#[test]
fn who_waits_for_the_logs_waits_for_hundreds_of_pipes() {
    const COUNT: usize = 270;
    let setup = Setup::new(|_| {});
    let first = setup.hold();
    for run in 0..COUNT {
        setup.child(run as u64, "shared").write_all(b"x").unwrap();
    }
    let (done, is_done) = mpsc::channel();
    let log = setup.path("shared");
    let len = {
        let log = log.clone();
        move |_| done.send(fs::metadata(log).unwrap().len()).unwrap()
    };
    setup.output.push(OutputCommand::Flush { log: Some(log), since: None, done: Box::new(len) });
    first.send(()).unwrap();
    assert_eq!(is_done.recv().unwrap(), COUNT as u64, "at that moment");
}

#[test]
fn few_pipes_are_enlarged() {
    let setup = Setup::new(|_| {});
    let mut children: Vec<_> = (0..MAX_ENLARGED + 3).map(|run| setup.child(run as u64, "shared")).collect();
    for child in &mut children {
        child.write_all(&vec![b'x'; 60_000]).unwrap();
    }
    setup.output.flush(TIMEOUT).unwrap();
    let size = |child: &File| nix::fcntl::fcntl(child, nix::fcntl::FcntlArg::F_GETPIPE_SZ).unwrap();
    let large = children.iter().filter(|child| size(child) == 256 * 1024).count();
    assert!(large <= MAX_ENLARGED, "{large}");
    if nix::unistd::Uid::current().is_root() {
        assert_eq!(large, MAX_ENLARGED);
    }
}

#[test]
fn two_processes_share_a_log_and_rotate_it_once() {
    let setup = Setup::new(|_| {});
    let rotate = |output: &mut config::OutputOptions| (output.maxbytes, output.backups) = (10, 3);
    let mut first = setup.child_with(1, "shared", rotate);
    let mut second = setup.child_with(2, "shared", rotate);
    first.write_all(b"12345678").unwrap();
    assert_eq!(setup.read("shared"), "12345678");
    second.write_all(b"90").unwrap();
    assert_eq!(setup.read("shared"), "");
    first.write_all(b"after").unwrap();
    assert_eq!(setup.read("shared"), "after");
    assert!(!Path::new(&setup.path("shared.2")).exists());
}

#[test]
fn what_logs_take_and_lose_is_counted() {
    let setup = Setup::new(|_| {});
    let counted = || {
        setup.output.flush(TIMEOUT).unwrap();
        let LogBytes { written, lost } = setup.log_counters[0].read();
        (written, lost)
    };
    let mut child = setup.child(1, "cat");
    child.write_all(b"few").unwrap();
    assert_eq!(counted(), (3, 0));
    child.write_all(&vec![b'x'; 60_000]).unwrap();
    assert_eq!(counted(), (60_003, 0));
    let full = |output: &mut config::OutputOptions| output.logfile = Logfile::Path("/dev/full".into());
    setup.child_with(2, "full", full).write_all(b"lost").unwrap();
    assert_eq!(counted(), (60_003, 4));
    assert_eq!(setup.log_counters[1].read(), LogBytes::default(), "that is stderr");
}

fn json(output: &mut config::OutputOptions) {
    output.log_format = LogFormat::Json;
}

/// Messages of a log of objects.
fn messages(log: &str) -> Vec<String> {
    let message = |line: &str| -> String {
        let object: serde_json::Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        object["message"].as_str().unwrap().to_owned()
    };
    log.lines().map(message).collect()
}

#[test]
fn lines_have_the_form_that_is_asked_for_and_all_else_stays_raw() {
    let setup = Setup::new(|config| config.strip_ansi = true);
    let events = setup.output.bus().subscribe();
    let mut object = setup.child_with(1, "object", |output| {
        json(output);
        (output.events_enabled, output.capture_maxbytes) = (true, 100);
    });
    let mut text = setup.child_with(2, "text", |output| output.log_format = LogFormat::Text);
    object.write_all(b"\x1b[31mone\x1b[0m\n{\"a\":1}\ntw").unwrap();
    assert_eq!(setup.read("object").lines().count(), 2, "the third line has not ended yet");
    object
        .write_all(b"o<!--XSUPERVISOR:BEGIN-->captured<!--XSUPERVISOR:END--> and the rest of this line\nend")
        .unwrap();
    text.write_all(b"one\n").unwrap();
    setup.output.child_exited(1);
    let log = setup.read("object");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!(lines[1], "{\"a\":1}");
    let first: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    let expected = [("program", "object"), ("group", "g"), ("stream", "stdout"), ("message", "one")];
    assert!(expected.iter().all(|(name, value)| first[name] == *value) && first["pid"] == 7, "{first}");
    assert_eq!(messages(&[lines[2], lines[3]].join("\n")), ["two and the rest of this line", "end"]);
    assert!(log.ends_with("}\n"), "the end of the process ends its line");
    let line = setup.read("text");
    assert!(line.ends_with(" g:text one\n") && line.len() == "2026-11-21 08:21:38,566 g:text one\n".len(), "{line}");
    let told: Vec<u8> = std::iter::from_fn(|| events.try_recv())
        .flat_map(|event| match &*event {
            Event::ProcessLog { data, .. } => data.clone(),
            _ => Vec::new(),
        })
        .collect();
    let told = String::from_utf8(told).unwrap();
    assert!(told.starts_with("one\n{\"a\":1}\ntwo") && told.ends_with("line\nend"), "{told}");
}

#[test]
fn a_rotation_cuts_no_line_and_a_long_line_is_whole_in_its_parts() {
    let setup = Setup::new(|_| {});
    let mut child = setup.child_with(1, "cat", |output| {
        json(output);
        (output.maxbytes, output.backups) = (3_000, 100);
    });
    let endless = "x".repeat(200_000);
    let expected: Vec<_> = (0..500).map(|number| format!("line {number}")).chain([endless.clone()]).collect();
    let written = expected.join("\n");
    // Cut anywhere but at its lines.
    let (short, rest) = written.as_bytes().split_at(4_000);
    for piece in short.chunks(100).chain(rest.chunks(20_000)) {
        child.write_all(piece).unwrap();
        setup.output.flush(TIMEOUT).unwrap();
    }
    setup.output.child_exited(1);
    let mut log = setup.read("cat");
    for number in 1..100 {
        let Ok(old) = fs::read_to_string(setup.path(&format!("cat.{number}"))) else { break };
        assert!(old.ends_with("}\n"), "{number}");
        log = old + &log;
    }
    assert!(!setup.path("cat.100").exists() && setup.path("cat.10").exists());
    let all = messages(&log);
    assert_eq!(all[..500], expected[..500]);
    assert_eq!(all[500..].iter().map(String::len).collect::<Vec<_>>(), [65_536, 65_536, 65_536, 3_392]);
    assert_eq!(all[500..].concat(), endless);
}

#[test]
fn the_last_lines_of_a_full_pipe_are_not_lost_for_being_short() {
    let setup = Setup::new(|_| {});
    let mut child = setup.child_with(1, "cat", json);
    let release = setup.stall("cat");
    // All of them together would be more than may wait.
    child.write_all(&b"\n".repeat(60_000)).unwrap();
    setup.output.child_exited(1);
    // All of it has been read once another command is answered.
    setup.output.flush_log(&setup.path("none"), TIMEOUT).unwrap();
    drop(release);
    let log = setup.read("cat");
    assert!(log.len() > 60_000 * 100, "{}", log.len());
    assert_eq!(messages(&log), vec![""; 60_000]);
    assert_eq!(setup.log_counters[0].read(), LogBytes { written: log.len() as u64, lost: 0 });
}

#[test]
fn logs_are_rotated_and_reopened_by_name() {
    let setup = Setup::new(|_| {});
    let soon = || Instant::now() + TIMEOUT;
    let target = |name: &str| {
        let output = config::OutputOptions { logfile: Logfile::Path(setup.path(name)), ..Default::default() };
        OutputTarget::new(&output, || unreachable!()).unwrap()
    };
    let read = |name: &str| fs::read_to_string(setup.path(name)).unwrap();
    let mut child = setup.child_with(1, "cat", |output| output.backups = 2);
    fs::write(setup.path("other"), "old").unwrap();
    child.write_all(b"before").unwrap();
    setup.output.rotate_logs(vec![target("cat"), target("other"), target("none")]).wait(soon()).unwrap();
    child.write_all(b"after").unwrap();
    assert_eq!((setup.read("cat"), read("cat.1"), read("other.1")), ("after".into(), "before".into(), "old".into()));
    assert!(!setup.path("none").exists());
    setup.logger.info("before");
    setup.output.rotate_activity().wait(soon()).unwrap();
    setup.logger.info("after");
    assert!(setup.activity().concat().ends_with("after") && read("supervisord.log.1").ends_with("before\n"));

    for name in ["cat", "supervisord.log"] {
        fs::rename(setup.path(name), setup.path("moved")).unwrap();
    }
    setup.output.reopen_logs(vec![setup.path("cat"), setup.path("other")]).wait(soon()).unwrap();
    setup.output.reopen_activity().wait(soon()).unwrap();
    child.write_all(b"anew").unwrap();
    assert_eq!((setup.read("cat"), read("supervisord.log")), ("anew".to_owned(), String::new()));
    let nowhere = setup.path("nowhere");
    setup.output.reopen_logs(vec![nowhere.clone()]).wait(soon()).unwrap();
    assert!(!nowhere.exists(), "what is not open is not made");
}

#[test]
fn a_process_that_begins_while_its_log_is_rotated_loses_nothing() {
    let setup = Setup::new(|_| {});
    let output = config::OutputOptions { logfile: Logfile::Path(setup.path("cat")), ..Default::default() };
    let release = setup.hold();
    let rotated = setup.output.rotate_logs(vec![OutputTarget::new(&output, || unreachable!()).unwrap()]);
    let limits = |output: &mut config::OutputOptions| (output.maxbytes, output.backups) = (10, 1);
    let mut child = setup.child_with(1, "cat", limits);
    child.write_all(b"all of it").unwrap();
    drop(release);
    rotated.wait(Instant::now() + TIMEOUT).unwrap();
    assert_eq!(setup.read("cat"), "all of it");
    child.write_all(b"12").unwrap();
    assert_eq!(setup.read("cat"), "", "its limits are its own");
}

#[test]
fn a_process_takes_up_another_form_within_a_line() {
    let setup = Setup::new(|_| {});
    let mut child = setup.child_with(1, "cat", json);
    let take_up = |log_format| {
        let mut output = fixtures::process("cat").stdout;
        (output.logfile, output.log_format) = (Logfile::Path(setup.path("cat")), log_format);
        let target = OutputTarget::new(&output, || unreachable!()).unwrap();
        setup.output.flush(TIMEOUT).unwrap();
        setup.output.retarget(1, [target, OutputTarget::default()]);
    };
    child.write_all(b"one").unwrap();
    take_up(LogFormat::Raw);
    assert_eq!(messages(&setup.read("cat")), ["one"]);
    child.write_all(b"two").unwrap();
    take_up(LogFormat::Json);
    child.write_all(b"three\n").unwrap();
    let log = setup.read("cat");
    let lines: Vec<_> = log.lines().collect();
    assert_eq!((lines.len(), lines[1], messages(lines[2])), (3, "two", vec!["three".to_owned()]));
}

#[test]
fn a_line_begins_a_line_whatever_stands_before_it() {
    let setup = Setup::new(|_| {});
    fs::write(setup.path("shared"), "torn").unwrap();
    let mut lines = setup.child_with(1, "shared", json);
    lines.write_all(b"one\n").unwrap();
    setup.read("shared");
    setup.child(2, "shared").write_all(b"raw").unwrap();
    setup.read("shared");
    lines.write_all(b"two\n").unwrap();
    let log = setup.read("shared");
    let all: Vec<_> = log.lines().collect();
    assert_eq!((all.len(), all[0], all[2]), (4, "torn", "raw"));
    assert_eq!(messages(&[all[1], all[3]].join("\n")), ["one", "two"]);
}

#[test]
fn a_line_that_has_begun_is_handed_over() {
    let setup = Setup::new(|_| {});
    setup.child_with(1, "cat", json).write_all(b"whole\nbegun").unwrap();
    setup.output.flush(TIMEOUT).unwrap();
    // The pipe has closed by then, and its end has been read: so one that stays open.
    let mut child = setup.child_with(2, "open", json);
    child.write_all(b"whole\nbegun").unwrap();
    setup.output.flush(TIMEOUT).unwrap();
    let frozen = setup.output.freeze(true, TIMEOUT).unwrap();
    let state = rmp_serde::to_vec_named(&frozen.state).unwrap();
    drop(frozen);
    let state: OutputState = rmp_serde::from_slice(&state).unwrap();
    let [pipe] = &state.pipes[..] else { panic!("{state:?}") };
    let mut lines = pipe.filters.log_lines.clone().unwrap();
    let mut left = Vec::new();
    lines.finish(|lines| left.extend_from_slice(lines.text));
    assert_eq!(left, b"begun");
}

#[test]
fn the_activity_log_may_be_objects() {
    let setup = Setup::new(|config| config.log_format = LogFormat::Json);
    setup.logger.warn("two\nlines");
    let log = setup.read("supervisord.log");
    let object: serde_json::Value = serde_json::from_str(log.strip_suffix('\n').unwrap()).unwrap();
    assert_eq!((&object["level"], &object["message"]), (&"warn".into(), &"two\nlines".into()));
}

#[test]
fn stdin_takes_more_than_the_pipe_holds() {
    let setup = Setup::new(|_| {});
    let (reading, writing) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
    let stdin = Arc::new(Stdin::new(writing));
    let data = vec![b'x'; 3_000_000];
    setup.output.write_stdin(1, &stdin, &data).unwrap();
    let mut read = 0;
    let mut buffer = vec![0; 1 << 16];
    let start = Instant::now();
    while read < data.len() && start.elapsed() < TIMEOUT {
        match nix::unistd::read(&reading, &mut buffer) {
            Ok(count) => read += count,
            Err(_) => std::thread::yield_now(),
        }
    }
    assert_eq!(read, data.len());
    drop(reading);
    assert_eq!(setup.output.write_stdin(1, &stdin, b"more"), Err(StdinError::Closed));
}

#[test]
fn lines_that_waited_are_not_older_than_those_above() {
    let setup = Setup::new(|_| {});
    let time = |minutes, milliseconds| Duration::from_mins(minutes) + Duration::from_millis(milliseconds);
    // The second has waited; before the last, somebody has set the clock.
    for time in [time(60, 5), time(60, 0), time(60, 6), time(30, 0)] {
        let time = SystemTime::UNIX_EPOCH + time;
        setup.output.push(OutputCommand::Line(Record { level: Level::Info, time, message: "x".to_owned() }));
    }
    let log = setup.read("supervisord.log");
    let times: Vec<_> = log.lines().map(|line| &line["1970-01-01 hh:".len()..][..9]).collect();
    assert_eq!(times, ["00:00,005", "00:00,005", "00:00,006", "30:00,000"]);
}

#[test]
fn events_that_come_before_pools_are_taken_over_are_theirs() {
    let first = Setup::new(|_| {});
    let config = config::EventListenerPool {
        buffer_size: 10,
        events: [EventType::built_in("REMOTE_COMMUNICATION").unwrap()].into(),
        result_handler: config::FactorySpec {
            text: String::new(),
            library: config::Library::BuiltIn,
            factory: "default_handler".to_owned(),
        },
    };
    first.output.add_pool("pool", &config, ["listener"], Arc::new(DefaultHandler));
    let state = first.output.freeze(false, TIMEOUT).unwrap().state.clone();
    let second = Setup::new(|_| {});
    let release = second.hold();
    second.output.adopt(AdoptedOutput {
        state,
        handlers: HashMap::new(),
        listeners: HashMap::new(),
        log_counters: HashMap::new(),
        stdins: Vec::new(),
    });
    // Clients are served by now, whatever keeps the output's threads.
    second.output.bus().publish(Event::RemoteCommunication { kind: "n".to_owned(), data: "at once".to_owned() });
    drop(release);
    let frozen = second.output.freeze(false, TIMEOUT).unwrap();
    let pools = serde_json::to_string(&frozen.state.pools).unwrap();
    assert!(pools.contains("at once"), "{pools}");
}
