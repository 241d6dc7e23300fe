//! A supervisorctl for tests.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicI32, Ordering::SeqCst},
};

use super::{
    published::Published,
    script::{Script, lock, scripted},
    state::State,
};
use crate::{
    RVec,
    abi::{Fault, Member, NamespaceObject, Value},
    config::Config,
    controller::Controller,
    factory,
    interface::{Methods, namespace},
    rpc_interface,
};

/// The number of a fault that says that no server was reached.
const TRANSPORT_ERROR: i32 = -32300;

/// Text of the fault that says so.
const REFUSED: &str = "http://localhost:9001 refused connection";

/// Exit status of supervisorctl that could not reach the server.
const UNREACHABLE: i32 = 4;

/// A supervisorctl that a test tells what to do, and that remembers what a ctl plugin did. Clones are the same one.
///
/// It runs one command, with nobody at a prompt; its server is there, and none of the server's methods has an answer.
///
/// ```
/// use plugin_api::{Config, Controller, Fault, Proxy, ctl_plugin, testing::FakeController};
///
/// struct Commands {
///     ctl: Controller,
///     cache: Proxy,
/// }
///
/// #[ctl_plugin]
/// impl Commands {
///     /// Say how many items are cached.
///     pub fn cache_count(&self) -> Result<(), Fault> {
///         let count: usize = self.cache.call("getCount", ())?;
///         self.ctl.output(format_args!("{count} items"));
///         Ok(())
///     }
/// }
///
/// fn make_commands(controller: Controller, _config: Config) -> Result<Commands, Fault> {
///     Ok(Commands { cache: controller.proxy("cache"), ctl: controller })
/// }
///
/// let ctl = FakeController::new();
/// ctl.answers("cache.getCount", 2);
/// ctl.make(make_commands, [])?.call::<()>("cache_count", ())?;
/// assert_eq!(ctl.output(), ["2 items"]);
/// assert_eq!(ctl.calls(), ["cache.getCount()"]);
/// # Ok::<(), Fault>(())
/// ```
#[derive(Clone, Debug)]
pub struct FakeController(Arc<ControllerInner>);

#[derive(Debug)]
struct ControllerInner {
    script: Script,
    /// Texts that the plugin printed.
    output: Mutex<Vec<String>>,
    /// Values that the plugin printed.
    values: Mutex<Vec<Value>>,
    /// True where values are printed as JSON.
    json: AtomicBool,
    /// Questions that the plugin asked the person at the prompt.
    prompts: Mutex<Vec<String>>,
    /// Steps of the plugin's progress.
    progress: Mutex<Vec<String>>,
    exit_status: AtomicI32,
    /// True while a person sits at the prompt.
    interactive: AtomicBool,
    /// Answer to every question that a person is asked.
    consent: AtomicBool,
    /// False once the test has taken the server away.
    server_is_there: AtomicBool,
}

scripted! { FakeController }

impl FakeController {
    /// A supervisorctl that has not been used.
    pub fn new() -> Self {
        Self(Arc::new(ControllerInner {
            script: Script::default(),
            output: Mutex::default(),
            values: Mutex::default(),
            json: AtomicBool::new(false),
            prompts: Mutex::default(),
            progress: Mutex::default(),
            exit_status: AtomicI32::new(0),
            interactive: AtomicBool::new(false),
            consent: AtomicBool::new(true),
            server_is_there: AtomicBool::new(true),
        }))
    }

    /// The controller that a factory takes, for tests that call a factory or a plugin's functions themselves.
    pub fn controller(&self) -> Controller {
        Controller::new(self.object())
    }

    fn object(&self) -> NamespaceObject {
        namespace(Arc::new(ControllerNamespace(self.0.clone())))
    }

    /// Make a ctl plugin from the other side of the boundary, where a factory takes the controller's namespace and the
    /// options as they cross it. `plugin_loader` does so with the factories of a library.
    #[doc(hidden)]
    pub fn make_object<'a>(
        &self,
        factory: impl FnOnce(NamespaceObject, RVec<Member>) -> Result<NamespaceObject, Fault>,
        options: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Published, Fault> {
        factory(self.object(), options.into_iter().map(|(name, value)| Member::new(name, value)).collect())
            .map(|object| Published::new(object, State::default()))
    }

    /// Make a ctl plugin as supervisorctl does, with these further keys of its section.
    ///
    /// The fault is what supervisorctl would complain of: that of the factory, its panic, options that it never read.
    pub fn make<'a, T: Methods>(
        &self,
        factory: impl FnOnce(Controller, Config) -> Result<T, Fault>,
        options: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Published, Fault> {
        let path = std::any::type_name_of_val(&factory);
        factory::make(path, &Config::new(options), None, |config| factory(self.controller(), config))
            .map(|object| Published::new(object, State::default()))
    }

    /// Put a person at the prompt, who answers every [`Controller::confirm`] with yes, or with no.
    pub fn confirms(&self, yes: bool) {
        self.0.interactive.store(true, SeqCst);
        self.0.consent.store(yes, SeqCst);
    }

