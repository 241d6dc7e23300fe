//! The pools of event listeners as values: which events wait for whom, and what is to be done about it.
//!
//! Nothing here reads a clock, a pipe or a file. Whoever changes something takes what follows from it: lines for the
//! log, at once, and [`Work`] for the one who speaks with the listeners, in order.

use std::{collections::VecDeque, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::event_listener::{Listener, ListenerState, Step, Verdict};
use crate::{
    config::{EventListenerPool, Level},
    events::{Event, EventType},
    states::ProcessState,
};

/// Lines for the activity log, with their levels.
pub type LogLines = Vec<(Level, String)>;

/// Callback for the verdict on an answer, at once or later, from any thread.
pub type Answer = Box<dyn FnOnce(Verdict) + Send>;

/// Judge of what the listeners of a pool answer.
pub trait ResultHandler: Send + Sync {
    /// Judge one answer to one event. Must not block: what takes time says its verdict later. An answer that is
    /// dropped leaves the listener waiting until its process ends.
    fn judge(&self, event: &Arc<Event>, result: &[u8], answer: Answer);
}

/// `supervisor.dispatchers:default_handler`: `OK` is good, all else rejects the event.
#[derive(Clone, Copy, Debug)]
pub struct DefaultHandler;

impl ResultHandler for DefaultHandler {
    fn judge(&self, _event: &Arc<Event>, result: &[u8], answer: Answer) {
        answer(if result == b"OK" { Verdict::Processed } else { Verdict::Rejected });
    }
}

/// Work for the output loop, which speaks with the listeners.
pub enum Work {
    /// Send an event to a listener.
    Send(Delivery),
    /// Have an answer judged.
    Judge(Judgement),
}

/// Event on its way to a listener.
#[derive(Debug)]
pub struct Delivery {
    /// Run of the process that gets it.
    pub run: u64,
    /// Name of that process.
    pub listener: String,
    pool: String,
    pending: Pending,
}

impl Delivery {
    /// Return the number of the event.
    pub fn serial(&self) -> u64 {
        self.pending.serial
    }

    /// Return what the listener reads: a header and the payload.
    pub fn envelope(&self, identifier: &str) -> Vec<u8> {
        let Pending { event, serial, pool_serial } = &self.pending;
        let (pool, name, payload) = (&self.pool, event.name(), event.payload());
        // Listeners read text, and so characters are counted.
        let len = payload.chars().count();
        let header = format!(
            "ver:3.0 server:{identifier} serial:{serial} pool:{pool} poolserial:{pool_serial} eventname:{name} len:{len}\n"
        );
        (header + &payload).into_bytes()
    }
}

/// Answer of a listener, to be judged.
pub struct Judgement {
    /// Run of the process that gave it.
    pub run: u64,
    /// Handler that judges it.
    pub handler: Arc<dyn ResultHandler>,
    /// Event that it is an answer to.
    pub event: Arc<Event>,
    /// Text of the answer.
    pub result: Vec<u8>,
}

/// Event that has its numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Pending {
    event: Arc<Event>,
    serial: u64,
    pool_serial: u64,
}

/// Process of a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Member {
    listener: Listener,
    is_running: bool,
    run: Option<u64>,
    /// Event that it was given and has not answered yet.
    event: Option<Pending>,
    /// Set once it does not read any more.
    has_closed_stdin: bool,
}

impl Member {
    /// Return whether it takes events, now or later.
    fn is_listening(&self) -> bool {
        self.is_running && !self.has_closed_stdin && self.listener.state() != ListenerState::Unknown
    }

    /// Return its run if it takes an event now.
    fn takes(&self) -> Option<u64> {
        self.run.filter(|_| self.is_listening() && self.listener.state() == ListenerState::Ready)
    }
}

struct Pool {
    name: String,
    config: EventListenerPool,
    handler: Arc<dyn ResultHandler>,
    members: Vec<Member>,
    buffer: VecDeque<Pending>,
    next_serial: u64,
    discarded: u64,
}

