//! Plugins before an upgrade: what they hand over, what they hear of before, and how they go on if it is called off.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use plugin_api::{Event as PluginEvent, Fault, Host, Value, abi::NamespaceObject, block_on, namespace, rpc_interface};

use super::*;
use crate::{
    config::{Config, Overrides},
    events::Event,
    logger::{Level, Logger},
    rpc::{Origin, build, fixtures::TestRuntime, registry::RegistryRef},
    supervisor::fixtures::{AtWork, Mount},
};

/// Time that is far more than anything here takes.
const LONG: Duration = Duration::from_secs(20);

/// Lines of a log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl Lines {
    fn logger(&self) -> Logger {
        let lines = self.clone();
        Logger::new(Level::Info, move |line| lines.0.lock().push(format!("{}: {}", line.level.name(), line.message)))
    }

    fn with(&self, text: &str) -> Vec<String> {
        self.0.lock().iter().filter(|line| line.contains(text)).cloned().collect()
    }
}

/// Plugins at work, with a thread that serves them.
struct Plugins {
    lifecycle: Lifecycle,
    bus: Bus,
    lines: Lines,
}

fn at_work(registry_ref: &RegistryRef, plugins: Vec<(&str, NamespaceObject)>) -> Plugins {
    let (bus, lines) = (Bus::new(), Lines::default());
    let plugins = plugins.into_iter().map(|(name, object)| (name.to_owned(), object, Origin::Plugin)).collect();
    let lifecycle = Lifecycle::new(Registry::with_system(registry_ref, plugins, lines.logger()), &bus);
    serve(&lifecycle);
    Plugins { lifecycle, bus, lines }
}

fn serve(lifecycle: &Lifecycle) {
    let runtime = TestRuntime::new();
    lifecycle.registry.run_on(runtime.handle());
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < LONG, "{what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A plugin that hands over what a function answers.
struct Hands<F>(F);

#[rpc_interface]
impl<F: Fn() -> Result<Value, Fault> + Send + Sync + 'static> Hands<F> {
    #[rpc(on_upgrade)]
    fn over(&self) -> Result<Value, Fault> {
        (self.0)()
    }
}

fn hands(answer: impl Fn() -> Result<Value, Fault> + Send + Sync + 'static) -> NamespaceObject {
    namespace(Arc::new(Hands(answer)))
}

#[test]
fn each_plugin_hands_over_what_it_holds_or_is_named() {
    struct Later;
    #[rpc_interface]
    impl Later {
        #[rpc(on_upgrade)]
        async fn over(&self) -> Vec<i32> {
            vec![1, 2]
        }
    }
    struct Never;
    #[rpc_interface]
    impl Never {
        #[rpc(on_upgrade)]
        async fn over(&self) -> Option<i32> {
            std::future::pending().await
        }
    }
    struct Nothing;
    #[rpc_interface]
    impl Nothing {
        pub fn nothing(&self) {}
    }
    let (release, held) = mpsc::channel::<()>();
    let held = Mutex::new(held);
    let nested = |levels: usize| (0..levels).fold(Value::Nil, |value, _| Value::array([value]));
    let plugins = at_work(
        &RegistryRef::default(),
        vec![
            ("now", hands(|| Ok("held".into()))),
            ("later", namespace(Arc::new(Later))),
            ("nil", hands(|| Ok(Value::Nil))),
            ("nothing", namespace(Arc::new(Nothing))),
            ("panics", hands(|| panic!("boom"))),
            ("fails", hands(|| Err(Fault::no_file_with("/x")))),
            ("deep", hands(move || Ok(nested(1_000_000)))),
            ("large", hands(|| Ok(Value::Base64(vec![0; 1 << 30].into())))),
            ("never", namespace(Arc::new(Never))),
            (
                "hangs",
                hands(move || {
                    let _ = held.lock().recv();
                    Ok("too late".into())
                }),
            ),
        ],
    );
    let begin = Instant::now();
    // Long enough for all that come back, on a machine that has much else to do.
    let handed_over = plugins.lifecycle.hand_over(Duration::from_secs(10));
    assert!(begin.elapsed() < LONG, "it took {:?}", begin.elapsed());
    assert_eq!(handed_over.sections().collect::<Vec<_>>(), ["rpcinterface:later", "rpcinterface:now"]);
    assert_eq!(handed_over.get("rpcinterface:later"), Some(&Value::array([1.into(), 2.into()])));
    assert_eq!(handed_over.get("rpcinterface:now"), Some(&"held".into()));
    drop(release);

    let mut warnings = plugins.lines.with("warn: rpcinterface:");
    warnings.sort_unstable();
    let starts = |plugin: &str, why: &str| {
        format!("warn: rpcinterface:{plugin} hands nothing over, and starts empty after an upgrade: {why}")
    };
    let expected = [
        starts("deep", "FAILED: the answer is nested more than 80 deep"),
        starts("fails", "NO_FILE: /x"),
        starts("hangs", "it has not answered in 10 seconds"),
        starts("large", "what it hands over is larger than 256 MiB"),
        starts("never", "it has not answered in 10 seconds"),
        starts("panics", "FAILED: _upgrade panicked: boom (host/src/rpc/lifecycle/hand_over_tests.rs:"),
    ];
    assert_eq!(warnings.len(), expected.len(), "{warnings:#?}");
    for (line, expected) in warnings.iter().zip(expected) {
        assert!(line.starts_with(&expected), "{line}");
    }
    assert_eq!(plugins.lines.with("panics._upgrade panicked: boom").len(), 1);
}

