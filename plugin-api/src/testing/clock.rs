//! Time that stands still until a test moves it.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

/// A clock, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct Clock(Mutex<Time>);

#[derive(Debug, Default)]
struct Time {
    now: Duration,
    sleepers: Vec<Sleeper>,
    /// The number of the next sleeper.
    next: u64,
}

#[derive(Debug)]
struct Sleeper {
    number: u64,
    until: Duration,
    waker: Waker,
}

impl Clock {
    /// Time that has passed since the clock was made.
    pub(super) fn now(&self) -> Duration {
        self.time().now
    }

    /// Times at which those who sleep wake up, soonest first.
    pub(super) fn alarms(&self) -> Vec<Duration> {
        let mut alarms: Vec<_> = self.time().sleepers.iter().map(|sleeper| sleeper.until).collect();
        alarms.sort_unstable();
        alarms
    }

    /// Move the clock, and wake those whose time has come.
    pub(super) fn advance(&self, by: Duration) {
        let mut time = self.time();
        time.now += by;
        let now = time.now;
        let sleepers = std::mem::take(&mut time.sleepers);
        let (woken, asleep): (Vec<_>, Vec<_>) = sleepers.into_iter().partition(|sleeper| sleeper.until <= now);
        time.sleepers = asleep;
        // A waker is code of others, which may look at the clock.
        drop(time);
        for sleeper in woken {
            sleeper.waker.wake();
        }
    }

    /// Wait until the clock has moved by `duration` from where it stands when this is first polled.
    pub(super) fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        Sleep { clock: self.clone(), duration, began: None }
    }

    fn time(&self) -> MutexGuard<'_, Time> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A sleep of [`Clock::sleep`].
pub(super) struct Sleep {
    clock: Arc<Clock>,
    duration: Duration,
    /// The sleeper's number and when it wakes up.
    began: Option<(u64, Duration)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut time = this.clock.time();
        let (number, until) = *this.began.get_or_insert_with(|| {
            time.next += 1;
            (time.next, time.now.saturating_add(this.duration))
        });
        time.sleepers.retain(|sleeper| sleeper.number != number);
        if until <= time.now {
            return Poll::Ready(());
        }
        time.sleepers.push(Sleeper { number, until, waker: context.waker().clone() });
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some((number, _)) = self.began {
            self.clock.time().sleepers.retain(|sleeper| sleeper.number != number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleepers_wake_when_their_time_has_come() {
        let clock = Arc::new(Clock::default());
        let mut context = Context::from_waker(Waker::noop());
        let [mut short, mut long] = [1, 3].map(|seconds| Box::pin(clock.sleep(Duration::from_secs(seconds))));
        for sleep in [&mut short, &mut long] {
            assert!(sleep.as_mut().poll(&mut context).is_pending());
            assert!(sleep.as_mut().poll(&mut context).is_pending());
        }
        assert_eq!(clock.alarms(), [Duration::from_secs(1), Duration::from_secs(3)]);
        clock.advance(Duration::from_secs(2));
        assert!(short.as_mut().poll(&mut context).is_ready());
        assert!(long.as_mut().poll(&mut context).is_pending());
        drop(long);
        assert!(clock.alarms().is_empty());
        assert_eq!(clock.now(), Duration::from_secs(2));
    }

    #[test]
    fn no_time_is_over_at_once() {
        let clock = Arc::new(Clock::default());
        crate::block_on(clock.sleep(Duration::ZERO));
    }
}
