//! Requests on their way to the thread that carries them out, and answers on their way back.
//!
//! To wake a thread costs a system call, which is most of what a store costs where many store at once. So the thread
//! may wait for several requests, or look out for them awake, and of those who wait for answers it wakes one, who wakes
//! the others: on the thread on which they run, that costs nothing.

use std::{
    collections::VecDeque,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use plugin_api::{Fault, SpinWait, Value};

use crate::store::faults::STORE_FAILED;

/// Requests and answers for which memory is kept while there are none.
const KEPT: usize = 1024;

pub(super) type Outcome = Result<Value, Fault>;

/// Make the two ends.
pub(super) fn requests<T>() -> (Asker<T>, Worker<T>) {
    let shared = Arc::new(Shared { state: Mutex::default(), len: AtomicUsize::new(0), enough: Condvar::new() });
    (Asker(Arc::clone(&shared)), Worker(shared))
}

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    /// Number of requests that have not been taken, for who looks without the lock.
    len: AtomicUsize,
    /// Notified when there is as much as is waited for, and when no more can come.
    enough: Condvar,
}

#[derive(Debug)]
struct State<T> {
    /// Requests that have not been taken, each with the number of its answer.
    requests: VecDeque<(AnswerNumber, T)>,
    /// Number of requests that the worker waits for.
    wanted: Option<usize>,
    /// Set when one of the ends is gone.
    is_closed: bool,
    /// Answers by their numbers.
    answers: Vec<AnswerState>,
    /// Numbers that nobody has.
    free: Vec<AnswerNumber>,
    /// Those who have an answer and have not been woken.
    to_wake: Vec<Waker>,
    /// Set while one has been woken and has not woken the others.
    is_one_woken: bool,
}

/// Number of an answer, which belongs to its request until it is given, and to who waits for it until it is taken.
pub(super) type AnswerNumber = usize;

#[derive(Debug)]
enum AnswerState {
    /// None yet, and who is to be woken by it.
    Pending(Option<Waker>),
    /// The answer.
    There(Outcome),
    /// Nobody waits for it any more.
    Unwanted,
    /// The number is free.
    Free,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self {
            requests: VecDeque::new(),
            wanted: None,
            is_closed: false,
            answers: Vec::new(),
            free: Vec::new(),
            to_wake: Vec::new(),
            is_one_woken: false,
        }
    }
}

impl<T> State<T> {
    fn number(&mut self, answer: AnswerState) -> AnswerNumber {
        if let Some(number) = self.free.pop() {
            self.answers[number] = answer;
            return number;
        }
        self.answers.push(answer);
        self.answers.len() - 1
    }

    fn give(&mut self, number: AnswerNumber, outcome: Outcome) {
        let answer = &mut self.answers[number];
        if let AnswerState::Pending(waker) = answer {
            self.to_wake.extend(waker.take());
            *answer = AnswerState::There(outcome);
        } else {
            self.release(number);
        }
    }

    /// Take back a number that nobody has any more.
    fn release(&mut self, number: AnswerNumber) {
        self.answers[number] = AnswerState::Free;
        self.free.push(number);
        if self.free.len() == self.answers.len() && self.free.len() > KEPT {
            (self.answers, self.free) = (Vec::new(), Vec::new());
        }
    }

    /// Those who are left to be woken, by whoever takes them.
    fn left(&mut self) -> Vec<Waker> {
        self.is_one_woken = false;
        std::mem::take(&mut self.to_wake)
    }
}

