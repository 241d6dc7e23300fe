//! Random histories of pools and of a model of them: after each step the same events have gone to the same listeners.
//! And of each event, whatever happened: it was processed once, or still waits, or a full buffer has discarded it.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::{events::Period, process::history_fixtures::histories};

/// Pools: name, types of events, and size of the buffer. Each has two listeners.
const POOLS: [(&str, &[&str], usize); 3] =
    [("all", &["REMOTE_COMMUNICATION", "TICK"], 4), ("remote", &["REMOTE_COMMUNICATION"], 1), ("none", &["TICK"], 0)];

/// Word of a listener.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Word {
    Ready,
    Result(bool),
    Nonsense,
}

impl Word {
    fn text(self) -> &'static [u8] {
        match self {
            Self::Ready => b"READY\n",
            Self::Result(true) => b"RESULT 2\nOK",
            Self::Result(false) => b"RESULT 4\nFAIL",
            Self::Nonsense => b"NONSENSE\n",
        }
    }
}

/// Step of a history. A listener is one of six.
#[derive(Clone, Copy, Debug)]
enum Step {
    Remote,
    Tick,
    Starts(usize),
    /// Change of state, to RUNNING or to another one.
    Changes(usize, bool),
    /// Word that comes in two pieces.
    Says(usize, Word, usize),
    /// Verdict on what was answered, or none.
    Judged(usize, bool),
    ClosesStdin(usize),
    Ends(usize),
    Upgrade,
}

fn step() -> impl Strategy<Value = Step> {
    let word =
        prop_oneof![8 => Just(Word::Ready), 8 => any::<bool>().prop_map(Word::Result), 1 => Just(Word::Nonsense)];
    let listener = || 0..6_usize;
    prop_oneof![
        8 => Just(Step::Remote),
        4 => Just(Step::Tick),
        6 => listener().prop_map(Step::Starts),
        6 => (listener(), prop::bool::weighted(0.8)).prop_map(|(listener, is_up)| Step::Changes(listener, is_up)),
        32 => (listener(), word, 0..14_usize).prop_map(|(listener, word, cut)| Step::Says(listener, word, cut)),
        12 => (listener(), prop::bool::weighted(0.9)).prop_map(|(listener, can)| Step::Judged(listener, can)),
        1 => listener().prop_map(Step::ClosesStdin),
        2 => listener().prop_map(Step::Ends),
        4 => Just(Step::Upgrade),
    ]
}

/// Talk with a listener, as the manual has it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Talk {
    #[default]
    Acknowledged,
    Ready,
    Busy,
    Judging(bool),
    Unknown,
}

/// Listener of the model.
#[derive(Debug, Default)]
struct ModelListener {
    /// Run of its process, until that has ended.
    run: Option<u64>,
    is_up: bool,
    has_closed_stdin: bool,
    talk: Talk,
    /// Event that it has.
    event: Option<u64>,
    /// Words that were not looked at yet, since an answer is judged.
    queued: Vec<Word>,
}

/// Pool of the model. An event is its number in the pool.
#[derive(Debug, Default)]
struct ModelPool {
    listeners: [ModelListener; 2],
    size: usize,
    accepted: u64,
    waiting: VecDeque<u64>,
    discarded: BTreeSet<u64>,
    processed: BTreeSet<u64>,
    /// Events that were sent, each to that run.
    sent: Vec<(u64, u64)>,
}

impl ModelPool {
    fn accept(&mut self) {
        self.make_room();
        self.waiting.push_back(self.accepted);
        self.accepted += 1;
        self.dispatch();
    }

    /// Discard the oldest of a buffer that is full.
    fn make_room(&mut self) {
        if self.waiting.len() >= self.size {
            self.discarded.extend(self.waiting.pop_front());
        }
    }

    fn take_back(&mut self, event: Option<u64>) {
        if let Some(event) = event {
            self.make_room();
            self.waiting.push_front(event);
        }
    }

    fn dispatch(&mut self) {
        for listener in &mut self.listeners {
            let Some(run) = listener.run else { continue };
            if listener.talk != Talk::Ready || !listener.is_up || listener.has_closed_stdin {
                continue;
            }
            let Some(event) = self.waiting.pop_front() else { return };
            (listener.talk, listener.event) = (Talk::Busy, Some(event));
            self.sent.push((run, event));
        }
    }

