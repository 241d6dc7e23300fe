//! Listeners that answer well, badly, late or never, as the log tells it: the same under the real Supervisor.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::{
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
    event_listeners::listener::{self, command, notes, wait_for_note, with_listener},
};

/// Starts one whose listener `l` has these answers.
fn start(kind: Kind, config: &Config, answers: &str) -> Supervisord {
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    sandbox.write("answers.py", answers);
    Supervisord::start_in(sandbox, kind, &config.clone().section("supervisord", "loglevel=debug"))
}

fn remote(supervisord: &Supervisord, data: &str) {
    supervisord.call("supervisor.sendRemoteCommEvent", &["test", data]);
}

fn answering(lines: &str) -> Config {
    with_listener(Config::new(), "l", "events=REMOTE_COMMUNICATION\nstartsecs=0")
        .section("eventlistener:l", &command("l.notes", Some("answers.py")))
        .section("eventlistener:l", lines)
}

/// What the log says of the listener's conversation.
fn conversation(supervisord: &Supervisord) -> Vec<String> {
    let log = supervisord.log_lines();
    let is_part = |line: &&String| {
        let mut parts = ["l: ", "event ", "rebuffering ", "pool l "].iter();
        // What ours says besides is meant for people.
        let is_ours = line.contains("l: receives events again") || line.contains("pool l: buffer_size");
        !is_ours && line.split_once(' ').is_some_and(|(_, text)| parts.any(|part| text.starts_with(part)))
    };
    log.iter().filter(is_part).cloned().collect()
}

#[test]
fn a_rejected_event_comes_again_and_the_log_says_so() {
    let answers = "
def answer(n, headers):
    return 'RESULT 4\\nFAIL' if n == 0 else 'RESULT 2\\nOK'
";
    let mut stories = Vec::new();
    for kind in [Kind::Real, Kind::Ours] {
        let supervisord = start(kind, &answering(""), answers);
        supervisord.wait_for_log("l: ACKNOWLEDGED -> READY");
        remote(&supervisord, "once");
        wait_until("it comes again", || notes(&supervisord.sandbox, "l.notes").len() == 2);
        wait_until("it was processed", || {
            conversation(&supervisord).iter().filter(|line| line.ends_with("ACKNOWLEDGED -> READY")).count() == 3
        });
        let notes = notes(&supervisord.sandbox, "l.notes");
        assert_eq!(notes[0], notes[1], "with the same numbers");
        stories.push(conversation(&supervisord));
    }
    assert_eq!(stories[1], stories[0]);
    assert!(stories[0].contains(&"WARN l: event was rejected".to_owned()), "{:#?}", stories[0]);
}

#[test]
fn a_bad_answer_ends_the_conversation_and_a_restart_mends_it() {
    let answers = "
def answer(n, headers):
    sys.stderr.write('done')
    return 'NONSENSE\\n' if not os.path.exists('restarted') else 'RESULT 2\\nOK'
";
    let mut stories = Vec::new();
    for kind in [Kind::Real, Kind::Ours] {
        let supervisord = start(kind, &answering("directory={here}"), answers);
        supervisord.wait_for_log("l: ACKNOWLEDGED -> READY");
        remote(&supervisord, "first");
        supervisord.wait_for_log("violated the eventlistener protocol");
        remote(&supervisord, "second");
        supervisord.sandbox.write("restarted", "");
        supervisord.real_ctl(&["restart", "l"]);
        wait_for_note(&supervisord.sandbox, "l.notes", "REMOTE_COMMUNICATION", "second");
        let notes = notes(&supervisord.sandbox, "l.notes");
        let data: Vec<_> = notes.iter().map(|note| note.payload.rsplit('\n').next().unwrap_or("")).collect();
        assert_eq!(data, ["first", "first", "second"]);
        let story = conversation(&supervisord);
        let end = story.iter().position(|line| line.contains("violated")).expect("it was waited for");
        stories.push(story[..=end].to_vec());
        if kind == Kind::Ours {
            supervisord.wait_for_log("l: receives events again once it is restarted");
        }
    }
    let without_order = |mut story: Vec<String>| {
        story.sort();
        story
    };
    let (real, ours) = (without_order(stories.remove(0)), without_order(stories.remove(0)));
    assert_eq!(ours, real);
}

