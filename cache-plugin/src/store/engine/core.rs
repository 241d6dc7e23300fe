//! The parts of the store that its thread works with.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use plugin_api::{Fault, Value};
use redis::cmd;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, timeout_at},
};

use super::{
    budget::Budget,
    format::decode,
    link::Link,
    scripts::Scripts,
    watched::{Seen, Watched},
};
use crate::store::{contract::Limits, events::Events, usage::Usage};

/// The state of the subscription to changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Subscription {
    /// There is none, and none is being made.
    Off,
    /// Changes are heard of.
    On,
    /// The engine gives none, or is not there.
    Failed,
}

/// The link to the engine, and everything that belongs to it.
pub(super) struct Core {
    pub(super) link: Link,
    pub(super) scripts: Scripts,
    pub(super) limits: Limits,
    pub(super) events: Events,
    pub(super) usage: Arc<Usage>,
    pub(super) watched: Arc<Watched>,
    pub(super) budget: Arc<Budget>,
    pub(super) subscription: watch::Sender<Subscription>,
    /// Set off when somebody wants to hear of changes.
    pub(super) wanted: Notify,
    /// Number of the next look at a key.
    looks: AtomicU64,
}

impl Core {
    pub(super) fn new(link: Link, limits: Limits, events: Events) -> Self {
        Self {
            link,
            scripts: Scripts::default(),
            limits,
            events,
            usage: Arc::default(),
            watched: Arc::default(),
            budget: Arc::default(),
            subscription: watch::Sender::new(Subscription::Off),
            wanted: Notify::new(),
            looks: AtomicU64::new(0),
        }
    }

    /// The moment at which a call that begins now has to be answered.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.link.settings.timeout
    }

    /// Return true if anybody wants to hear of changes.
    pub(super) fn is_heard(&self) -> bool {
        self.watched.any() || self.events.has_listeners()
    }

    /// Wait until changes are heard of, or cannot be.
    pub(super) async fn subscribed(&self, deadline: Instant) {
        if *self.subscription.borrow() != Subscription::Off {
            return;
        }
        self.wanted.notify_one();
        let mut subscription = self.subscription.subscribe();
        let known = subscription.wait_for(|subscription| *subscription != Subscription::Off);
        // Who waits looks from time to time anyway, and events are no reason to refuse a call.
        let _ = timeout_at(deadline, known).await;
    }

    /// Get the bytes under a key.
    pub(super) async fn get(&self, key: &str, deadline: Instant) -> Result<Option<Vec<u8>>, Fault> {
        self.look(key, deadline).await.map(|(_, bytes)| bytes)
    }

    /// Get the bytes under a key, and the number of this look.
    async fn look(&self, key: &str, deadline: Instant) -> Result<(u64, Option<Vec<u8>>), Fault> {
        let mut command = cmd("GET");
        command.arg(self.link.settings.key(key));
        let look = self.link.call(deadline, |mut connection| async move {
            // Numbered as they are sent, which is the order in which they are carried out.
            let number = self.looks.fetch_add(1, Relaxed);
            Ok((number, command.query_async(&mut connection).await?))
        });
        look.await
    }

    /// See what is under a key; nil for nothing.
    pub(super) async fn see(&self, key: &str, deadline: Instant) -> Result<Seen, Fault> {
        let (number, bytes) = self.look(key, deadline).await?;
        Ok(Seen { number, value: Ok(bytes.map_or(Value::Nil, decode)) })
    }

    /// See what is under keys that somebody waits for, and tell them.
    pub(super) async fn see_many(&self, keys: &[Box<str>]) -> Result<(), Fault> {
        const AT_ONCE: usize = 500;
        for keys in keys.chunks(AT_ONCE) {
            let mut command = cmd("MGET");
            for key in keys {
                command.arg(self.link.settings.key(key));
            }
            let look = self.link.call(self.deadline(), |mut connection| async move {
                let number = self.looks.fetch_add(1, Relaxed);
                let found: Vec<Option<Vec<u8>>> = command.query_async(&mut connection).await?;
                Ok((number, found))
            });
            let (number, found) = look.await?;
            for (key, bytes) in keys.iter().zip(found) {
                self.watched.tell(key, Seen { number, value: Ok(bytes.map_or(Value::Nil, decode)) });
            }
        }
        Ok(())
    }

    /// Tell all who wait that the engine is not there.
    pub(super) fn give_up(&self, fault: &Fault) {
        let number = self.looks.fetch_add(1, Relaxed);
        for key in self.watched.all() {
            self.watched.tell(&key, Seen { number, value: Err(fault.clone()) });
        }
    }
}