    fn says(&mut self, listener: usize, word: Word) {
        let it = &mut self.listeners[listener];
        match (it.talk, word) {
            (Talk::Unknown, _) => {}
            (Talk::Acknowledged, Word::Ready) => it.talk = Talk::Ready,
            (Talk::Busy, Word::Result(is_ok)) => it.talk = Talk::Judging(is_ok),
            (Talk::Judging(_), word) => it.queued.push(word),
            _ => {
                it.talk = Talk::Unknown;
                let event = it.event.take();
                self.take_back(event);
            }
        }
    }

    fn judged(&mut self, listener: usize, can: bool) {
        let it = &mut self.listeners[listener];
        let Talk::Judging(is_ok) = it.talk else { return };
        it.talk = if can { Talk::Acknowledged } else { Talk::Unknown };
        let (event, queued) = (it.event.take(), std::mem::take(&mut it.queued));
        if can && is_ok {
            self.processed.extend(event);
        } else {
            self.take_back(event);
        }
        for word in queued {
            self.says(listener, word);
        }
    }

    /// Check that each event is somewhere, and in one place.
    fn check(&self) {
        let held = self.listeners.iter().filter_map(|listener| listener.event);
        let mut places: Vec<u64> = self.waiting.iter().copied().chain(held).collect();
        places.extend(self.processed.iter().chain(&self.discarded));
        places.sort_unstable();
        assert!(places.into_iter().eq(0..self.accepted), "each event is in one place: {self:?}");
    }
}

/// The pools and their model.
struct Pair {
    pools: Pools,
    models: [ModelPool; 3],
    last_run: u64,
    /// Events that were sent: of the pools, and of the model.
    sent: [Vec<(u64, u64)>; 3],
}

impl Pair {
    fn new() -> Self {
        let mut pools = Pools::default();
        for (name, events, size) in POOLS {
            pools.add(name, &pool_config(events, size), ["a", "b"], Arc::new(DefaultHandler));
        }
        let models = POOLS.map(|(_, _, size)| ModelPool { size, ..ModelPool::default() });
        Self { pools, models, last_run: 0, sent: Default::default() }
    }

    fn publish(&mut self, event: Event) {
        let is_remote = matches!(event, Event::RemoteCommunication { .. });
        self.pools.accept(&Arc::new(event));
        for (model, (_, events, _)) in self.models.iter_mut().zip(POOLS) {
            if events.contains(&if is_remote { "REMOTE_COMMUNICATION" } else { "TICK" }) {
                model.accept();
            }
        }
    }

    /// Take what is to be sent. Answers are judged later.
    fn work(&mut self) {
        while let Some(work) = self.pools.next_work() {
            let Work::Send(delivery) = work else { continue };
            let pool = POOLS.iter().position(|(name, ..)| *name == delivery.pool).expect("one of them");
            self.sent[pool].push((delivery.run, delivery.pending.pool_serial));
        }
    }

    fn agree(&mut self) {
        self.work();
        let counts = self.pools.counts();
        for (at, model) in self.models.iter().enumerate() {
            model.check();
            assert_eq!(self.sent[at], model.sent, "{model:?}");
            let held = model.listeners.iter().filter(|it| it.event.is_some()).count();
            let expected = (POOLS[at].0.to_owned(), model.waiting.len() + held, model.discarded.len() as u64);
            assert_eq!(counts[at], expected, "{model:?}");
        }
    }

