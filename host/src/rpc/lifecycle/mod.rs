//! The life of plugins: they are told that the server runs, of the events that they ask for,
//! and that the end has come; and asked for what they hand over in an upgrade.
//!
//! A plugin is told by a method whose name begins with `_`, a hook, if it has one. That runs where the plugin's methods
//! run, so one that hangs holds up nothing but itself.
//!
//! The modules are floors; each imports only from those above it in this list.

mod hand_over;
mod missed_events;
mod shutdown_waiter;

mod event_delivery;

#[cfg(test)]
mod hand_over_tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use abi_stable::std_types::RVec;
use parking_lot::Mutex;
use tokio::runtime::Handle;

pub(super) use self::event_delivery::{event_value, warn_of_unknown_event_types};
pub use self::shutdown_waiter::ShutdownWaiter;
use self::{
    event_delivery::{EventDelivery, EventSubscription},
    hand_over::hand_over,
};
use super::{
    handover::HandedOver,
    namespaces::{Upgrader, UpgraderRef},
    registry::Registry,
};
use crate::events::Bus;

/// Name of the hook for the start of the server.
const START: &str = "_start";
/// Name of the hook for the end.
const SHUTDOWN: &str = "_shutdown";

/// Time that the end may wait for plugins to be told of all that has happened: one that hangs leaves time to the others.
const LAST_EVENTS: Duration = Duration::from_secs(1);

/// The plugins of a registry from the start of the server to their end.
#[derive(Debug)]
pub struct Lifecycle {
    registry: Arc<Registry>,
    /// Delivery of events to plugins, once the server runs. A lock for one move, and while an upgrade has the last events
    /// delivered.
    delivery: Arc<Mutex<Option<EventDelivery>>>,
    /// Upgrader of supervisord, for its namespace.
    upgrader: UpgraderRef,
}

impl Lifecycle {
    /// Have supervisord upgraded by this. To be called once.
    pub fn set_upgrader(&self, upgrader: Box<dyn Upgrader>) {
        self.upgrader.set(upgrader);
    }

    /// Return it with a place for the upgrader.
    pub(super) fn with_upgrader(self, upgrader: UpgraderRef) -> Self {
        Self { upgrader, ..self }
    }

    /// Subscribe the plugins to the events that they ask for. They are told of these, and that the server runs, once it
    /// does.
    pub(super) fn new(registry: Arc<Registry>, bus: &Bus) -> Self {
        let delivery = Arc::<Mutex<_>>::default();
        let subscriptions = EventSubscription::all(&registry, bus);
        registry.on_server({
            let delivery = Arc::clone(&delivery);
            move |registry, runtime| *delivery.lock() = Some(start(registry, runtime, subscriptions))
        });
        Self { registry, delivery, upgrader: UpgraderRef::default() }
    }

    /// The methods of the plugins and of the host.
    pub fn registry(&self) -> &Arc<Registry> {
        &self.registry
    }

    /// Waiter for the end of the plugins, who end when this and all else that holds the registry is dropped. To be asked
    /// for once.
    pub fn shutdown_waiter(&self) -> ShutdownWaiter {
        ShutdownWaiter::new(&self.registry)
    }

    /// Ask the plugins for what they hand over to their instances in the supervisord that takes this one's place, once
    /// they have been told of all that has happened, for which there is a second; each has `timeout` for its answer, all
    /// at once. One that has none in time, or a fault, or one that is too large, is left out, and the log names it.
    ///
    /// From then on no call of a client and no event reaches a plugin, until [`resume`](Self::resume); calls that have
    /// begun before go on. What happens meanwhile waits, and is lost if the process becomes another one.
    ///
    /// Not for the server's thread, which has to serve the plugins meanwhile.
    pub fn hand_over(&self, timeout: Duration) -> HandedOver {
        if let Some(delivery) = &*self.delivery.lock() {
            delivery.suspend(LAST_EVENTS.min(timeout));
        }
        // Not before: who is told of an event may call other plugins.
        self.registry.suspension().begin();
        hand_over(&self.registry, timeout)
    }

    /// Let the plugins go on, of which [`hand_over`](Self::hand_over) was asked for an upgrade that was called off:
    /// calls and events that wait reach them now.
    pub fn resume(&self) {
        self.registry.suspension().end();
        if let Some(delivery) = &*self.delivery.lock() {
            delivery.resume();
        }
    }

