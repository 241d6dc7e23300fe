//! The same story under the real Supervisor and under ours, as one listener to everything hears it.

use std::collections::BTreeMap;

use crate::{
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
    event_listeners::listener::{self, Note, notes, wait_for_note, with_listener},
};

/// What ours does otherwise, and why.
const ON_PURPOSE: [(&str, &str); 4] = [
    (
        "what happens in the last moments of a shutdown",
        "is heard: a listener gets up to a second for what waits for it before it is stopped itself",
    ),
    (
        "an event of a type that is asked for twice (events=PROCESS_STATE,PROCESS_STATE_EXITED)",
        "comes once; Supervisor puts it into the buffer twice, with the same numbers",
    ),
    (
        "an event that was rejected",
        "goes back to its own pool; Supervisor puts it into every pool that has a process of the same priority",
    ),
    (
        "short output of a program in capture mode",
        "is heard at once; Supervisor keeps up to 24 bytes until more comes, and loses them when the program ends",
    ),
];

const LISTENERS: &str = "events=EVENT\nbuffer_size=1000";

fn config() -> Config {
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .program("num", "command=/bin/cat\nprocess_name=n%(process_num)d\nnumprocs=2\nautostart=false\nstartsecs=0")
        .program("good", "command=/bin/sh -c 'sleep 0.2; exit 0'\nautostart=false\nautorestart=false\nstartsecs=0")
        .program("bad", "command=/bin/sh -c 'sleep 0.2; exit 3'\nautostart=false\nautorestart=false\nstartsecs=0")
        // Supervisor may look a second late, and would take it for RUNNING after only one.
        .program("quick", "command=/bin/false\nautostart=false\nstartretries=1\nstartsecs=10")
        .program("absent", "command=/nonexistent/x\nautostart=false\nstartretries=0")
        .program("late", "command=/bin/sleep 300\nautostart=false\nstartsecs=1")
        .program(
            "talk",
            "command=/bin/sh -c 'cat {here}/said; cat {here}/muttered >&2; exec sleep 300'\nautostart=false\n\
             autorestart=false\nstartsecs=0\nstdout_capture_maxbytes=1KB\nstdout_events_enabled=true\nstderr_events_enabled=true",
        );
    with_listener(config, "all", LISTENERS)
}

/// What the program `talk` says, in capture mode and out of it, and some of it not text.
const SAID: &[u8] = "before the first of the tokens<!--XSUPERVISOR:BEGIN-->in between: é\n\
                     <!--XSUPERVISOR:END-->and after the second of the tokens\n"
    .as_bytes();
const MUTTERED: &[u8] = b"\x88 'tis no \"text\"\n";

