use super::*;
use crate::{
    config::{FactorySpec, Library},
    events::{Change, EventType},
};

fn pool_config(events: &[&str], buffer_size: usize) -> EventListenerPool {
    let result_handler =
        FactorySpec { text: String::new(), library: Library::BuiltIn, factory: "default_handler".to_owned() };
    EventListenerPool {
        buffer_size,
        events: events.iter().map(|name| EventType::built_in(name).unwrap()).collect(),
        result_handler,
    }
}

fn state(group: &str, process: &str, to: ProcessState) -> Event {
    let change = Change { from: ProcessState::Starting, to, tries: 0, pid: 7, expected: true };
    Event::ProcessState { process: process.to_owned(), group: group.to_owned(), change }
}

fn remote(data: &str) -> Event {
    Event::RemoteCommunication { kind: "t".to_owned(), data: data.to_owned() }
}

/// Pools whose lines are kept.
#[derive(Default)]
struct PoolTest {
    pools: Pools,
    lines: Vec<String>,
}

impl PoolTest {
    /// A pool of that name that asks for everything remote, and its processes.
    fn with(name: &str, processes: &[&str]) -> Self {
        let mut test = Self::default();
        test.add(name, &["REMOTE_COMMUNICATION"], 3, processes);
        test
    }

    fn add(&mut self, name: &str, events: &[&str], buffer_size: usize, processes: &[&str]) {
        self.pools.add(name, &pool_config(events, buffer_size), processes.iter().copied(), Arc::new(DefaultHandler));
    }

    fn keep(&mut self, lines: LogLines) {
        self.lines.extend(lines.into_iter().map(|(level, line)| format!("{} {line}", level.label())));
    }

    fn publish(&mut self, event: Event) {
        let lines = self.pools.accept(&Arc::new(event));
        self.keep(lines);
    }

    fn wrote(&mut self, run: u64, data: &str) {
        let lines = self.pools.wrote(run, data.as_bytes());
        self.keep(lines);
    }

    /// Starts a process and brings it to RUNNING and READY.
    fn ready(&mut self, group: &str, process: &str, run: u64) {
        self.pools.started(group, process, run);
        self.publish(state(group, process, ProcessState::Running));
        self.wrote(run, "READY\n");
    }

    /// Who is sent what; answers are judged on the way.
    fn sent(&mut self) -> Vec<(u64, String)> {
        let mut sent = Vec::new();
        while let Some(work) = self.pools.next_work() {
            match work {
                Work::Send(delivery) => {
                    let text = String::from_utf8(delivery.envelope("sup")).unwrap();
                    sent.push((delivery.run, text));
                }
                Work::Judge(Judgement { run, handler, event, result }) => {
                    let verdict = Arc::new(parking_lot::Mutex::new(None));
                    let told = Arc::clone(&verdict);
                    handler.judge(&event, &result, Box::new(move |verdict| *told.lock() = Some(verdict)));
                    let verdict = verdict.lock().take().unwrap();
                    let lines = self.pools.judged(run, verdict);
                    self.keep(lines);
                }
            }
        }
        sent
    }

    /// The runs that are sent something and the data of what they are sent.
    fn data(&mut self) -> Vec<(u64, String)> {
        self.sent().into_iter().map(|(run, text)| (run, text.rsplit_once('\n').unwrap().1.to_owned())).collect()
    }

    fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }
}

fn of(run: u64, data: &str) -> (u64, String) {
    (run, data.to_owned())
}

#[test]
fn the_envelope_is_supervisors() {
    let mut test = PoolTest::with("p", &["p"]);
    test.ready("p", "p", 1);
    test.publish(remote("é"));
    let expected = "ver:3.0 server:sup serial:0 pool:p poolserial:0 eventname:REMOTE_COMMUNICATION len:8\ntype:t\né";
    assert_eq!(test.sent(), [of(1, expected)], "characters are counted");
}

#[test]
fn serials_count_for_all_and_for_each_pool() {
    let mut test = PoolTest::with("p", &[]);
    test.add("q", &["EVENT"], 10, &["q"]);
    test.ready("q", "q", 1);
    test.publish(Event::SupervisorRunning);
    test.publish(remote("a"));
    let mut headers = Vec::new();
    for _ in 0..3 {
        let sent = test.sent();
        headers.extend(sent.iter().map(|(_, text)| text.split(" eventname").next().unwrap().to_owned()));
        test.wrote(1, "RESULT 2\nOKREADY\n");
    }
    assert_eq!(headers[0], "ver:3.0 server:sup serial:0 pool:q poolserial:0", "its own PROCESS_STATE_RUNNING");
    assert_eq!(headers[2], "ver:3.0 server:sup serial:2 pool:q poolserial:2");

    let mut test = PoolTest::with("p", &["p"]);
    test.publish(Event::SupervisorRunning);
    test.ready("p", "p", 1);
    test.publish(remote("a"));
    assert!(test.sent()[0].1.contains(" serial:0 "), "an event that nobody wants has no number");
}

