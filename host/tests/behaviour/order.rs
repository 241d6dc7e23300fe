//! What comes first and what comes next: of processes, groups, and whatever is said of them.

use std::fs;

use nix::sys::signal::Signal;

use crate::{
    check_config,
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
    event_listeners::listener,
};

const SLEEP: &str = "command=/bin/sleep 1000\nstartsecs=0\nstdout_logfile=NONE\nstderr_logfile=NONE";

fn numbered(count: u32) -> String {
    format!("{SLEEP}\nnumprocs={count}\nprocess_name=%(program_name)s_%(process_num)d")
}

/// Everything that a config can put in an order of its own, and a listener that notes it.
fn config() -> Config {
    let sleep = |config: Config, name: &str, lines: &str| config.program(name, &format!("{SLEEP}\n{lines}"));
    let mut config = Config::new().section("supervisord", "loglevel=debug");
    for (name, lines) in [("z", ""), ("c", ""), ("b", "priority=1000"), ("a", ""), ("d", "priority=1"), ("e", "")] {
        config = sleep(config, name, lines);
    }
    config = config.program("num", &numbered(11)).program("late", &format!("{}\npriority=1001", numbered(2)));
    // Two sections make a process of one name.
    config =
        sleep(sleep(config, "same1", "process_name=same\nstopsignal=INT"), "same2", "process_name=same\npriority=5");
    let socket = |name: &str| format!("socket=unix://{{here}}/{name}.sock\n{}", numbered(3));
    let watch = "events=PROCESS_STATE_STARTING,PROCESS_STATE_STOPPING\nbuffer_size=1000\nstartsecs=0";
    listener::with_listener(config, "watch", watch)
        .section("group:g", "programs=b,c,a,d")
        .section("group:numbers", "programs=late,z,num,fg\npriority=5")
        .section("group:same", "programs=same1,e,same2\npriority=5")
        .section("group:after", "programs=y,x,y")
        .program("x", SLEEP)
        .program("y", SLEEP)
        .section("fcgi-program:fcgi", &socket("fcgi"))
        .section("fcgi-program:fg", &socket("fg"))
        .program("alone", SLEEP)
        .program("one", &format!("{SLEEP}\npriority=1"))
}

/// What the config becomes.
fn changed(config: &Config) -> Config {
    config
        .clone()
        .section("group:g", "programs=d,c,b,a")
        .section("group:new", "programs=v,u")
        .program("u", SLEEP)
        .program("v", &format!("{SLEEP}\npriority=1000"))
        .program("newer", &format!("{SLEEP}\npriority=3"))
        .program("alone", "priority=2")
        .without("program:one")
        .without("group:after")
        .without("fcgi-program:fcgi")
}

/// Names that are asked for in all ways, and the answers to what is done to many at once. Nothing is waited for: what
/// comes to its end when is another matter.
const ASKED: &str = r"
def names(answers):
    return ['%s:%s' % (answer['group'], answer['name']) for answer in answers]

supervisor = s.supervisor
def wait(state, only=''):
    def there():
        return {info['statename'] for info in supervisor.getAllProcessInfo() if info['group'].startswith(only)}
    deadline = time.monotonic() + 60
    while there() != {state}:
        assert time.monotonic() < deadline, supervisor.getAllProcessInfo()
        time.sleep(0.02)
    settle()

wait('RUNNING')
print('info', names(supervisor.getAllProcessInfo()))
print('config', [(info['group'], info['name'], info['process_prio'], info['stopsignal'])
                 for info in supervisor.getAllConfigInfo()])
print('signal all', names(supervisor.signalAllProcesses('CONT')))
print('clear all', names(supervisor.clearAllProcessLogs()))
for group in 'g', 'numbers', 'same', 'after', 'fcgi':
    print('signal', names(supervisor.signalProcessGroup(group, 'CONT')))
    print('signal', names(supervisor.signalProcess(group + ':*', 'CONT')))
    print('stop', names(supervisor.stopProcessGroup(group, False)))
    wait('STOPPED', group)
    print('start', names(supervisor.startProcessGroup(group, False)))
    wait('RUNNING', group)
print('stop all', names(supervisor.stopAllProcesses(False)))
wait('STOPPED')
print('start all', names(supervisor.startAllProcesses(False)))
wait('RUNNING')
";