    fn happens(&mut self, step: Step) {
        let of = |listener: usize| (listener / 2, listener % 2, POOLS[listener / 2].0, ["a", "b"][listener % 2]);
        match step {
            Step::Remote => self.publish(remote("x")),
            Step::Tick => self.publish(Event::Tick { period: Period::Seconds5, when: 5 }),
            Step::Starts(listener) => {
                let (pool, at, group, process) = of(listener);
                let it = &mut self.models[pool].listeners[at];
                if it.run.is_none() {
                    self.last_run += 1;
                    *it = ModelListener { run: Some(self.last_run), is_up: it.is_up, ..ModelListener::default() };
                    self.pools.started(group, process, self.last_run);
                }
            }
            Step::Changes(listener, is_up) => {
                let (pool, at, group, process) = of(listener);
                self.models[pool].listeners[at].is_up = is_up;
                self.models[pool].dispatch();
                let to = if is_up { ProcessState::Running } else { ProcessState::Stopping };
                self.pools.accept(&Arc::new(state(group, process, to)));
            }
            Step::Says(listener, word, cut) => {
                let (pool, at, ..) = of(listener);
                let Some(run) = self.models[pool].listeners[at].run else { return };
                let pieces = word.text().split_at(cut.min(word.text().len()));
                self.pools.wrote(run, pieces.0);
                self.pools.wrote(run, pieces.1);
                self.models[pool].says(at, word);
                self.models[pool].dispatch();
            }
            Step::Judged(listener, can) => {
                let (pool, at, ..) = of(listener);
                let Some(run) = self.models[pool].listeners[at].run else { return };
                let Talk::Judging(is_ok) = self.models[pool].listeners[at].talk else { return };
                self.models[pool].judged(at, can);
                self.models[pool].dispatch();
                self.pools.judged(
                    run,
                    match (can, is_ok) {
                        (true, true) => Verdict::Processed,
                        (true, false) => Verdict::Rejected,
                        (false, _) => Verdict::Failed,
                    },
                );
            }
            Step::ClosesStdin(listener) => {
                let (pool, at, ..) = of(listener);
                let it = &mut self.models[pool].listeners[at];
                // That is noticed while it is written to, which is before it can have answered.
                if let (Some(run), Talk::Busy) = (it.run, it.talk) {
                    (it.has_closed_stdin, it.talk) = (true, Talk::Ready);
                    let event = it.event.take();
                    self.models[pool].take_back(event);
                    self.models[pool].dispatch();
                    self.pools.not_sent(run);
                }
            }
            Step::Ends(listener) => {
                let (pool, at, ..) = of(listener);
                let it = &mut self.models[pool].listeners[at];
                if let Some(run) = it.run.take() {
                    let event = it.event.take();
                    self.models[pool].take_back(event);
                    self.models[pool].dispatch();
                    self.pools.ended(run);
                }
            }
            Step::Upgrade => {
                let written = rmp_serde::to_vec_named(&self.pools.state()).expect("pools can be written");
                self.pools = Pools::default();
                let state = rmp_serde::from_slice(&written).expect("and read");
                self.pools.adopt(state, |_, _| Arc::new(DefaultHandler));
                // Whoever waits for a verdict is asked for again.
                let judging = |model: &ModelPool| {
                    model.listeners.iter().filter(|it| it.run.is_some() && matches!(it.talk, Talk::Judging(_))).count()
                };
                let asked = self.pools.work.iter().filter(|work| matches!(work, Work::Judge(_))).count();
                assert_eq!(asked, self.models.iter().map(judging).sum::<usize>(), "each answer finds its judge");
            }
        }
        self.agree();
    }

    /// Have one listener of each pool take and process whatever is left.
    fn drain(&mut self) {
        for listener in 0..6 {
            self.happens(Step::Ends(listener));
        }
        for pool in 0..3 {
            let listener = 2 * pool;
            self.happens(Step::Starts(listener));
            self.happens(Step::Changes(listener, true));
            self.happens(Step::Says(listener, Word::Ready, 3));
            while self.models[pool].listeners[0].event.is_some() {
                self.happens(Step::Says(listener, Word::Result(true), 9));
                self.happens(Step::Judged(listener, true));
                self.happens(Step::Says(listener, Word::Ready, 0));
            }
        }
    }
}

proptest! {
    #![proptest_config(histories())]

    #[test]
    fn no_event_is_lost_or_sent_out_of_order_while_the_buffer_has_room(history in vec(step(), 1..100)) {
        let mut pair = Pair::new();
        for step in history {
            pair.happens(step);
        }
        pair.drain();
        for (model, sent) in pair.models.iter().zip(&pair.sent) {
            let lost = model.discarded.len() as u64;
            prop_assert_eq!(model.processed.len() as u64 + lost, model.accepted, "{:?}", model);
            // An event that comes back is the next; all others go in the order in which they came.
            let mut firsts: Vec<u64> = Vec::new();
            for (_, event) in sent {
                if !firsts.contains(event) {
                    firsts.push(*event);
                }
            }
            prop_assert!(firsts.is_sorted(), "{:?}", sent);
        }
        for name in POOLS.map(|(name, ..)| name) {
            prop_assert!(!pair.pools.is_behind(name), "nothing is left");
        }
    }
}
