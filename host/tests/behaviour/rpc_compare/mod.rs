//! The same calls to Supervisor 4.3.0 and to ours, through Python's own client: the same answers, value by value.
//!
//! A story is a list of calls, played from top to bottom against a fresh supervisord of each kind. Pids, times and
//! paths are made alike before the answers are compared. What differs on purpose stands in [`ON_PURPOSE`] with its
//! reason; a line of it that does not differ any more is an error too.

use std::thread;

use crate::common::{Config, Kind, Sandbox, Supervisord};

/// Plays a story: prints each call and what it came to.
const PLAYER: &str = include_str!("player.py");

const ASKED: &str = include_str!("asked.txt");
const PROCESSES: &str = include_str!("processes.txt");
const LOGS: &str = include_str!("logs.txt");
const CONFIGURATION: &str = include_str!("configuration.txt");
const CACHE: &str = include_str!("cache.txt");
const NAMES: &str = include_str!("names.txt");
const TWIDDLER: &str = include_str!("twiddler.txt");
const WHITELIST: &str = include_str!("whitelist.txt");

/// What differs on purpose: a call, what Supervisor answers, what ours answers, and why.
const ON_PURPOSE: &[(&str, &str, &str, &str)] = &[
    ("system.multicall('x')", "HTTP 500", "fault 2 INCORRECT_PARAMETERS", A_FAULT),
    (
        "supervisor.readProcessStdoutLog('lines', 'x', 0)",
        "HTTP 500",
        "fault 2 INCORRECT_PARAMETERS: offset: expected an int, not 'x'",
        A_FAULT,
    ),
    (
        "supervisor.readProcessStdoutLog('lines', None, 0)",
        "fault 2 INCORRECT_PARAMETERS",
        "fault 2 INCORRECT_PARAMETERS: offset: expected an int, not nil",
        "the fault says which parameter it means",
    ),
    (
        "supervisor.readLog('x', 0)",
        "HTTP 500",
        "fault 2 INCORRECT_PARAMETERS: offset: expected an int, not 'x'",
        A_FAULT,
    ),
    (
        "supervisor.readProcessStderrLog('gone:gone', 0, 0)",
        "'err\\n'",
        "''",
        "a log is emptied also when its program has ended; Supervisor says that it did it, and does nothing",
    ),
    ("cache.fetch('bytes')", "'text'", "Binary(b'text')", "base64 comes out as it went in"),
    (
        "supervisor.clearAllProcessLogs()",
        "no answer: ExpatError",
        "[{'description': 'OK', 'group': 'kéy', 'name': 'kéy', 'status': 80}]",
        CUT_OFF,
    ),
    (
        "supervisor.stopProcessGroup('kéy')",
        "no answer: ExpatError",
        "[{'description': 'OK', 'group': 'kéy', 'name': 'kéy', 'status': 80}]",
        CUT_OFF,
    ),
    (
        "twiddler.getGroupNames()",
        "fault 230 UNKNOWN: getGroupNames",
        "fault 230 NOT_IN_WHITELIST: getGroupNames",
        NAMED,
    ),
    (
        "twiddler.addProgramToGroup('nope', 'x', {})",
        "fault 230 UNKNOWN: addProgramToGroup",
        "fault 230 NOT_IN_WHITELIST: addProgramToGroup",
        NAMED,
    ),
    (
        "twiddler.removeProcessFromGroup('nope', 'x')",
        "fault 230 UNKNOWN: removeProcessFromGroup",
        "fault 230 NOT_IN_WHITELIST: removeProcessFromGroup",
        NAMED,
    ),
];

const NAMED: &str = "the fault says its name; Supervisor knows the names of its own alone";
const CUT_OFF: &str = "Supervisor counts characters where it should count bytes, and cuts the answer off";
const A_FAULT: &str = "a client can read a fault and cannot read a status";

