//! A supervisord for tests.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use super::{
    clock::Clock,
    groups::{DataDir, Groups},
    published::{ANSWER_TIMEOUT, Published},
    script::{Script, lock, scripted},
    state::State,
};
use crate::{
    RVec,
    abi::{Fault, Member, NamespaceObject, Value},
    config::Config,
    factory,
    host::Host,
    interface::{Methods, namespace},
    level::Level,
    rpc_interface,
    supervisor::SupervisorState,
    value::IntoValue,
};

/// A supervisord that a test tells what to do, and that remembers what a plugin did. Clones are the same one.
///
/// It is in the state `RUNNING`, its log is empty, its clock stands at zero, and none of its methods has an answer.
#[derive(Clone, Debug)]
pub struct FakeHost(
    Arc<HostInner>,
    /// The types of events that a plugin may publish which is made through this clone; any where that is not known.
    Option<Arc<[String]>>,
);

#[derive(Debug)]
struct HostInner {
    state: State,
    /// True while a factory runs: there are no methods to call yet, as in the real supervisord.
    starting: AtomicBool,
    script: Script,
    /// Lines that plugins logged.
    logs: Mutex<Vec<String>>,
    /// Events that plugins published: type and payload.
    events: Mutex<Vec<String>>,
    /// Set while nobody listens to events.
    nobody_listens: AtomicBool,
    clock: Arc<Clock>,
    groups: Groups,
    data_dir: DataDir,
    /// Value for the next plugin that asks for what was handed over.
    handed_over: Mutex<Option<Value>>,
}

scripted! { FakeHost }

impl FakeHost {
    /// A supervisord that has not been used.
    pub fn new() -> Self {
        Self(
            Arc::new(HostInner {
                state: State::default(),
                starting: AtomicBool::new(false),
                script: Script::default(),
                logs: Mutex::default(),
                events: Mutex::default(),
                nobody_listens: AtomicBool::new(false),
                clock: Arc::default(),
                groups: Groups::default(),
                data_dir: DataDir::default(),
                handed_over: Mutex::default(),
            }),
            None,
        )
    }

    /// A clone for a plugin that lists these types of events with its factory:
    /// `host.with_events(["BOARD_FULL"]).make(make_board, [])`. Of another type it cannot [`emit`](Host::emit) one
    /// then, as in the real supervisord.
    ///
    /// `plugin_loader::built()` does so with what the library lists.
    #[must_use]
    pub fn with_events<S: AsRef<str>>(&self, types: impl IntoIterator<Item = S>) -> Self {
        Self(self.0.clone(), Some(types.into_iter().map(|name| name.as_ref().to_owned()).collect()))
    }

    /// The host that a factory takes, for tests that call a factory or a plugin's functions themselves.
    pub fn host(&self) -> Host {
        Host::new(self.object())
    }

    fn object(&self) -> NamespaceObject {
        namespace(Arc::new(HostNamespace(self.0.clone(), self.1.clone())))
    }

    /// Make a plugin from the other side of the boundary, where a factory takes the host's namespace and the options
    /// as they cross it. `plugin_loader` does so with the factories of a library.
    #[doc(hidden)]
    pub fn make_object<'a>(
        &self,
        factory: impl FnOnce(NamespaceObject, RVec<Member>) -> Result<NamespaceObject, Fault>,
        options: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Published, Fault> {
        self.0.starting.store(true, SeqCst);
        let made = factory(self.object(), options.into_iter().map(|(name, value)| Member::new(name, value)).collect());
        self.0.starting.store(false, SeqCst);
        made.map(|object| Published::new(object, self.0.state.clone()))
    }

    /// Make a plugin as supervisord does, with these further keys of its section.
    ///
    /// What stands in an INI file comes as strings. The fault is what supervisord would refuse to start with: that of
    /// the factory, its panic, options that it never read. Methods cannot be called while the factory runs.
    ///
    /// What [`export!`](crate::export!) lists with the factory is not known here, so the plugin may publish events of
    /// any type, unless [`with_events`](Self::with_events) says which.
    pub fn make<'a, T: Methods>(
        &self,
        factory: impl FnOnce(Host, Config) -> Result<T, Fault>,
        options: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Published, Fault> {
        let path = std::any::type_name_of_val(&factory);
        self.0.starting.store(true, SeqCst);
        let made = factory::make(path, &Config::new(options), None, |config| factory(self.host(), config));
        self.0.starting.store(false, SeqCst);
        made.map(|object| Published::new(object, self.0.state.clone()))
    }

