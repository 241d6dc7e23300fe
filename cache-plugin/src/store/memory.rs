//! The store that is gone when supervisord exits or starts anew, but not when it is upgraded.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError, Weak},
    thread,
    time::Duration,
};

use plugin_api::{Fault, MaybeReady, Value};

use super::{
    clock::Deadline,
    contract::Store,
    evaluate::{evaluate, is_over},
    handover,
    local::{Local, Shared, TableView, Writer},
    operation::{Change, Operation},
    table::PAGE,
};

/// A store of these entries.
pub(super) fn open(shared: Shared) -> impl Store {
    Local { shared: Arc::new(shared), writer: Memory::default() }
}

/// Operations are carried out where they are asked for.
#[derive(Debug, Default)]
struct Memory {
    /// The thread that takes out what has expired; there from when the first entry that expires is stored,
    /// or the plugin is started with some.
    reaper: OnceLock<Reaper>,
}

impl Memory {
    fn carry_out(&self, shared: &Arc<Shared>, operation: Operation) -> Result<Value, Fault> {
        let mut table = shared.lock();
        // What is still there though its time is over is not to be in the way of a limit, nor replaced before it is said
        // to have expired.
        if is_over(table.next_deadline(), &shared.clock) && (shared.limits.any() || shared.events.has_listeners()) {
            drop(table);
            purge(shared);
            table = shared.lock();
        }
        let view = TableView { table: &table, clock: &shared.clock };
        let (answer, changes) = evaluate(operation, &view, &shared.limits, &shared.clock)?;
        // With the table locked, so that they come in the order of the changes.
        shared.events.publish(shared.events.of(changes.as_slice()));
        let (next, soonest) = (table.next_deadline(), changes.as_slice().iter().filter_map(Change::deadline).min());
        shared.apply(table, changes);
        if soonest.is_some_and(|soonest| next.is_none_or(|next| soonest < next)) {
            self.reaper.get_or_init(|| Reaper::start(shared, Duration::ZERO)).wake();
        }
        Ok(answer)
    }
}

impl Writer for Memory {
    fn write(&self, shared: &Arc<Shared>, operation: Operation) -> MaybeReady<Value> {
        let answer = self.carry_out(shared, operation);
        shared.usage.note_refused(&answer);
        answer.into()
    }

    fn info(&self) -> (&'static str, Vec<(&'static str, Value)>) {
        ("memory", Vec::new())
    }

    fn hand_over(&self, shared: &Shared) -> Option<Vec<u8>> {
        Some(handover::entries(shared))
    }

    fn take_in(&self, shared: &Arc<Shared>, entries: &[u8]) -> Result<(), &'static str> {
        handover::take_in(shared, entries)?;
        if shared.read().next_deadline().is_some() {
            self.reaper.get_or_init(|| Reaper::start(shared, REST));
        }
        Ok(())
    }
}

/// Take out the entries whose time is over, some at a time. Return when the next one expires.
fn purge(shared: &Shared) -> Option<Deadline> {
    loop {
        let table = shared.lock();
        let next = table.next_deadline();
        let expired = table.expired(|| shared.clock.now(), PAGE);
        if expired.as_slice().is_empty() {
            return next;
        }
        shared.events.publish(shared.events.of_expired(expired.as_slice()));
        shared.apply(table, expired);
    }
}

/// The thread that takes out entries when their time is over, so that they take no memory and whoever waits for them
/// hears of it.
#[derive(Debug, Default)]
struct Reaper(Arc<Alarm>);

/// The thread's alarm clock.
#[derive(Debug, Default)]
struct Alarm {
    state: Mutex<State>,
    changed: Condvar,
}

/// The thread's next task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Sleep until the next entry expires.
    #[default]
    Sleep,
    /// Look when that is.
    Look,
    /// End.
    End,
}

/// Time for which what another supervisord has handed over is not looked at: while the plugins are made, nobody could
/// hear that an entry has expired. Nobody gets one that has, in any case.
const REST: Duration = Duration::from_secs(1);

impl Reaper {
    /// Start the thread, which rests for that time first.
    fn start(shared: &Arc<Shared>, rest: Duration) -> Self {
        let (alarm, shared) = (Arc::new(Alarm::default()), Arc::downgrade(shared));
        let thread = thread::Builder::new().name("cache-expiry".to_owned());
        let its_alarm = Arc::clone(&alarm);
        // Without the thread what has expired takes memory, and that is all: nobody gets it.
        let _ = thread.spawn(move || its_alarm.run(&shared, rest));
        Self(alarm)
    }

    fn wake(&self) {
        self.0.set(State::Look);
    }
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.0.set(State::End);
    }
}

impl Alarm {
    fn run(&self, shared: &Weak<Shared>, mut time: Duration) {
        loop {
            let state = self.lock();
            let sleeps = |state: &mut State| *state == State::Sleep;
            let (mut state, _) =
                self.changed.wait_timeout_while(state, time, sleeps).unwrap_or_else(PoisonError::into_inner);
            match *state {
                State::End => return,
                State::Look | State::Sleep => *state = State::Sleep,
            }
            drop(state);
            let Some(shared) = shared.upgrade() else { return };
            let next = purge(&shared).map(|next| shared.clock.until(next));
            // Without an entry that expires the next look is in an hour, and finds nothing.
            time = next.unwrap_or(Duration::from_hours(1));
        }
    }

    fn set(&self, new: State) {
        *self.lock() = new;
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