/// The processes that began to start and to stop, in the order in which they did. When they are spawned after that may
/// be another matter: nobody waits for the look for the executable of another one.
fn begun(supervisord: &Supervisord) -> Vec<String> {
    let mut notes = listener::notes(&supervisord.sandbox, "watch.notes");
    // A listener that is stopped itself may be given an event again.
    notes.sort_by_key(|note| note.number("serial"));
    notes.dedup_by_key(|note| note.number("serial"));
    let name = |payload: &str| payload.split([' ', ':']).nth(1).unwrap_or_default().to_owned();
    notes.iter().map(|note| format!("{} {}", note.event(), name(&note.payload))).collect()
}

/// What was begun, with the groups that the update added one after the other, behind all that it stopped: whether one of
/// them starts before the next is added is a matter of who is quicker.
fn as_if_one_by_one(mut begun: Vec<String>) -> Vec<String> {
    let first = begun.iter().rposition(|begun| begun == "PROCESS_STATE_STOPPING one").expect("it was removed");
    let length =
        begun[first..].iter().position(|begun| begun == "PROCESS_STATE_STOPPING same").expect("it was stopped");
    begun[first..first + length].sort_by_key(|begun| match begun.strip_prefix("PROCESS_STATE_STARTING ") {
        None => 0,
        Some("a" | "b" | "c" | "d") => 1,
        Some("u" | "v") => 2,
        Some("x" | "y") => 3,
        Some("newer") => 4,
        Some(_) => 5,
    });
    begun
}

/// The log lines of signals that stop a process, and the first that says for whom a shutdown waits. More of these come
/// where the end takes seconds; and ours tells all groups of one priority before it says so.
fn told(supervisord: &Supervisord) -> Vec<String> {
    let (waiting, others): (Vec<_>, Vec<_>) =
        supervisord.log_lines().into_iter().partition(|line| line.starts_with("INFO waiting for "));
    let told = |line: String| {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            ["DEBG", "killing", name, .., "signal", signal] => Some(format!("{name} gets {signal}")),
            _ => None,
        }
    };
    others.into_iter().filter_map(told).chain(waiting.into_iter().find(|line| line.ends_with(" to die"))).collect()
}

fn all_run(supervisord: &Supervisord) {
    wait_until("everything runs", || supervisord.ctl(&["status"]).stdout.lines().all(|line| line.contains("RUNNING")));
    supervisord.settle();
}

fn story(kind: Kind) -> Vec<String> {
    let config = config();
    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    let mut supervisord = Supervisord::start_in(sandbox, kind, &config).nudged();
    all_run(&supervisord);
    let mut story = Vec::new();
    let ctl = |supervisord: &Supervisord, story: &mut Vec<String>, words: &[&str]| {
        let output = supervisord.ctl(words);
        let names = |line: &str| line.split("RUNNING").next().unwrap_or_default().trim().to_owned();
        story.extend(output.stdout.lines().chain(output.stderr.lines()).map(names));
    };
    story.extend(supervisord.python(ASKED).lines().map(str::to_owned));
    for words in [&["avail"][..], &["status"], &["status", "numbers:*", "g:*"], &["signal", "CONT", "all"]] {
        ctl(&supervisord, &mut story, words);
    }
    let text = changed(&config).render(supervisord.sandbox.here(), supervisord.port);
    fs::write(supervisord.config_file(), text).expect("the config can be written");
    ctl(&supervisord, &mut story, &["reread"]);
    ctl(&supervisord, &mut story, &["avail"]);
    ctl(&supervisord, &mut story, &["update"]);
    all_run(&supervisord);
    // A group that comes back is the last of its priority.
    supervisord.ctl(&["stop", "same:*"]);
    for words in [&["remove", "same"][..], &["add", "same"], &["status"], &["reread"]] {
        ctl(&supervisord, &mut story, words);
    }
    all_run(&supervisord);
    let last = "PROCESS_STATE_STARTING e";
    wait_until("the listener has noted all", || begun(&supervisord).last().is_some_and(|begun| begun == last));
    story.extend(as_if_one_by_one(begun(&supervisord)));
    supervisord.signal(Signal::SIGTERM);
    supervisord.wait();
    story.extend(told(&supervisord));
    story
}