#[test]
fn events_go_to_the_first_that_is_ready() {
    let mut test = PoolTest::with("p", &["a", "b", "c"]);
    test.ready("p", "c", 3);
    test.ready("p", "b", 2);
    test.publish(remote("1"));
    test.publish(remote("2"));
    test.publish(remote("3"));
    assert_eq!(test.data(), [of(2, "1"), of(3, "2")]);
    test.lines();
    test.wrote(3, "RESULT 2\nOK");
    assert_eq!(test.data(), []);
    assert_eq!(test.lines(), ["DEBG c: event was processed", "DEBG c: BUSY -> ACKNOWLEDGED"]);
    test.wrote(3, "READY\n");
    assert_eq!(test.data(), [of(3, "3")]);
}

#[test]
fn only_a_process_that_is_running_is_sent_events() {
    let mut test = PoolTest::with("p", &["p"]);
    test.pools.started("p", "p", 1);
    test.wrote(1, "READY\n");
    test.publish(remote("1"));
    assert_eq!(test.data(), []);
    test.publish(state("p", "p", ProcessState::Running));
    assert_eq!(test.data(), [of(1, "1")]);
    test.wrote(1, "RESULT 2\nOKREADY\n");
    assert_eq!(test.data(), []);
    test.publish(state("p", "p", ProcessState::Stopping));
    test.publish(remote("2"));
    assert_eq!(test.data(), []);
    assert!(!test.lines().iter().any(|line| line.contains("rebuffering")));
}

#[test]
fn what_waits_after_another_event_is_said_to_be_rebuffered() {
    let mut test = PoolTest::with("p", &["p"]);
    for data in ["1", "2", "3"] {
        test.publish(remote(data));
    }
    test.ready("p", "p", 1);
    assert_eq!(
        test.lines(),
        ["DEBG p: ACKNOWLEDGED -> READY", "DEBG rebuffering event 1 for pool p (buf size=1, max=3)"]
    );
}

#[test]
fn the_oldest_event_goes_when_the_buffer_is_full() {
    let mut test = PoolTest::with("p", &["p"]);
    for data in ["0", "1", "2", "3", "4"] {
        test.publish(remote(data));
    }
    assert_eq!(
        test.lines(),
        [
            "ERRO pool p event buffer overflowed, discarding event 0",
            "WARN pool p: buffer_size=3 is too small for what it listens to; raise it if no event may be lost",
            "ERRO pool p event buffer overflowed, discarding event 1",
        ]
    );
    assert_eq!(test.pools.discarded("p"), Some(2));
    test.ready("p", "p", 1);
    assert_eq!(test.data(), [of(1, "2")]);
    let lines = test.pools.remove("p");
    assert_eq!(lines, [(Level::Warn, "pool p has discarded 2 events in all".to_owned())]);
}

#[test]
fn a_rejected_event_is_the_next_one_of_its_own_pool() {
    let mut test = PoolTest::with("p", &["p"]);
    test.add("other", &["TICK"], 3, &["o"]);
    test.ready("p", "p", 1);
    test.ready("other", "o", 2);
    test.publish(remote("1"));
    test.publish(remote("2"));
    assert_eq!(test.data(), [of(1, "1")]);
    test.lines();
    test.wrote(1, "RESULT 4\nFAIL");
    assert_eq!(test.data(), [], "no other pool gets it");
    assert_eq!(
        test.lines(),
        [
            "WARN p: event was rejected",
            "DEBG p: BUSY -> ACKNOWLEDGED",
            "DEBG rebuffering event 0 for pool p (buf size=1, max=3)",
        ]
    );
    test.wrote(1, "READY\n");
    let sent = test.sent();
    assert!(sent[0].1.contains("serial:0 pool:p poolserial:0 "), "with its old numbers: {sent:?}");
}

#[test]
fn a_rejected_event_pushes_the_oldest_out_of_a_full_buffer() {
    let mut test = PoolTest::with("p", &["p"]);
    test.ready("p", "p", 1);
    for data in ["0", "1", "2", "3"] {
        test.publish(remote(data));
    }
    assert_eq!(test.data(), [of(1, "0")]);
    test.lines();
    test.wrote(1, "RESULT 4\nFAILREADY\n");
    assert_eq!(test.data(), [of(1, "0")]);
    assert!(test.lines().contains(&"ERRO pool p event buffer overflowed, discarding event 1".to_owned()));
}

