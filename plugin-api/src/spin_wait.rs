//! Waiting awake, where the others leave a processor for it.

use std::{
    thread,
    time::{Duration, Instant},
};

/// Time for which the others never have the processor where there is one for each.
const LONG: Duration = Duration::from_millis(1);

/// Two such times are of one cause if no more than this lies between them. A machine that itself was held up is so once
/// in a while.
const SOON: Duration = Duration::from_millis(50);

/// Time for which it is not worth it, once there have been two.
const PAUSE: Duration = Duration::from_secs(1);

/// A wait for what another thread will have done within microseconds, on a thread that stays awake meanwhile.
///
/// To go to sleep and to be woken takes a thread longer than that, and costs the one that wakes it about as much. All
/// others go first all the while. Where there are more threads than processors, they take a long time for it, and a
/// thread that sleeps is better off: who is woken goes first. So it remembers for how long they took.
///
/// ```
/// # use std::{sync::atomic::{AtomicBool, Ordering::Relaxed}, thread, time::{Duration, Instant}};
/// use plugin_api::SpinWait;
///
/// # static IS_DONE: AtomicBool = AtomicBool::new(false);
/// # let worker = thread::spawn(|| IS_DONE.store(true, Relaxed));
/// let mut spin_wait = SpinWait::new();
/// let end = Instant::now() + Duration::from_micros(100);
/// spin_wait.wait_until(end, || IS_DONE.load(Relaxed));
/// if !IS_DONE.load(Relaxed) {
///     worker.join().unwrap();
/// }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SpinWait {
    /// End of the last time for which the others had the processor for long.
    last_long: Option<Instant>,
    /// End of the time for which it is not worth it.
    pause: Option<Instant>,
}

impl SpinWait {
    /// Nothing is known yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { last_long: None, pause: None }
    }

    /// Return true if there has been a processor for it of late.
    #[must_use]
    pub fn is_worth_it(&self, now: Instant) -> bool {
        self.pause.is_none_or(|end| end <= now)
    }

    /// Let all others go first, once, from `now` on. Return when they had gone.
    pub fn give_way(&mut self, now: Instant) -> Instant {
        thread::yield_now();
        let end = Instant::now();
        self.note(now, end);
        end
    }

    /// Stay awake until it is done, `end` has come, or it is not worth it.
    pub fn wait_until(&mut self, end: Instant, is_done: impl Fn() -> bool) {
        let mut now = Instant::now();
        while now < end && self.is_worth_it(now) && !is_done() {
            now = self.give_way(now);
        }
    }

    /// Take note of the time for which the others had the processor.
    fn note(&mut self, begun: Instant, end: Instant) {
        let is_long = end - begun >= LONG;
        if is_long && self.last_long.replace(end).is_some_and(|last| begun.saturating_duration_since(last) < SOON) {
            self.pause = Some(end + PAUSE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_not_worth_it_for_a_time_where_the_others_take_long_twice() {
        let start = Instant::now();
        let mut spin_wait = SpinWait::new();
        let mut at = start;
        let mut note = |spin_wait: &mut SpinWait, after, took| {
            at += after;
            spin_wait.note(at, at + took);
            at += took;
            at
        };
        let moment = Duration::from_micros(1);
        for (after, took) in [(moment, moment), (moment, LONG), (SOON, LONG), (moment, LONG / 2)] {
            let now = note(&mut spin_wait, after, took);
            assert!(spin_wait.is_worth_it(now));
        }
        let now = note(&mut spin_wait, moment, LONG);
        assert!(!spin_wait.is_worth_it(now) && spin_wait.is_worth_it(now + PAUSE));
    }

    #[test]
    fn a_wait_ends_when_it_is_done_or_the_time_is_over() {
        let mut spin_wait = SpinWait::new();
        let calls = std::cell::Cell::new(0);
        let count = |most| {
            calls.set(calls.get() + 1);
            calls.get() == most
        };
        let now = Instant::now();
        spin_wait.wait_until(now, || count(1));
        assert_eq!(calls.get(), 0);
        spin_wait.wait_until(now + Duration::from_hours(1), || count(2));
        // Unless the processor was wanted by others meanwhile, as it may be.
        assert!(calls.get() == 2 || !spin_wait.is_worth_it(Instant::now()));
        spin_wait.wait_until(now + Duration::from_millis(1), || count(0));
        assert!(now.elapsed() >= Duration::from_millis(1) || !spin_wait.is_worth_it(Instant::now()));
    }
}
