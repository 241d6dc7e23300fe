//! Pages that are told what happens, on their way to the one who tells them all.

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::server_sent_events::FrameSender;

/// Pages that have come, and have heard nothing yet.
#[derive(Debug, Default)]
pub(super) struct LiveFeed {
    state: Mutex<State>,
    /// Notification of a page.
    joined: Notify,
}

/// State of a feed. Locked for a look at a few values only.
#[derive(Debug, Default)]
struct State {
    new: Vec<FrameSender>,
    /// Set while somebody tells the pages.
    is_told: bool,
}

impl LiveFeed {
    /// Take in a page. Return true where nobody tells the pages yet: the caller has to see to it.
    pub(super) fn join(&self, page: FrameSender) -> bool {
        let mut state = self.state.lock();
        state.new.push(page);
        self.joined.notify_one();
        !std::mem::replace(&mut state.is_told, true)
    }

    /// Wait until a page has come.
    pub(super) async fn joined(&self) {
        self.joined.notified().await;
    }

    /// The pages that have come.
    pub(super) fn take_new(&self) -> Vec<FrameSender> {
        std::mem::take(&mut self.state.lock().new)
    }

    /// Tell the pages no longer, unless one has come just now. Return true where it is so.
    pub(super) fn end(&self) -> bool {
        let mut state = self.state.lock();
        state.is_told = !state.new.is_empty();
        !state.is_told
    }
}

#[cfg(test)]
mod tests {
    use super::{super::server_sent_events::stream, *};

    #[tokio::test]
    async fn somebody_tells_the_pages_for_as_long_as_there_are_some() {
        let feed = LiveFeed::default();
        let page = || stream().0;
        assert!(feed.join(page()), "who comes first begins");
        assert!(!feed.join(page()));
        assert!(!feed.end(), "they have not heard anything yet");
        assert_eq!(feed.take_new().len(), 2);
        assert!(feed.end());
        assert!(feed.join(page()));
    }
}
