//! Keep the server's thread awake for a moment where many calls in a short time wait for answers that are about to come.
//!
//! To go to sleep and to be woken takes longer than many a plugin's thread needs for its answers. See [`SpinWait`].

use std::{
    cell::RefCell,
    time::{Duration, Instant},
};

use plugin_api::SpinWait;
use tokio::{runtime::Handle, task::yield_now};

/// Time that it takes to put a thread to sleep and to wake it, about.
const MOMENT: Duration = Duration::from_micros(30);

/// Calls within [`SHORT`] before one that is a reason to stay awake.
const MANY: usize = 8;

/// Time within which so many calls come from several clients, and not from a single one.
const SHORT: Duration = Duration::from_micros(500);

thread_local!(static STATE: RefCell<State> = const { RefCell::new(State::NEW) });

/// Calls of the server's thread that wait for an answer, and whether it stays awake for them.
#[derive(Debug)]
struct State {
    /// Times of the last calls, and the place of the first of them.
    calls: [Option<Instant>; MANY],
    first: usize,
    /// End of the time for which the thread stays awake, while it does.
    end: Option<Instant>,
    spin_wait: SpinWait,
}

impl State {
    const NEW: Self = Self { calls: [None; MANY], first: 0, end: None, spin_wait: SpinWait::new() };

    /// Count a call that waits for its answer from `now` on. Return whether it is a reason to stay awake.
    fn count(&mut self, now: Instant) -> bool {
        let before = self.calls[self.first].replace(now);
        self.first = (self.first + 1) % MANY;
        before.is_some_and(|before| now.saturating_duration_since(before) < SHORT) && self.spin_wait.is_worth_it(now)
    }

    /// Give way to all other threads, and return whether there is more to wait for.
    fn give_way(&mut self) -> bool {
        let now = Instant::now();
        if self.end.is_none_or(|end| end <= now) {
            return false;
        }
        let now = self.spin_wait.give_way(now);
        self.spin_wait.is_worth_it(now)
    }
}

/// Change what this thread knows.
fn change<T>(change: impl FnOnce(&mut State) -> T) -> T {
    STATE.with_borrow_mut(change)
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
    /// Be awake until the time is over. Whatever else there is to do on this thread is done first.
    async fn last(self) {
        loop {
            yield_now().await;
            if !change(State::give_way) {
                return;
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

    /// Take note of so many calls at that time.
    fn call(runtime: &Runtime, now: Instant, calls: usize) {
        (0..calls).for_each(|_| stay_awake(runtime.handle(), now));
    }

    fn tasks(runtime: &Runtime) -> usize {
        runtime.metrics().num_alive_tasks()
    }

    #[test]
    fn only_many_calls_in_a_short_time_are_a_reason_and_it_comes_to_an_end() {
        let runtime = runtime();
        let now = Instant::now();
        call(&runtime, now, MANY);
        assert_eq!(tasks(&runtime), 0, "there are too few before any of them");
        call(&runtime, now + SHORT, MANY);
        assert_eq!(tasks(&runtime), 0);
        call(&runtime, now + SHORT, 3);
        assert_eq!(tasks(&runtime), 1);
        change(|state| state.end = Some(now));
        runtime.block_on(async {
            while tasks(&runtime) > 0 {
                yield_now().await;
            }
        });
        assert!(change(|state| state.end.is_none()));
    }

    #[test]
    fn it_lasts_as_long_as_calls_come() {
        let runtime = runtime();
        let now = Instant::now();
        call(&runtime, now, MANY + 1);
        // As if another call came much later.
        change(|state| state.end = Some(now + Duration::from_hours(1)));
        runtime.block_on(async {
            while now.elapsed() < 2 * MOMENT {
                yield_now().await;
            }
        });
        // Unless the processor was wanted by others meanwhile, as it may be.
        assert!(tasks(&runtime) == 1 || !change(|state| state.spin_wait.is_worth_it(now)));
    }

    #[test]
    fn it_ends_with_its_runtime() {
        let runtime = runtime();
        call(&runtime, Instant::now(), MANY + 1);
        assert!(change(|state| state.end.is_some()));
        drop(runtime);
        assert!(change(|state| state.end.is_none()));
    }
}
