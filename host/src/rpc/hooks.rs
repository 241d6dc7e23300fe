//! What the host tells a plugin of its own accord: that all is ready, and that the end has come.
//!
//! A plugin hears of it by a method whose name begins with `_`, if it has one. It runs where the plugin's methods run,
//! so one that hangs holds up nothing but itself.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use abi_stable::std_types::RVec;
use plugin_api::{Fault, MethodInfo, Value, find};
use tokio::{runtime::Handle, sync::watch};

use super::{missed::Missed, registry::Registry, workers::Caller};
use crate::{
    events::{Bus, Event, EventType, Subscription},
    text::nearest::nearest,
};

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
    events: Subscription,
}

/// The plugins that hear of events.
pub(super) struct Hearing {
    /// When it is dropped they hear what there still is, and no more.
    goes_on: watch::Sender<()>,
    /// Nothing is ever sent: that nobody is left to do so says that they have.
    over: mpsc::Receiver<()>,
}

/// How long the end may wait for plugins to hear of all that has happened: one that hangs leaves time to the others.
const HEARING_OUT: Duration = Duration::from_secs(1);

const START: &str = "_start";
const SHUTDOWN: &str = "_shutdown";

impl Registry {
    pub(super) fn start_plugins(self: &Arc<Self>, runtime: &Handle, ears: Vec<Ear>) {
        let ((goes_on, going_on), (hears, over)) = (watch::channel(()), mpsc::channel());
        for ear in ears {
            let (telling, hears) = (self.clone().tell_of(ear, going_on.clone()), hears.clone());
            runtime.spawn(async move {
                telling.await;
                drop(hears);
            });
        }
        self.note_hearing(Hearing { goes_on, over });
        for name in self.named(START) {
            let registry = self.clone();
            runtime.spawn(async move { registry.tell(&name, RVec::new()).await });
        }
    }

    /// Hears what happens, from now on, for each plugin that wants to know.
    pub(super) fn listen(&self, bus: &Bus) -> Vec<Ear> {
        let mut ears = Vec::new();
        for (name, info) in self.hooks() {
            // A type that is nobody's is never sent.
            let of = |name: &str| EventType::built_in(name).or_else(|| EventType::of_a_plugin(name));
            let types: Vec<_> = wanted_types(info).filter_map(of).collect();
            if types.is_empty() {
                continue;
            }
            let events = bus.subscribe_to(types);
            ears.push(Ear { name: name.to_owned(), events });
        }
        ears
    }

    /// Warns of types of events that a plugin wants to hear of and nobody has: it would wait for ever. `brought` are
    /// those that plugins have.
    pub(super) fn check_event_types(&self, brought: &[String]) {
        for (name, info) in self.hooks() {
            for wanted in wanted_types(info) {
                let of_a_plugin = EventType::of_a_plugin(wanted);
                let of_a_plugin = of_a_plugin.is_some_and(|wanted| brought.iter().any(|name| wanted.includes(name)));
                if of_a_plugin || EventType::built_in(wanted).is_some() {
                    continue;
                }
                let known = EventType::all_built_in().chain(brought.iter().map(String::as_str));
                let meant = nearest(wanted, known);
                let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
                self.logger().warn(format_args!(
                    "{name} is never told of {wanted}: neither supervisord nor any plugin that is loaded has events of \
                     that type{meant}"
                ));
            }
        }
    }

    /// Tells a plugin of events, one at a time. One that does not keep up misses some, and that is logged; nobody else
    /// waits for it. Ends when it has heard all that there is and nothing is to go on.
    async fn tell_of(self: Arc<Self>, ear: Ear, mut going_on: watch::Receiver<()>) {
        let Ear { name, events } = ear;
        let teller = async {
            while let Some(event) = events.recv().await {
                self.tell(&name, RVec::from(vec![event_value(&event)])).await;
            }
        };
        let reporter = async {
            let mut missed = Missed::new(&name);
            let warn = |news: Option<String>| news.into_iter().for_each(|news| self.logger().warn(news));
            loop {
                tokio::select! {
                    biased;
                    () = missed.due() => warn(missed.sum(Instant::now())),
                    lost = events.missed() => warn(missed.some(lost, Instant::now())),
                    _ = going_on.changed() => {
                        events.close();
                        break warn(missed.sum(Instant::now()));
                    }
                }
            }
        };
        tokio::join!(teller, reporter);
    }