impl<T> Shared<T> {
    // A panic while the lock is held leaves the state whole, so poisoning has nothing to say.
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn ended() -> Fault {
    Fault::new(STORE_FAILED, "STORE_FAILED: the store has ended")
}

fn wake(wakers: Vec<Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

/// The end that asks. Dropped, it closes the other one; what it has asked for is still carried out.
#[derive(Debug)]
pub(super) struct Asker<T>(Arc<Shared<T>>);

impl<T> Asker<T> {
    /// Ask for something, and get its answer: a fault where nobody works any more.
    pub(super) fn ask(&self, request: T) -> Answer<T> {
        let mut state = self.0.lock();
        let answer = if state.is_closed { AnswerState::There(Err(ended())) } else { AnswerState::Pending(None) };
        let number = state.number(answer);
        if !state.is_closed {
            state.requests.push_back((number, request));
            self.0.len.store(state.requests.len(), Relaxed);
        }
        let is_enough = state.wanted.is_some_and(|wanted| state.requests.len() >= wanted);
        if is_enough {
            state.wanted = None;
        }
        drop(state);
        if is_enough {
            self.0.enough.notify_one();
        }
        Answer { shared: Arc::clone(&self.0), number: Some(number) }
    }
}

impl<T> Drop for Asker<T> {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.enough.notify_one();
    }
}

/// The future that has an answer.
#[derive(Debug)]
pub(super) struct Answer<T> {
    shared: Arc<Shared<T>>,
    /// None once it has been taken.
    number: Option<AnswerNumber>,
}

impl<T> Future for Answer<T> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let Some(number) = self.number else { return Poll::Pending };
        let mut state = self.shared.lock();
        let answer = &mut state.answers[number];
        let before = match std::mem::replace(answer, AnswerState::Free) {
            AnswerState::There(outcome) => {
                state.release(number);
                let left = state.left();
                drop(state);
                self.number = None;
                wake(left);
                return Poll::Ready(outcome);
            }
            AnswerState::Pending(waker) => waker,
            AnswerState::Unwanted | AnswerState::Free => None,
        };
        let is_known = before.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        let (now, before) = if is_known { (before, None) } else { (Some(context.waker().clone()), before) };
        *answer = AnswerState::Pending(now);
        // A waker is dropped, as it is called, with the lock given back: what that sets off is not known here.
        drop(state);
        drop(before);
        Poll::Pending
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut state = self.shared.lock();
        let before = std::mem::replace(&mut state.answers[number], AnswerState::Unwanted);
        let left = if let AnswerState::There(_) = before {
            state.release(number);
            state.left()
        } else {
            Vec::new()
        };
        drop(state);
        drop(before);
        wake(left);
    }
}

/// Reason why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waited {
    /// There is something to take: as much as was waited for, or less where the time was over.
    Received,
    /// The time is over, and nothing has come.
    TimedOut,
    /// Nothing will come any more.
    Closed,
}

/// The end that works. Dropped, it leaves a fault to all who wait for an answer.
#[derive(Debug)]
pub(super) struct Worker<T>(Arc<Shared<T>>);

impl<T> Worker<T> {
    /// Wait for so many requests, for this long at most if that is said.
    pub(super) fn wait(&self, number: usize, time: Option<Duration>) -> Waited {
        let end = time.map(|time| Instant::now() + time);
        let mut state = self.0.lock();
        while state.requests.len() < number && !state.is_closed {
            state.wanted = Some(number);
            state = match end.map(|end| end.saturating_duration_since(Instant::now())) {
                None => self.0.enough.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => break,
                Some(left) => self.0.enough.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
            };
        }
        state.wanted = None;
        match (state.requests.is_empty(), state.is_closed) {
            (false, _) => Waited::Received,
            (true, true) => Waited::Closed,
            (true, false) => Waited::TimedOut,
        }
    }

    /// Stay awake until there are so many requests, `end` has come, or others want the processor.
    pub(super) fn look_out(&self, number: usize, end: Instant, spin_wait: &mut SpinWait) {
        spin_wait.wait_until(end, || self.len() >= number);
    }

    /// Take the first requests, up to one of which it is said to be the last. Each is to be answered.
    pub(super) fn take(&self, mut is_last: impl FnMut(&T) -> bool) -> Vec<(AnswerNumber, T)> {
        let requests = &mut self.0.lock().requests;
        let last = requests.iter().position(|(_, request)| is_last(request));
        let taken = requests.drain(..last.map_or(requests.len(), |last| last + 1)).collect();
        if requests.is_empty() {
            requests.shrink_to(KEPT);
        }
        self.0.len.store(requests.len(), Relaxed);
        taken
    }

    /// Number of requests that have come and have not been taken.
    pub(super) fn len(&self) -> usize {
        self.0.len.load(Relaxed)
    }

    /// Give answers, and wake one of those who wait for them, who wakes the others when it takes its answer, or is
    /// dropped.
    pub(super) fn answer(&self, answers: impl ExactSizeIterator<Item = (AnswerNumber, Outcome)>) {
        let mut state = self.0.lock();
        state.to_wake.reserve(answers.len());
        answers.for_each(|(number, outcome)| state.give(number, outcome));
        if state.is_one_woken {
            return;
        }
        let one = state.to_wake.pop();
        state.is_one_woken = one.is_some();
        drop(state);
        if let Some(waker) = one {
            waker.wake();
        }
    }

