//! Changes that the engine tells of, whoever makes them: for who waits, and as events for listeners.
//!
//! There is a subscription while somebody waits or listens. It is to the channel of the [scripts](super::scripts), and
//! to the engine's own notifications, which tell of the writes of other programs and of what expires where they are
//! switched on (`notify-keyspace-events`, at least `Kg$x`). Each change is one event: a notification that follows what
//! a script said of its own change is the same one. In a cluster no order holds between the two, so that there only
//! what expires is taken from notifications (`Ex`), of each primary.
//!
//! Who waits is told of other programs' writes also where nothing notifies of them: keys that are waited for are looked
//! at once a second.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt as _, stream::select_all};
use redis::{Msg, RedisResult, aio::PubSub};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};

use super::{
    address::Target,
    connection::current_primary,
    core::{Core, Subscription},
    link::{INTERVAL, panic_told},
    scripts::Kind,
    settings::{Settings, escaped},
};
use crate::store::events::{CLEAR, DELETE, EXPIRE, STORE};

/// Time for which a subscription stays that nobody needs any more.
const UNUSED: Duration = Duration::from_secs(10);

/// Keep a subscription there while somebody wants to hear of changes.
pub(super) async fn listen(core: &Arc<Core>) {
    loop {
        while !core.is_heard() {
            let _ = timeout(INTERVAL, core.wanted.notified()).await;
        }
        if let Some(subscriptions) = subscribe(core).await {
            core.subscription.send_replace(Subscription::On);
            look_at_all(core);
            hear(core, subscriptions).await;
            core.subscription.send_replace(Subscription::Off);
        } else {
            core.subscription.send_replace(Subscription::Failed);
            sleep(INTERVAL).await;
        }
    }
}

/// Look at what is waited for once a second, and tell who waits when the engine has been gone for longer than a call
/// may take.
pub(super) async fn poll(core: &Arc<Core>) {
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if !core.watched.any() {
            continue;
        }
        match core.link.down() {
            Some((reason, Some(since))) if since.elapsed() >= core.link.settings.timeout => {
                core.give_up(&core.link.failed(&reason));
            }
            Some((_, Some(_))) => {}
            // One that fails is made again in a second.
            _ => drop(core.see_many(&core.watched.all()).await),
        }
    }
}

/// The subscriptions, or none if there cannot be any.
async fn subscribe(core: &Core) -> Option<Vec<PubSub>> {
    let settings = &core.link.settings;
    let mut connection = core.link.session().await.ok()?.connection;
    let subscribing = async {
        let mut all = Vec::new();
        match &settings.address.target {
            Target::Cluster(_) => {
                for node in connection.primaries().await? {
                    let mut subscription = settings.client(&node)?.get_async_pubsub().await?;
                    if all.is_empty() {
                        subscription.subscribe(settings.channel()).await?;
                    }
                    // Where these are refused the others still come.
                    let _ = subscription.subscribe(EXPIRED).await;
                    all.push(subscription);
                }
            }
            Target::Sentinel { .. } => {
                let node = current_primary(settings).await?;
                all.push(of_node(settings, settings.client(&node)?).await?);
            }
            Target::Node { node, .. } => all.push(of_node(settings, settings.client(node)?).await?),
            Target::Unix(path) => {
                let place = redis::ConnectionAddr::Unix(path.clone());
                all.push(of_node(settings, settings.client_of(place)?).await?);
            }
        }
        RedisResult::Ok(all)
    };
    timeout(settings.timeout, panic_told(subscribing)).await.ok()?.ok()?.ok()
}

async fn of_node(settings: &Settings, client: redis::Client) -> RedisResult<PubSub> {
    let mut subscription = client.get_async_pubsub().await?;
    subscription.subscribe(settings.channel()).await?;
    // Where these are refused the others still come.
    let _ = subscription.psubscribe(keyspace(settings) + &escaped(&settings.prefix) + "*").await;
    Ok(subscription)
}

/// The channel of what expires on a node of a cluster.
const EXPIRED: &str = "__keyevent@0__:expired";