    /// Put the supervisord into this state.
    pub fn set_state(&self, state: SupervisorState) {
        self.0.state.set(state);
    }

    /// Lines that the plugin logged so far: `info: cat is on the board`.
    pub fn logs(&self) -> Vec<String> {
        lock(&self.0.logs).clone()
    }

    /// The events that the plugin published so far: `SHELF_FULL name:cups`.
    pub fn events(&self) -> Vec<String> {
        lock(&self.0.events).clone()
    }

    /// Let somebody listen to events, which is so at first, or nobody: the answer of [`Host::has_listeners`].
    pub fn set_listeners(&self, listeners: bool) {
        self.0.nobody_listens.store(!listeners, SeqCst);
    }

    /// Let the next plugin that is made find this value as [`Host::handed_over`], as after an upgrade: what
    /// [`Published::hand_over`] of another instance answered, or whatever the test likes. Nil is nothing.
    pub fn set_handed_over(&self, value: impl IntoValue) {
        *lock(&self.0.handed_over) = Some(value.into_value());
    }

    /// Add an active group with processes of these names. A new supervisord has none.
    ///
    /// [`Host::add_program`] and [`Host::remove_process`] change it, and are among the [`calls`](Self::calls) as
    /// `addProgram(…)` and `removeProcess(…)`; a program becomes one process, of its own name. A test that wants
    /// another answer gives it: `host.fails("removeProcess", Fault::still_running_with("cat"))`.
    pub fn add_group(&self, name: &str, processes: &[&str]) {
        self.0.groups.add(name, processes);
    }

    /// Time by which the clock was moved.
    pub fn now(&self) -> Duration {
        self.0.clock.now()
    }

    /// Move the clock, and wake those in [`Host::sleep`] whose time has come. It moves in one step: who sleeps again
    /// after that, sleeps from where the clock stands then.
    ///
    /// What an `async fn` does after its sleep, it does in [`Answer::is_ready`](super::Answer::is_ready) or
    /// [`Answer::wait`](super::Answer::wait).
    pub fn advance(&self, by: Duration) {
        self.0.clock.advance(by);
    }

    /// Number of those in [`Host::sleep`] now.
    pub fn sleepers(&self) -> usize {
        self.0.clock.alarms().len()
    }