    /// Tell the plugins that this is the end once they have been told of all that has happened, and wait until they have
    /// answered, or for `timeout`. Nothing is supervised any more when this is called.
    pub fn stop_plugins(&self, timeout: Duration) {
        let end = Instant::now() + timeout;
        // Whatever upgrade was under way comes to nothing.
        self.registry.suspension().end();
        let delivery = self.delivery.lock().take();
        if let Some(delivery) = delivery {
            delivery.finish(LAST_EVENTS.min(timeout));
        }
        let registry = &self.registry;
        let Some(runtime) = registry.runtime() else { return };
        let mut waiting: BTreeSet<_> = registry.hooks_named(SHUTDOWN).collect();
        let (told, answers) = mpsc::channel();
        for hook in waiting.iter().cloned() {
            let (registry, told) = (registry.clone(), told.clone());
            runtime.spawn(async move {
                registry.call_hook(&hook, RVec::new()).await;
                // Nobody waits any more for one who comes too late.
                let _ = told.send(hook);
            });
        }
        drop(told);
        while !waiting.is_empty() {
            match answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(hook) => waiting.remove(&hook),
                Err(_) => break,
            };
        }
        if let Some(method) = registry.watchdog().find_stuck_method() {
            // It keeps the others from being told, and is no news of theirs.
            registry.logger().warn(format_args!(
                "{method} is declared nonblocking and does not come back; no plugin can come to its end any more"
            ));
            return;
        }
        for hook in waiting {
            let plugin = hook.strip_suffix(SHUTDOWN).unwrap_or(&hook).trim_end_matches('.');
            let seconds = timeout.as_secs_f64();
            registry
                .logger()
                .warn(format_args!("{plugin} has not come to its end in {seconds} seconds; it is left behind"));
        }
    }
}

/// Tell the plugins that the server runs, and of events from now on.
fn start(registry: &Arc<Registry>, runtime: &Handle, subscriptions: Vec<EventSubscription>) -> EventDelivery {
    let delivery = EventDelivery::start(registry, runtime, subscriptions);
    for hook in registry.hooks_named(START) {
        let registry = registry.clone();
        runtime.spawn(async move { registry.call_hook(&hook, RVec::new()).await });
    }
    delivery
}

#[cfg(test)]
mod tests {
    use plugin_api::{Fault, abi::NamespaceObject, namespace, rpc_interface};

    use super::*;
    use crate::{
        events::Event,
        logger::{Level, Logger},
        rpc::{Origin, registry::RegistryRef},
    };

    /// Lines of the log, and of what was done.
    type Story = Arc<Mutex<Vec<String>>>;

    struct Hooked(Story);

    #[rpc_interface]
    impl Hooked {
        #[rpc(on_start)]
        async fn begin(&self) -> Result<(), Fault> {
            self.0.lock().push("begun".to_owned());
            Err(Fault::no_file_with("/x"))
        }

        #[rpc(on_shutdown)]
        fn end(&self) {
            self.0.lock().push("ended".to_owned());
            panic!("at the end");
        }

        pub fn published(&self) {}
    }

    struct Stuck;

    #[rpc_interface]
    impl Stuck {
        #[rpc(on_shutdown)]
        async fn end(&self) {
            std::future::pending::<()>().await;
        }
    }

    /// The life of that plugin, which can be called; and what is logged goes to the story.
    fn at_work(name: &str, object: NamespaceObject, story: &Story, bus: &Bus) -> Lifecycle {
        let log = story.clone();
        let logger = Logger::new(Level::Info, move |line| log.lock().push(line.message));
        let plugin = (name.to_owned(), object, Origin::Plugin);
        let registry = Registry::with_system(&RegistryRef::default(), vec![plugin], logger);
        let lifecycle = Lifecycle::new(registry, bus);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        lifecycle.registry.run_on(runtime.handle());
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        lifecycle
    }

    #[test]
    fn plugins_hear_of_start_and_end() {
        let story = Story::default();
        let lifecycle = at_work("hooked", namespace(Arc::new(Hooked(story.clone()))), &story, &Bus::new());
        let has = |text: &str| story.lock().iter().any(|line| line.contains(text));
        let begin = Instant::now();
        while !has("hooked._start: NO_FILE: /x") {
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", story.lock());
            std::thread::sleep(Duration::from_millis(2));
        }
        lifecycle.stop_plugins(Duration::from_secs(20));
        assert!(has("begun") && has("ended"));
        assert!(has("hooked._shutdown panicked: at the end (host/src/rpc/lifecycle/mod.rs:"), "{:?}", story.lock());
        assert!(!has("hooked has not"));

        let stuck = at_work("stuck", namespace(Arc::new(Stuck)), &story, &Bus::new());
        stuck.stop_plugins(Duration::from_millis(300));
        assert!(has("stuck has not come to its end in 0.3 seconds; it is left behind"), "{:?}", story.lock());

        let names: Vec<_> = lifecycle.registry.names().filter(|name| !name.starts_with("system.")).collect();
        assert_eq!(names, ["hooked.published"]);
        let outside = plugin_api::block_on(lifecycle.registry.call("hooked._shutdown", RVec::new()));
        assert_eq!(outside, Err(Fault::unknown_method()));
        assert!(lifecycle.registry.info("hooked._start").is_none());
    }

