//! Event listeners: the output thread, where their pipes are, speaks with them.
//!
//! A pool is added and removed in its turn, as events are told in theirs: it hears what comes after it and nothing
//! else. The lock around the pools is only held for a look at a few values.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use parking_lot::Mutex;

use super::{Command, OutputHandle, Shared, Stdin, output_loop::Output};
use crate::{
    config::{EventListenerPool, Level},
    events::{Audience, Event},
    logger::Line,
    process::{
        event_listener::Verdict,
        event_pool::{Delivery, Judgement, Lines, Pools, ResultHandler, Work},
    },
};

/// The pools, and what the lines about them need.
#[derive(Debug)]
pub(super) struct Listeners {
    pools: Mutex<Pools>,
    /// How many pools there are, those included whose turn has not come yet.
    count: AtomicUsize,
    /// How many events have not had their turn yet.
    untold: Arc<AtomicUsize>,
    level: Level,
    identifier: String,
}

impl Listeners {
    pub(super) fn new(level: Level, identifier: &str) -> Self {
        Self {
            pools: Mutex::default(),
            count: AtomicUsize::new(0),
            untold: Arc::default(),
            level,
            identifier: identifier.to_owned(),
        }
    }

    /// An event that waits for its turn.
    pub(super) fn untold(&self, event: Arc<Event>) -> Untold {
        self.untold.fetch_add(1, Ordering::Relaxed);
        Untold { event, count: Arc::clone(&self.untold) }
    }
}

/// An event that waits for its turn, and is counted as long as it does.
pub(super) struct Untold {
    pub(super) event: Arc<Event>,
    count: Arc<AtomicUsize>,
}

impl Drop for Untold {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Release);
    }
}

/// A pool that waits for its turn.
pub(super) struct NewPool {
    name: String,
    config: EventListenerPool,
    processes: Vec<String>,
    handler: Arc<dyn ResultHandler>,
}

impl Shared {
    /// Changes something about the pools, and has done what follows.
    fn tell_pools(&self, change: impl FnOnce(&mut Pools) -> Lines) {
        let mut pools = self.listeners.pools.lock();
        let lines = change(&mut pools);
        let has_work = pools.has_work();
        drop(pools);
        for (level, message) in lines {
            self.log(level, message);
        }
        if has_work {
            self.push(Command::Listeners);
        }
    }

    pub(super) fn log(&self, level: Level, message: String) {
        if level >= self.listeners.level {
            self.push(Command::Line(Line { level, time: std::time::SystemTime::now(), message }));
        }
    }

    /// A listener wrote something.
    pub(super) fn listener_wrote(&self, run: u64, data: &[u8]) {
        self.tell_pools(|pools| pools.heard(run, data));
    }
}

impl Audience for Shared {
    fn hear(&self, event: &Arc<Event>) {
        self.tell_pools(|pools| pools.accept(event));
    }

    fn is_there(&self) -> bool {
        self.listeners.count.load(Ordering::Relaxed) > 0
    }

    fn asks_for(&self, name: &str) -> bool {
        self.listeners.pools.lock().ask_for(name)
    }
}

/// Event listeners.
impl OutputHandle {
    /// Adds a pool of event listeners, which hears every event that is published from now on.
    pub fn add_pool<'a>(
        &self,
        name: &str,
        config: &EventListenerPool,
        processes: impl IntoIterator<Item = &'a str>,
        handler: Arc<dyn ResultHandler>,
    ) {
        self.0.listeners.count.fetch_add(1, Ordering::Relaxed);
        let (name, config) = (name.to_owned(), config.clone());
        let processes = processes.into_iter().map(str::to_owned).collect();
        self.push(Command::AddPool(Box::new(NewPool { name, config, processes, handler })));
    }

    /// Forgets a pool of event listeners and what waits in it.
    pub fn remove_pool(&self, name: &str) {
        self.push(Command::RemovePool(name.to_owned()));
    }

    /// Whether a pool of event listeners has something that its listeners have not heard, or not answered, although
    /// they listen.
    pub fn is_pool_behind(&self, name: &str) -> bool {
        self.0.listeners.untold.load(Ordering::Acquire) > 0 || self.0.listeners.pools.lock().is_behind(name)
    }

    /// How many events a pool of event listeners has discarded because its buffer was full; `None` where there is no
    /// such pool.
    pub fn discarded_events(&self, pool: &str) -> Option<u64> {
        self.0.listeners.pools.lock().discarded(pool)
    }
}

/// The stdins of the listeners that run.
pub(super) type Stdins = HashMap<u64, Arc<Stdin>>;

impl Output {
    pub(super) fn add_pool(&self, pool: &NewPool) {
        let NewPool { name, config, processes, handler } = pool;
        let processes = processes.iter().map(String::as_str);
        self.shared.listeners.pools.lock().add(name, config, processes, Arc::clone(handler));
    }

    pub(super) fn remove_pool(&self, name: &str) {
        self.shared.tell_pools(|pools| {
            let (before, lines) = (pools.len(), pools.remove(name));
            self.shared.listeners.count.fetch_sub(before - pools.len(), Ordering::Relaxed);
            lines
        });
    }

    /// Nobody hears of anything any more.
    pub(super) fn remove_pools(&self) {
        let lines = self.shared.listeners.pools.lock().remove_all();
        for (level, message) in lines {
            self.shared.log(level, message);
        }
    }

    pub(super) fn listener_started(&mut self, run: u64, group: &str, process: &str, stdin: Arc<Stdin>) {
        self.listeners.insert(run, stdin);
        self.shared.listeners.pools.lock().started(group, process, run);
    }

    /// All that it wrote was heard.
    pub(super) fn listener_ended(&mut self, run: u64) {
        if self.listeners.remove(&run).is_some() {
            self.shared.tell_pools(|pools| pools.ended(run));
        }
    }

    /// Does what the pools ask for.
    pub(super) fn serve_listeners(&mut self) {
        loop {
            let work = self.shared.listeners.pools.lock().next_work();
            match work {
                Some(Work::Send(delivery)) => self.send(&delivery),
                Some(Work::Judge(judgement)) => self.judge(judgement),
                None => return,
            }
        }
    }

    fn send(&mut self, delivery: &Delivery) {
        let Delivery { run, listener, .. } = delivery;
        let (run, serial) = (*run, delivery.serial());
        // Where it is gone, its event has gone back to the pool already.
        let Some(stdin) = self.listeners.get(&run).map(Arc::clone) else { return };
        let Ok(waits) = stdin.write(&delivery.envelope(&self.shared.listeners.identifier)) else {
            let what = "epipe occurred while sending event";
            let line = format!("{what} {serial} to listener {listener}, listener state unchanged");
            self.shared.log(Level::Debug, line);
            self.shared.tell_pools(|pools| pools.not_sent(run));
            return;
        };
        self.shared.log(Level::Debug, format!("event {serial} sent to listener {listener}"));
        if waits {
            self.watch_stdin(run, stdin);
        }
    }

    fn judge(&self, judgement: Judgement) {
        let Judgement { run, handler, event, result } = judgement;
        let shared = Arc::clone(&self.shared);
        let answer = move |verdict: Verdict| shared.tell_pools(|pools| pools.judged(run, verdict));
        handler.judge(&event, &result, Box::new(answer));
    }
}