/// A plugin that hands over what it has heard and what it was called with.
#[derive(Default)]
struct Board {
    notes: Arc<Mutex<Vec<String>>>,
    /// Sender of nothing, while whom nobody has dropped events take their time.
    gate: Option<Mutex<mpsc::Receiver<()>>>,
}

#[rpc_interface]
impl Board {
    pub fn pin(&self, note: String) {
        self.notes.lock().push(note);
    }

    #[rpc(nonblocking)]
    pub fn pin_here(&self, note: String) {
        self.notes.lock().push(note);
    }

    #[rpc(on_event = "TOLD")]
    fn hear(&self, event: PluginEvent) {
        if let Some(gate) = &self.gate {
            let _ = gate.lock().recv();
        }
        self.notes.lock().push(event.payload().to_owned());
    }

    #[rpc(on_upgrade)]
    fn over(&self) -> Vec<String> {
        self.notes.lock().clone()
    }
}

fn tell(bus: &Bus, payload: &str) {
    bus.publish(Event::Custom { name: "TOLD".to_owned(), payload: payload.to_owned() });
}

#[test]
fn a_plugin_has_heard_of_all_and_goes_on_if_the_upgrade_is_called_off() {
    /// A plugin that calls another while it is asked.
    struct Caller(Host);
    #[rpc_interface]
    impl Caller {
        #[rpc(on_upgrade)]
        fn over(&self) -> Result<(), Fault> {
            self.0.call("board.pin", ("from the other",))
        }
    }
    let (registry_ref, supervisor) = (RegistryRef::default(), supervisor());
    let (board, notes) = (Board::default(), Arc::<Mutex<Vec<String>>>::default());
    let board = Board { notes: notes.clone(), ..board };
    let host = crate::rpc::host_api::HostApi::object(
        "caller",
        Vec::new(),
        &supervisor,
        &Lines::default().logger(),
        &registry_ref,
        crate::rpc::handover::Offer::default(),
    );
    let caller = namespace(Arc::new(Caller(Host::new(host))));
    let plugins = at_work(&registry_ref, vec![("board", namespace(Arc::new(board))), ("caller", caller)]);
    let mut told: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    for note in &told {
        tell(&plugins.bus, note);
    }

    let held = |notes: &[String]| Value::array(notes.iter().map(|note| note.as_str().into()));
    let handed_over = plugins.lifecycle.hand_over(LONG);
    assert_eq!(handed_over.get("rpcinterface:board"), Some(&held(&told)));
    let why = "FAILED: supervisord is being upgraded, and board.pin cannot be called until it is";
    assert_eq!(plugins.lines.with("rpcinterface:caller hands nothing over").len(), 1);
    assert_eq!(plugins.lines.with(why).len(), 1, "{:?}", plugins.lines.0.lock());

    // Nothing reaches it now, but what the host has itself is there.
    tell(&plugins.bus, "an event");
    let calls: Vec<_> = ["board.pin", "board.pinHere"]
        .map(|method| {
            let registry = plugins.lifecycle.registry.clone();
            std::thread::spawn(move || block_on(registry.call(method, RVec::from(vec![method.into()]))))
        })
        .into();
    let listed = block_on(plugins.lifecycle.registry.call("system.listMethods", RVec::new()));
    assert!(listed.is_ok());
    let again = plugins.lifecycle.hand_over(LONG);
    assert_eq!(notes.lock().len(), 101, "the event is from before the second time");
    told.push("an event".to_owned());
    assert_eq!(again.get("rpcinterface:board"), Some(&held(&told)));
    assert!(calls.iter().all(|call| !call.is_finished()));

    plugins.lifecycle.resume();
    for call in calls {
        assert_eq!(call.join().unwrap(), Ok(Value::Nil));
    }
    tell(&plugins.bus, "the last");
    wait_until("the last event is heard", || notes.lock().iter().any(|note| note == "the last"));
    let mut all = notes.lock().clone();
    assert_eq!(all.drain(..101).collect::<Vec<_>>(), told);
    all.sort_unstable();
    assert_eq!(all, ["board.pin", "board.pinHere", "the last"]);
    plugins.lifecycle.stop_plugins(LONG);
}

