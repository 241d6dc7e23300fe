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
struct Stage {
    pools: Pools,
    lines: Vec<String>,
}

impl Stage {
    /// A pool of that name that asks for everything remote, and its processes.
    fn with(name: &str, processes: &[&str]) -> Self {
        let mut stage = Self::default();
        stage.add(name, &["REMOTE_COMMUNICATION"], 3, processes);
        stage
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
    let mut stage = Stage::with("p", &["p"]);
    stage.ready("p", "p", 1);
    stage.publish(remote("é"));
    let expected = "ver:3.0 server:sup serial:0 pool:p poolserial:0 eventname:REMOTE_COMMUNICATION len:8\ntype:t\né";
    assert_eq!(stage.sent(), [of(1, expected)], "characters are counted");
}

#[test]
fn serials_count_for_all_and_for_each_pool() {
    let mut stage = Stage::with("p", &[]);
    stage.add("q", &["EVENT"], 10, &["q"]);
    stage.ready("q", "q", 1);
    stage.publish(Event::SupervisorRunning);
    stage.publish(remote("a"));
    let mut headers = Vec::new();
    for _ in 0..3 {
        let sent = stage.sent();
        headers.extend(sent.iter().map(|(_, text)| text.split(" eventname").next().unwrap().to_owned()));
        stage.wrote(1, "RESULT 2\nOKREADY\n");
    }
    assert_eq!(headers[0], "ver:3.0 server:sup serial:0 pool:q poolserial:0", "its own PROCESS_STATE_RUNNING");
    assert_eq!(headers[2], "ver:3.0 server:sup serial:2 pool:q poolserial:2");

    let mut stage = Stage::with("p", &["p"]);
    stage.publish(Event::SupervisorRunning);
    stage.ready("p", "p", 1);
    stage.publish(remote("a"));
    assert!(stage.sent()[0].1.contains(" serial:0 "), "an event that nobody wants has no number");
}

#[test]
fn events_go_to_the_first_that_is_ready() {
    let mut stage = Stage::with("p", &["a", "b", "c"]);
    stage.ready("p", "c", 3);
    stage.ready("p", "b", 2);
    stage.publish(remote("1"));
    stage.publish(remote("2"));
    stage.publish(remote("3"));
    assert_eq!(stage.data(), [of(2, "1"), of(3, "2")]);
    stage.lines();
    stage.wrote(3, "RESULT 2\nOK");
    assert_eq!(stage.data(), []);
    assert_eq!(stage.lines(), ["DEBG c: event was processed", "DEBG c: BUSY -> ACKNOWLEDGED"]);
    stage.wrote(3, "READY\n");
    assert_eq!(stage.data(), [of(3, "3")]);
}

#[test]
fn only_a_process_that_is_running_is_sent_events() {
    let mut stage = Stage::with("p", &["p"]);
    stage.pools.started("p", "p", 1);
    stage.wrote(1, "READY\n");
    stage.publish(remote("1"));
    assert_eq!(stage.data(), []);
    stage.publish(state("p", "p", ProcessState::Running));
    assert_eq!(stage.data(), [of(1, "1")]);
    stage.wrote(1, "RESULT 2\nOKREADY\n");
    assert_eq!(stage.data(), []);
    stage.publish(state("p", "p", ProcessState::Stopping));
    stage.publish(remote("2"));
    assert_eq!(stage.data(), []);
    assert!(!stage.lines().iter().any(|line| line.contains("rebuffering")));
}

#[test]
fn what_waits_after_another_event_is_said_to_be_rebuffered() {
    let mut stage = Stage::with("p", &["p"]);
    for data in ["1", "2", "3"] {
        stage.publish(remote(data));
    }
    stage.ready("p", "p", 1);
    assert_eq!(
        stage.lines(),
        ["DEBG p: ACKNOWLEDGED -> READY", "DEBG rebuffering event 1 for pool p (buf size=1, max=3)"]
    );
}

#[test]
fn the_oldest_event_goes_when_the_buffer_is_full() {
    let mut stage = Stage::with("p", &["p"]);
    for data in ["0", "1", "2", "3", "4"] {
        stage.publish(remote(data));
    }
    assert_eq!(
        stage.lines(),
        [
            "ERRO pool p event buffer overflowed, discarding event 0",
            "WARN pool p: buffer_size=3 is too small for what it listens to; raise it if no event may be lost",
            "ERRO pool p event buffer overflowed, discarding event 1",
        ]
    );
    assert_eq!(stage.pools.discarded("p"), Some(2));
    stage.ready("p", "p", 1);
    assert_eq!(stage.data(), [of(1, "2")]);
    let lines = stage.pools.remove("p");
    assert_eq!(lines, [(Level::Warn, "pool p has discarded 2 events in all".to_owned())]);
}

#[test]
fn a_rejected_event_is_the_next_one_of_its_own_pool() {
    let mut stage = Stage::with("p", &["p"]);
    stage.add("other", &["TICK"], 3, &["o"]);
    stage.ready("p", "p", 1);
    stage.ready("other", "o", 2);
    stage.publish(remote("1"));
    stage.publish(remote("2"));
    assert_eq!(stage.data(), [of(1, "1")]);
    stage.lines();
    stage.wrote(1, "RESULT 4\nFAIL");
    assert_eq!(stage.data(), [], "no other pool gets it");
    assert_eq!(
        stage.lines(),
        [
            "WARN p: event was rejected",
            "DEBG p: BUSY -> ACKNOWLEDGED",
            "DEBG rebuffering event 0 for pool p (buf size=1, max=3)",
        ]
    );
    stage.wrote(1, "READY\n");
    let sent = stage.sent();
    assert!(sent[0].1.contains("serial:0 pool:p poolserial:0 "), "with its old numbers: {sent:?}");
}

#[test]
fn a_rejected_event_pushes_the_oldest_out_of_a_full_buffer() {
    let mut stage = Stage::with("p", &["p"]);
    stage.ready("p", "p", 1);
    for data in ["0", "1", "2", "3"] {
        stage.publish(remote(data));
    }
    assert_eq!(stage.data(), [of(1, "0")]);
    stage.lines();
    stage.wrote(1, "RESULT 4\nFAILREADY\n");
    assert_eq!(stage.data(), [of(1, "0")]);
    assert!(stage.lines().contains(&"ERRO pool p event buffer overflowed, discarding event 1".to_owned()));
}

#[test]
fn the_event_of_a_listener_that_dies_is_for_another() {
    let mut stage = Stage::with("p", &["a", "b"]);
    stage.ready("p", "a", 1);
    stage.publish(remote("1"));
    assert_eq!(stage.data(), [of(1, "1")]);
    stage.publish(state("p", "a", ProcessState::Exited));
    let lines = stage.pools.ended(1);
    stage.keep(lines);
    stage.ready("p", "b", 2);
    assert_eq!(stage.data(), [of(2, "1")]);
    stage.wrote(1, "READY\n");
    stage.wrote(2, "RESULT 2\nOKREADY\n");
    stage.ready("p", "a", 3);
    stage.publish(remote("2"));
    assert_eq!(stage.data(), [of(3, "2")], "its next run starts afresh");
}

#[test]
fn a_listener_that_does_not_read_is_passed_over() {
    let mut stage = Stage::with("p", &["a", "b"]);
    stage.ready("p", "a", 1);
    stage.publish(remote("1"));
    assert_eq!(stage.data(), [of(1, "1")]);
    stage.ready("p", "b", 2);
    let lines = stage.pools.not_sent(1);
    stage.keep(lines);
    assert_eq!(stage.data(), [of(2, "1")]);
}

#[test]
fn an_unknown_listener_gets_nothing_and_its_event_goes_back() {
    let mut stage = Stage::with("p", &["p"]);
    stage.ready("p", "p", 1);
    stage.publish(remote("1"));
    stage.publish(remote("2"));
    stage.data();
    stage.wrote(1, "NONSENSE\nREADY\n");
    assert_eq!(stage.data(), []);
    assert!(stage.lines().contains(&"DEBG rebuffering event 0 for pool p (buf size=1, max=3)".to_owned()));
    stage.pools.ended(1);
    stage.pools.started("p", "p", 2);
    stage.wrote(2, "READY\n");
    assert_eq!(stage.data(), [of(2, "1")]);
}

#[test]
fn an_event_that_is_asked_for_twice_comes_once() {
    let mut stage = Stage::default();
    stage.add("p", &["REMOTE_COMMUNICATION", "EVENT"], 10, &["p"]);
    stage.pools.started("p", "p", 1);
    stage.publish(remote("1"));
    stage.publish(state("p", "p", ProcessState::Running));
    stage.wrote(1, "READY\n");
    assert_eq!(stage.data(), [of(1, "1")]);
    stage.wrote(1, "RESULT 2\nOKREADY\n");
    assert!(stage.sent().iter().all(|(_, text)| text.contains("PROCESS_STATE_RUNNING")));
}

#[test]
fn a_pool_is_behind_until_its_listeners_have_answered() {
    let mut stage = Stage::with("p", &["p"]);
    stage.publish(remote("1"));
    assert!(!stage.pools.is_behind("p"), "nobody is there to hear it");
    stage.ready("p", "p", 1);
    assert!(stage.pools.is_behind("p"));
    stage.data();
    stage.publish(remote("2"));
    stage.wrote(1, "RESULT 2\nOK");
    stage.sent();
    assert!(stage.pools.is_behind("p"), "there is more");
    stage.wrote(1, "READY\n");
    stage.data();
    stage.wrote(1, "RESULT 2\nOK");
    stage.sent();
    assert!(!stage.pools.is_behind("p"));
    stage.wrote(1, "READY\nNONSENSE");
    stage.publish(remote("3"));
    assert!(!stage.pools.is_behind("p"), "it does not listen any more");
}

#[test]
fn an_event_of_a_plugin_is_an_event() {
    let mut stage = Stage::default();
    stage.add("p", &["EVENT"], 10, &["p"]);
    stage.publish(Event::Custom { name: "DEPLOYED".to_owned(), payload: "version:7".to_owned() });
    stage.ready("p", "p", 1);
    assert!(stage.sent()[0].1.ends_with(" eventname:DEPLOYED len:9\nversion:7"));
}

#[test]
fn pools_ask_for_what_is_in_their_events_and_for_nothing_else() {
    let mut stage = Stage::with("remote", &["l"]);
    let asked = |stage: &Stage| ["PROCESS_LOG_STDOUT", "PROCESS_LOG_STDERR"].map(|name| stage.pools.ask_for(name));
    assert_eq!(asked(&stage), [false, false]);
    stage.add("stderr", &["PROCESS_LOG_STDERR"], 3, &["l"]);
    assert_eq!(asked(&stage), [false, true]);
    stage.add("all", &["EVENT"], 3, &["l"]);
    assert_eq!(asked(&stage), [true, true]);
}