impl Pool {
    fn asks_for(&self, name: &str) -> bool {
        self.config.events.iter().any(|its| its.includes(name))
    }
}

/// All pools as they are handed over to the next supervisord.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PoolsState {
    pools: Vec<PoolState>,
    next_serial: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct PoolState {
    name: String,
    config: EventListenerPool,
    members: Vec<Member>,
    buffer: VecDeque<Pending>,
    next_serial: u64,
    discarded: u64,
}

impl PoolsState {
    /// Iterate over the pools: their names, and their configs.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &EventListenerPool)> {
        self.pools.iter().map(|pool| (pool.name.as_str(), &pool.config))
    }
}

/// All pools.
#[derive(Default)]
pub struct Pools {
    all: Vec<Pool>,
    next_serial: u64,
    work: VecDeque<Work>,
}

impl fmt::Debug for Pools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.all.iter().map(|pool| &pool.name).collect();
        f.debug_struct("Pools").field("pools", &names).finish_non_exhaustive()
    }
}

impl Pools {
    /// Return whether any pool asks for such a type of events.
    pub fn ask_for(&self, is_such: &dyn Fn(&EventType) -> bool) -> bool {
        self.all.iter().flat_map(|pool| &pool.config.events).any(is_such)
    }

    /// Add a pool, which gets every event from now on. Its processes are asked in this order.
    pub fn add<'a>(
        &mut self,
        name: &str,
        config: &EventListenerPool,
        processes: impl IntoIterator<Item = &'a str>,
        handler: Arc<dyn ResultHandler>,
    ) {
        let member = |name: &str| Member {
            listener: Listener::new(name),
            is_running: false,
            run: None,
            event: None,
            has_closed_stdin: false,
        };
        self.all.push(Pool {
            name: name.to_owned(),
            config: config.clone(),
            handler,
            members: processes.into_iter().map(member).collect(),
            buffer: VecDeque::new(),
            next_serial: 0,
            discarded: 0,
        });
    }

    /// The pools as they are, for whoever takes over. There must be no work left.
    pub fn state(&self) -> PoolsState {
        let state = |pool: &Pool| PoolState {
            name: pool.name.clone(),
            config: pool.config.clone(),
            members: pool.members.clone(),
            buffer: pool.buffer.clone(),
            next_serial: pool.next_serial,
            discarded: pool.discarded,
        };
        PoolsState { pools: self.all.iter().map(state).collect(), next_serial: self.next_serial }
    }

    /// Take over the pools of another supervisord, in the place of none. Answers that were being judged are judged
    /// anew, by the handler that `handler` has for the pool of that name and config.
    pub fn adopt(&mut self, state: PoolsState, handler: impl Fn(&str, &EventListenerPool) -> Arc<dyn ResultHandler>) {
        self.next_serial = state.next_serial;
        for pool in state.pools {
            let handler = handler(&pool.name, &pool.config);
            for member in &pool.members {
                if let (Some(run), Some(result), Some(Pending { event, .. })) =
                    (member.run, member.listener.judged_answer(), &member.event)
                {
                    let (handler, event, result) = (Arc::clone(&handler), Arc::clone(event), result.to_vec());
                    self.work.push_back(Work::Judge(Judgement { run, handler, event, result }));
                }
            }
            let PoolState { name, config, members, buffer, next_serial, discarded } = pool;
            self.all.push(Pool { name, config, handler, members, buffer, next_serial, discarded });
        }
    }

    /// Forget a pool and what waits in it. Return lines to log.
    pub fn remove(&mut self, name: &str) -> LogLines {
        let mut lines = LogLines::new();
        self.all.retain(|pool| {
            if pool.name == name {
                pool.report(&mut lines);
            }
            pool.name != name
        });
        lines
    }

    /// Forget all pools. Return lines to log.
    pub fn remove_all(&mut self) -> LogLines {
        let mut lines = LogLines::new();
        for pool in self.all.drain(..) {
            pool.report(&mut lines);
        }
        lines
    }

    /// Return the number of pools.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Return whether there is no pool.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Return the number of events that a pool has discarded because its buffer was full, if there is such a pool.
    pub fn discarded(&self, name: &str) -> Option<u64> {
        self.all.iter().find(|pool| pool.name == name).map(|pool| pool.discarded)
    }

    /// List the names of the pools, each with the number of events that wait in it, those included that its listeners
    /// have and have not answered, and the number that it has discarded because its buffer was full.
    pub fn counts(&self) -> Vec<(String, usize, u64)> {
        let given = |pool: &Pool| pool.members.iter().filter(|member| member.event.is_some()).count();
        self.all.iter().map(|pool| (pool.name.clone(), pool.buffer.len() + given(pool), pool.discarded)).collect()
    }

    /// Return whether a pool has something that its listeners have not got, or not answered, although they listen.
    pub fn is_behind(&self, name: &str) -> bool {
        self.all.iter().any(|pool| pool.name == name && pool.is_behind())
    }

    /// Take the next work, if there is any.
    pub fn next_work(&mut self) -> Option<Work> {
        self.work.pop_front()
    }

    /// Return whether there is work.
    pub fn has_work(&self) -> bool {
        !self.work.is_empty()
    }

    /// Give an event to every pool that asked for its type.
    pub fn accept(&mut self, event: &Arc<Event>) -> LogLines {
        let mut lines = LogLines::new();
        let Self { all: pools, next_serial, work } = self;
        let mut serial = None;
        for pool in pools {
            if let Event::ProcessState { process, group, change } = &**event
                && *group == pool.name
            {
                pool.changed(process, change.to);
            }
            if pool.asks_for(event.name()) {
                let serial = *serial.get_or_insert_with(|| take_serial(next_serial));
                pool.accept(Arc::clone(event), serial, &mut lines);
            }
            pool.dispatch(work, &mut lines);
        }
        lines
    }

    /// Note that a process of a pool was started, and listen to it from now on.
    pub fn started(&mut self, group: &str, process: &str, run: u64) {
        let pool = self.all.iter_mut().find(|pool| pool.name == group);
        let member = pool.and_then(|pool| pool.members.iter_mut().find(|member| member.listener.name() == process));
        if let Some(member) = member {
            member.listener.started();
            member.run = Some(run);
            member.has_closed_stdin = false;
        }
    }

    /// Take what a listener wrote.
    pub fn wrote(&mut self, run: u64, data: &[u8]) -> LogLines {
        self.step(run, |listener, out| listener.wrote(data, out))
    }

    /// Take the verdict on the answer of a listener.
    pub fn judged(&mut self, run: u64, verdict: Verdict) -> LogLines {
        self.step(run, |listener, out| listener.judged(verdict, out))
    }

    /// Note that a listener has closed its stdin: what it was given is for another one.
    pub fn not_sent(&mut self, run: u64) -> LogLines {
        let mut lines = LogLines::new();
        if let Some((pool, member, work)) = self.member(run) {
            let member = &mut pool.members[member];
            member.listener.not_given();
            member.has_closed_stdin = true;
            let pending = member.event.take();
            pool.take_back(pending, &mut lines);
            pool.dispatch(work, &mut lines);
        }
        lines
    }

    /// Note that the process of a listener has ended, and all that it wrote was read.
    pub fn ended(&mut self, run: u64) -> LogLines {
        let mut lines = LogLines::new();
        if let Some((pool, member, work)) = self.member(run) {
            let member = &mut pool.members[member];
            member.run = None;
            let pending = member.event.take();
            pool.take_back(pending, &mut lines);
            pool.dispatch(work, &mut lines);
        }
        lines
    }

    fn member(&mut self, run: u64) -> Option<(&mut Pool, usize, &mut VecDeque<Work>)> {
        let Self { all: pools, work, .. } = self;
        let place = |pool: &Pool| pool.members.iter().position(|member| member.run == Some(run));
        pools.iter_mut().find_map(|pool| place(pool).map(|member| (pool, member))).map(|(pool, at)| (pool, at, work))
    }

    fn step(&mut self, run: u64, step: impl FnOnce(&mut Listener, &mut Vec<Step>)) -> LogLines {
        let mut lines = LogLines::new();
        let Some((pool, at, work)) = self.member(run) else { return lines };
        let mut steps = Vec::new();
        step(&mut pool.members[at].listener, &mut steps);
        for step in steps {
            match step {
                Step::Log(level, line) => lines.push((level, line)),
                Step::Judge(result) => {
                    if let Some(Pending { event, .. }) = &pool.members[at].event {
                        let (handler, event) = (Arc::clone(&pool.handler), Arc::clone(event));
                        work.push_back(Work::Judge(Judgement { run, handler, event, result }));
                    }
                }
                Step::Done => pool.members[at].event = None,
                Step::Return => {
                    let pending = pool.members[at].event.take();
                    pool.take_back(pending, &mut lines);
                }
            }
        }
        pool.dispatch(work, &mut lines);
        lines
    }
}

