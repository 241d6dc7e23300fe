//! The queue of one subscriber: bounded by number and by bytes, with the events of the types that it asked for.

use std::{collections::VecDeque, fmt, sync::Arc, time::SystemTime};

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{Event, EventType};

/// Number of events that may wait for one subscriber.
pub(super) const MAX_EVENTS: usize = 1024;
/// Bytes that may wait for one subscriber. An event that is larger than all of it fits in where none waits.
pub(super) const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Bytes that an event costs besides its texts.
pub(super) const OVERHEAD: usize = 256;
/// Size in bytes up to which an event fits in however many bytes wait, so that output does not crowd out the rest.
const SMALL: usize = 4 * 1024;

/// An event, as it was published.
#[derive(Clone, Debug)]
pub struct Published {
    /// Number of the event, from 1 on, among all that this supervisord has published since it was executed.
    pub serial: u64,
    /// Time when it was published.
    pub time: SystemTime,
    /// The event.
    pub event: Arc<Event>,
}

/// The receiving end of a queue of events. The queue is gone when this is dropped.
pub struct Subscription(Arc<Queue>);

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription").field("types", &self.0.types).finish_non_exhaustive()
    }
}

/// The queue between the bus and one subscriber.
pub(super) struct Queue {
    types: Vec<EventType>,
    state: Mutex<State>,
    /// Notified of each event that was added, and of the end.
    added: Notify,
    /// Notified of each event that was missed.
    missed: Notify,
}

#[derive(Default)]
struct State {
    events: VecDeque<Published>,
    /// Cost of those.
    bytes: usize,
    /// Number of events that did not fit in since the subscriber last asked.
    missed: u64,
    closed: bool,
}

impl State {
    fn take(&mut self) -> Option<Published> {
        let published = self.events.pop_front()?;
        self.bytes -= cost(&published.event);
        Some(published)
    }
}

fn cost(event: &Event) -> usize {
    event.size() + OVERHEAD
}

impl Queue {
    /// Return whether its subscriber asked for events of that name.
    pub(super) fn takes(&self, name: &str) -> bool {
        self.asks_for(&|asked| asked.includes(name))
    }

    /// Return whether its subscriber asked for such a type.
    pub(super) fn asks_for(&self, is_such: &dyn Fn(&EventType) -> bool) -> bool {
        self.types.iter().any(is_such)
    }

    /// Add an event, or count it as missed where there is no room.
    pub(super) fn push(&self, published: &Published) {
        let cost = cost(&published.event);
        let mut state = self.state.lock();
        if state.closed {
            return;
        }
        let has_bytes = state.bytes == 0 || state.bytes + cost <= MAX_BYTES || cost <= SMALL + OVERHEAD;
        if has_bytes && state.events.len() < MAX_EVENTS {
            state.bytes += cost;
            state.events.push_back(published.clone());
            drop(state);
            self.added.notify_one();
        } else {
            state.missed += 1;
            drop(state);
            self.missed.notify_one();
        }
    }
}

impl Subscription {
    /// Make a queue for events of these types.
    pub(super) fn new(types: Vec<EventType>) -> (Self, Arc<Queue>) {
        let (added, missed) = (Notify::new(), Notify::new());
        let queue = Arc::new(Queue { types, state: Mutex::default(), added, missed });
        (Self(Arc::clone(&queue)), queue)
    }

    /// Wait for the next event. `None` is the end: it was [closed](Self::close), and nothing is left.
    pub async fn recv(&self) -> Option<Arc<Event>> {
        self.recv_published().await.map(|published| published.event)
    }

    /// Wait for the next event, as [`recv`](Self::recv) does, and return it with its number and its time.
    pub async fn recv_published(&self) -> Option<Published> {
        loop {
            {
                let mut state = self.0.state.lock();
                let event = state.take();
                if event.is_some() || state.closed {
                    return event;
                }
            }
            // It remembers an event that is added right now.
            self.0.added.notified().await;
        }
    }

    /// Take the next event, if one waits.
    pub fn try_recv(&self) -> Option<Arc<Event>> {
        self.0.state.lock().take().map(|published| published.event)
    }

    /// Number of events that wait.
    pub fn waiting(&self) -> usize {
        self.0.state.lock().events.len()
    }

    /// Wait until events were missed since the last call, and return how many.
    pub async fn missed(&self) -> u64 {
        loop {
            let missed = std::mem::take(&mut self.0.state.lock().missed);
            if missed > 0 {
                return missed;
            }
            self.0.missed.notified().await;
        }
    }

    /// Take no more events in. Those that wait can still be received.
    pub fn close(&self) {
        self.0.state.lock().closed = true;
        self.0.added.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Bus, Channel};

    const SIZE: usize = 256 * 1024;

    fn output() -> Event {
        let (process, group) = ("x".to_owned(), "g".to_owned());
        Event::ProcessLog { process, group, pid: 7, channel: Channel::Stdout, data: vec![b'x'; SIZE] }
    }

    fn publish(bus: &Bus, count: usize) {
        (0..count).for_each(|_| bus.publish(output()));
    }

    fn taken(subscription: &Subscription) -> usize {
        std::iter::from_fn(|| subscription.try_recv()).count()
    }

    #[test]
    fn what_waits_is_bounded() {
        let bus = Bus::new();
        let ticks = bus.subscribe_to(EventType::built_in("TICK"));
        publish(&bus, 1000);
        assert!(ticks.try_recv().is_none(), "it did not ask for output");
        let listener = bus.subscribe();
        publish(&bus, 1000);
        let held = MAX_BYTES / (SIZE + OVERHEAD);
        assert_eq!(plugin_api::block_on(listener.missed()), (1000 - held) as u64);
        bus.publish(Event::SupervisorRunning);
        assert_eq!(taken(&listener), held + 1, "a small one fits in whatever waits");
        publish(&bus, 1);
        assert_eq!(taken(&listener), 1);
    }

    #[test]
    fn who_listens_as_fast_loses_nothing_even_where_somebody_keeps_one() {
        let bus = Bus::new();
        let (quick, listener) = (bus.subscribe(), bus.subscribe());
        for _ in 0..3 * MAX_BYTES / SIZE {
            publish(&bus, 1);
            assert_eq!(taken(&quick), 1);
        }
        assert!(taken(&listener) < 3 * MAX_BYTES / SIZE, "each has a queue of its own");
    }

    #[test]
    fn an_event_that_is_larger_than_the_queue_fits_in_alone() {
        let bus = Bus::new();
        let listener = bus.subscribe();
        let large = || Event::RemoteCommunication { kind: String::new(), data: "x".repeat(2 * MAX_BYTES) };
        bus.publish(large());
        bus.publish(large());
        assert_eq!((taken(&listener), plugin_api::block_on(listener.missed())), (1, 1));
    }

    #[test]
    fn what_waits_is_received_after_the_end() {
        let bus = Bus::new();
        let listener = bus.subscribe();
        bus.publish(Event::SupervisorRunning);
        listener.close();
        bus.publish(Event::SupervisorStopping);
        assert_eq!(*plugin_api::block_on(listener.recv()).unwrap(), Event::SupervisorRunning);
        assert_eq!(plugin_api::block_on(listener.recv()), None);
    }
}
