//! Answers to those who wait for a frame, of whom one is woken and wakes the others.
//!
//! To wake a task from another thread costs a system call each time, which is most of what a store costs where many
//! store at once. On the thread on which the tasks run, it costs nothing.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use plugin_api::{Fault, Value};

use crate::store::faults::STORE_FAILED;

type Outcome = Result<Value, Fault>;

/// Make the two ends of an answer.
pub(super) fn answer() -> (Sender, Answer) {
    let state = Arc::new(Mutex::new(State::Pending(None)));
    (Sender(Arc::clone(&state)), Answer(state))
}

#[derive(Debug)]
enum State {
    /// No answer yet, and who is to be woken by it.
    Pending(Option<Waker>),
    /// An answer, and the others that came with it.
    There(Outcome, Arc<Waiting>),
    /// Nothing more: the answer was taken, or nobody waits for it any more.
    Over,
}

// A panic while a lock is held leaves the state whole, so poisoning has nothing to say.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end that gives the answer. Dropped before, it says that the store has ended.
#[derive(Debug)]
pub(super) struct Sender(Arc<Mutex<State>>);

impl Sender {
    /// Give the answer. Who waits for it is woken with `others`.
    pub(super) fn send(self, outcome: Outcome, others: &Arc<Waiting>) {
        give(&self.0, outcome, others);
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        let alone = Arc::new(Waiting::default());
        give(&self.0, Err(Fault::new(STORE_FAILED, "STORE_FAILED: the store has ended")), &alone);
        alone.wake();
    }
}

fn give(state: &Mutex<State>, outcome: Outcome, others: &Arc<Waiting>) {
    let mut state = lock(state);
    if let State::Pending(waker) = &mut *state {
        let waker = waker.take();
        *state = State::There(outcome, Arc::clone(others));
        lock(&others.0).extend(waker);
    }
}

/// The future that has the answer.
#[derive(Debug)]
pub(super) struct Answer(Arc<Mutex<State>>);

impl Future for Answer {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome> {
        let mut state = lock(&self.0);
        match std::mem::replace(&mut *state, State::Over) {
            State::Pending(waker) => {
                let waker = waker.filter(|waker| waker.will_wake(cx.waker())).unwrap_or_else(|| cx.waker().clone());
                *state = State::Pending(Some(waker));
                Poll::Pending
            }
            State::There(outcome, others) => {
                drop(state);
                others.wake();
                Poll::Ready(outcome)
            }
            State::Over => Poll::Pending,
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *lock(&self.0), State::Over);
        if let State::There(_, others) = before {
            others.wake();
        }
    }
}

/// Those who have an answer of a frame and have not been woken.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<Vec<Waker>>);

impl Waiting {
    /// Wake one, who wakes the others when it takes its answer, or is dropped.
    pub(super) fn wake_one(&self) {
        let one = lock(&self.0).pop();
        if let Some(waker) = one {
            waker.wake();
        }
    }

    /// Wake all that are left.
    pub(super) fn wake(&self) {
        let wakers = std::mem::take(&mut *lock(&self.0));
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Return whether all have been woken.
    pub(super) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Wake,
    };

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn poll(answer: &mut Answer, count: &Arc<Count>) -> Poll<Outcome> {
        Pin::new(answer).poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
    }

    #[test]
    fn one_is_woken_and_wakes_the_others() {
        for first_is_dropped in [false, true] {
            let counts: Vec<_> = (0..3).map(|_| Arc::<Count>::default()).collect();
            let (senders, mut answers): (Vec<_>, Vec<_>) = (0..3).map(|_| answer()).unzip();
            for (answer, count) in answers.iter_mut().zip(&counts) {
                assert!(poll(answer, count).is_pending() && poll(answer, count).is_pending());
            }
            let waiting = Arc::new(Waiting::default());
            senders.into_iter().enumerate().for_each(|(number, sender)| sender.send(Ok(number.into()), &waiting));
            waiting.wake_one();
            let woken = || counts.iter().map(|count| count.0.load(Relaxed)).collect::<Vec<_>>();
            assert_eq!(woken(), [0, 0, 1]);
            let first = answers.pop();
            if first_is_dropped {
                drop(first);
            } else {
                assert_eq!(poll(&mut first.unwrap(), &counts[2]), Poll::Ready(Ok(2.into())));
            }
            assert_eq!((woken(), waiting.is_empty()), (vec![1, 1, 1], true));
            for (number, (answer, count)) in answers.iter_mut().zip(&counts).enumerate() {
                assert_eq!(poll(answer, count), Poll::Ready(Ok(number.into())));
            }
        }
    }

    #[test]
    fn who_has_gone_is_not_woken() {
        let (sender, mut answer) = answer();
        let count = Arc::default();
        assert!(poll(&mut answer, &count).is_pending());
        drop(answer);
        let waiting = Arc::new(Waiting::default());
        sender.send(Ok(1.into()), &waiting);
        assert!(waiting.is_empty() && count.0.load(Relaxed) == 0);
    }

    #[test]
    fn an_end_without_an_answer_is_said() {
        let (sender, mut answer) = answer();
        let count = Arc::default();
        assert!(poll(&mut answer, &count).is_pending());
        drop(sender);
        assert_eq!(count.0.load(Relaxed), 1);
        assert!(matches!(poll(&mut answer, &count), Poll::Ready(Err(fault)) if fault.text.contains("has ended")));
    }
}
