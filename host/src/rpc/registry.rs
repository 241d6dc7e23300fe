//! The table of all methods by their full names, and what is known of their namespaces.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, OnceLock, Weak, atomic::Ordering::Relaxed},
};

use parking_lot::Mutex;
use plugin_api::{
    Fault, SupervisorState, Value,
    abi::{MethodInfo, NamespaceObject},
};
use tokio::runtime::Handle;

use super::{
    execution::{ExecutorContext, NAMESPACE_SLOTS, PluginObject, RESULT_HANDLER_SLOTS, RESULT_HANDLERS},
    method::{Audience, Caller, Method, Origin},
    suspension::Suspension,
    usage::UsageSnapshot,
    watchdog::Watchdog,
};
use crate::{histogram::HistogramSnapshot, logger::Logger, plugin::LibraryInfo};

/// Property of a hook that makes a panel: its title.
const PANEL: &str = "panel";

/// Look at what supervisord is doing. A function, so that methods can be called without a supervisor in tests.
pub(super) type StateFn = Arc<dyn Fn() -> SupervisorState + Send + Sync>;

/// Work that is left until the server runs.
type OnServer = Box<dyn FnOnce(&Arc<Registry>, &Handle) + Send>;

/// The methods of all namespaces. There is one registry in a supervisord, shared by all its servers.
pub struct Registry {
    /// Methods by their full names.
    pub(super) methods: HashMap<Arc<str>, Method>,
    /// The objects of all namespaces.
    pub(super) objects: Vec<Arc<PluginObject>>,
    /// Result handlers that were made until now, each with the library that it is from. A lock for one push or copy.
    result_handlers: Mutex<Vec<(Arc<PluginObject>, LibraryInfo)>>,
    /// The server's runtime, the log, and the list of what runs, which all objects share.
    context: ExecutorContext,
    watchdog: Arc<Watchdog>,
    /// State of supervisord, for namespaces that want their calls refused in a shutdown.
    pub(super) state: StateFn,
    /// Suspension of the calls of plugins before an upgrade.
    suspension: Suspension,
    /// Work that was left, taken when the server runs.
    on_server: Mutex<Option<OnServer>>,
    /// Libraries of the plugins' namespaces, by the names of these.
    libraries: OnceLock<Vec<(String, LibraryInfo)>>,
}

/// Reference to the registry for code that is made before it: the host's namespaces, and the host as plugins see it.
#[derive(Clone, Debug, Default)]
pub(super) struct RegistryRef(Arc<OnceLock<Weak<Registry>>>);

impl RegistryRef {
    /// The registry. `FAILED` while it is not made yet.
    pub(super) fn get(&self) -> Result<Arc<Registry>, Fault> {
        let registry = self.0.get().and_then(Weak::upgrade);
        registry.ok_or_else(|| Fault::failed_with("supervisord is still starting; methods cannot be called yet"))
    }
}

impl Registry {
    /// A registry of these namespaces, to which `own` refers from now on. `logger` is told of panics, and of plugins
    /// that keep a thread.
    pub(super) fn new(
        own: &RegistryRef,
        namespaces: Vec<(String, NamespaceObject, Origin)>,
        state: StateFn,
        logger: Logger,
    ) -> Arc<Self> {
        let context = ExecutorContext::new(logger);
        let (mut methods, mut names, mut objects) = (HashMap::new(), Vec::new(), Vec::new());
        for (name, object, origin) in namespaces {
            let object = PluginObject::of_namespace(&name, object, origin, &context);
            for info in object.methods() {
                // A name has one dot: so that looking up the whole name in one map is all that stands between a client
                // and a method.
                if !info.name.contains('.') && !name.contains('.') {
                    let method = Method::new(&name, info, names.len(), objects.len(), origin);
                    names.push(method.full_name.clone());
                    methods.insert(method.full_name.clone(), method);
                }
            }
            objects.push(Arc::new(object));
        }
        let watchdog = Arc::new(Watchdog::new(names, context.in_flight.clone(), context.logger.clone()));
        let (result_handlers, suspension, on_server) = (Mutex::default(), Suspension::default(), Mutex::default());
        let libraries = OnceLock::new();
        let registry =
            Self { methods, objects, result_handlers, context, watchdog, state, suspension, on_server, libraries };
        let registry = Arc::new(registry);
        // It is set once, by the code that made it.
        let _ = own.0.set(Arc::downgrade(&registry));
        registry
    }

    /// Leave work until the server runs. Work that was left before is forgotten.
    pub(super) fn on_server(&self, work: impl FnOnce(&Arc<Self>, &Handle) + Send + 'static) {
        *self.on_server.lock() = Some(Box::new(work));
    }

