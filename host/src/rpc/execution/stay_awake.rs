//! Keep the server's thread awake for a moment where one call after the other waits for an answer that is about to come.
//!
//! To go to sleep and to be woken takes longer than many a plugin's thread needs for its answers. Whatever else has
//! something to do on this processor goes first all the while. Where that takes long, since there are more threads than
//! processors, it is better to sleep: who is woken goes first.

use std::{
    cell::Cell,
    thread,
    time::{Duration, Instant},
};

use tokio::{runtime::Handle, task::yield_now};

/// Time that it takes to put a thread to sleep and to wake it, about; and between two calls that are of one series.
const MOMENT: Duration = Duration::from_micros(30);

/// Calls in a series from which on the thread stays awake.
const MANY: u32 = 8;

/// Time for which the others have never had the processor where there is one for each.
const LONG: Duration = Duration::from_millis(1);

/// Time for which the thread goes to sleep as ever, once they have had it for long.
const PAUSE: Duration = Duration::from_millis(100);

thread_local!(static STATE: Cell<State> = const { Cell::new(State::NEW) });

/// Calls of the server's thread that wait for an answer, and whether it stays awake for them.
#[derive(Clone, Copy, Debug)]
struct State {
    /// The last call, and the number of those in its series.
    last_call: Option<Instant>,
    calls: u32,
    /// End of the time for which the thread stays awake, while it does.
    end: Option<Instant>,
    /// End of the time for which it does not.
    pause: Option<Instant>,
}

impl State {
    const NEW: Self = Self { last_call: None, calls: 0, end: None, pause: None };

    /// Count a call that waits for its answer from `now` on. Return whether it is a reason to stay awake.
    fn count(&mut self, now: Instant) -> bool {
        let is_next = self.last_call.replace(now).is_some_and(|last| now.saturating_duration_since(last) < MOMENT);
        self.calls = if is_next { self.calls.saturating_add(1) } else { 1 };
        self.calls >= MANY && self.pause.is_none_or(|end| end <= now)
    }
}

/// Change what this thread knows.
fn change<T>(change: impl FnOnce(&mut State) -> T) -> T {
    STATE.with(|cell| {
        let mut state = cell.get();
        let outcome = change(&mut state);
        cell.set(state);
        outcome
    })
}

/// Take note of a call that waits for its answer from `now` on, on the thread of that runtime, which stays awake for a
/// moment if that is one of many.
pub(crate) fn stay_awake(runtime: &Handle, now: Instant) {
    let begins = change(|state| state.count(now) && state.end.replace(now + MOMENT).is_none());
    if begins {
        runtime.spawn(Awake.last());
    }
}

/// The state of being kept awake, which is over when this is dropped.
struct Awake;

impl Awake {
    /// Be awake until the time is over.
    async fn last(self) {
        loop {
            yield_now().await;
            let now = Instant::now();
            if STATE.get().end.is_none_or(|end| end <= now) {
                return;
            }
            thread::yield_now();
            if now.elapsed() >= LONG {
                return change(|state| state.pause = Some(now + PAUSE));
            }
        }
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        change(|state| state.end = None);
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Runtime};

    use super::*;

    /// A runtime on a thread that knows nothing yet.
    fn runtime() -> Runtime {
        change(|state| *state = State::NEW);
        Builder::new_current_thread().build().unwrap()
    }

    /// Take note of a series of calls at that time.
    fn call(runtime: &Runtime, now: Instant, calls: u32) {
        (0..calls).for_each(|_| stay_awake(runtime.handle(), now));
    }

    fn tasks(runtime: &Runtime) -> usize {
        runtime.metrics().num_alive_tasks()
    }

    #[test]
    fn only_many_calls_are_a_reason_and_it_comes_to_an_end() {
        let runtime = runtime();
        let now = Instant::now();
        call(&runtime, now, MANY - 1);
        call(&runtime, now + MOMENT, MANY - 1);
        assert_eq!(tasks(&runtime), 0);
        call(&runtime, now + MOMENT, 3);
        assert_eq!(tasks(&runtime), 1);
        runtime.block_on(async {
            while tasks(&runtime) > 0 {
                yield_now().await;
            }
        });
        assert_eq!(STATE.get().end, None);
    }

    #[test]
    fn it_lasts_as_long_as_calls_come() {
        let runtime = runtime();
        let now = Instant::now();
        call(&runtime, now, MANY);
        // As if another call came much later.
        change(|state| state.end = Some(now + Duration::from_hours(1)));
        runtime.block_on(async {
            while now.elapsed() < 2 * MOMENT {
                yield_now().await;
            }
        });
        // Unless the processor was wanted by others meanwhile, as it may be.
        assert!(tasks(&runtime) == 1 || STATE.get().pause.is_some());
    }

    #[test]
    fn it_sleeps_where_others_have_had_the_processor_for_long() {
        let runtime = runtime();
        let now = Instant::now();
        change(|state| state.pause = Some(now + PAUSE));
        call(&runtime, now, MANY);
        assert_eq!(tasks(&runtime), 0);
        call(&runtime, now + PAUSE, MANY);
        assert_eq!(tasks(&runtime), 1);
    }

    #[test]
    fn it_ends_with_its_runtime() {
        let runtime = runtime();
        call(&runtime, Instant::now(), MANY);
        assert!(STATE.get().end.is_some());
        drop(runtime);
        assert_eq!(STATE.get().end, None);
    }
}
