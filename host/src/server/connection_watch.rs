//! State of each connection, so that one that does nothing for too long is ended and one that waits for its next
//! request makes room when the server is full.
//!
//! A timer for each request would cost more than the request. So a connection only writes down its phase and the tick
//! of a coarse clock at which that began; a sweep looks at all of them once per tick.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};

use parking_lot::Mutex;

use super::limits::Limits;

/// Bytes of a body that have to come within the time that a request has.
const PROGRESS: usize = 64 << 10;

/// Phase of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The connection waits for a request.
    Idle,
    /// A request's line and headers are read.
    Head,
    /// A request's body is read.
    Body,
    /// The call is being worked on.
    Call,
    /// The answer is on its way.
    Answer,
    /// The answer goes on for as long as the client likes.
    Stream,
    /// The client was refused and is left the time to read that.
    Lingering,
}

/// Order to a connection to end, by the sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Order {
    /// No order: it goes on.
    None,
    /// Answer 408: the client was too slow to ask.
    TimedOut,
    /// Close: the client does not read, or its place is needed.
    Close,
    /// Finish the answer in flight: the server ends.
    Finish,
    /// Answer one request more, where none has been answered yet, and finish the answer in flight: another server is
    /// about to go on.
    Drain,
}

/// State of one connection, for the sweep.
#[derive(Debug)]
pub(super) struct ConnectionWatch {
    /// Present phase, a [`Phase`] as a number.
    phase: AtomicU8,
    /// The tick at which the phase began or, for a body or an answer, last moved.
    since: AtomicU32,
    /// Bytes of a body that have come since that tick.
    arrived: AtomicUsize,
    /// Order of the sweep, an [`Order`] as a number.
    order: AtomicU8,
    /// Number of requests that were answered.
    answered: AtomicU32,
    /// Set while the client does not take what is written.
    pub(super) blocked: AtomicBool,
    /// Set when the client will send no more.
    pub(super) ended: AtomicBool,
    /// Set when a request was refused before its body was read.
    pub(super) unread: AtomicBool,
    /// Waker of the connection's task, which then obeys the order.
    waker: OnceLock<Waker>,
    /// Clock of the table, in ticks.
    clock: Arc<AtomicU32>,
}

impl ConnectionWatch {
    fn new(clock: Arc<AtomicU32>) -> Self {
        let now = clock.load(Relaxed);
        Self {
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU32::new(now),
            arrived: AtomicUsize::new(0),
            order: AtomicU8::new(Order::None as u8),
            answered: AtomicU32::new(0),
            blocked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            waker: OnceLock::new(),
            clock,
        }
    }

