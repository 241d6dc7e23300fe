//! What the host tells a plugin of its own accord: that all is ready, and that the end has come.
//!
//! A plugin hears of it by a method whose name begins with `_`, if it has one. It runs where the plugin's methods run, so
//! one that hangs holds up nothing but itself.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use abi_stable::std_types::RVec;
use plugin_api::{Fault, Value, find};
use tokio::{
    runtime::Handle,
    sync::{
        broadcast::{Receiver, error::RecvError},
        mpsc::channel,
    },
};

use super::{registry::Registry, workers::Caller};
use crate::events::{Bus, Event, EventType};

/// An event as plugins read it.
pub(super) fn event_value(event: &Event) -> Value {
    Value::structure([
        ("name", event.name().into()),
        ("types", Value::array(EventType::above(event.name()).into_iter().map(Value::from))),
        ("payload", event.payload().into()),
    ])
}

/// What a plugin hears of.
pub(super) struct Ear {
    /// The full name of the method that is called.
    name: String,
    types: Vec<EventType>,
    events: Receiver<Arc<Event>>,
}

/// How many events may wait for a plugin that is busy with one.
const WAITING_EVENTS: usize = 1024;

const START: &str = "_start";
const SHUTDOWN: &str = "_shutdown";

impl Registry {
    pub(super) fn start_plugins(self: &Arc<Self>, runtime: &Handle, ears: Vec<Ear>) {
        for ear in ears {
            runtime.spawn(self.clone().tell_of(ear));
        }
        for name in self.named(START) {
            let registry = self.clone();
            runtime.spawn(async move { registry.tell(&name, RVec::new()).await });
        }
    }

    /// Hears what happens, from now on, for each plugin that wants to know.
    pub(super) fn listen(&self, bus: &Bus) -> Vec<Ear> {
        let mut ears = Vec::new();
        for (name, info) in self.hooks() {
            let Some(types) = find(&info.properties, "events").and_then(Value::as_str) else { continue };
            // A type that is nobody's is never sent.
            let of = |name: &str| EventType::built_in(name).or_else(|| EventType::of_a_plugin(name));
            let types: Vec<_> = types.split(',').filter_map(|name| of(name.trim())).collect();
            let events = bus.subscribe_to(types.iter().cloned());
            ears.push(Ear { name: name.to_owned(), types, events });
        }
        ears
    }

    /// Tells a plugin of events, one at a time. One that does not keep up misses some, and that is logged; nobody else
    /// waits for it.
    async fn tell_of(self: Arc<Self>, ear: Ear) {
        let Ear { name, types, mut events } = ear;
        let (sender, mut wanted) = channel::<Arc<Event>>(WAITING_EVENTS);
        let teller = {
            let (registry, name) = (self.clone(), name.clone());
            async move {
                while let Some(event) = wanted.recv().await {
                    registry.tell(&name, RVec::from(vec![event_value(&event)])).await;
                }
            }
        };
        // What it does not want to know of must not push out what it does while it is busy.
        let sorter = async move {
            let mut missed = 0;
            loop {
                match events.recv().await {
                    Ok(event) if types.iter().any(|it| it.includes(event.name())) => match sender.try_send(event) {
                        Ok(()) if missed > 0 => {
                            self.logger().warn(format_args!("{name} was too slow for its events: it missed {missed}"));
                            missed = 0;
                        }
                        Ok(()) => {}
                        Err(_) => {
                            if missed == 0 {
                                self.logger().warn(format_args!("{name} is too slow for its events: it misses some"));
                            }
                            missed += 1;
                        }
                    },
                    Ok(_) => {}
                    Err(RecvError::Lagged(lost)) => missed += lost,
                    Err(RecvError::Closed) => return,
                }
            }
        };
        tokio::join!(teller, sorter);
    }

    /// Tells the plugins that this is the end, and waits until they have answered, or for so long. Nothing is supervised
    /// any more when this is called.
    pub fn stop_plugins(self: &Arc<Self>, patience: Duration) {
        let end = Instant::now() + patience;
        let mut waiting = BTreeSet::from_iter(self.named(SHUTDOWN));
        let Some(runtime) = self.runtime() else { return };
        let (told, answers) = mpsc::channel();
        for name in waiting.iter().cloned() {
            let (registry, told) = (self.clone(), told.clone());
            runtime.spawn(async move {
                registry.tell(&name, RVec::new()).await;
                // Nobody waits any more for one who comes too late.
                let _ = told.send(name);
            });
        }
        drop(told);
        while !waiting.is_empty() {
            match answers.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(name) => waiting.remove(&name),
                Err(_) => break,
            };
        }
        for name in waiting {
            let plugin = name.strip_suffix(SHUTDOWN).unwrap_or(&name).trim_end_matches('.');
            let seconds = patience.as_secs_f64();
            self.logger()
                .warn(format_args!("{plugin} has not come to its end in {seconds} seconds; it is left behind"));
        }
    }

    /// Calls a hook, which nobody waits for: what goes wrong is logged.
    pub(super) async fn tell(&self, name: &str, params: RVec<Value>) {
        if let Err(fault) = self.call_from(Caller::Host, name, params).await
            && !is_panic(&fault)
        {
            self.logger().error(format_args!("{name}: {fault}"));
        }
    }

    fn named(&self, name: &str) -> Vec<String> {
        self.hooks().filter(|(_, info)| info.name == name).map(|(full, _)| full.to_owned()).collect()
    }
}

/// Of a panic there is a line already.
fn is_panic(fault: &Fault) -> bool {
    fault.detail().contains(" panicked: ")
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use plugin_api::{namespace, rpc_interface};

    use super::*;
    use crate::{
        logger::{Level, Logger},
        rpc::{Origin, registry::RegistryRef},
    };

    /// What was done and logged.
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

    #[test]
    fn plugins_hear_of_start_and_end() {
        let story = Story::default();
        let log = story.clone();
        let logger = Logger::new(Level::Info, move |line| log.lock().push(line.message));
        let plugin = |name: &str, object| (name.to_owned(), object, Origin::Plugin);
        let namespaces = vec![
            plugin("hooked", namespace(Arc::new(Hooked(story.clone())))),
            plugin("stuck", namespace(Arc::new(Stuck))),
        ];
        let registry = Registry::referred(&RegistryRef::default(), namespaces, logger);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        registry.run_on(runtime.handle());
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        let has = |text: &str| story.lock().iter().any(|line| line.contains(text));
        let begin = Instant::now();
        while !has("hooked._start: NO_FILE: /x") {
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", story.lock());
            std::thread::sleep(Duration::from_millis(2));
        }
        registry.stop_plugins(Duration::from_millis(300));
        assert!(has("begun") && has("ended"));
        assert!(has("hooked._shutdown panicked: at the end (host/src/rpc/hooks.rs:"), "{:?}", story.lock());
        assert!(has("stuck has not come to its end in 0.3 seconds; it is left behind"), "{:?}", story.lock());
        assert!(!has("hooked has not"));

        let names: Vec<_> = registry.names().filter(|name| !name.starts_with("system.")).collect();
        assert_eq!(names, ["hooked.published"]);
        let outside = plugin_api::block_on(registry.call("hooked._shutdown", RVec::new()));
        assert_eq!(outside, Err(Fault::unknown_method()));
        assert!(registry.info("hooked._start").is_none());
    }
}
