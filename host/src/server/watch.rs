//! What the server knows of each connection, so that one that does nothing for too long is ended and one that waits for
//! its next request makes room when the server is full.
//!
//! A timer for each request would cost more than the request. So a connection only writes down what it is doing and at
//! which tick of a coarse clock that began; a sweep looks at all of them once per tick.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};

use nix::sys::resource::Resource;
use parking_lot::Mutex;

use crate::{limits, xmlrpc::ANSWER_LIMIT};

/// So many bytes of a body have to come within the time that a request has.
const PROGRESS: usize = 64 << 10;

/// What clients may do, and for how long.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Of a request's body, in bytes; larger ones are answered with 413.
    pub body: usize,
    /// Of all larger requests' bodies together, in bytes; what comes when they are this many is answered with 503.
    pub requests: usize,
    /// Of all larger answers together that clients have not yet read, in bytes; further ones wait as long as a request
    /// may take, and then become a fault. At least one answer of the largest size must fit.
    pub answers: usize,
    /// Of a request's line and headers together, in bytes; larger ones are answered with 431.
    pub head: usize,
    /// How many connections may be open to each server. At the limit one that was refused already is closed, or the one
    /// that has waited longest for its next request; if there is none, the new one is answered with 503.
    pub connections: usize,
    /// How long a request's headers may take, and how long its body may bring less than 64 KiB, before the answer is
    /// 408.
    pub request: Duration,
    /// How long a client may not read its answer before it is given up.
    pub answer: Duration,
    /// How long a connection may wait for its next request. Clients such as event listeners keep theirs for hours and
    /// do not expect to lose it.
    pub idle: Duration,
    /// How long a call goes on when its client will send no more. It may have left; or it may only have said all that
    /// it has to say, and still be waiting for the answer. There is no telling, until the answer is written.
    pub parting: Duration,
    /// How long answers in flight may delay the end of the server.
    pub farewell: Duration,
    /// How often the above are looked at.
    pub tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 << 20,
            requests: 256 << 20,
            answers: 2 * ANSWER_LIMIT,
            head: 64 << 10,
            connections: 4096,
            request: Duration::from_secs(30),
            answer: Duration::from_mins(1),
            idle: Duration::from_hours(24),
            parting: Duration::from_secs(1),
            farewell: Duration::from_millis(500),
            tick: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// The usual ones, but to so many servers together no more connections than leave half of the files that may be
    /// open to everything else.
    pub fn of_this_process(servers: usize) -> Self {
        let usual = Self::default();
        let files = limits::get(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
        Self { connections: usual.connections.min(half / servers.max(1)), ..usual }
    }
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing: it waits for a request.
    Idle,
    /// It reads a request's line and headers.
    Head,
    /// It reads a request's body.
    Body,
    /// The call is being worked on.
    Call,
    /// The answer is on its way.
    Answer,
    /// The answer goes on for as long as the client likes.
    Stream,
    /// It was refused and is left the time to read that.
    Parting,
}

/// Why a connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Order {
    /// It need not.
    None,
    /// Its client was too slow to ask.
    TimedOut,
    /// Its client does not read, or its place is needed.
    Close,
    /// The server ends: finish the answer in flight.
    Finish,
}

/// One connection as the sweep sees it.
#[derive(Debug)]
pub(super) struct Watch {
    phase: AtomicU8,
    /// The tick at which the phase began or, for a body or an answer, last moved.
    since: AtomicU32,
    /// Bytes of a body that have come since then.
    arrived: AtomicUsize,
    order: AtomicU8,
    /// The client does not take what is written.
    pub(super) blocked: AtomicBool,
    /// The client will send no more.
    pub(super) ended: AtomicBool,
    /// A request was refused before its body was read.
    pub(super) unread: AtomicBool,
    waker: OnceLock<Waker>,
    clock: Arc<AtomicU32>,
}