/// Every change of state, every kind of output, groups that come and go, remote events; then the end.
fn play(kind: Kind) -> (Supervisord, Vec<Note>) {
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    sandbox.write("said", SAID);
    sandbox.write("muttered", MUTTERED);
    let mut supervisord = Supervisord::start_in(sandbox, kind, &config()).nudged();
    let heard = |supervisord: &Supervisord, event: &str, payload: &str| {
        wait_for_note(&supervisord.sandbox, "all.notes", event, payload);
    };
    heard(&supervisord, "PROCESS_STATE_RUNNING", "processname:all");
    heard(&supervisord, "PROCESS_STATE_RUNNING", "processname:cat");
    let steps = [
        ("startProcess('good', False)", "PROCESS_STATE_EXITED", "processname:good"),
        ("startProcess('bad', False)", "PROCESS_STATE_EXITED", "processname:bad"),
        ("startProcess('quick', False)", "PROCESS_STATE_FATAL", "processname:quick"),
        ("startProcess('late', False)", "PROCESS_STATE_RUNNING", "processname:late"),
        ("startProcess('talk')", "PROCESS_COMMUNICATION_STDOUT", "processname:talk"),
        ("getPID()", "PROCESS_LOG_STDERR", "processname:talk"),
        ("startProcessGroup('num')", "PROCESS_STATE_RUNNING", "processname:n1"),
        ("stopProcess('num:n0')", "PROCESS_STATE_STOPPED", "processname:n0"),
        ("stopProcess('late')", "PROCESS_STATE_STOPPED", "processname:late"),
        ("sendRemoteCommEvent('kind of é', 'two\\nlines of ü')", "REMOTE_COMMUNICATION", "lines of"),
        ("sendRemoteCommEvent('', '')", "REMOTE_COMMUNICATION", "type:\n"),
        ("sendRemoteCommEvent(DateTime('20240101T00:00:00'), Binary(b'x'))", "REMOTE_COMMUNICATION", "2024-01-01"),
        (
            "sendRemoteCommEvent(True, {'b': [DateTime('20240101T12:34:56'), Binary(b'x'), 1e20, None], 'a': 'é'})",
            "REMOTE_COMMUNICATION",
            "type:True",
        ),
        ("signalProcess('talk', 'KILL')", "PROCESS_STATE_EXITED", "processname:talk"),
        ("stopProcessGroup('num')", "PROCESS_STATE_STOPPED", "processname:n1"),
        ("removeProcessGroup('num')", "PROCESS_GROUP_REMOVED", "groupname:num"),
        ("addProcessGroup('num')", "PROCESS_GROUP_ADDED", "groupname:num"),
    ];
    for (call, event, payload) in steps {
        supervisord.python(&format!("s.supervisor.{call}"));
        heard(&supervisord, event, payload);
    }
    heard(&supervisord, "TICK_5", "when:");
    assert!(supervisord.python("fault(s.supervisor.startProcess, 'absent')").starts_with("20 NO_FILE"));
    // Of what comes after its own stop signal a listener hears nothing.
    supervisord.python("s.supervisor.shutdown()");
    supervisord.wait();
    let notes = notes(&supervisord.sandbox, "all.notes");
    (supervisord, notes)
}

/// A payload without what is another in each run.
fn plain(payload: &str) -> String {
    let word = |word: &str| match word.split_once(':') {
        Some(("pid", _)) => "pid:N".to_owned(),
        _ => word.to_owned(),
    };
    let (head, rest) = payload.split_once('\n').map_or((payload, None), |(head, rest)| (head, Some(rest)));
    let head = head.split(' ').map(word).collect::<Vec<_>>().join(" ");
    rest.map_or(head.clone(), |rest| format!("{head}\n{rest}"))
}

/// What is heard of each process, group and so on, in order: two processes may change at the same time.
fn by_subject(notes: &[Note]) -> BTreeMap<String, Vec<String>> {
    let mut subjects: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let states = notes.iter().filter(|note| !note.event().starts_with("TICK"));
    for note in states {
        let process = note.payload.split([' ', '\n']).find_map(|word| word.strip_prefix("processname:"));
        let is_output = note.event().starts_with("PROCESS_LOG");
        let subject = match process {
            Some(process) if is_output => format!("{} of {process}", note.event()),
            Some(process) => process.to_owned(),
            None => "the rest".to_owned(),
        };
        let said = subjects.entry(subject).or_default();
        // What a process writes may come in any number of pieces.
        match (is_output, said.last_mut(), plain(&note.payload).split_once('\n')) {
            (true, Some(before), Some((_, more))) => before.push_str(more),
            _ => said.push(format!("{} {}", note.event(), plain(&note.payload))),
        }
    }
    subjects
}