#[test]
fn a_full_buffer_loses_the_oldest_and_counts() {
    let config = with_listener(Config::new(), "l", "events=REMOTE_COMMUNICATION\nbuffer_size=2\nautostart=false");
    for kind in [Kind::Real, Kind::Ours] {
        let mut supervisord = start(kind, &config, "");
        for data in ["a", "b", "c", "d"] {
            remote(&supervisord, data);
        }
        supervisord.wait_for_log("ERRO pool l event buffer overflowed, discarding event 0");
        supervisord.wait_for_log("ERRO pool l event buffer overflowed, discarding event 1");
        supervisord.real_ctl(&["start", "l"]);
        wait_for_note(&supervisord.sandbox, "l.notes", "REMOTE_COMMUNICATION", "d");
        let notes = notes(&supervisord.sandbox, "l.notes");
        assert_eq!(notes.iter().map(|note| note.number("serial")).collect::<Vec<_>>(), [2, 3]);
        if kind == Kind::Ours {
            supervisord.wait_for_log("WARN pool l: buffer_size=2 is too small for what it listens to");
            supervisord.signal(Signal::SIGTERM);
            supervisord.wait();
            supervisord.wait_for_log("WARN pool l has discarded 2 events in all");
        }
    }
}

/// The event that it had goes to the next one; the others share what comes.
#[test]
fn the_event_of_a_listener_that_dies_goes_to_its_fellow() {
    let answers = "
def answer(n, headers):
    if os.environ['SUPERVISOR_PROCESS_NAME'] == 'l0':
        os._exit(1)
    return 'RESULT 2\\nOK'
";
    let config = answering("numprocs=2\nprocess_name=l%(process_num)d\nautorestart=false");
    for kind in [Kind::Real, Kind::Ours] {
        let supervisord = start(kind, &config, answers);
        supervisord.wait_for_log("l0: ACKNOWLEDGED -> READY");
        supervisord.wait_for_log("l1: ACKNOWLEDGED -> READY");
        remote(&supervisord, "x");
        supervisord.wait_for_log("l1: event was processed");
        let notes = notes(&supervisord.sandbox, "l.notes");
        assert_eq!((notes.len(), &notes[0]), (2, &notes[1]));
    }
}

/// Its answers are what comes in odd pieces, and its events are larger than a pipe holds.
#[test]
fn pieces_of_any_size_make_a_conversation() {
    let answers = "
import time
def answer(n, headers):
    for piece in 'RESULT', ' 2', '\\nO':
        sys.stdout.write(piece)
        sys.stdout.flush()
    return 'K'
";
    let supervisord = start(Kind::Ours, &answering("buffer_size=100"), answers);
    supervisord.wait_for_log("l: ACKNOWLEDGED -> READY");
    let large = "é".repeat(200_000);
    for _ in 0..3 {
        remote(&supervisord, &large);
    }
    remote(&supervisord, "end");
    wait_for_note(&supervisord.sandbox, "l.notes", "REMOTE_COMMUNICATION", "end");
    let notes = notes(&supervisord.sandbox, "l.notes");
    assert_eq!(notes.len(), 4);
    assert!(notes[..3].iter().all(|note| note.payload == format!("type:test\n{large}")));
}

/// One that asks for events and never reads them, one that never asks, one that answers into the void, one that has
/// closed its stdin: programs start, stop and are shut down all the same.
#[test]
fn a_listener_that_does_not_play_along_delays_nobody() {
    let listener = |name: &str, script: &str| {
        (
            format!("eventlistener:{name}"),
            format!("command=/bin/sh -c '{script}'\nevents=EVENT\nstartsecs=0\nbuffer_size=1000"),
        )
    };
    let mut config = Config::new().program("cat", "command=/bin/cat\nstartsecs=0");
    for (header, lines) in [
        listener("deaf", "echo READY; exec sleep 300"),
        listener("mute", "exec sleep 300"),
        listener("void", "echo READY; exec yes"),
        listener("shut", "exec <&-; echo READY; exec sleep 300"),
    ] {
        config = config.section(&header, &lines);
    }
    let mut supervisord = start(Kind::Ours, &config, "");
    let five_restarts = |supervisord: &Supervisord| {
        let begin = Instant::now();
        for _ in 0..5 {
            supervisord.ctl(&["stop", "cat"]).text();
            supervisord.ctl(&["start", "cat"]).text();
        }
        begin.elapsed()
    };
    supervisord.wait_for_log("deaf: ACKNOWLEDGED -> READY");
    supervisord.wait_for_log("void: has entered the UNKNOWN state");
    let calm = five_restarts(&supervisord);
    let big = "x".repeat(100_000);
    for _ in 0..100 {
        remote(&supervisord, &big);
    }
    supervisord.wait_for_log("epipe occurred while sending event");
    let crowded = five_restarts(&supervisord);
    supervisord.signal(Signal::SIGTERM);
    assert_eq!(supervisord.wait().code(), Some(0));
    // Nobody had to be killed since it held something up.
    assert!(!supervisord.log().contains("with signal SIGKILL"));
    // A machine that has other things to do takes its time before and after.
    assert!(crowded < 10 * calm + Duration::from_secs(2), "{crowded:?} and {calm:?} before");
}

