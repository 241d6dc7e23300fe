//! Events on their way to the plugins that ask for them.

use std::{
    fmt,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use abi_stable::std_types::RVec;
use plugin_api::{MethodInfo, Value, find};
use tokio::{runtime::Handle, sync::watch};

use super::missed_events::MissedEvents;
use crate::{
    events::{Bus, Event, EventType, Subscription},
    rpc::registry::Registry,
    text::nearest::nearest,
};

/// Make an event the value that plugins read.
pub(crate) fn event_value(event: &Event) -> Value {
    Value::structure([
        ("name", event.name().into()),
        ("types", Value::array(EventType::above(event.name()).into_iter().map(Value::from))),
        ("payload", event.payload().into()),
    ])
}

/// A hook of a plugin, with the events that it is to be told of.
pub(super) struct EventSubscription {
    /// Full name of the hook.
    hook: Arc<str>,
    events: Subscription,
}

impl EventSubscription {
    /// Subscribe all hooks that ask for events.
    pub(super) fn all(registry: &Registry, bus: &Bus) -> Vec<Self> {
        let mut all = Vec::new();
        for (hook, info) in registry.hooks() {
            // A type that is nobody's is never sent.
            let of = |name: &str| EventType::built_in(name).or_else(|| EventType::of_a_plugin(name));
            let types: Vec<_> = wanted_types(info).filter_map(of).collect();
            if !types.is_empty() {
                all.push(Self { hook: hook.clone(), events: bus.subscribe_to(types) });
            }
        }
        all
    }

    /// Tell a plugin of events, one at a time. One that does not keep up misses some, and that is logged; nobody else
    /// waits for it. Ends when the sender of `pace` does and the plugin has been told of all that there is.
    async fn deliver(self, registry: Arc<Registry>, mut pace: watch::Receiver<Pace>) {
        let Self { hook, events } = self;
        let mut until_end = pace.clone();
        let tell = async |event: Arc<Event>| registry.call_hook(&hook, RVec::from(vec![event_value(&event)])).await;
        let teller = async {
            let mut is_over = false;
            loop {
                let now = pace.borrow_and_update().clone();
                if let (Pace::Finish(told), false) = (now, is_over) {
                    // What comes after that is for later: it need not come to an end.
                    let mut left = events.waiting();
                    while left > 0 && matches!(*pace.borrow(), Pace::Finish(_)) {
                        let Some(event) = events.try_recv() else { break };
                        tell(event).await;
                        left -= 1;
                    }
                    // Nobody waits any more for one that was too slow.
                    let _ = told.send(());
                }
                let suspended = !is_over && !matches!(*pace.borrow(), Pace::Deliver);
                tokio::select! {
                    biased;
                    changed = pace.changed(), if !is_over => is_over = changed.is_err(),
                    event = events.recv(), if !suspended => match event {
                        Some(event) => tell(event).await,
                        None => break,
                    },
                }
            }
        };
        let reporter = async {
            let mut missed = MissedEvents::new(&hook);
            let warn = |line: Option<String>| line.into_iter().for_each(|line| registry.logger().warn(line));
            loop {
                tokio::select! {
                    biased;
                    () = missed.due() => warn(missed.sum(Instant::now())),
                    count = events.missed() => warn(missed.add(count, Instant::now())),
                    _ = until_end.wait_for(|_| false) => {
                        events.close();
                        break warn(missed.sum(Instant::now()));
                    }
                }
            }
        };
        tokio::join!(teller, reporter);
    }
}

/// Pace of the delivery.
#[derive(Clone)]
enum Pace {
    /// Tell the plugins of what happens.
    Deliver,
    /// Tell them of what waits now, say so, and go on as for [`Suspend`](Self::Suspend).
    Finish(mpsc::Sender<()>),
    /// Tell them nothing for now.
    Suspend,
}

/// Delivery of events to all plugins that ask for some.
pub(super) struct EventDelivery {
    /// Sender of changes, dropped when they are to be told of what there still is and of no more.
    pace: watch::Sender<Pace>,
    /// Number of hooks.
    hooks: usize,
    /// Receiver of nothing, disconnected once all are told.
    over: mpsc::Receiver<()>,
}

impl fmt::Debug for EventDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventDelivery").finish_non_exhaustive()
    }
}

impl EventDelivery {
    /// Deliver events from now on.
    pub(super) fn start(registry: &Arc<Registry>, runtime: &Handle, subscriptions: Vec<EventSubscription>) -> Self {
        let ((pace, receiver), (is_told, over)) = (watch::channel(Pace::Deliver), mpsc::channel::<()>());
        let hooks = subscriptions.len();
        for subscription in subscriptions {
            let delivery = subscription.deliver(registry.clone(), receiver.clone());
            let is_told = is_told.clone();
            runtime.spawn(async move {
                delivery.await;
                drop(is_told);
            });
        }
        Self { pace, hooks, over }
    }

    /// Deliver what waits now, wait for that no longer than `timeout`, and keep what comes for later. A plugin that is
    /// slower hears of the rest later, too.
    pub(super) fn suspend(&self, timeout: Duration) {
        let (end, (told, all)) = (Instant::now() + timeout, mpsc::channel());
        self.pace.send_replace(Pace::Finish(told));
        let mut left = self.hooks;
        while left > 0 && all.recv_timeout(end.saturating_duration_since(Instant::now())).is_ok() {
            left -= 1;
        }
        self.pace.send_replace(Pace::Suspend);
    }

    /// Deliver what waits, and what happens from now on.
    pub(super) fn resume(&self) {
        self.pace.send_replace(Pace::Deliver);
    }

    /// Deliver what there still is, and wait for that no longer than `timeout`.
    pub(super) fn finish(self, timeout: Duration) {
        drop(self.pace);
        let _ = self.over.recv_timeout(timeout);
    }
}

/// Warn of types of events that a plugin asks for and nobody has: it would wait for ever. `brought` are those that
/// plugins have.
pub(crate) fn warn_of_unknown_event_types(registry: &Registry, brought: &[String]) {
    for (hook, info) in registry.hooks() {
        for wanted in wanted_types(info) {
            let of_a_plugin = EventType::of_a_plugin(wanted);
            let of_a_plugin = of_a_plugin.is_some_and(|wanted| brought.iter().any(|name| wanted.includes(name)));
            if of_a_plugin || EventType::built_in(wanted).is_some() {
                continue;
            }
            let known = EventType::all_built_in().chain(brought.iter().map(String::as_str));
            let meant = nearest(wanted, known);
            let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            registry.logger().warn(format_args!(
                "{hook} is never told of {wanted}: neither supervisord nor any plugin that is loaded has events of that \
                 type{meant}"
            ));
        }
    }
}

/// Names of the types of events that a hook asks for.
fn wanted_types(info: &MethodInfo) -> impl Iterator<Item = &str> {
    let types = find(&info.properties, "events").and_then(Value::as_str).unwrap_or_default();
    types.split(',').map(str::trim).filter(|name| !name.is_empty())
}