    /// Tells the plugins that this is the end once they have heard of all that has happened, and waits until they have
    /// answered, or for so long. Nothing is supervised any more when this is called.
    pub fn stop_plugins(self: &Arc<Self>, patience: Duration) {
        let end = Instant::now() + patience;
        if let Some(Hearing { goes_on, over }) = self.take_hearing() {
            drop(goes_on);
            let _ = over.recv_timeout(HEARING_OUT.min(patience));
        }
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
        if let Some(holder) = self.note_holder() {
            // It keeps the others from being told, and is no news of theirs.
            self.logger().warn(format_args!(
                "{holder} is declared nonblocking and does not come back; no plugin can come to its end any more"
            ));
            return;
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

/// The names of the types of events that a method is to be told of.
fn wanted_types(info: &MethodInfo) -> impl Iterator<Item = &str> {
    let types = find(&info.properties, "events").and_then(Value::as_str).unwrap_or_default();
    types.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Of a panic there is a line already.
fn is_panic(fault: &Fault) -> bool {
    fault.detail().contains(" panicked: ")
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use plugin_api::{abi::NamespaceObject, namespace, rpc_interface};

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

    /// A registry with that plugin, which can be called; and what is logged goes to the story.
    fn at_work(name: &str, object: NamespaceObject, story: &Story, bus: &Bus) -> Arc<Registry> {
        let log = story.clone();
        let logger = Logger::new(Level::Info, move |line| log.lock().push(line.message));
        let plugin = (name.to_owned(), object, Origin::Plugin);
        let registry = Registry::referred(&RegistryRef::default(), vec![plugin], logger);
        registry.hear(bus);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        registry.run_on(runtime.handle());
        std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        registry
    }

    #[test]
    fn plugins_hear_of_start_and_end() {
        let story = Story::default();
        let registry = at_work("hooked", namespace(Arc::new(Hooked(story.clone()))), &story, &Bus::new());
        let has = |text: &str| story.lock().iter().any(|line| line.contains(text));
        let begin = Instant::now();
        while !has("hooked._start: NO_FILE: /x") {
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", story.lock());
            std::thread::sleep(Duration::from_millis(2));
        }
        registry.stop_plugins(Duration::from_secs(20));
        assert!(has("begun") && has("ended"));
        assert!(has("hooked._shutdown panicked: at the end (host/src/rpc/hooks.rs:"), "{:?}", story.lock());
        assert!(!has("hooked has not"));

        let stuck = at_work("stuck", namespace(Arc::new(Stuck)), &story, &Bus::new());
        stuck.stop_plugins(Duration::from_millis(300));
        assert!(has("stuck has not come to its end in 0.3 seconds; it is left behind"), "{:?}", story.lock());

        let names: Vec<_> = registry.names().filter(|name| !name.starts_with("system.")).collect();
        assert_eq!(names, ["hooked.published"]);
        let outside = plugin_api::block_on(registry.call("hooked._shutdown", RVec::new()));
        assert_eq!(outside, Err(Fault::unknown_method()));
        assert!(registry.info("hooked._start").is_none());
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
        let registry = at_work("hopeful", namespace(Arc::new(Hopeful)), &story, &Bus::new());
        registry.check_event_types(&["BOARD_FULL".to_owned()]);
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
        let registry = at_work("ear", namespace(Arc::new(Listening(story.clone()))), &story, &bus);
        let told: Vec<_> = (0..100).map(|number| number.to_string()).collect();
        for data in &told {
            bus.publish(Event::Custom { name: "TOLD".to_owned(), payload: data.clone() });
        }
        registry.stop_plugins(Duration::from_secs(20));
        let heard = story.lock().clone();
        assert_eq!(heard[..heard.len() - 1], told);
        assert_eq!(heard.last().map(String::as_str), Some("end"));
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
        let registry = at_work("ear", namespace(Arc::new(slow)), &story, &bus);
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
        registry.stop_plugins(Duration::from_secs(20));
        let news: Vec<_> = story.lock().iter().filter(|line| line.contains("too slow")).cloned().collect();
        let [some, sum] = &news[..] else { panic!("{news:?}") };
        assert_eq!(some, "ear._event_hear is too slow for its events: it misses some");
        assert!(sum.starts_with("ear._event_hear was too slow for its events: it missed "), "{sum}");
    }
}