fn keyspace(settings: &Settings) -> String {
    format!("__keyspace@{}__:", settings.address.database)
}

/// Take what the engine tells, until it tells no more or nobody wants to hear of it.
async fn hear(core: &Arc<Core>, subscriptions: Vec<PubSub>) {
    let mut told = select_all(subscriptions.into_iter().map(|subscription| {
        // Where one ends, all are made anew.
        let messages = subscription.into_on_message().map(Some);
        messages.chain(futures_util::stream::iter([None]))
    }));
    let mut reader = Reader { settings: &core.link.settings, expected: None };
    let mut wanted = Instant::now();
    let mut ticks = interval(INTERVAL);
    loop {
        tokio::select! {
            message = told.next() => match message.flatten() {
                Some(message) => {
                    if let Some(change) = reader.read(&message) {
                        note(core, &change);
                    }
                }
                None => return,
            },
            () = core.link.renewed.notified() => return,
            _ = ticks.tick() => {
                if core.is_heard() {
                    wanted = Instant::now();
                } else if wanted.elapsed() > UNUSED {
                    return;
                }
            }
        }
    }
}

/// A change that the engine told of.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    /// The key; none if it is that of all entries.
    key: Option<String>,
    /// Type of the event, if it is one.
    event: Option<&'static str>,
}

/// Make changes of messages.
struct Reader<'a> {
    settings: &'a Settings,
    /// Change that a script has told of, and that the engine may notify of next.
    expected: Option<(Kind, String)>,
}

impl Reader<'_> {
    fn read(&mut self, message: &Msg) -> Option<Change> {
        self.change(message.get_channel_name(), message.get_payload_bytes())
    }

    fn change(&mut self, channel: &str, payload: &[u8]) -> Option<Change> {
        if channel == EXPIRED && self.settings.is_cluster() {
            let key = self.settings.own_key(payload)?.to_owned();
            return Some(Change { key: Some(key), event: Some(EXPIRE) });
        }
        if let Some(key) = channel.strip_prefix(&keyspace(self.settings)) {
            return self.notification(self.settings.own_key(key.as_bytes())?, payload);
        }
        let (kind, key) = Kind::read(payload)?;
        if kind == Kind::Cleared {
            return Some(Change { key: None, event: Some(CLEAR) });
        }
        let key = self.settings.own_key(key)?.to_owned();
        self.expected = Some((kind, key.clone()));
        let event = match kind {
            Kind::Stored => Some(STORE),
            Kind::Deleted => Some(DELETE),
            Kind::Emptied | Kind::Cleared => None,
        };
        Some(Change { key: Some(key), event })
    }

    fn notification(&mut self, key: &str, name: &[u8]) -> Option<Change> {
        let event = match name {
            // The value is there as before, or another notification says what became of it.
            b"expire" | b"persist" | b"new" => return None,
            b"expired" => EXPIRE,
            b"del" | b"evicted" | b"rename_from" | b"move_from" => DELETE,
            _ => STORE,
        };
        let same = |(kind, of): &(Kind, String)| {
            let tells = match kind {
                Kind::Stored => STORE,
                _ => DELETE,
            };
            tells == event && of == key
        };
        if self.expected.take_if(|expected| same(expected)).is_some() {
            return None;
        }
        Some(Change { key: Some(key.to_owned()), event: Some(event) })
    }
}

fn note(core: &Arc<Core>, change: &Change) {
    if let Some(event) = change.event
        && core.events.has_listeners()
    {
        core.events.tell(event, change.key.as_deref());
    }
    match &change.key {
        None => look_at_all(core),
        Some(key) if core.watched.has(key) => {
            let (core, key) = (Arc::clone(core), key.clone());
            tokio::spawn(async move {
                if let Ok(seen) = core.see(&key, core.deadline()).await {
                    core.watched.tell(&key, seen);
                }
            });
        }
        Some(_) => {}
    }
}

fn look_at_all(core: &Arc<Core>) {
    if core.watched.any() {
        let core = Arc::clone(core);
        tokio::spawn(async move { core.see_many(&core.watched.all()).await });
    }
}
