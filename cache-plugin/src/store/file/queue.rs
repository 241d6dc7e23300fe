//! Queue of operations, whose receiver may wait for several at once: to be woken for each would cost more than most of
//! them do.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Make the two ends of a queue.
pub(super) fn queue<T>() -> (Sender<T>, Receiver<T>) {
    let state = State { items: VecDeque::new(), wanted: None, is_closed: false };
    let shared = Arc::new(Shared { state: Mutex::new(state), enough: Condvar::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    /// Notified when there is as much as is waited for, and when the queue is closed.
    enough: Condvar,
}

#[derive(Debug)]
struct State<T> {
    items: VecDeque<T>,
    /// Number of items that the receiver waits for.
    wanted: Option<usize>,
    /// Set when one of the ends is gone.
    is_closed: bool,
}

impl<T> Shared<T> {
    // A panic while the lock is held leaves the state whole, so poisoning has nothing to say.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end that is sent to. Dropped, it closes the queue; what is in it is still received.
#[derive(Debug)]
pub(super) struct Sender<T>(Arc<Shared<T>>);

impl<T> Sender<T> {
    /// Send an item; it is dropped where nobody receives any more.
    pub(super) fn send(&self, item: T) {
        let mut state = self.0.lock();
        if state.is_closed {
            drop(state);
            return drop(item);
        }
        state.items.push_back(item);
        if state.wanted.is_some_and(|wanted| state.items.len() >= wanted) {
            state.wanted = None;
            drop(state);
            self.0.enough.notify_one();
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.enough.notify_one();
    }
}

/// Reason why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// There is something to receive: as much as was waited for, or less where the time was over.
    Received,
    /// The time is over, and nothing has come.
    TimedOut,
    /// Nothing will come any more.
    Closed,
}

/// The end that receives.
#[derive(Debug)]
pub(super) struct Receiver<T>(Arc<Shared<T>>);

impl<T> Receiver<T> {
    /// Wait for so many items, for this long at most if that is said.
    pub(super) fn wait(&self, number: usize, time: Option<Duration>) -> Waited {
        let end = time.map(|time| Instant::now() + time);
        let mut state = self.0.lock();
        while state.items.len() < number && !state.is_closed {
            state.wanted = Some(number);
            state = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.0.enough.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => self.0.enough.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state.wanted = None;
        match (state.items.is_empty(), state.is_closed) {
            (false, _) => Waited::Received,
            (true, true) => Waited::Closed,
            (true, false) => Waited::TimedOut,
        }
    }

    /// Take the first item.
    pub(super) fn take(&self) -> Option<T> {
        self.0.lock().items.pop_front()
    }

    /// Number of items.
    pub(super) fn len(&self) -> usize {
        self.0.lock().items.len()
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        let items = std::mem::take(&mut state.items);
        drop(state);
        drop(items);
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    /// Time that never is over in a test that passes.
    const LONG: Option<Duration> = Some(Duration::from_secs(30));

    #[test]
    fn the_receiver_is_woken_when_there_are_as_many_as_it_waits_for() {
        let (sender, receiver) = queue();
        sender.send(0);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| receiver.wait(3, LONG));
            while sender.0.lock().wanted != Some(3) {
                thread::yield_now();
            }
            sender.send(1);
            assert_eq!(sender.0.lock().wanted, Some(3), "it is not woken");
            sender.send(2);
            assert_eq!(waiting.join().unwrap(), Waited::Received);
        });
        assert_eq!(std::iter::from_fn(|| receiver.take()).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn what_has_come_when_the_time_is_over_is_received() {
        let (sender, receiver) = queue();
        let moment = Some(Duration::from_millis(1));
        assert_eq!(receiver.wait(2, moment), Waited::TimedOut);
        sender.send(());
        assert_eq!(receiver.wait(2, moment), Waited::Received);
        assert_eq!(receiver.len(), 1);
    }

    #[test]
    fn a_queue_that_is_closed_is_received_to_its_end() {
        let (sender, receiver) = queue();
        sender.send(());
        thread::scope(|scope| {
            let waiting = scope.spawn(|| receiver.wait(2, LONG));
            while sender.0.lock().wanted != Some(2) {
                thread::yield_now();
            }
            drop(sender);
            assert_eq!(waiting.join().unwrap(), Waited::Received);
        });
        assert_eq!((receiver.take(), receiver.wait(1, LONG)), (Some(()), Waited::Closed));
    }

    #[test]
    fn what_nobody_receives_is_dropped() {
        let (sender, receiver) = queue();
        let item = Arc::new(());
        sender.send(Arc::clone(&item));
        drop(receiver);
        sender.send(Arc::clone(&item));
        assert_eq!(Arc::strong_count(&item), 1);
    }
}
