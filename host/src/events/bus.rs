//! The bus: the place where events are published, and from where they reach subscribers and event listeners.

use std::{
    fmt,
    sync::{Arc, Weak},
    time::SystemTime,
};

use parking_lot::{Mutex, RwLock};

use super::{
    Event, EventType,
    subscription::{Published, Queue, Subscription},
};

/// Receiver of every event, on the thread that publishes it: the pools of event listeners.
pub trait EventSink: Send + Sync {
    /// Take an event. Must not block.
    fn accept(&self, event: &Arc<Event>);

    /// Return whether there are pools, or soon will be.
    fn has_pools(&self) -> bool;

    /// Return whether a pool asks for such a type of events, now.
    fn asks_for(&self, is_such: &dyn Fn(&EventType) -> bool) -> bool;
}

/// Way of an event from its publisher to another thread, which publishes it in its turn. Must not block.
type Relay = Arc<dyn Fn(Arc<Event>) + Send + Sync>;

/// A bus of events. Cheap to clone; a clone is the same bus.
#[derive(Clone, Default)]
pub struct Bus {
    /// Queues of the subscribers, and of some that have gone.
    queues: Arc<RwLock<Vec<Weak<Queue>>>>,
    sink: Option<Arc<dyn EventSink>>,
    relay: Option<Relay>,
    /// Number of the last event. Locked until all subscribers have that, so that the numbers in a queue go up.
    serial: Arc<Mutex<u64>>,
}

impl fmt::Debug for Bus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bus").field("queues", &self.queues.read().len()).finish_non_exhaustive()
    }
}

impl Bus {
    /// Make a bus without subscribers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Make a bus without subscribers and with a sink.
    pub fn with_sink(sink: Arc<dyn EventSink>) -> Self {
        Self { sink: Some(sink), ..Self::new() }
    }

    /// Return this bus for those who must not be ahead of others: their events are handed to `relay`, which publishes
    /// each on this one in its turn, and must not block.
    #[must_use]
    pub fn relayed(&self, relay: impl Fn(Arc<Event>) + Send + Sync + 'static) -> Self {
        Self { relay: Some(Arc::new(relay)), ..self.clone() }
    }

    /// Give an event to the sink and to every subscriber that asked for its type, at once or in its turn. Never
    /// blocks.
    pub fn publish(&self, event: impl Into<Arc<Event>>) {
        let event = event.into();
        if let Some(relay) = &self.relay {
            if self.any_queue(|_| true) || self.sink.as_ref().is_some_and(|sink| sink.has_pools()) {
                relay(event);
            }
            return;
        }
        if let Some(sink) = &self.sink {
            sink.accept(&event);
        }
        let queues = self.queues.read();
        let mut serial = self.serial.lock();
        *serial += 1;
        let mut published = None;
        for queue in queues.iter().filter_map(Weak::upgrade).filter(|it| it.takes(event.name())) {
            queue.push(published.get_or_insert_with(|| {
                let (serial, time, event) = (*serial, SystemTime::now(), Arc::clone(&event));
                Published { serial, time, event }
            }));
        }
    }

    /// Return whether anybody asks for events of that name: one that is costly to make need not be made for nobody.
    pub fn asks_for(&self, name: &str) -> bool {
        self.any_asked(&|asked| asked.includes(name))
    }

    /// Return whether anybody asks for events of that name by its type or by one above it other than `EVENT`.
    pub fn asks_by_name(&self, name: &str) -> bool {
        self.any_asked(&|asked| asked.names(name))
    }

    fn any_asked(&self, is_such: &dyn Fn(&EventType) -> bool) -> bool {
        self.any_queue(|queue| queue.asks_for(is_such)) || self.sink.as_ref().is_some_and(|sink| sink.asks_for(is_such))
    }

    /// Subscribe to every event from now on.
    pub fn subscribe(&self) -> Subscription {
        self.subscribe_to(EventType::built_in("EVENT"))
    }

    /// Subscribe to events of these types from now on.
    pub fn subscribe_to(&self, types: impl IntoIterator<Item = EventType>) -> Subscription {
        let (subscription, queue) = Subscription::new(types.into_iter().collect());
        let mut queues = self.queues.write();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        subscription
    }

    fn any_queue(&self, is_it: impl Fn(&Queue) -> bool) -> bool {
        self.queues.read().iter().filter_map(Weak::upgrade).any(|queue| is_it(&queue))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::subscription::MAX_EVENTS, *};

    #[test]
    fn what_nobody_asks_for_need_not_be_made() {
        let bus = Bus::new();
        assert!(!bus.asks_for("TICK_5"));
        let ticks = bus.subscribe_to(EventType::built_in("TICK"));
        assert!(bus.asks_for("TICK_5") && !bus.asks_for("PROCESS_LOG_STDOUT"));
        let all = bus.subscribe();
        assert!(bus.asks_for("PROCESS_LOG_STDOUT"));
        drop((ticks, all));
        assert!(!bus.asks_for("TICK_5"));
    }

    #[test]
    fn events_are_numbered_as_they_are_published() {
        let bus = Bus::new();
        bus.publish(Event::SupervisorRunning);
        let (all, stopping) = (bus.subscribe(), bus.subscribe_to(EventType::built_in("SUPERVISOR_STATE_CHANGE")));
        bus.publish(Event::ProcessGroupAdded { group: "g".to_owned() });
        bus.publish(Event::SupervisorStopping);
        let serial = |it: &Subscription| plugin_api::block_on(it.recv_published()).unwrap().serial;
        assert_eq!([serial(&all), serial(&all), serial(&stopping)], [2, 3, 3]);
    }

    #[test]
    fn who_asks_for_everything_asks_for_nothing_by_name() {
        let bus = Bus::new();
        let _all = bus.subscribe();
        assert!(bus.asks_for("TICK_5") && !bus.asks_by_name("TICK_5"));
        let _ticks = bus.subscribe_to(EventType::built_in("TICK"));
        assert!(bus.asks_by_name("TICK_5"));
    }

    #[test]
    fn a_slow_subscriber_loses_events_and_delays_nobody() {
        let bus = Bus::new();
        let slow = bus.subscribe();
        for _ in 0..MAX_EVENTS + 5 {
            bus.publish(Event::SupervisorRunning);
        }
        assert_eq!(plugin_api::block_on(slow.missed()), 5);
        assert_eq!(*slow.try_recv().unwrap(), Event::SupervisorRunning);
    }
}