    /// Let all methods be called from now on, those that may block on the blocking pool of this runtime, and do the
    /// work that was left until then.
    pub fn run_on(self: &Arc<Self>, runtime: &Handle) {
        // A second server of the same registry would go on using the pool of the first.
        if self.context.server.set(runtime.clone()).is_ok() {
            let work = self.on_server.lock().take();
            if let Some(work) = work {
                work(self, runtime);
            }
            if self.plugins().next().is_some() {
                self.watchdog.start();
            }
        }
    }

    /// Take in a result handler of a plugin.
    pub(super) fn add_result_handler(
        &self,
        name: &str,
        object: NamespaceObject,
        library: LibraryInfo,
    ) -> Arc<PluginObject> {
        self.watchdog.start();
        let object = Arc::new(PluginObject::of_result_handler(name, object, &self.context));
        self.result_handlers.lock().push((object.clone(), library));
        object
    }

    /// The result handlers that were made until now, each with the library that it is from.
    pub(super) fn result_handlers(&self) -> Vec<(Arc<PluginObject>, LibraryInfo)> {
        self.result_handlers.lock().clone()
    }

    /// Take the libraries of the plugins' namespaces. To be called once.
    pub(super) fn set_libraries(&self, libraries: Vec<(String, LibraryInfo)>) {
        // Who comes second has nothing new to say.
        let _ = self.libraries.set(libraries);
    }

    /// Libraries of the plugins' namespaces, each with the name of that.
    pub(super) fn libraries(&self) -> &[(String, LibraryInfo)] {
        self.libraries.get().map_or(&[], Vec::as_slice)
    }

    /// The methods that have been called and that clients or plugins may call: the full name of each, the times of its
    /// calls that have ended, and the number of faults.
    pub(super) fn called_methods(&self) -> impl Iterator<Item = (&Arc<str>, HistogramSnapshot, u64)> {
        let published = self.methods.values().filter(|method| method.audience != Audience::Host);
        let figures = published.map(|method| (&method.full_name, method.took.snapshot(), method.faults.load(Relaxed)));
        figures.filter(|(_, took, _)| took.total() > 0)
    }

    /// The namespaces that are plugins'.
    pub(super) fn plugins(&self) -> impl Iterator<Item = &Arc<PluginObject>> {
        self.objects.iter().filter(|object| object.origin() == Origin::Plugin)
    }

    /// The hooks of plugins, which are the host's own line to them, by their full names.
    pub(super) fn hooks(&self) -> impl Iterator<Item = (&Arc<str>, &MethodInfo)> {
        let hooks = self.methods.iter().filter(|(_, method)| method.audience == Audience::Host);
        hooks.map(|(name, method)| (name, &method.info))
    }

    /// Full names of the hooks of that name.
    pub(super) fn hooks_named(&self, name: &str) -> impl Iterator<Item = Arc<str>> {
        self.hooks().filter(move |(_, info)| info.name == name).map(|(full_name, _)| full_name.clone())
    }

    /// Panels of plugins for the page: the full name of each hook, and the title.
    pub(crate) fn panels(&self) -> Vec<(Arc<str>, String)> {
        let title = |info: &MethodInfo| info.property(PANEL).and_then(Value::as_str).map(str::to_owned);
        let mut panels: Vec<_> = self.hooks().filter_map(|(name, info)| Some((name.clone(), title(info)?))).collect();
        panels.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
        panels
    }

    /// Suspension of the calls of plugins, but for those of the host itself.
    pub(super) fn suspension(&self) -> &Suspension {
        &self.suspension
    }

    /// The server's runtime, once the server runs.
    pub(super) fn runtime(&self) -> Option<&Handle> {
        self.context.server.get()
    }

    /// The watch over the threads on which its methods run.
    pub(super) fn watchdog(&self) -> &Arc<Watchdog> {
        &self.watchdog
    }

    /// The activity log.
    pub(super) fn logger(&self) -> &Logger {
        &self.context.logger
    }

    /// Return true if there is such a method for that caller.
    pub(super) fn has(&self, caller: Caller, method: &str) -> bool {
        self.methods.get(method).is_some_and(|method| method.audience.admits(caller))
    }

    /// Figures of how a namespace has been used.
    pub(super) fn usage(&self, namespace: &str) -> UsageSnapshot {
        let object = self.objects.iter().find(|object| object.name() == namespace);
        object.map(|object| object.usage_snapshot()).unwrap_or_default()
    }

    /// Description of a published method.
    pub fn info(&self, method: &str) -> Option<&MethodInfo> {
        self.methods.get(method).filter(|method| method.audience == Audience::Clients).map(|method| &method.info)
    }

    /// Full names of all methods that are listed, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().filter(|(_, method)| method.is_listed).map(|(name, _)| &**name)
    }

    /// Number of threads that the blocking pool needs so that no namespace and no result handler ever waits for
    /// another's.
    pub fn most_threads(&self) -> usize {
        // And one: for the host's own futures.
        NAMESPACE_SLOTS * (2 * self.objects.len() + 1) + RESULT_HANDLER_SLOTS * RESULT_HANDLERS
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}