    #[test]
    fn a_hook_that_passes_on_the_panic_of_another_plugin_has_its_line() {
        struct Relay;
        #[rpc_interface]
        impl Relay {
            #[rpc(on_start)]
            fn begin(&self) -> Result<(), Fault> {
                Err(Fault::failed_with("take panicked: boom (shelf.rs:1:2)"))
            }
        }
        let story = Story::default();
        let _lifecycle = at_work("relay", namespace(Arc::new(Relay)), &story, &Bus::new());
        let begin = Instant::now();
        while story.lock().is_empty() {
            assert!(begin.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(2));
        }
        assert_eq!(*story.lock(), ["relay._start: FAILED: take panicked: boom (shelf.rs:1:2)"]);
    }

    #[test]
    fn types_that_nobody_has_are_named() {
        struct Hopeful;
        #[rpc_interface]
        impl Hopeful {
            #[rpc(on_event = "PROCES_STATE,TICK_5")]
            fn hear(&self, _event: plugin_api::Event) {}
            #[rpc(on_event = "BOARD,BOARD_FUL,NOBODYS,EVENT")]
            fn see(&self, _event: plugin_api::Event) {}
        }
        let story = Story::default();
        let lifecycle = at_work("hopeful", namespace(Arc::new(Hopeful)), &story, &Bus::new());
        warn_of_unknown_event_types(&lifecycle.registry, &["BOARD_FULL".to_owned()]);
        let why = "neither supervisord nor any plugin that is loaded has events of that type";
        let mut lines = story.lock().clone();
        lines.sort();
        let expected = [
            format!("hopeful._event_hear is never told of PROCES_STATE: {why}; did you mean PROCESS_STATE?"),
            format!("hopeful._event_see is never told of BOARD_FUL: {why}; did you mean BOARD_FULL?"),
            format!("hopeful._event_see is never told of NOBODYS: {why}"),
        ];
        assert_eq!(lines, expected);
    }

    struct Listening(Story);

    #[rpc_interface]
    impl Listening {
        #[rpc(on_event = "EVENT")]
        fn hear(&self, event: plugin_api::Event) {
            self.0.lock().push(event.payload().to_owned());
        }

        #[rpc(on_shutdown)]
        fn end(&self) {
            self.0.lock().push("end".to_owned());
        }
    }

    #[test]
    fn the_end_comes_after_all_that_has_happened() {
        let story = Story::default();
        let bus = Bus::new();
        let lifecycle = at_work("ear", namespace(Arc::new(Listening(story.clone()))), &story, &bus);
        let told: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        for data in &told {
            bus.publish(Event::Custom { name: "TOLD".to_owned(), payload: data.clone() });
        }
        lifecycle.stop_plugins(Duration::from_secs(20));
        let received = story.lock().clone();
        assert_eq!(received[..received.len() - 1], told);
        assert_eq!(received.last().map(String::as_str), Some("end"));
    }
    struct Slow {
        story: Story,
        gate: Mutex<mpsc::Receiver<()>>,
    }

    #[rpc_interface]
    impl Slow {
        #[rpc(on_event = "EVENT")]
        fn hear(&self, event: plugin_api::Event) {
            let _ = self.gate.lock().recv();
            self.story.lock().push(event.payload().to_owned());
        }
    }

    #[test]
    fn a_plugin_that_catches_up_again_and_again_is_named_once() {
        let (story, bus) = (Story::default(), Bus::new());
        let (open, gate) = mpsc::channel();
        let slow = Slow { story: story.clone(), gate: Mutex::new(gate) };
        let lifecycle = at_work("ear", namespace(Arc::new(slow)), &story, &bus);
        let publish =
            |payload: &str| bus.publish(Event::Custom { name: "TOLD".to_owned(), payload: payload.to_owned() });
        let wait_for = |what: &str, lines: usize| {
            let begin = Instant::now();
            while story.lock().iter().filter(|line| line.contains(what)).count() < lines {
                assert!(begin.elapsed() < Duration::from_secs(20), "{what}: {:?}", story.lock());
                std::thread::sleep(Duration::from_millis(1));
            }
        };
        (0..1024 + 10).for_each(|_| publish("first"));
        wait_for("misses some", 1);
        for round in 0..20 {
            open.send(()).expect("it listens");
            wait_for("first", round + 1);
            (0..5).for_each(|_| publish("later"));
        }
        drop(open);
        lifecycle.stop_plugins(Duration::from_secs(20));
        let news: Vec<_> = story.lock().iter().filter(|line| line.contains("too slow")).cloned().collect();
        let [some, sum] = &news[..] else { panic!("{news:?}") };
        assert_eq!(some, "ear._event_hear is too slow for its events: it misses some");
        assert!(sum.starts_with("ear._event_hear was too slow for its events: it missed "), "{sum}");
    }
}
