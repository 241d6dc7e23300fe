//! The output thread with pipes that the test writes to.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::Instant,
};

use nix::{fcntl::OFlag, unistd::pipe2};

use super::*;
use crate::{
    config::{Level, Logfile},
    events::Event,
    process::fixtures,
};

const PATIENCE: Duration = Duration::from_secs(20);

struct Setup {
    dir: tempfile::TempDir,
    output: OutputHandle,
    logger: Logger,
}

impl Setup {
    fn new(change: impl FnOnce(&mut config::Supervisord)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut config = fixtures::supervisord(dir.path());
        change(&mut config);
        let (output, logger) = start(&config).unwrap();
        Self { dir, output, logger }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A running process whose stdout we hold; it goes to the log `name`.
    fn child(&self, run: u64, name: &str) -> File {
        self.child_with(run, name, |_| {})
    }

    fn child_with(&self, run: u64, name: &str, change: impl FnOnce(&mut config::Output)) -> File {
        let (reading, writing) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let mut config = fixtures::process(name).stdout;
        config.logfile = Logfile::Path(self.path(name));
        change(&mut config);
        let target = Target::new(&config, || unreachable!()).unwrap();
        let process = name.to_owned();
        self.output.add(ChildOutput {
            run,
            process,
            group: "g".to_owned(),
            pid: 7,
            stdout: (reading, target),
            stderr: None,
            listener: None,
        });
        writing.into()
    }

    /// Holds the thread up, as a disk would, until told otherwise.
    fn hold(&self) -> mpsc::Sender<()> {
        let (release, held) = mpsc::channel();
        let (begin, holds) = mpsc::channel();
        self.hold_later(held, begin);
        holds.recv().unwrap();
        release
    }

    fn hold_later(&self, held: mpsc::Receiver<()>, begin: mpsc::Sender<()>) {
        self.output.push(Command::Flush(Box::new(move |_| {
            begin.send(()).unwrap();
            held.recv().unwrap();
        })));
    }

    fn read(&self, name: &str) -> String {
        self.output.flush(PATIENCE).unwrap();
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The activity log without times.
    fn activity(&self) -> Vec<String> {
        self.read("supervisord.log").lines().map(|line| line.get(24..).unwrap_or(line).to_owned()).collect()
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        self.output.stop(PATIENCE);
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
    let mut events = setup.output.bus().subscribe();
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
    let mut events = setup.output.bus().subscribe();
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
    let mut events = setup.output.bus().subscribe();
    let mut child = setup.child_with(1, "cat", |output| output.events_enabled = true);
    let release = setup.hold();
    child.write_all(b"last words").unwrap();
    setup.output.child_exited(1);
    setup.output.bus().publish(Event::SupervisorStopping);
    release.send(()).unwrap();
    setup.output.flush(PATIENCE).unwrap();
    assert_eq!(events.try_recv().unwrap().name(), "PROCESS_LOG_STDOUT");
    assert_eq!(events.try_recv().unwrap().name(), "SUPERVISOR_STATE_CHANGE_STOPPING");
}

#[test]
fn lines_that_wait_crowd_out_no_event() {
    let setup = Setup::new(|_| {});
    let mut events = setup.output.bus().subscribe();
    let release = setup.hold();
    let text = "x".repeat(1024 * 1024);
    for _ in 0..20 {
        setup.logger.info(&text);
    }
    setup.output.bus().publish(Event::RemoteCommunication { kind: String::new(), data: text.repeat(10) });
    release.send(()).unwrap();
    setup.output.flush(PATIENCE).unwrap();
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
    let lost = "ERRO 13 events were dropped, because the logs could not be written fast enough";
    assert_eq!(setup.activity(), [lost]);
}

#[test]
fn of_output_that_nobody_hears_in_time_little_is_kept() {
    let setup = Setup::new(|_| {});
    let _deaf = setup.output.bus().subscribe();
    let mut child = setup.child_with(1, "loud", |output| {
        (output.events_enabled, output.logfile) = (true, Logfile::None);
    });
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        child.write_all(&piece).unwrap();
    }
    setup.output.child_exited(1);
    let news = "ERRO output comes faster than plugins take it; events with it are lost to them";
    assert_eq!(setup.activity(), [news]);
}

#[test]
fn output_is_published_if_asked_for() {
    let setup = Setup::new(|_| {});
    let mut events = setup.output.bus().subscribe();
    setup.child_with(1, "loud", |output| output.events_enabled = true).write_all(b"hi\n").unwrap();
    setup.child(2, "quiet").write_all(b"hi\n").unwrap();
    assert_eq!((setup.read("loud"), setup.read("quiet")), ("hi\n".into(), "hi\n".into()));
    assert_eq!(events.try_recv().unwrap().payload(), "processname:loud groupname:g pid:7 channel:stdout\nhi\n");
    assert!(events.try_recv().is_err());
}

#[test]
fn logs_are_cleared_and_reopened() {
    let setup = Setup::new(|_| {});
    let mut child = setup.child(1, "cat");
    child.write_all(b"old").unwrap();
    setup.logger.info("old");
    assert_eq!(setup.read("cat"), "old");
    setup.output.clear(vec![setup.path("cat"), setup.path("never made")], PATIENCE).unwrap();
    setup.output.clear_activity(PATIENCE).unwrap();
    child.write_all(b"new").unwrap();
    assert_eq!(setup.read("cat"), "new");
    assert_eq!(setup.activity(), [""; 0]);

    fs::rename(setup.path("cat"), setup.path("cat.old")).unwrap();
    setup.output.reopen();
    child.write_all(b"newest").unwrap();
    assert_eq!(setup.read("cat"), "newest");
    assert_eq!(setup.activity().last().unwrap(), "INFO supervisord logreopen");

    setup.output.child_exited(1);
    setup.output.clear(vec![setup.path("cat")], PATIENCE).unwrap();
    assert_eq!(setup.read("cat"), "", "that of a stopped process too");
}

#[test]
fn a_log_that_cannot_be_opened_or_written_costs_its_output_and_nothing_else() {
    let setup = Setup::new(|_| {});
    let nowhere = |output: &mut config::Output| output.logfile = Logfile::Path("/nonexistent/dir/log".into());
    let full = |output: &mut config::Output| output.logfile = Logfile::Path("/dev/full".into());
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
    // Holds the thread up, as a disk would.
    let (release, held) = mpsc::channel::<()>();
    let done: Done = Box::new(move |_| held.recv().unwrap());
    setup.output.push(Command::Flush(done));
    let text = "x".repeat(1024 * 1024 - OVERHEAD);
    let start = Instant::now();
    for _ in 0..20 {
        setup.logger.info(&text);
    }
    assert!(setup.output.flush(Duration::from_millis(10)).is_err(), "and a reader is told");
    assert!(start.elapsed() < PATIENCE);
    release.send(()).unwrap();
    let activity = setup.activity();
    let dropped = activity.iter().find(|line| line.contains("dropped")).unwrap();
    let written = activity.iter().filter(|line| line.starts_with("INFO xxx")).count();
    assert!((8..20).contains(&written));
    assert_eq!(
        dropped,
        &format!(
            "ERRO {} lines of this log were dropped, because the logs could not be written fast enough",
            20 - written
        )
    );
}

#[test]
fn of_processes_that_come_and_go_while_a_disk_stalls_few_descriptors_are_kept() {
    let setup = Setup::new(|_| {});
    setup.output.0.queue.lock().most_unread = 3;
    let release = setup.hold();
    let still_running = setup.child(1, "running");
    let (_reading, writing) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
    let stdin = Arc::new(Stdin::new(writing));
    stdin.write(&vec![b'x'; 1 << 20]).unwrap();
    let mut written = 0;
    for run in 2..102 {
        let mut child = setup.child(run, "short");
        for _ in 0..10 {
            setup.output.push(Command::Stdin(run, Arc::clone(&stdin)));
        }
        setup.output.child_exited(run);
        written += usize::from(child.write_all(b"x").is_ok());
    }
    assert_eq!(written, 3, "the others' pipes are closed");
    assert!(setup.output.0.queue.lock().commands.len() < 15);
    assert_eq!(Arc::strong_count(&stdin), 4);
    release.send(()).unwrap();
    assert_eq!(setup.read("short"), "xxx");
    let lost = "ERRO the output of 97 processes that have ended since was lost, because the logs could not be written \
                fast enough";
    assert_eq!(setup.activity(), [lost]);
    (&still_running).write_all(b"still read").unwrap();
    assert_eq!(setup.read("running"), "still read");
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
    setup.output.push(Command::Flush(Box::new(move |_| done.send(()).unwrap())));
    let (second, held) = mpsc::channel();
    let (begin, holds) = mpsc::channel();
    setup.hold_later(held, begin);
    first.send(()).unwrap();
    is_done.recv().unwrap();
    let written = fs::metadata(setup.path("shared")).unwrap().len();
    assert_eq!(written, COUNT as u64);
    holds.recv().unwrap();
    second.send(()).unwrap();
}

#[test]
fn few_pipes_are_enlarged() {
    let setup = Setup::new(|_| {});
    let mut children: Vec<_> = (0..thread::MOST_ENLARGED + 3).map(|run| setup.child(run as u64, "shared")).collect();
    for child in &mut children {
        child.write_all(&vec![b'x'; 60_000]).unwrap();
    }
    setup.output.flush(PATIENCE).unwrap();
    let size = |child: &File| nix::fcntl::fcntl(child, nix::fcntl::FcntlArg::F_GETPIPE_SZ).unwrap();
    let large = children.iter().filter(|child| size(child) == 256 * 1024).count();
    assert!(large <= thread::MOST_ENLARGED, "{large}");
    if nix::unistd::Uid::current().is_root() {
        assert_eq!(large, thread::MOST_ENLARGED);
    }
}

#[test]
fn two_processes_share_a_log_and_rotate_it_once() {
    let setup = Setup::new(|_| {});
    let rotate = |output: &mut config::Output| (output.maxbytes, output.backups) = (10, 3);
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
fn stdin_takes_more_than_the_pipe_holds() {
    let setup = Setup::new(|_| {});
    let (reading, writing) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
    let stdin = Arc::new(Stdin::new(writing));
    let data = vec![b'x'; 3_000_000];
    setup.output.write_stdin(1, &stdin, &data).unwrap();
    let mut read = 0;
    let mut buffer = vec![0; 1 << 16];
    let start = Instant::now();
    while read < data.len() && start.elapsed() < PATIENCE {
        match nix::unistd::read(&reading, &mut buffer) {
            Ok(count) => read += count,
            Err(_) => std::thread::yield_now(),
        }
    }
    assert_eq!(read, data.len());
    drop(reading);
    assert_eq!(setup.output.write_stdin(1, &stdin, b"more"), Err(StdinError::Closed));
}