    /// The present phase.
    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Body,
            3 => Phase::Call,
            4 => Phase::Answer,
            5 => Phase::Stream,
            _ => Phase::Lingering,
        }
    }

    /// Begin a phase.
    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.arrived.store(0, Relaxed);
        self.touch();
    }

    /// Note that so many bytes of a body came. They have to be some before they count, lest a client send one every few
    /// seconds for ever.
    pub(super) fn body_arrived(&self, count: usize) {
        let arrived = self.arrived.load(Relaxed) + count;
        if arrived < PROGRESS {
            self.arrived.store(arrived, Relaxed);
        } else {
            self.arrived.store(0, Relaxed);
            self.touch();
        }
    }

    /// Note that something came or went.
    pub(super) fn touch(&self) {
        self.since.store(self.clock.load(Relaxed), Relaxed);
    }

    /// The order that the sweep has given.
    pub(super) fn order(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::None,
            1 => Order::TimedOut,
            2 => Order::Close,
            3 => Order::Finish,
            _ => Order::Drain,
        }
    }

    /// Note that a request was answered: the connection waits for the next one.
    pub(super) fn note_answer(&self) {
        self.answered.fetch_add(1, Relaxed);
        self.enter(Phase::Idle);
    }

    /// Return true if it is to end before the next request.
    pub(super) fn is_drained(&self) -> bool {
        self.order() == Order::Drain && self.answered.load(Relaxed) > 0
    }

    /// Note the waker of the connection's task, which has to call this before it first waits.
    pub(super) fn set_waker(&self, waker: &Waker) {
        self.waker.get_or_init(|| waker.clone());
    }

    fn is_busy(&self) -> bool {
        matches!(self.phase(), Phase::Body | Phase::Call | Phase::Answer)
    }

    fn give(&self, order: Order) {
        self.order.store(order as u8, Relaxed);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

/// Table of the connections of a socket.
#[derive(Debug)]
pub(super) struct ConnectionTable {
    limits: Limits,
    /// Clock, in ticks: one for each sweep.
    clock: Arc<AtomicU32>,
    /// Connections; locked only to add, remove and sweep.
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    /// Key of the next connection.
    next: u64,
    open: HashMap<u64, Arc<ConnectionWatch>>,
    /// The most that were open since the last sweep.
    most: usize,
    /// Set when the server ends: no more are admitted.
    ending: bool,
}

impl ConnectionTable {
    /// An empty table.
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, clock: Arc::default(), connections: Mutex::default() })
    }

    /// Admit one more connection; where there is no place, `Err` with the number of those that are open.
    pub(super) fn admit(self: &Arc<Self>) -> Result<Admission, usize> {
        let mut connections = self.connections.lock();
        if connections.ending {
            return Err(connections.open.len());
        }
        if connections.open.len() >= self.limits.connections {
            let now = self.clock.load(Relaxed);
            let longest = connections
                .open
                .iter()
                .filter_map(|(&id, watch)| {
                    let lingering = match (watch.phase(), watch.order()) {
                        (Phase::Idle, Order::None) => false,
                        (Phase::Lingering, Order::None | Order::TimedOut) => true,
                        _ => return None,
                    };
                    Some((lingering, now.wrapping_sub(watch.since.load(Relaxed)), id))
                })
                .max()
                .map(|(_, _, id)| id);
            match longest.and_then(|id| connections.open.remove(&id)) {
                Some(watch) => watch.give(Order::Close),
                None => return Err(connections.open.len()),
            }
        }
        let id = connections.next;
        connections.next += 1;
        let watch = Arc::new(ConnectionWatch::new(self.clock.clone()));
        connections.open.insert(id, watch.clone());
        connections.most = connections.most.max(connections.open.len());
        Ok(Admission { id, watch, table: self.clone() })
    }

    /// End connections that took too long, and move the clock on. Returns the number of connections that are open and
    /// the most that were open since the last sweep.
    pub(super) fn sweep(&self) -> (usize, usize) {
        let now = self.clock.fetch_add(1, Relaxed).wrapping_add(1);
        let mut connections = self.connections.lock();
        for watch in connections.open.values() {
            if watch.order() != Order::None {
                continue;
            }
            let ticks = now.wrapping_sub(watch.since.load(Relaxed));
            let longer_than = |limit: Duration| self.limits.tick.saturating_mul(ticks) > limit;
            match watch.phase() {
                Phase::Head | Phase::Body if longer_than(self.limits.request) => watch.give(Order::TimedOut),
                Phase::Call if watch.ended.load(Relaxed) && longer_than(self.limits.half_closed) => {
                    watch.give(Order::Close);
                }
                Phase::Answer if longer_than(self.limits.answer) => watch.give(Order::Close),
                Phase::Stream if watch.blocked.load(Relaxed) && longer_than(self.limits.answer) => {
                    watch.give(Order::Close);
                }
                Phase::Idle if longer_than(self.limits.idle) => watch.give(Order::Close),
                _ => {}
            }
        }
        let open = connections.open.len();
        (open, std::mem::replace(&mut connections.most, open))
    }

    /// Admit no more, close connections that wait and let the others finish.
    pub(super) fn finish(&self) {
        let mut connections = self.connections.lock();
        connections.ending = true;
        for watch in connections.open.values() {
            watch.give(Order::Finish);
        }
    }

    /// Close connections that wait for another request than their first, and let the others finish.
    pub(super) fn drain(&self) {
        for watch in self.connections.lock().open.values().filter(|watch| watch.order() == Order::None) {
            watch.give(Order::Drain);
        }
    }

    /// List the connections that have asked for something and not got it all yet, but for those that listen for as long
    /// as they like; with the number of their answers up to now.
    pub(super) fn busy(&self) -> Vec<BusyConnection> {
        let connections = self.connections.lock();
        let busy = connections.open.values().filter(|watch| watch.is_busy());
        busy.map(|watch| BusyConnection(Arc::downgrade(watch), watch.answered.load(Relaxed))).collect()
    }

    /// Return true once no connection has asked, but for those that are overdue, or may do so for the first time, if
    /// that is waited for.
    pub(super) fn is_drained(&self, waits_for_first: bool, overdue: &[BusyConnection]) -> bool {
        let connections = self.connections.lock();
        let ends = |watch: &Arc<ConnectionWatch>| match watch.phase() {
            Phase::Stream | Phase::Lingering => true,
            Phase::Idle => {
                // Who has been silent for a second or two is not about to ask.
                let is_silent = self.clock.load(Relaxed).wrapping_sub(watch.since.load(Relaxed)) > 1;
                (!waits_for_first || is_silent) && watch.answered.load(Relaxed) == 0
            }
            Phase::Head | Phase::Body | Phase::Call | Phase::Answer => overdue.iter().any(|other| other.is(watch)),
        };
        connections.open.values().all(ends)
    }

    /// Number of open connections.
    pub(super) fn len(&self) -> usize {
        self.connections.lock().open.len()
    }
}