impl Watch {
    fn new(clock: Arc<AtomicU32>) -> Self {
        let now = clock.load(Relaxed);
        Self {
            phase: AtomicU8::new(Phase::Idle as u8),
            since: AtomicU32::new(now),
            arrived: AtomicUsize::new(0),
            order: AtomicU8::new(Order::None as u8),
            blocked: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            waker: OnceLock::new(),
            clock,
        }
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Relaxed) {
            0 => Phase::Idle,
            1 => Phase::Head,
            2 => Phase::Body,
            3 => Phase::Call,
            4 => Phase::Answer,
            5 => Phase::Stream,
            _ => Phase::Parting,
        }
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Relaxed);
        self.arrived.store(0, Relaxed);
        self.moved();
    }

    /// So many bytes of a body came. They have to be some before they count, lest a client send one every few seconds
    /// for ever.
    pub(super) fn came(&self, count: usize) {
        let arrived = self.arrived.load(Relaxed) + count;
        if arrived < PROGRESS {
            self.arrived.store(arrived, Relaxed);
        } else {
            self.arrived.store(0, Relaxed);
            self.moved();
        }
    }

    /// Something came or went.
    pub(super) fn moved(&self) {
        self.since.store(self.clock.load(Relaxed), Relaxed);
    }

    pub(super) fn order(&self) -> Order {
        match self.order.load(Relaxed) {
            0 => Order::None,
            1 => Order::TimedOut,
            2 => Order::Close,
            _ => Order::Finish,
        }
    }

    /// To be called by the connection's task before it first waits.
    pub(super) fn attach(&self, waker: &Waker) {
        self.waker.get_or_init(|| waker.clone());
    }

    fn command(&self, order: Order) {
        self.order.store(order as u8, Relaxed);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

/// All connections of the server.
#[derive(Debug)]
pub(super) struct Watchlist {
    limits: Limits,
    clock: Arc<AtomicU32>,
    /// Locked only to add, remove and sweep.
    connections: Mutex<Connections>,
}

#[derive(Debug, Default)]
struct Connections {
    next: u64,
    open: HashMap<u64, Arc<Watch>>,
    /// The most that were open since the last sweep.
    most: usize,
    ending: bool,
}

impl Watchlist {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, clock: Arc::default(), connections: Mutex::default() })
    }

    /// A place for one more connection; where there is none, `Err` with the number of those that are open.
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
                    let parting = match (watch.phase(), watch.order()) {
                        (Phase::Idle, Order::None) => false,
                        (Phase::Parting, Order::None | Order::TimedOut) => true,
                        _ => return None,
                    };
                    Some((parting, now.wrapping_sub(watch.since.load(Relaxed)), id))
                })
                .max()
                .map(|(_, _, id)| id);
            match longest.and_then(|id| connections.open.remove(&id)) {
                Some(watch) => watch.command(Order::Close),
                None => return Err(connections.open.len()),
            }
        }
        let id = connections.next;
        connections.next += 1;
        let watch = Arc::new(Watch::new(self.clock.clone()));
        connections.open.insert(id, watch.clone());
        connections.most = connections.most.max(connections.open.len());
        Ok(Admission { id, watch, list: self.clone() })
    }

    /// One tick of the clock: ends what took too long. Says how many connections are left to be watched,
    /// and how many there were at most since the tick before.
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
                Phase::Head | Phase::Body if longer_than(self.limits.request) => watch.command(Order::TimedOut),
                Phase::Call if watch.ended.load(Relaxed) && longer_than(self.limits.parting) => {
                    watch.command(Order::Close);
                }
                Phase::Answer if longer_than(self.limits.answer) => watch.command(Order::Close),
                Phase::Stream if watch.blocked.load(Relaxed) && longer_than(self.limits.answer) => {
                    watch.command(Order::Close);
                }
                Phase::Idle if longer_than(self.limits.idle) => watch.command(Order::Close),
                _ => {}
            }
        }
        let open = connections.open.len();
        (open, std::mem::replace(&mut connections.most, open))
    }

    /// Admits no more, closes what waits and lets the others finish.
    pub(super) fn finish(&self) {
        let mut connections = self.connections.lock();
        connections.ending = true;
        for watch in connections.open.values() {
            watch.command(Order::Finish);
        }
    }

    /// How many are open.
    pub(super) fn len(&self) -> usize {
        self.connections.lock().open.len()
    }
}

/// A place on the watchlist, given up when dropped.
#[derive(Debug)]
pub(super) struct Admission {
    id: u64,
    pub(super) watch: Arc<Watch>,
    list: Arc<Watchlist>,
}

impl Drop for Admission {
    fn drop(&mut self) {
        self.list.connections.lock().open.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(connections: usize) -> Arc<Watchlist> {
        let second = Duration::from_secs(1);
        Watchlist::new(Limits {
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
    fn each_phase_has_its_patience() {
        assert_eq!(ticks_until_order(Phase::Head), Some((4, Order::TimedOut)));
        assert_eq!(ticks_until_order(Phase::Body), Some((4, Order::TimedOut)));
        assert_eq!(ticks_until_order(Phase::Call), None);
        assert_eq!(ticks_until_order(Phase::Answer), Some((6, Order::Close)));
        assert_eq!(ticks_until_order(Phase::Idle), Some((9, Order::Close)));
    }

    #[test]
    fn a_body_that_trickles_has_no_more_time_than_one_that_stands_still() {
        let patience = |bytes_per_tick| {
            let list = list(4);
            let place = list.admit().unwrap();
            place.watch.enter(Phase::Body);
            (1..20).find(|_| {
                place.watch.came(bytes_per_tick);
                list.sweep();
                place.watch.order() != Order::None
            })
        };
        assert_eq!(patience(0), Some(4));
        assert_eq!(patience(1), Some(4));
        assert_eq!(patience(PROGRESS / 2), None);
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
