//! Lines of the log about events that a plugin was too slow for.

use std::time::{Duration, Instant};

/// Time between two such lines about one plugin, at least.
const INTERVAL: Duration = Duration::from_secs(10);

/// Count of the events that one hook of a plugin missed. The log is told at once that there are some, and from then on
/// now and then how many, however often the plugin catches up in between.
pub(super) struct MissedEvents<'a> {
    /// Full name of the hook.
    hook: &'a str,
    /// Number of those of which the log knows no number.
    count: u64,
    /// Time before which the log is told no more. `None` while it is to be told of the next one at once.
    next: Option<Instant>,
}

impl<'a> MissedEvents<'a> {
    /// No events missed by this hook.
    pub(super) fn new(hook: &'a str) -> Self {
        Self { hook, count: 0, next: None }
    }

    /// Count so many more, and return the line that the log is to be told at once, if any.
    pub(super) fn add(&mut self, count: u64, now: Instant) -> Option<String> {
        self.count += count;
        if self.next.is_some() {
            return None;
        }
        self.next = Some(now + INTERVAL);
        Some(format!("{} is too slow for its events: it misses some", self.hook))
    }

    /// Wait until the log is to be told of their number; for ever while there are none.
    pub(super) async fn due(&self) {
        match self.next {
            Some(next) => tokio::time::sleep_until(next.into()).await,
            None => std::future::pending().await,
        }
    }

    /// Return the line that tells of their number, unless there were none, and begin to count anew.
    pub(super) fn sum(&mut self, now: Instant) -> Option<String> {
        let count = std::mem::take(&mut self.count);
        self.next = (count > 0).then_some(now + INTERVAL);
        self.next.map(|_| format!("{} was too slow for its events: it missed {count}", self.hook))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_plugin_misses_is_summed_up() {
        let begin = Instant::now();
        let after = |seconds| begin + Duration::from_secs(seconds);
        let mut missed = MissedEvents::new("ear._event");
        let mut told = Vec::new();
        for second in 0..35 {
            if missed.next.is_some_and(|next| next <= after(second)) {
                told.extend(missed.sum(after(second)).map(|news| (second, news)));
            }
            // It catches up again and again.
            if second < 15 {
                told.extend((0..100).filter_map(|_| missed.add(1, after(second))).map(|news| (second, news)));
            }
        }
        let news = |text: &str| format!("ear._event {text}");
        let expected = [
            (0, news("is too slow for its events: it misses some")),
            (10, news("was too slow for its events: it missed 1000")),
            (20, news("was too slow for its events: it missed 500")),
        ];
        assert_eq!(told, expected);
        assert!(missed.add(1, after(40)).is_some());
    }
}