    /// Return whether anybody who has an answer has not been woken.
    pub(super) fn has_left(&self) -> bool {
        !self.0.lock().to_wake.is_empty()
    }

    /// Wake all who have an answer.
    pub(super) fn wake_left(&self) {
        let left = self.0.lock().left();
        wake(left);
    }
}

impl<T> Drop for Worker<T> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.is_closed = true;
        let requests = std::mem::take(&mut state.requests);
        for number in 0..state.answers.len() {
            if let AnswerState::Pending(_) = state.answers[number] {
                state.give(number, Err(ended()));
            }
        }
        let left = state.left();
        drop(state);
        drop(requests);
        wake(left);
    }
}

#[cfg(test)]
mod tests {
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        task::Wake,
        thread,
    };

    use super::*;

    /// Time that never is over in a test that passes.
    const LONG: Option<Duration> = Some(Duration::from_secs(30));

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    fn poll(answer: &mut Answer<i32>, count: &Arc<Count>) -> Poll<Outcome> {
        Pin::new(answer).poll(&mut Context::from_waker(&Waker::from(Arc::clone(count))))
    }

    fn take(worker: &Worker<i32>, most: usize) -> (Vec<AnswerNumber>, Vec<i32>) {
        let mut number = 0;
        let is_last = |_: &i32| {
            number += 1;
            number == most
        };
        worker.take(is_last).into_iter().unzip()
    }

    /// Answer so many requests, each with itself.
    fn echo(worker: &Worker<i32>, number: usize) {
        let (numbers, requests) = take(worker, number);
        worker.answer(numbers.into_iter().zip(requests.into_iter().map(|request| Ok(request.into()))));
    }

    #[test]
    fn the_worker_is_woken_when_there_is_as_much_as_it_waits_for() {
        let (asker, worker) = requests();
        let _first = asker.ask(0);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| worker.wait(3, LONG));
            while asker.0.lock().wanted != Some(3) {
                thread::yield_now();
            }
            let _second = asker.ask(1);
            assert_eq!(asker.0.lock().wanted, Some(3), "it is not woken");
            let _third = asker.ask(2);
            assert_eq!(waiting.join().unwrap(), Waited::Received);
        });
        assert_eq!((take(&worker, 2).1, worker.len()), (vec![0, 1], 1));
        assert_eq!((take(&worker, 2).1, worker.len()), (vec![2], 0));
    }

    #[test]
    fn the_worker_can_look_out_for_requests_without_the_lock() {
        let (asker, worker) = requests();
        let (mut spin_wait, begun) = (SpinWait::new(), Instant::now());
        let _first = asker.ask(0);
        worker.look_out(1, begun + Duration::from_hours(1), &mut spin_wait);
        worker.look_out(2, begun + Duration::from_millis(1), &mut spin_wait);
        assert!(begun.elapsed() >= Duration::from_millis(1) || !spin_wait.is_worth_it(Instant::now()));
        let _second = asker.ask(1);
        assert_eq!((worker.len(), take(&worker, 2).1, worker.len()), (2, vec![0, 1], 0));
    }

    #[test]
    fn what_has_come_when_the_time_is_over_can_be_taken() {
        let (asker, worker) = requests();
        let moment = Some(Duration::from_millis(1));
        assert_eq!(worker.wait(2, moment), Waited::TimedOut);
        let _answer = asker.ask(0);
        assert_eq!((worker.wait(2, moment), worker.len()), (Waited::Received, 1));
    }

    #[test]
    fn when_nobody_asks_any_more_the_rest_is_carried_out() {
        let (asker, worker) = requests();
        let mut answer = asker.ask(7);
        thread::scope(|scope| {
            let waiting = scope.spawn(|| worker.wait(2, LONG));
            while asker.0.lock().wanted != Some(2) {
                thread::yield_now();
            }
            drop(asker);
            assert_eq!(waiting.join().unwrap(), Waited::Received);
        });
        echo(&worker, 1);
        assert_eq!(poll(&mut answer, &Arc::default()), Poll::Ready(Ok(7.into())));
        assert_eq!(worker.wait(1, LONG), Waited::Closed);
    }

    #[test]
    fn one_is_woken_and_wakes_the_others() {
        for first_is_dropped in [false, true] {
            let (asker, worker) = requests();
            let counts: Vec<_> = (0..3).map(|_| Arc::<Count>::default()).collect();
            let woken = || counts.iter().map(|count| count.0.load(Relaxed)).collect::<Vec<_>>();
            let mut answers: Vec<_> = (0..3).map(|number| asker.ask(number)).collect();
            for (answer, count) in answers.iter_mut().zip(&counts) {
                assert!(poll(answer, count).is_pending() && poll(answer, count).is_pending());
            }
            echo(&worker, 2);
            assert_eq!((woken(), worker.has_left()), (vec![0, 1, 0], true));
            echo(&worker, 1);
            assert_eq!(woken(), [0, 1, 0], "one is on its way");
            let first = answers.remove(1);
            if first_is_dropped {
                drop(first);
            } else {
                let mut first = first;
                assert_eq!(poll(&mut first, &counts[1]), Poll::Ready(Ok(1.into())));
            }
            assert_eq!((woken(), worker.has_left()), (vec![1, 1, 1], false));
            for (answer, number) in answers.iter_mut().zip([0, 2]) {
                assert_eq!(poll(answer, &Arc::default()), Poll::Ready(Ok(number.into())));
            }
        }
    }

    #[test]
    fn the_others_can_be_woken_without_the_one() {
        let (asker, worker) = requests();
        let counts: Vec<_> = (0..2).map(|_| Arc::<Count>::default()).collect();
        let mut answers: Vec<_> = (0..2).map(|number| asker.ask(number)).collect();
        answers.iter_mut().zip(&counts).for_each(|(answer, count)| assert!(poll(answer, count).is_pending()));
        echo(&worker, 2);
        worker.wake_left();
        assert!(counts.iter().all(|count| count.0.load(Relaxed) == 1) && !worker.has_left());
    }

    #[test]
    fn who_has_gone_is_not_woken_and_leaves_nothing() {
        let (asker, worker) = requests();
        let count = Arc::default();
        let (mut early, late) = (asker.ask(1), asker.ask(2));
        assert!(poll(&mut early, &count).is_pending());
        drop(early);
        assert_eq!(Arc::strong_count(&count), 1, "its waker is gone");
        echo(&worker, 2);
        drop(late);
        assert!(!worker.has_left() && count.0.load(Relaxed) == 0);
        let (state, numbers) = (asker.0.lock(), 2);
        assert_eq!((state.answers.len(), state.free.len()), (numbers, numbers));
        drop(state);
        let mut answer = asker.ask(3);
        echo(&worker, 1);
        assert_eq!(poll(&mut answer, &count), Poll::Ready(Ok(3.into())));
        assert_eq!(asker.0.lock().answers.len(), numbers, "numbers are used again");
    }

    #[test]
    fn the_memory_of_a_crowd_is_given_back() {
        let (asker, worker) = requests();
        let answers: Vec<_> = (0..10_000).map(|number| asker.ask(number)).collect();
        assert_eq!(take(&worker, 10_000).1.len(), 10_000);
        let kept = || {
            let state = asker.0.lock();
            [state.requests.capacity(), state.answers.capacity(), state.free.capacity()]
        };
        assert!(kept()[0] <= 2 * KEPT, "{:?}", kept());
        drop(worker);
        drop(answers);
        assert_eq!(kept()[1..], [0, 0]);
        let mut answer = asker.ask(1);
        assert!(poll(&mut answer, &Arc::default()).is_ready());
    }

    #[test]
    fn an_end_without_an_answer_is_said() {
        let (asker, worker) = requests();
        let (count, mut taken, mut waiting) = (Arc::default(), asker.ask(1), asker.ask(2));
        assert!(poll(&mut taken, &count).is_pending() && poll(&mut waiting, &count).is_pending());
        take(&worker, 1);
        drop(worker);
        assert_eq!(count.0.load(Relaxed), 2);
        for mut answer in [taken, waiting, asker.ask(3)] {
            let outcome = poll(&mut answer, &count);
            assert!(matches!(outcome, Poll::Ready(Err(fault)) if fault.text.contains("has ended")));
        }
    }
}