    /// Wait until `condition` holds, for plugins with threads of their own: that one sleeps, say, before the clock is
    /// moved.
    ///
    /// # Panics
    ///
    /// If that is still not so after ten seconds of real time.
    pub fn wait_until(&self, mut condition: impl FnMut(&Self) -> bool) {
        let end = Instant::now() + ANSWER_TIMEOUT;
        while !condition(self) {
            assert!(Instant::now() < end, "what the test waits for has not come after {ANSWER_TIMEOUT:?}: {self:?}");
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// The host as plugins call it, and the types of events that may be published through it.
struct HostNamespace(Arc<HostInner>, Option<Arc<[String]>>);

#[rpc_interface]
impl HostNamespace {
    #[rpc(nonblocking)]
    pub fn state(&self) -> i32 {
        self.0.state.number()
    }

    #[rpc(nonblocking)]
    pub fn log(&self, level: String, message: String) -> Result<(), Fault> {
        if Level::from_name(&level).is_none() {
            return Err(Fault::bad_arguments_with(format_args!("no such log level: {level}")));
        }
        lock(&self.0.logs).push(format!("{level}: {message}"));
        Ok(())
    }

    pub async fn sleep(&self, seconds: f64) -> Result<(), Fault> {
        let duration = Duration::try_from_secs_f64(seconds)
            .map_err(|_| Fault::bad_arguments_with(format_args!("cannot sleep for {seconds} seconds")))?;
        self.0.clock.sleep(duration).await;
        Ok(())
    }

    pub fn info(&self) -> Value {
        Value::structure([
            ("identifier", "supervisor".into()),
            ("pid", 4711.into()),
            ("supervisor_version", "4.3.0".into()),
            ("version", env!("CARGO_PKG_VERSION").into()),
            ("config_file", "/etc/supervisord.conf".into()),
            ("serverurl", "http://localhost:9001".into()),
            ("namespace", "test".into()),
        ])
    }

    pub fn groups(&self) -> Vec<Value> {
        self.0.groups.values()
    }

    pub fn add_program(&self, group: String, program: String, options: Value) -> Result<Value, Fault> {
        let params = [group.as_str().into(), program.as_str().into(), options.clone()];
        let answer = self.0.script.find("addProgram", &params);
        answer.unwrap_or_else(|| Ok(self.0.groups.add_program(&group, &program, options)?.into_value()))
    }

    pub fn remove_process(&self, group: String, process: String) -> Result<Value, Fault> {
        let answer = self.0.script.find("removeProcess", &[group.as_str().into(), process.as_str().into()]);
        answer.unwrap_or_else(|| Ok(self.0.groups.remove_process(&group, &process)?.into_value()))
    }

    pub fn data_dir(&self) -> Result<String, Fault> {
        Ok(self.0.data_dir.get()?.display().to_string())
    }

    pub fn emit(&self, name: String, payload: String) -> Result<(), Fault> {
        if let Some(listed) = self.1.as_deref().filter(|listed| !listed.contains(&name)) {
            return Err(Fault::unlisted_event(&name, listed));
        }
        lock(&self.0.events).push(format!("{name} {payload}").trim_end().to_owned());
        Ok(())
    }

    #[rpc(nonblocking)]
    pub fn has_listeners(&self) -> bool {
        !self.0.nobody_listens.load(SeqCst)
    }

    #[rpc(name = "_handed_over", nonblocking)]
    pub fn handed_over(&self) -> Option<Value> {
        lock(&self.0.handed_over).take()
    }

    pub async fn call(&self, method: String, params: Vec<Value>) -> Result<Value, Fault> {
        if self.0.starting.load(SeqCst) {
            return Err(Fault::failed_with("supervisord is still starting; methods cannot be called yet"));
        }
        self.0.script.call(&method, &params)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, FromValue as _};

    struct Nurse {
        host: Host,
        patient: String,
    }

    #[derive(serde::Deserialize)]
    struct Options {
        patient: String,
    }

    #[rpc_interface]
    impl Nurse {
        pub fn revive(&self) -> Result<bool, Fault> {
            self.host.call("supervisor.startProcess", (self.patient.as_str(), true))
        }

        pub async fn watch(&self, seconds: u64) -> Result<String, Fault> {
            self.host.sleep(Duration::from_secs(seconds)).await?;
            self.host.log(Level::Warn, "time is up");
            self.host.call_async("supervisor.getIdentification", ()).await
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "the form of a factory is given")]
    fn make_nurse(host: Host, config: Config) -> Result<Nurse, Fault> {
        let Options { patient } = config.read()?;
        Ok(Nurse { host, patient })
    }

    fn nurse(host: &FakeHost) -> Published {
        host.make(make_nurse, [("patient", "cat".into())]).unwrap()
    }

    #[test]
    fn calls_are_answered_and_remembered() {
        let host = FakeHost::new();
        let nurse = nurse(&host);
        let fault = nurse.call::<bool>("revive", ()).unwrap_err();
        assert_eq!(
            fault.text,
            "UNKNOWN_METHOD: the test has no answer for supervisor.startProcess; it is given with \
             `answers(\"supervisor.startProcess\", …)`"
        );
        host.fails("supervisor.startProcess", Fault::already_started_with("cat"));
        assert_eq!(nurse.call::<bool>("revive", ()), Err(Fault::already_started_with("cat")));
        let mut times = 0;
        host.answers_with("supervisor.startProcess", move |params| {
            times += 1;
            assert_eq!(params, [Value::from("cat"), true.into()]);
            times == 2
        });
        assert_eq!(nurse.call("revive", ()), Ok(false));
        assert_eq!(nurse.call("revive", ()), Ok(true));
        assert_eq!(host.calls(), ["supervisor.startProcess('cat', True)"; 4]);
    }

    #[test]
    fn sleep_lasts_until_the_clock_is_moved() {
        let host = FakeHost::new();
        host.answers("supervisor.getIdentification", "supervisor");
        let nurse = nurse(&host);
        let mut watch = nurse.begin::<String>("watch", (5,));
        assert!(!watch.is_ready());
        host.advance(Duration::from_secs(4));
        assert!(!watch.is_ready() && host.logs().is_empty());
        host.advance(Duration::from_secs(1));
        assert_eq!(watch.wait(), Ok("supervisor".to_owned()));
        assert_eq!(host.logs(), ["warn: time is up"]);
        assert_eq!(host.now(), Duration::from_secs(5));
    }

    #[test]
    fn there_is_an_end_to_waiting() {
        let host = FakeHost::new();
        let waiting = host.host();
        let limit = Duration::from_secs(5);
        assert_eq!(crate::block_on(waiting.timeout(limit, std::future::ready("here"))), Ok(Some("here")));
        assert_eq!(host.sleepers(), 0);
        let thread = thread::spawn(move || crate::block_on(waiting.timeout(limit, std::future::pending::<()>())));
        host.wait_until(|host| host.sleepers() == 1);
        host.advance(limit);
        assert_eq!(thread.join().unwrap(), Ok(None));
    }

    #[test]
    fn an_answer_that_is_dropped_is_a_call_that_is_cancelled() {
        let host = FakeHost::new();
        let mut watch = nurse(&host).begin::<()>("watch", (5,));
        assert!(!watch.is_ready());
        assert_eq!(host.sleepers(), 1);
        drop(watch);
        assert_eq!(host.sleepers(), 0);
    }

    #[test]
    fn threads_sleep_too() {
        let host = FakeHost::new();
        let sleeper = host.host();
        let thread = thread::spawn(move || crate::block_on(sleeper.sleep(Duration::from_hours(1))));
        host.wait_until(|host| host.sleepers() == 1);
        host.advance(Duration::from_hours(1));
        assert_eq!(thread.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_factory_is_called_as_by_supervisord() {
        fn make_hasty(host: Host, _: Config) -> Result<Nurse, Fault> {
            Ok(Nurse { patient: host.call("supervisor.getIdentification", ())?, host })
        }
        fn make_trouble(_: Host, _: Config) -> Result<Nurse, Fault> {
            panic!("no nurse today")
        }

        let host = FakeHost::new();
        let fault = host.make(make_nurse, []).unwrap_err();
        assert_eq!(fault.text, "BAD_ARGUMENTS: 'patient' is missing");
        let fault = host.make(|host, _| Ok(Nurse { host, patient: String::new() }), [("age", "7".into())]).unwrap_err();
        assert_eq!(fault.text, "BAD_ARGUMENTS: unknown key 'age': this plugin has no options");
        host.answers("supervisor.getIdentification", "supervisor");
        let fault = host.make(make_hasty, []).unwrap_err();
        assert_eq!(fault.text, "FAILED: supervisord is still starting; methods cannot be called yet");
        let fault = host.make(make_trouble, []).unwrap_err();
        assert!(fault.text.starts_with("FAILED: make_trouble panicked: no nurse today ("), "{fault}");
    }

    #[test]
    fn groups_change_as_the_plugin_says() {
        let fake = FakeHost::new();
        let host = fake.host();
        fake.add_group("web", &["a"]);
        let cat = || [("command", "/bin/cat".into())];
        assert_eq!(host.add_program("web", "b", cat()), Ok(vec!["b".to_owned()]));
        assert_eq!(host.add_program("web", "a", cat()), Err(Fault::bad_name_with("a")));
        assert_eq!(host.add_program("db", "a", cat()), Err(Fault::bad_name_with("group: db")));
        assert!(host.add_program("web", "c", [("priority", 1.into())]).is_err());
        assert_eq!(host.remove_process("web", "a"), Ok(()));
        fake.fails("removeProcess", Fault::still_running_with("b"));
        assert_eq!(host.remove_process("web", "b"), Err(Fault::still_running_with("b")));
        let groups = host.groups().unwrap();
        assert_eq!((groups.len(), groups[0].process_names().collect::<Vec<_>>()), (1, vec!["b"]));
        assert_eq!(fake.calls()[0], "addProgram('web', 'b', {'command': '/bin/cat'})");
    }

    #[test]
    fn there_is_a_directory_and_a_list_of_events() {
        let fake = FakeHost::new();
        let host = fake.host();
        let directory = host.data_dir().unwrap();
        std::fs::write(directory.join("notes"), "x").unwrap();
        assert_eq!(host.data_dir(), Ok(directory.clone()));
        host.emit("SHELF_FULL", "name:cups").unwrap();
        host.emit("SHELF_EMPTY", "").unwrap();
        assert_eq!(fake.events(), ["SHELF_FULL name:cups", "SHELF_EMPTY"]);
        let listed = fake.with_events(["SHELF_FULL", "SHELF_EMPTY"]).host();
        assert_eq!(listed.emit("SHELF_FULL", "name:cups"), Ok(()));
        assert!(listed.has_listeners());
        fake.set_listeners(false);
        assert!(!listed.has_listeners());
        let fault = listed.emit("SHELF_FUL", "").unwrap_err();
        let expected = "BAD_ARGUMENTS: SHELF_FUL is not among the events that this plugin lists with its factory: \
                        SHELF_FULL, SHELF_EMPTY";
        assert_eq!(fault.text, expected);
        let fault = fake.with_events([""; 0]).host().emit("SHELF_FULL", "").unwrap_err();
        assert!(fault.text.ends_with(": it lists none"), "{fault}");
        assert_eq!(fake.events().len(), 3);
        assert_eq!(host.supervisor_info().unwrap().identifier, "supervisor");
        drop((fake, host, listed));
        assert!(!directory.exists());
    }

    #[test]
    fn hooks_are_called_as_by_supervisord() {
        struct Witness(Host);
        #[rpc_interface]
        impl Witness {
            #[rpc(on_event = "PROCESS_LOG")]
            async fn on_log(&self, _event: Event) -> Result<(), Fault> {
                self.0.sleep(Duration::from_secs(5)).await
            }
            #[rpc(on_event = "PROCESS_LOG_STDERR")]
            async fn on_error(&self, _event: Event) -> Result<(), Fault> {
                self.0.sleep(Duration::from_secs(5)).await?;
                Err(Fault::failed())
            }
            #[rpc(on_start)]
            async fn begin(&self) -> Result<(), Fault> {
                self.0.sleep(Duration::from_secs(5)).await?;
                self.0.log(Level::Info, "begun");
                Ok(())
            }
            #[rpc(on_event = "PROCESS_STATE_FATAL, PROCESS_STATE_UNKNOWN")]
            fn on_trouble(&self, event: Event) {
                self.0.log(Level::Warn, format_args!("{} {:?}", event.name(), event.namespec()));
            }
            #[rpc(on_event = "EVENT")]
            fn on_any(&self, _event: Event) {}
            #[rpc(on_shutdown)]
            fn end(&self) {
                self.0.log(Level::Info, "ended");
            }
        }
        let host = FakeHost::new();
        let witness = host.make(|host, _| Ok(Witness(host)), []).unwrap();
        let mut begun = witness.start();
        assert!(!begun.is_ready());
        host.advance(Duration::from_secs(5));
        assert_eq!(begun.wait(), Ok(()));
        let fatal = Event::new("PROCESS_STATE_FATAL", "processname:cat groupname:pets from_state:BACKOFF");
        assert_eq!(witness.event(&fatal), Ok(2));
        assert_eq!(witness.event(&Event::new("TICK_5", "when:5")), Ok(1));
        for (kind, answer) in [("PROCESS_LOG_STDOUT", Ok(2)), ("PROCESS_LOG_STDERR", Err(Fault::failed()))] {
            let mut heard = witness.begin_event(&Event::new(kind, ""));
            assert!(!heard.is_ready(), "{kind}");
            // None of them waits for another.
            host.advance(Duration::from_secs(5));
            assert!(heard.is_ready(), "{kind}");
            assert_eq!(heard.wait(), answer);
        }
        assert_eq!(witness.shut_down(), Ok(()));
        assert_eq!(host.logs(), ["info: begun", r#"warn: PROCESS_STATE_FATAL Some("pets:cat")"#, "info: ended"]);
        assert!(witness.methods().is_empty(), "nothing of it is published");
    }

    #[test]
    fn a_plugin_goes_through_an_upgrade() {
        struct Shelf {
            host: Host,
            cups: Mutex<Vec<String>>,
        }
        #[rpc_interface]
        impl Shelf {
            pub fn put(&self, cup: String) {
                lock(&self.cups).push(cup);
            }
            pub fn list(&self) -> Vec<String> {
                lock(&self.cups).clone()
            }
            #[rpc(on_upgrade)]
            async fn hand_over(&self) -> Result<Vec<String>, Fault> {
                self.host.sleep(Duration::from_secs(1)).await?;
                let cups = self.list();
                if cups.is_empty() { Err(Fault::failed_with("there is nothing")) } else { Ok(cups) }
            }
        }
        fn make_shelf(host: Host, _: Config) -> Result<Shelf, Fault> {
            let cups = host.handed_over().map(Vec::from_value).transpose()?.unwrap_or_default();
            Ok(Shelf { host, cups: Mutex::new(cups) })
        }
        let host = FakeHost::new();
        let hand_over = |shelf: &Published| {
            let mut handed_over = shelf.hand_over();
            assert!(!handed_over.is_ready());
            host.advance(Duration::from_secs(1));
            handed_over.wait()
        };
        let shelf = host.make(make_shelf, []).unwrap();
        assert_eq!(hand_over(&shelf), Err(Fault::failed_with("there is nothing")));
        shelf.call::<()>("put", ("mug",)).unwrap();
        host.set_handed_over(hand_over(&shelf).unwrap());
        let another = host.make(make_shelf, []).unwrap();
        assert_eq!(another.call("list", ()), Ok(vec!["mug".to_owned()]));
        assert_eq!(shelf.call("list", ()), Ok(vec!["mug".to_owned()]), "the upgrade may be called off");
        assert_eq!(host.host().handed_over(), None, "it is given out once");
        host.set_handed_over(Value::Nil);
        assert_eq!(host.host().handed_over(), None);
        assert_eq!(nurse(&host).hand_over().wait(), Ok(Value::Nil), "who does nothing hands nothing over");
        assert!(!shelf.methods().iter().any(|method| method.name == "_upgrade"));
    }

    #[test]
    fn an_interface_refuses_calls_in_shutdown_but_not_the_hosts_own() {
        struct Shelf(Host);
        #[rpc_interface(refuse_in_shutdown)]
        impl Shelf {
            pub fn clear(&self) -> bool {
                true
            }
            #[rpc(alias = "waitFor")]
            pub async fn wait(&self) -> bool {
                true
            }
            #[rpc(on_shutdown)]
            fn end(&self) {
                self.0.log(Level::Info, "ended");
            }
        }
        let host = FakeHost::new();
        let shelf = host.make(|host, _| Ok(Shelf(host)), []).unwrap();
        for state in [SupervisorState::Running, SupervisorState::Restarting] {
            host.set_state(state);
            assert_eq!(shelf.call("clear", ()), Ok(true));
        }
        host.set_state(SupervisorState::Shutdown);
        for method in ["clear", "wait", "waitFor"] {
            assert_eq!(shelf.call::<bool>(method, ()), Err(Fault::shutdown_state()), "{method}");
        }
        assert_eq!(shelf.call::<bool>("clear", ("all",)), Err(Fault::incorrect_parameters()));
        assert_eq!(shelf.call::<bool>("nope", ()), Err(Fault::unknown_method()));
        assert_eq!(shelf.shut_down(), Ok(()));
        assert_eq!(host.logs(), ["info: ended"]);
    }

    #[test]
    fn the_state_is_what_the_test_says() {
        let host = FakeHost::new();
        assert_eq!(host.host().state(), Ok(SupervisorState::Running));
        host.set_state(SupervisorState::Restarting);
        assert_eq!(host.host().state(), Ok(SupervisorState::Restarting));
    }
}