    /// Take the server away: every call fails as it does then, with a fault of the number -32300.
    pub fn stop_server(&self) {
        self.0.server_is_there.store(false, SeqCst);
    }

    /// Let supervisorctl have been started with `--json`.
    pub fn prints_json(&self) {
        self.0.json.store(true, SeqCst);
    }

    /// Values that the plugin printed so far, by [`Controller::output_value`].
    pub fn values(&self) -> Vec<Value> {
        lock(&self.0.values).clone()
    }

    /// Texts that the plugin printed so far, one for each [`Controller::output`] and [`Controller::output_value`].
    pub fn output(&self) -> Vec<String> {
        lock(&self.0.output).clone()
    }

    /// Questions that the plugin asked the person at the prompt so far.
    pub fn prompts(&self) -> Vec<String> {
        lock(&self.0.prompts).clone()
    }

    /// Steps of the plugin's progress so far: `copying 3/10`, and `end` where the bar went away.
    pub fn progress(&self) -> Vec<String> {
        lock(&self.0.progress).clone()
    }

    /// The exit status that the plugin set; 0 until then.
    pub fn exit_status(&self) -> i32 {
        self.0.exit_status.load(SeqCst)
    }
}

/// Supervisorctl as ctl plugins call it.
struct ControllerNamespace(Arc<ControllerInner>);

#[rpc_interface]
impl ControllerNamespace {
    pub fn output(&self, text: String) {
        lock(&self.0.output).push(text);
    }

    pub fn output_value(&self, text: String, value: Value) {
        lock(&self.0.output).push(text);
        lock(&self.0.values).push(value);
    }

    pub fn is_json(&self) -> bool {
        self.0.json.load(SeqCst)
    }

    #[rpc(name = "call")]
    pub fn call_server(&self, method: String, params: Vec<Value>) -> Result<Value, Fault> {
        if self.0.server_is_there.load(SeqCst) {
            self.0.script.call(&method, &params)
        } else {
            Err(Fault::new(TRANSPORT_ERROR, REFUSED))
        }
    }

    pub fn set_exit_status(&self, status: i32) {
        self.0.exit_status.store(status, SeqCst);
    }

    pub fn is_interactive(&self) -> bool {
        self.0.interactive.load(SeqCst)
    }

    pub fn upcheck(&self) -> bool {
        let is_there = self.0.server_is_there.load(SeqCst);
        if !is_there {
            lock(&self.0.output).push(REFUSED.to_owned());
            self.0.exit_status.store(UNREACHABLE, SeqCst);
        }
        is_there
    }

    pub fn progress(&self, what: String, done: i64, total: i64) {
        lock(&self.0.progress).push(format!("{what} {done}/{total}"));
    }

    pub fn end_progress(&self) {
        lock(&self.0.progress).push("end".to_owned());
    }

    pub fn confirm(&self, prompt: String) -> bool {
        if !self.0.interactive.load(SeqCst) {
            return true;
        }
        lock(&self.0.prompts).push(prompt);
        self.0.consent.load(SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl_plugin;

    struct Broom(Controller);

    #[ctl_plugin]
    impl Broom {
        pub fn sweep(&self, rooms: Vec<String>) -> Result<(), Fault> {
            if !self.0.upcheck() || !self.0.confirm("Sure? y/N? ") {
                return Ok(());
            }
            let mut progress = self.0.progress("sweeping", 1);
            let swept: bool = self.0.call("house.sweep", (rooms,))?;
            progress.advance(1);
            self.0.set_exit_status(i32::from(!swept));
            Ok(())
        }
    }

    fn sweep(ctl: &FakeController) -> Result<(), Fault> {
        ctl.make(|controller, _| Ok(Broom(controller)), []).unwrap().call("sweep", ("kitchen", "hall"))
    }

    #[test]
    fn a_command_is_followed() {
        let ctl = FakeController::new();
        ctl.answers("house.sweep", false);
        assert_eq!(sweep(&ctl), Ok(()));
        assert_eq!(ctl.calls(), ["house.sweep(['kitchen', 'hall'])"]);
        assert_eq!(ctl.exit_status(), 1);
        assert_eq!(ctl.progress(), ["sweeping 0/1", "sweeping 1/1", "end"]);
        assert!(ctl.prompts().is_empty());
    }

    #[test]
    fn a_person_may_say_no() {
        let ctl = FakeController::new();
        ctl.confirms(false);
        assert_eq!(sweep(&ctl), Ok(()));
        assert_eq!(ctl.prompts(), ["Sure? y/N? "]);
        assert!(ctl.calls().is_empty());
        assert!(ctl.controller().is_interactive());
    }

    #[test]
    fn a_server_may_be_missing() {
        let ctl = FakeController::new();
        ctl.stop_server();
        assert_eq!(sweep(&ctl), Ok(()));
        assert_eq!((ctl.output(), ctl.exit_status()), (vec![REFUSED.to_owned()], 4));
        let fault = ctl.controller().call::<bool>("house.sweep", ()).unwrap_err();
        assert_eq!(fault.code, -32300);
    }
}
