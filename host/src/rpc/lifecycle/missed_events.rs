//! What the log is told of events that a plugin was too slow for.

use std::time::{Duration, Instant};

/// How often at most the log is told of events that a plugin misses.
const NEWS: Duration = Duration::from_secs(10);

/// Events that a plugin was too slow for, and what the log is told of them: at once that there are some, and from then
/// on now and then how many, however often it catches up in between.
pub(crate) struct Missed<'a> {
    /// The full name of the method that is to hear of them.
    name: &'a str,
    /// Those that the log knows no number of.
    events: u64,
    /// Before that, it is told no more.
    next: Option<Instant>,
}

impl<'a> Missed<'a> {
    pub(crate) fn new(name: &'a str) -> Self {
        Self { name, events: 0, next: None }
    }

    /// There are so many more.
    pub(crate) fn some(&mut self, events: u64, now: Instant) -> Option<String> {
        self.events += events;
        if self.next.is_some() {
            return None;
        }
        self.next = Some(now + NEWS);
        Some(format!("{} is too slow for its events: it misses some", self.name))
    }

    /// Waits until the log is to hear how many it were, if there were any.
    pub(crate) async fn due(&self) {
        match self.next {
            Some(next) => tokio::time::sleep_until(next.into()).await,
            None => std::future::pending().await,
        }
    }

    /// How many they were.
    pub(crate) fn sum(&mut self, now: Instant) -> Option<String> {
        let events = std::mem::take(&mut self.events);
        self.next = (events > 0).then_some(now + NEWS);
        self.next.map(|_| format!("{} was too slow for its events: it missed {events}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_misses_is_summed_up() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut missed = Missed::new("ear._event");
        let mut told = Vec::new();
        for second in 0..35 {
            if missed.next.is_some_and(|next| next <= after(second)) {
                told.extend(missed.sum(after(second)).map(|news| (second, news)));
            }
            // It catches up again and again.
            if second < 15 {
                told.extend((0..100).filter_map(|_| missed.some(1, after(second))).map(|news| (second, news)));
            }
        }
        let news = |text: &str| format!("ear._event {text}");
        let expected = [
            (0, news("is too slow for its events: it misses some")),
            (10, news("was too slow for its events: it missed 1000")),
            (20, news("was too slow for its events: it missed 500")),
        ];
        assert_eq!(told, expected);
        assert!(missed.some(1, after(40)).is_some());
    }
}