impl Pool {
    fn is_behind(&self) -> bool {
        let mut listening = self.members.iter().filter(|member| member.is_listening());
        listening.any(|member| member.event.is_some() || !self.buffer.is_empty())
    }

    fn changed(&mut self, process: &str, state: ProcessState) {
        if let Some(member) = self.members.iter_mut().find(|member| member.listener.name() == process) {
            member.is_running = state == ProcessState::Running;
        }
    }

    fn accept(&mut self, event: Arc<Event>, serial: u64, lines: &mut LogLines) {
        let pool_serial = take_serial(&mut self.next_serial);
        self.make_room(lines);
        self.buffer.push_back(Pending { event, serial, pool_serial });
    }

    /// Put an event back where it came from: it is the next one.
    fn take_back(&mut self, pending: Option<Pending>, lines: &mut LogLines) {
        let Some(pending) = pending else { return };
        let (name, len, max) = (&self.name, self.buffer.len(), self.config.buffer_size);
        let serial = pending.serial;
        lines.push((Level::Debug, format!("rebuffering event {serial} for pool {name} (buf size={len}, max={max})")));
        self.make_room(lines);
        self.buffer.push_front(pending);
    }

    fn make_room(&mut self, lines: &mut LogLines) {
        if self.buffer.len() < self.config.buffer_size {
            return;
        }
        let Some(oldest) = self.buffer.pop_front() else { return };
        let name = &self.name;
        let what = format!("pool {name} event buffer overflowed, discarding event {}", oldest.serial);
        lines.push((Level::Error, what));
        if self.discarded == 0 {
            let max = self.config.buffer_size;
            let cure = "is too small for what it listens to; raise it if no event may be lost";
            lines.push((Level::Warn, format!("pool {name}: buffer_size={max} {cure}")));
        }
        self.discarded += 1;
    }

    /// Give what waits to those who want it.
    fn dispatch(&mut self, work: &mut VecDeque<Work>, lines: &mut LogLines) {
        if self.members.iter().all(|member| member.takes().is_none()) {
            return;
        }
        while let Some(pending) = self.buffer.pop_front() {
            let taker = self.members.iter_mut().find_map(|member| member.takes().map(|run| (run, member)));
            let Some((run, member)) = taker else {
                self.take_back(Some(pending), lines);
                return;
            };
            member.listener.given();
            member.event = Some(pending.clone());
            let (listener, pool) = (member.listener.name().to_owned(), self.name.clone());
            work.push_back(Work::Send(Delivery { run, listener, pool, pending }));
        }
    }

    fn report(&self, lines: &mut LogLines) {
        if self.discarded > 0 {
            let Self { name, discarded, .. } = self;
            lines.push((Level::Warn, format!("pool {name} has discarded {discarded} events in all")));
        }
    }
}

fn take_serial(next: &mut u64) -> u64 {
    let serial = *next;
    *next += 1;
    serial
}

#[cfg(test)]
#[path = "event_pool_tests.rs"]
mod tests;