#[test]
fn the_event_of_a_listener_that_dies_is_for_another() {
    let mut test = PoolTest::with("p", &["a", "b"]);
    test.ready("p", "a", 1);
    test.publish(remote("1"));
    assert_eq!(test.data(), [of(1, "1")]);
    test.publish(state("p", "a", ProcessState::Exited));
    let lines = test.pools.ended(1);
    test.keep(lines);
    test.ready("p", "b", 2);
    assert_eq!(test.data(), [of(2, "1")]);
    test.wrote(1, "READY\n");
    test.wrote(2, "RESULT 2\nOKREADY\n");
    test.ready("p", "a", 3);
    test.publish(remote("2"));
    assert_eq!(test.data(), [of(3, "2")], "its next run starts afresh");
}

#[test]
fn a_listener_that_does_not_read_is_passed_over() {
    let mut test = PoolTest::with("p", &["a", "b"]);
    test.ready("p", "a", 1);
    test.publish(remote("1"));
    assert_eq!(test.data(), [of(1, "1")]);
    test.ready("p", "b", 2);
    let lines = test.pools.not_sent(1);
    test.keep(lines);
    assert_eq!(test.data(), [of(2, "1")]);
}

#[test]
fn an_unknown_listener_gets_nothing_and_its_event_goes_back() {
    let mut test = PoolTest::with("p", &["p"]);
    test.ready("p", "p", 1);
    test.publish(remote("1"));
    test.publish(remote("2"));
    test.data();
    test.wrote(1, "NONSENSE\nREADY\n");
    assert_eq!(test.data(), []);
    assert!(test.lines().contains(&"DEBG rebuffering event 0 for pool p (buf size=1, max=3)".to_owned()));
    test.pools.ended(1);
    test.pools.started("p", "p", 2);
    test.wrote(2, "READY\n");
    assert_eq!(test.data(), [of(2, "1")]);
}

#[test]
fn an_event_that_is_asked_for_twice_comes_once() {
    let mut test = PoolTest::default();
    test.add("p", &["REMOTE_COMMUNICATION", "EVENT"], 10, &["p"]);
    test.pools.started("p", "p", 1);
    test.publish(remote("1"));
    test.publish(state("p", "p", ProcessState::Running));
    test.wrote(1, "READY\n");
    assert_eq!(test.data(), [of(1, "1")]);
    test.wrote(1, "RESULT 2\nOKREADY\n");
    assert!(test.sent().iter().all(|(_, text)| text.contains("PROCESS_STATE_RUNNING")));
}

#[test]
fn a_pool_is_behind_until_its_listeners_have_answered() {
    let mut test = PoolTest::with("p", &["p"]);
    test.publish(remote("1"));
    assert!(!test.pools.is_behind("p"), "nobody is there to hear it");
    test.ready("p", "p", 1);
    assert!(test.pools.is_behind("p"));
    test.data();
    test.publish(remote("2"));
    test.wrote(1, "RESULT 2\nOK");
    test.sent();
    assert!(test.pools.is_behind("p"), "there is more");
    test.wrote(1, "READY\n");
    test.data();
    test.wrote(1, "RESULT 2\nOK");
    test.sent();
    assert!(!test.pools.is_behind("p"));
    test.wrote(1, "READY\nNONSENSE");
    test.publish(remote("3"));
    assert!(!test.pools.is_behind("p"), "it does not listen any more");
}

#[test]
fn an_event_of_a_plugin_is_an_event() {
    let mut test = PoolTest::default();
    test.add("p", &["EVENT"], 10, &["p"]);
    test.publish(Event::Custom { name: "DEPLOYED".to_owned(), payload: "version:7".to_owned() });
    test.ready("p", "p", 1);
    assert!(test.sent()[0].1.ends_with(" eventname:DEPLOYED len:9\nversion:7"));
}

#[test]
fn pools_ask_for_what_is_in_their_events_and_for_nothing_else() {
    let mut test = PoolTest::with("remote", &["l"]);
    let asked = |test: &PoolTest| {
        ["PROCESS_LOG_STDOUT", "PROCESS_LOG_STDERR"].map(|name| test.pools.ask_for(&|its| its.includes(name)))
    };
    assert_eq!(asked(&test), [false, false]);
    test.add("stderr", &["PROCESS_LOG_STDERR"], 3, &["l"]);
    assert_eq!(asked(&test), [false, true]);
    test.add("all", &["EVENT"], 3, &["l"]);
    assert_eq!(asked(&test), [true, true]);
}

#[path = "event_pool_model_tests.rs"]
mod model;
