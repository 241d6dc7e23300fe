//! Output on its way to those who hear of it as events. A program may write faster than anybody listens: what waits for
//! subscribers is bounded, and what is past that is lost to them, though not to its log, nor to the pools of event
//! listeners, each of which has a buffer of its own.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use crate::{
    events::{Bus, Event},
    logger::LostOutput,
};

/// How many bytes of output may wait for subscribers.
const MOST_UNHEARD: usize = 16 * 1024 * 1024;
/// What an event costs besides its data.
const OVERHEAD: usize = 256;
/// An event of somebody else's that is no larger is told whatever waits: of so many as there may be, such ones take
/// little.
const SMALL: usize = 4 * 1024;
/// How many events are remembered before those that were heard are looked for.
const SWEEP_AT: usize = 4096;

/// Publishes output and knows how much of it still waits.
#[derive(Debug)]
pub(super) struct Heard {
    bus: Bus,
    waiting: VecDeque<(Weak<Event>, usize)>,
    bytes: usize,
    sweep_at: usize,
    losses: LostOutput,
}

impl Heard {
    pub(super) fn new(bus: Bus) -> Self {
        Self { bus, waiting: VecDeque::new(), bytes: 0, sweep_at: SWEEP_AT, losses: LostOutput::default() }
    }

    /// Whether anybody asks for events of that name.
    pub(super) fn asks_for(&self, name: &str) -> bool {
        self.bus.asks_for(name)
    }

    /// Publishes an event of somebody else's, with a payload of so many bytes. Answers what an operator should know.
    pub(super) fn tell(&mut self, event: Arc<Event>, bytes: usize) -> Option<String> {
        if bytes > SMALL {
            return self.publish(event, bytes);
        }
        self.bus.publish(event);
        None
    }

    /// Publishes an event that holds so many bytes, unless too many wait. Answers what an operator should know.
    pub(super) fn publish(&mut self, event: impl Into<Arc<Event>>, bytes: usize) -> Option<String> {
        let event = event.into();
        if !self.bus.asks_for(event.name()) {
            return None;
        }
        let cost = bytes + OVERHEAD;
        while self.waiting.front().is_some_and(|(event, _)| event.strong_count() == 0) {
            self.bytes -= self.waiting.pop_front().map_or(0, |(_, cost)| cost);
        }
        if self.bytes + cost > MOST_UNHEARD || self.waiting.len() >= self.sweep_at {
            // One that somebody keeps hides those behind it.
            self.waiting.retain(|(event, _)| event.strong_count() > 0);
            self.bytes = self.waiting.iter().map(|(_, cost)| cost).sum();
            self.sweep_at = SWEEP_AT.max(2 * self.waiting.len());
        }
        if self.bytes > 0 && self.bytes + cost > MOST_UNHEARD {
            // The pools of event listeners have a bound of their own, and lose nothing to others.
            self.bus.tell_audience(&event);
            let what = "output comes faster than plugins take it; events with it are lost to them";
            return self.losses.add(1).then(|| what.to_owned());
        }
        self.waiting.push_back((Arc::downgrade(&event), cost));
        self.bytes += cost;
        self.bus.publish(event);
        self.losses.end().map(|lost| format!("plugins take output again; {lost} events with it were lost to them"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Channel, EventType};

    const SIZE: usize = 256 * 1024;

    fn output() -> Event {
        let (process, group) = ("x".to_owned(), "g".to_owned());
        Event::ProcessLog { process, group, pid: 7, channel: Channel::Stdout, data: vec![b'x'; SIZE] }
    }

    fn publish(heard: &mut Heard, count: usize) -> Vec<String> {
        (0..count).filter_map(|_| heard.publish(output(), SIZE)).collect()
    }

    #[test]
    fn what_waits_is_bounded() {
        let bus = Bus::new();
        let mut heard = Heard::new(bus.clone());
        assert_eq!(publish(&mut heard, 1000), [""; 0], "nobody listens");
        let mut ticks = bus.subscribe_to(EventType::built_in("TICK"));
        assert_eq!(publish(&mut heard, 1000), [""; 0], "nobody asks for output");
        assert!(ticks.try_recv().is_err());
        drop(ticks);
        let mut listener = bus.subscribe();
        let news = publish(&mut heard, 1000);
        assert_eq!(news, ["output comes faster than plugins take it; events with it are lost to them"]);
        let mut taken = 0;
        while listener.try_recv().is_ok() {
            taken += 1;
        }
        assert_eq!(taken, MOST_UNHEARD / (SIZE + OVERHEAD));
        let again = format!("plugins take output again; {} events with it were lost to them", 1000 - taken);
        assert_eq!(publish(&mut heard, 1), [again]);
    }

    #[test]
    fn who_listens_as_fast_loses_nothing_even_where_somebody_keeps_one() {
        let bus = Bus::new();
        let mut heard = Heard::new(bus.clone());
        let mut listener = bus.subscribe();
        publish(&mut heard, 1);
        let kept = listener.try_recv().unwrap();
        for _ in 0..3 * MOST_UNHEARD / SIZE {
            assert_eq!(publish(&mut heard, 1), [""; 0]);
            listener.try_recv().unwrap();
        }
        drop(kept);
    }

    #[test]
    fn large_events_of_others_count_and_small_ones_are_told_in_any_case() {
        let bus = Bus::new();
        let mut heard = Heard::new(bus.clone());
        let mut listener = bus.subscribe();
        let event = Arc::new(Event::SupervisorRunning);
        let news: Vec<_> = (0..100).filter_map(|_| heard.tell(Arc::new(output()), SIZE)).collect();
        assert_eq!(news.len(), 1);
        assert_eq!(heard.tell(event.clone(), SMALL), None);
        let taken = std::iter::from_fn(|| listener.try_recv().ok()).collect::<Vec<_>>();
        assert_eq!(taken.len(), MOST_UNHEARD / (SIZE + OVERHEAD) + 1);
        assert_eq!(taken.last(), Some(&event));
    }

    #[test]
    fn few_small_events_are_remembered() {
        let bus = Bus::new();
        let mut heard = Heard::new(bus.clone());
        let mut listener = bus.subscribe();
        heard.publish(Event::SupervisorRunning, 0);
        let kept = listener.try_recv().unwrap();
        for _ in 0..3 * SWEEP_AT {
            heard.publish(Event::SupervisorRunning, 0);
            listener.try_recv().unwrap();
        }
        assert!(heard.waiting.len() <= SWEEP_AT, "{}", heard.waiting.len());
        drop(kept);
    }
}