#[test]
fn one_that_is_slow_to_hear_holds_up_the_upgrade_for_a_second_and_hears_of_the_rest_later() {
    let (open, gate) = mpsc::channel();
    let board = Board { gate: Some(Mutex::new(gate)), ..Board::default() };
    let notes = board.notes.clone();
    let plugins = at_work(&RegistryRef::default(), vec![("board", namespace(Arc::new(board)))]);
    (0..3).for_each(|number| tell(&plugins.bus, &number.to_string()));
    let handed_over = plugins.lifecycle.hand_over(LONG);
    assert_eq!(handed_over.get("rpcinterface:board"), Some(&Value::array([])), "it has its hands full");
    // That which it was being told of comes to its end, and no other begins.
    open.send(()).unwrap();
    wait_until("the first is heard", || notes.lock().len() == 1);
    std::thread::sleep(Duration::from_millis(50));
    drop(open);
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(*notes.lock(), ["0"]);
    plugins.lifecycle.resume();
    wait_until("the rest is heard", || notes.lock().len() == 3);
    // Also where nobody calls the upgrade off before the end.
    let _ = plugins.lifecycle.hand_over(LONG);
    tell(&plugins.bus, "3");
    plugins.lifecycle.stop_plugins(LONG);
    assert_eq!(*notes.lock(), ["0", "1", "2", "3"]);
}

fn supervisor() -> AtWork {
    AtWork::mounted([], &Mount::default(), LONG)
}

/// The plugin that was built against 1.0.0 knows nothing of upgrades.
#[test]
fn a_plugin_of_1_0_0_is_left_out_and_nothing_is_lost_in_silence() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("../plugin-api/loader/tests/elder/built/elder-1.0.0-{}.so", std::env::consts::ARCH));
    if !kept.exists() {
        assert_ne!(std::env::consts::ARCH, "x86_64", "the library that is kept is gone");
        return;
    }
    let supervisor = supervisor();
    let (library, file) = (supervisor.dir.path().join("libelder.so"), supervisor.dir.path().join("elder.conf"));
    fs::copy(kept, &library).unwrap();
    // A checkout may leave the file writable to a group.
    fs::set_permissions(&library, fs::Permissions::from_mode(0o644)).unwrap();
    let factory = format!("supervisor.rpcinterface_factory={}:make_elder", library.display());
    fs::write(&file, format!("[supervisord]\n[rpcinterface:elder]\n{factory}\ngreeting=Hello\n")).unwrap();
    let config = Config::load(&file, &Overrides::default()).unwrap();
    let mut handed_over = HandedOver::default();
    handed_over.insert("rpcinterface:elder".to_owned(), 1.into()).unwrap();
    handed_over.insert("rpcinterface:gone".to_owned(), 2.into()).unwrap();

    let lines = Lines::default();
    let lifecycle = build(&config, &supervisor, &lines.logger(), handed_over).unwrap();
    let left = ["elder", "gone"].map(|name| format!("info: nothing takes what rpcinterface:{name} handed over"));
    assert_eq!(lines.with("handed over"), left);
    serve(&lifecycle);
    let greet = || block_on(lifecycle.registry.call("elder.greet", RVec::from(vec!["world".into()])));
    assert_eq!(greet(), Ok("Hello, world!".into()));
    assert_eq!(lifecycle.hand_over(LONG), HandedOver::default());
    lifecycle.resume();
    assert_eq!(greet(), Ok("Hello, world!".into()));
    assert!(lines.with("starts empty").is_empty());
}