/// A pool that is added while others run hears what comes after it, and one that is removed hears nothing.
#[test]
fn a_pool_comes_and_goes() {
    let config = with_listener(Config::new(), "first", "events=PROCESS_GROUP\nstartsecs=0");
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    wait_for_note(&supervisord.sandbox, "first.notes", "PROCESS_GROUP_ADDED", "groupname:first\n");
    let file = supervisord.config_file().to_owned();
    let before = std::fs::read_to_string(&file).expect("its config");
    let second = "\n[eventlistener:second]\nstartsecs=0\nevents=PROCESS_GROUP\n".to_owned();
    let second = second + &command("second.notes", None).replace("{here}", supervisord.sandbox.here());
    std::fs::write(&file, format!("{before}{second}\n")).expect("its config");
    assert_eq!(supervisord.ctl(&["update"]).text(), "second: added process group\n");
    wait_for_note(&supervisord.sandbox, "second.notes", "PROCESS_GROUP_ADDED", "groupname:second\n");
    std::fs::write(&file, before).expect("its config");
    assert_eq!(supervisord.ctl(&["update"]).text(), "second: stopped\nsecond: removed process group\n");
    wait_for_note(&supervisord.sandbox, "first.notes", "PROCESS_GROUP_REMOVED", "groupname:second\n");
    assert_eq!(notes(&supervisord.sandbox, "second.notes").len(), 1);
}

/// Each pool hears of itself and of those that came after it.
#[test]
fn pools_hear_what_comes_after_them() {
    let heard: Vec<_> = [Kind::Real, Kind::Ours]
        .into_iter()
        .map(|kind| {
            let config = with_listener(Config::new(), "a", "events=PROCESS_GROUP\nstartsecs=0");
            let config = with_listener(config, "b", "events=process_group_added\nstartsecs=0")
                .program("cat", "command=/bin/cat");
            let supervisord = start(kind, &config, "");
            for name in ["a.notes", "b.notes"] {
                wait_for_note(&supervisord.sandbox, name, "PROCESS_GROUP_ADDED", "groupname:cat\n");
            }
            ["a.notes", "b.notes"].map(|name| notes(&supervisord.sandbox, name))
        })
        .collect();
    assert_eq!(heard[1], heard[0]);
    assert_eq!((heard[1][0].len(), heard[1][1].len()), (3, 2));
}

/// Who hears of a change and asks is told of the state after it.
#[test]
fn whoever_hears_of_a_change_sees_the_state_after_it() {
    let answers = "
import xmlrpc.client
from supervisor.childutils import getRPCInterface
rpc = getRPCInterface(os.environ)
def answer(n, headers):
    sys.stderr.write(headers['eventname'] + ' ' + rpc.supervisor.getProcessInfo('cat')['statename'] + '\\n')
    sys.stderr.flush()
    return 'RESULT 2\\nOK'
";
    let lines = "events=PROCESS_STATE_RUNNING,PROCESS_STATE_STOPPED\npriority=1000";
    let config = answering(lines).program("cat", "command=/bin/cat\nautostart=false\nstartsecs=0");
    let supervisord = start(Kind::Ours, &config, answers);
    supervisord.wait_for_log("l: ACKNOWLEDGED -> READY");
    let seen = || supervisord.sandbox.read("l.err");
    for number in 1..=10 {
        let changes = |state: &str| seen().matches(&format!("PROCESS_STATE_{state} {state}\n")).count();
        supervisord.call("supervisor.startProcess", &["cat"]);
        wait_until("it runs", || changes("RUNNING") >= number);
        supervisord.call("supervisor.stopProcess", &["cat"]);
        wait_until("it has stopped", || changes("STOPPED") == number);
    }
    // The first is its own.
    assert_eq!(seen().lines().count(), 21, "{}", seen());
}