#[test]
fn everything_that_happens_is_heard_as_under_supervisor() {
    let ((_real, mut theirs), (_ours, mut ours)) = (play(Kind::Real), play(Kind::Ours));
    for notes in [&theirs, &ours] {
        for (number, note) in notes.iter().enumerate() {
            let (event, len) = (note.event(), note.payload.chars().count());
            let numbers = format!("serial:{number} pool:all poolserial:{number}");
            let header = format!("ver:3.0 server:supervisor {numbers} eventname:{event} len:{len}");
            assert_eq!(note.header, header);
            if let Some(period) = note.event().strip_prefix("TICK_") {
                let when: u64 = note.payload.strip_prefix("when:").unwrap_or("").parse().expect("a number");
                assert_eq!(when % period.parse::<u64>().expect("a number"), 0);
            }
        }
    }
    let of_the_end = |notes: &mut Vec<Note>| -> Vec<String> {
        let end = notes.iter().position(|note| note.event() == "SUPERVISOR_STATE_CHANGE_STOPPING");
        let end = notes.split_off(end.expect("the end was announced"));
        let end = end.iter().filter(|note| !note.event().starts_with("TICK"));
        end.map(|note| format!("{} {}", note.event(), plain(&note.payload))).collect()
    };
    let (their_end, our_end) = (of_the_end(&mut theirs), of_the_end(&mut ours));
    assert_eq!(
        our_end,
        [
            "SUPERVISOR_STATE_CHANGE_STOPPING ",
            "PROCESS_STATE_STOPPING processname:cat groupname:cat from_state:RUNNING pid:N",
            "PROCESS_STATE_STOPPED processname:cat groupname:cat from_state:STOPPING pid:N",
        ]
    );
    // Whether a listener hears all of it is a matter of luck there.
    assert!(our_end.starts_with(&their_end), "{their_end:?}");
    let (theirs, ours) = (by_subject(&theirs), by_subject(&ours));
    for (what, why) in ON_PURPOSE {
        println!("on purpose: {what}: {why}");
    }
    for (subject, theirs) in &theirs {
        assert_eq!(ours.get(subject), Some(theirs), "{subject}");
    }
    assert_eq!(ours, theirs);
    assert!(theirs["talk"].iter().any(|event| event.starts_with("PROCESS_COMMUNICATION_STDOUT")));
    assert_eq!(theirs["quick"].len(), 5, "{:?}", theirs["quick"]);
}

/// Listeners are processes like others to every client.
#[test]
fn clients_see_listeners_as_under_supervisor() {
    let config = with_listener(Config::new(), "pool", "events=TICK_3600\nnumprocs=2\nprocess_name=l%(process_num)d")
        .section("eventlistener:idle", "command=/bin/cat\nevents=tick\nautostart=false")
        .program("cat", "command=/bin/cat\nstartsecs=0");
    let answers: Vec<_> = [Kind::Real, Kind::Ours]
        .into_iter()
        .map(|kind| {
            let sandbox = Sandbox::new();
            listener::install(&sandbox);
            let supervisord = Supervisord::start_in(sandbox, kind, &config);
            supervisord.wait_for_state("pool:l1", "RUNNING");
            supervisord.wait_for_state("pool:l0", "RUNNING");
            let answers = supervisord.python(
                "
def plain(value):
    if isinstance(value, list): return [plain(v) for v in value]
    if isinstance(value, str): return value.replace(HERE, 'HERE').replace(str(PORT), 'PORT')
    if not isinstance(value, dict): return value
    varies = ('pid', 'start', 'stop', 'now', 'description')
    value = {k: 'N' if k in varies else plain(v) for k, v in sorted(value.items())}
    for log in ('logfile', 'stdout_logfile', 'stderr_logfile'):
        if '---' in value.get(log, ''): value[log] = 'AUTO'
    return value
done = lambda results: sorted(results, key=str)
v = s.supervisor
for answer in (v.getAllProcessInfo(), v.getAllConfigInfo(), v.getProcessInfo('pool:l1'), done(v.stopProcessGroup('pool')),
               v.startProcess('pool:l0'), done(v.startAllProcesses()), done(v.stopAllProcesses()), v.startProcess('idle', False)):
    print(plain(answer))
",
            );
            // A pool whose events are others is another pool.
            let text = supervisord.sandbox.read("supervisord.conf").replace("events=TICK_3600", "events=TICK_60");
            supervisord.sandbox.write("supervisord.conf", text);
            let update = supervisord.ctl(&["update"]);
            wait_until("the pool is back", || supervisord.statename("pool:l1") == "RUNNING");
            (answers, update.stdout)
        })
        .collect();
    assert_eq!(answers[0].0, answers[1].0);
    assert_eq!(answers[0].1, answers[1].1);
    assert!(answers[1].1.contains("pool: updated process group"), "{}", answers[1].1);
}