#[test]
fn everything_is_in_supervisors_order() {
    let (mut real, mut ours) = (story(Kind::Real), story(Kind::Ours));
    if ours != real {
        // Where the machine is busy, either may look between two things that it sees at once as a rule.
        (real, ours) = (story(Kind::Real), story(Kind::Ours));
    }
    // All of it would be hundreds of lines.
    let same = real.iter().zip(&ours).take_while(|(real, ours)| real == ours).count();
    let near = |story: &[String]| story[same.saturating_sub(5)..].iter().take(20).cloned().collect::<Vec<_>>();
    assert_eq!(near(&ours), near(&real));
}

#[test]
fn events_go_to_the_first_listener_that_is_ready() {
    // Says once that it is ready, and never answers.
    let listener = "command=/bin/sh -c \"echo READY; read -r line; echo %(process_num)d $line >>{here}/heard; \
                    exec sleep 1000\"\nevents=REMOTE_COMMUNICATION\nbuffer_size=20\nnumprocs=11\n\
                    process_name=l_%(process_num)d\nstderr_logfile=NONE";
    let config = Config::new().section("supervisord", "loglevel=debug").section("eventlistener:l", listener);
    let heard = |kind| {
        let supervisord = Supervisord::start_in(Sandbox::new(), kind, &config).nudged();
        let all_ready = || supervisord.log_lines().iter().filter(|line| line.contains("-> READY")).count() == 11;
        wait_until("all listeners are ready", all_ready);
        wait_until("all listeners run", || {
            supervisord.ctl(&["status"]).stdout.lines().all(|line| line.contains("RUNNING"))
        });
        let lines = || -> Vec<String> { supervisord.sandbox.read("heard").lines().map(str::to_owned).collect() };
        for count in 1..=11 {
            supervisord.call("supervisor.sendRemoteCommEvent", &["type", "data"]);
            wait_until("one more has heard of it", || lines().len() == count);
        }
        lines().iter().map(|line| line.split(' ').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let [real, ours] = [Kind::Real, Kind::Ours].map(heard);
    assert_eq!(ours, real);
    assert_eq!(ours, ["0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9"]);
}

#[test]
fn a_checked_config_is_in_the_order_of_the_start() {
    let sandbox = Sandbox::new();
    let checked = check_config::check(&sandbox, &config().render(sandbox.here(), 9001), "text").stdout;
    let names = checked.lines().filter_map(|line| line.strip_prefix("[program ")?.strip_suffix(']')?.split(':').nth(1));
    let checked: Vec<_> = names.map(|name| format!("PROCESS_STATE_STARTING {name}")).collect();
    assert_eq!(checked.len(), 31, "{checked:?}");

    let sandbox = Sandbox::new();
    listener::install(&sandbox);
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config());
    wait_until("everything has begun to start", || begun(&supervisord).len() == checked.len());
    assert_eq!(begun(&supervisord), checked);
}

#[test]
fn variables_keep_the_order_in_which_they_are_named() {
    let config = Config::new()
        .section("supervisord", "environment=ZZ=\"1\",AA=\"2\",HOME=\"3\"")
        .program("env", "command=/usr/bin/env\nstartsecs=0\nautorestart=false\nenvironment=MM=1,AA=4,BB=5,MM=6");
    let [real, ours] = [Kind::Real, Kind::Ours].map(|kind| {
        let supervisord = Supervisord::start_in(Sandbox::new(), kind, &config);
        supervisord.wait_for_state("env", "EXITED");
        // Its last words are written a moment after its end is known.
        wait_until("all is written", || {
            let text = supervisord.sandbox.read("env.out");
            text.contains("MM=6\n") && text.contains("BB=5\n") && text.ends_with('\n')
        });
        let text = supervisord.sandbox.read("env.out").replace(supervisord.sandbox.here(), "HERE");
        let lines = text.lines().filter(|line| !line.starts_with("LC_CTYPE=") && !line.contains("PLUGIN_PATH="));
        lines.map(str::to_owned).collect::<Vec<_>>()
    });
    assert!(real.len() > 8, "{real:?}");
    assert_eq!(ours, real);
}