/// A connection that was busy at some moment.
#[derive(Debug)]
pub(super) struct BusyConnection(Weak<ConnectionWatch>, u32);

impl BusyConnection {
    fn is(&self, watch: &Arc<ConnectionWatch>) -> bool {
        std::ptr::eq(self.0.as_ptr(), Arc::as_ptr(watch))
    }

    /// Return true while it still is, with the same request.
    pub(super) fn is_busy(&self) -> bool {
        self.0.upgrade().is_some_and(|watch| watch.is_busy() && watch.answered.load(Relaxed) == self.1)
    }
}

/// A place in the table, given up when dropped.
#[derive(Debug)]
pub(super) struct Admission {
    id: u64,
    pub(super) watch: Arc<ConnectionWatch>,
    table: Arc<ConnectionTable>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.table.connections.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(connections: usize) -> Arc<ConnectionTable> {
        let second = Duration::from_secs(1);
        ConnectionTable::new(Limits {
            connections,
            request: second * 3,
            answer: second * 5,
            idle: second * 8,
            ..Limits::default()
        })
    }

    fn ticks_until_order(phase: Phase) -> Option<(u32, Order)> {
        let list = list(4);
        let place = list.admit().unwrap();
        place.watch.enter(phase);
        (1..20).find_map(|tick| {
            list.sweep();
            let order = place.watch.order();
            (order != Order::None).then_some((tick, order))
        })
    }

    #[test]
    fn each_phase_has_its_time_limit() {
        assert_eq!(ticks_until_order(Phase::Head), Some((4, Order::TimedOut)));
        assert_eq!(ticks_until_order(Phase::Body), Some((4, Order::TimedOut)));
        assert_eq!(ticks_until_order(Phase::Call), None);
        assert_eq!(ticks_until_order(Phase::Answer), Some((6, Order::Close)));
        assert_eq!(ticks_until_order(Phase::Idle), Some((9, Order::Close)));
    }

    #[test]
    fn a_body_that_trickles_has_no_more_time_than_one_that_stands_still() {
        let ticks_until_refused = |bytes_per_tick| {
            let list = list(4);
            let place = list.admit().unwrap();
            place.watch.enter(Phase::Body);
            (1..20).find(|_| {
                place.watch.body_arrived(bytes_per_tick);
                list.sweep();
                place.watch.order() != Order::None
            })
        };
        assert_eq!(ticks_until_refused(0), Some(4));
        assert_eq!(ticks_until_refused(1), Some(4));
        assert_eq!(ticks_until_refused(PROGRESS / 2), None);
    }

    #[test]
    fn at_the_limit_the_one_idle_longest_makes_room() {
        let list = list(2);
        let busy = list.admit().unwrap();
        busy.watch.enter(Phase::Call);
        list.sweep();
        let old = list.admit().unwrap();
        list.sweep();
        let new = list.admit().unwrap();
        assert_eq!(old.watch.order(), Order::Close);
        assert_eq!(list.len(), 2);
        new.watch.enter(Phase::Call);
        assert_eq!(list.admit().unwrap_err(), 2);
        drop(old);
        assert_eq!(list.len(), 2, "its place was given away already");
        drop(busy);
        assert!(list.admit().is_ok());
    }
}
