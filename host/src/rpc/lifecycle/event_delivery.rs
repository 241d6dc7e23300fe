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
    /// waits for it. Ends when `going_on` does and the plugin has been told of all that there is.
    async fn deliver(self, registry: Arc<Registry>, mut going_on: watch::Receiver<()>) {
        let Self { hook, events } = self;
        let teller = async {
            while let Some(event) = events.recv().await {
                registry.call_hook(&hook, RVec::from(vec![event_value(&event)])).await;
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
                    _ = going_on.changed() => {
                        events.close();
                        break warn(missed.sum(Instant::now()));
                    }
                }
            }
        };
        tokio::join!(teller, reporter);
    }
}

/// Delivery of events to all plugins that ask for some.
pub(super) struct EventDelivery {
    /// Sender of nothing, dropped when they are to be told of what there still is and of no more.
    goes_on: watch::Sender<()>,
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
        let ((goes_on, going_on), (is_told, over)) = (watch::channel(()), mpsc::channel::<()>());
        for subscription in subscriptions {
            let delivery = subscription.deliver(registry.clone(), going_on.clone());
            let is_told = is_told.clone();
            runtime.spawn(async move {
                delivery.await;
                drop(is_told);
            });
        }
        Self { goes_on, over }
    }

    /// Deliver what there still is, and wait for that no longer than `timeout`.
    pub(super) fn finish(self, timeout: Duration) {
        drop(self.goes_on);
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