/// Programs in every state that lasts, and some that cannot be started.
fn config() -> Config {
    let cat = "command=/bin/cat\nstartsecs=0\n";
    let manual = format!("{cat}autostart=false\n");
    Config::new()
        .program("cat", cat)
        .program("manual", &format!("{manual}priority=3"))
        .program("gone", "command=/bin/sh -c \"echo out; echo err >&2; exit 3\"\nautorestart=false\nstartsecs=0")
        .program("missing", "command=/nonexistent/x\nstartretries=0")
        .program("folder", "command=/tmp\nautostart=false")
        .program("text", "command=/etc/passwd\nautostart=false")
        .program("unclosed", "command=/bin/echo \"unclosed\nautostart=false")
        .program("quick", "command=/bin/false\nstartretries=0\nstartsecs=1")
        .program("num", &format!("{cat}process_name=num_%(process_num)d\nnumprocs=11\npriority=5"))
        .program("silent", &format!("{manual}stdout_logfile=NONE\nstderr_logfile=NONE"))
        .program("lines", "command=/bin/sh -c \"printf 'one\\\\ntwo\\\\nthree\\\\n'; exec sleep 1000\"\nstartsecs=0")
        .program(
            "stubborn",
            "command=/bin/sh -c \"trap '' TERM; while :; do sleep 1; done\"\nstartsecs=0\nstopwaitsecs=1",
        )
        .program("auto", &format!("{cat}stdout_logfile=AUTO\nstderr_logfile=AUTO\nexitcodes=0,2,7\nstopsignal=INT"))
        .program("one", &format!("{manual}priority=9"))
        .program("two", &format!("{manual}priority=2"))
        .section("group:pair", "programs=one,two\npriority=7")
        .section("group:empty", "programs=")
}

/// The same, and the extension `supervisor_twiddler`, or `examples/twiddler`, by the same lines.
fn twiddler(options: &str) -> Config {
    let factory = "supervisor.rpcinterface_factory=supervisor_twiddler.rpcinterface:make_twiddler_rpcinterface";
    config().section("rpcinterface:twiddler", factory).section("rpcinterface:twiddler", options)
}

/// A name that is not ASCII.
fn key() -> Config {
    Config::new().program("kéy", "command=/bin/cat\nstartsecs=0")
}

/// Calls and answers of one supervisord.
fn play(kind: Kind, config: &Config, story: &str) -> Vec<(String, String)> {
    let sandbox = Sandbox::new();
    sandbox.write("story.txt", story);
    let supervisord = Supervisord::start_in(sandbox, kind, config).nudged();
    let printed = supervisord.python(PLAYER);
    let line = |line: &str| line.split_once('\t').map(|(call, answer)| (call.to_owned(), answer.to_owned()));
    printed.lines().map(|text| line(text).unwrap_or_else(|| panic!("the player printed {text:?}"))).collect()
}

#[track_caller]
fn compare(config: &Config, story: &str) {
    let (real, ours) = thread::scope(|scope| {
        let real = scope.spawn(|| play(Kind::Real, config, story));
        let ours = play(Kind::Ours, config, story);
        (real.join().expect("Supervisor has played"), ours)
    });
    let mut differences = Vec::new();
    assert_eq!(real.len(), ours.len());
    for ((call, real), (_, ours)) in real.iter().zip(&ours) {
        let on_purpose = ON_PURPOSE.iter().find(|(purpose, ..)| purpose == call);
        match on_purpose {
            Some((_, said, answered, reason)) if (*said, *answered) == (real, ours) => {
                println!("differs on purpose: {call}\n  real: {real}\n  ours: {ours}\n  because {reason}");
            }
            None if real == ours => {}
            _ => differences.push(format!("{call}\n  real: {real}\n  ours: {ours}")),
        }
    }
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn what_is_asked_of_the_supervisor() {
    compare(&config(), ASKED);
}

#[test]
fn what_is_done_to_processes() {
    compare(&config(), PROCESSES);
}

#[test]
fn what_is_read_from_logs() {
    compare(&config(), LOGS);
}

#[test]
fn what_is_done_to_the_configuration() {
    compare(&config(), CONFIGURATION);
}

#[test]
fn what_is_put_into_the_cache() {
    compare(&config(), CACHE);
}

#[test]
fn what_has_a_name_that_is_not_ascii() {
    compare(&key(), NAMES);
}

#[test]
fn what_is_twiddled() {
    compare(&twiddler(""), TWIDDLER);
}

#[test]
fn what_the_whitelist_lets_through() {
    compare(&twiddler("whitelist=getAPIVersion, log"), WHITELIST);
}

#[test]
fn whatever_differs_on_purpose_is_played() {
    let stories = [ASKED, PROCESSES, LOGS, CONFIGURATION, CACHE, NAMES, TWIDDLER, WHITELIST].join("\n");
    for (call, ..) in ON_PURPOSE {
        assert!(stories.lines().any(|line| line == *call), "{call}");
    }
}
