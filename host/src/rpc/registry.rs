//! All published methods by their full names.

use std::{
    collections::HashMap,
    sync::{
        Arc, OnceLock, Weak,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use abi_stable::std_types::RVec;
use parking_lot::Mutex;
use plugin_api::{
    Fault, Reply, Value,
    abi::{Member, MethodInfo, NamespaceObject},
};
use tokio::runtime::Handle;

use super::{
    guest::{Farewell, Guest, Holder},
    held::{self, Busy},
    hooks::{Ear, Hearing},
    places::{HANDLER_PLACES, PLACES},
    result_handlers::HANDLERS,
    running::Running,
    system::System,
    tally::{Call, Count, Tally},
    workers::{Caller, Workers},
};
use crate::{
    events::Bus,
    logger::{Level, Logger},
    states::SupervisorState,
    supervisor::Supervisor,
};

/// Whose code a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The host's: its futures may be polled on the server's thread.
    Host,
    /// The host's, and not published: for plugins, which may call it by its name all the same.
    Private,
    /// A plugin's.
    Plugin,
}

/// Who may call a method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Audience {
    /// Everybody: it is published.
    Clients,
    /// Plugins.
    Plugins,
    /// The host alone: its own line to a plugin.
    Host,
}

impl Audience {
    fn admits(self, caller: Caller) -> bool {
        matches!((self, caller), (Self::Clients, _) | (Self::Plugins, Caller::Plugin) | (Self::Host, Caller::Host))
    }
}

/// The methods of all namespaces. There is one in a supervisord, shared by all its servers.
pub struct Registry {
    methods: HashMap<String, Method>,
    namespaces: Vec<Namespace>,
    pool: Arc<OnceLock<Handle>>,
    /// The supervisor whose shutdown calls are refused in, once it is known.
    supervisor: OnceLock<Supervisor>,
    /// Told of panics.
    logger: Logger,
    /// Tells of the end of each plugin, once the registry is gone.
    farewell: Mutex<Farewell>,
    /// Who hears of events once plugins can be told.
    ears: Mutex<Vec<Ear>>,
    /// That they do, and how to end it.
    hearing: Mutex<Option<Hearing>>,
    /// What the server's thread does for a plugin.
    busy: Busy,
    /// What all other threads do for plugins.
    running: Running,
    /// Whether somebody looks after both.
    looked_after: AtomicBool,
    /// The method that kept the server's thread at the end.
    holder: Holder,
}

struct Namespace {
    object: Guest,
    origin: Origin,
    workers: Workers,
    name: String,
    tally: Tally,
}

struct Method {
    info: MethodInfo,
    /// One that no other has.
    number: usize,
    /// Index into [`Registry::namespaces`].
    namespace: usize,
    /// Set where the host answers for the plugin while it shuts down.
    refuse_in_shutdown: bool,
    /// How a call of it starts.
    start: Start,
    audience: Audience,
}

/// What calling a method does to the thread that calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    /// Next to nothing: it may be called on the server's thread.
    Here,
    /// Next to nothing, for it only makes a future; but that is a plugin's, and is polled on the plugin's own thread.
    Lane,
    /// It may block.
    Pool,
}

/// How code that was made before the registry finds it: the host's namespaces, and the host as plugins see it.
#[derive(Clone, Debug, Default)]
pub(super) struct RegistryRef(Arc<OnceLock<Weak<Registry>>>);

impl RegistryRef {
    pub(super) fn get(&self) -> Result<Arc<Registry>, Fault> {
        let registry = self.0.get().and_then(Weak::upgrade);
        registry.ok_or_else(|| Fault::failed_with("supervisord is still starting; methods cannot be called yet"))
    }
}

impl Registry {
    /// A registry of these namespaces, and `system`.
    pub fn of(namespaces: Vec<(String, NamespaceObject, Origin)>) -> Arc<Self> {
        Self::referred(&RegistryRef::default(), namespaces, Logger::new(Level::Critical, |_| {}))
    }

    /// What gives each result handler the places where it runs.
    pub(super) fn handler_workers(self: &Arc<Self>) -> impl Fn(&str) -> Workers + Send + Sync + 'static {
        let (pool, running, logger) = (self.pool.clone(), self.running.clone(), self.logger.clone());
        let registry = Arc::downgrade(self);
        move |name| {
            if let Some(registry) = registry.upgrade() {
                registry.look_after();
            }
            Workers::of_handler(name, pool.clone(), &running, &logger)
        }
    }

    pub(super) fn referred(
        own: &RegistryRef,
        mut namespaces: Vec<(String, NamespaceObject, Origin)>,
        logger: Logger,
    ) -> Arc<Self> {
        namespaces.push(("system".to_owned(), System::namespace(own.clone()), Origin::Host));
        let mut registry = Self {
            methods: HashMap::new(),
            namespaces: Vec::new(),
            pool: Arc::default(),
            supervisor: OnceLock::new(),
            logger,
            farewell: Mutex::default(),
            ears: Mutex::default(),
            hearing: Mutex::default(),
            busy: Busy::default(),
            running: Running::default(),
            looked_after: AtomicBool::new(false),
            holder: Holder::default(),
        };
        for (name, object, origin) in namespaces {
            registry.add(&name, object, origin);
        }
        let registry = Arc::new(registry);
        // It is set once, by the code that made it.
        let _ = own.0.set(Arc::downgrade(&registry));
        registry
    }

    fn add(&mut self, name: &str, object: NamespaceObject, origin: Origin) {
        let index = self.namespaces.len();
        for info in object.methods() {
            // A name has one dot: so that looking up the whole name in one map is all that stands between a client and
            // a method.
            if info.name.contains('.') || name.contains('.') {
                continue;
            }
            let start = match (flag(&info.properties, "nonblocking"), flag(&info.properties, "async"), origin) {
                (true, _, _) | (false, true, Origin::Host | Origin::Private) => Start::Here,
                (false, true, Origin::Plugin) => Start::Lane,
                (false, false, _) => Start::Pool,
            };
            let audience = match origin {
                _ if info.name.starts_with('_') => Audience::Host,
                Origin::Private => Audience::Plugins,
                Origin::Host | Origin::Plugin => Audience::Clients,
            };
            let number = self.methods.len();
            let refuse_in_shutdown = flag(&info.properties, "refuse_in_shutdown");
            let method = Method { number, namespace: index, refuse_in_shutdown, start, audience, info };
            self.methods.insert(format!("{name}.{}", method.info.name), method);
        }
        let (object, gone) = Guest::new(object, origin);
        if origin == Origin::Plugin {
            self.farewell.get_mut().plugins.push((name.to_owned(), gone));
        }
        self.namespaces.push(Namespace {
            object,
            origin,
            workers: Workers::of_namespace(name, self.pool.clone(), &self.running, &self.logger),
            name: name.to_owned(),
            tally: Tally::default(),
        });
    }

    /// What waits for the end of the plugins; to be asked for once, before the last registry is dropped.
    pub fn farewell(&self) -> Farewell {
        Farewell { holder: self.holder.clone(), ..std::mem::take(&mut self.farewell.lock()) }
    }

    /// From now on all methods can be called, those that may block on the blocking pool of this runtime; plugins that
    /// want to know are told.
    pub fn run_on(self: &Arc<Self>, runtime: &Handle) {
        // A second server of the same registry would go on using the pool of the first.
        if self.pool.set(runtime.clone()).is_ok() {
            let ears = std::mem::take(&mut *self.ears.lock());
            self.start_plugins(runtime, ears);
            if self.namespaces.iter().any(|namespace| namespace.origin == Origin::Plugin) {
                self.look_after();
            }
        }
    }

    /// From now on the log names code of plugins that does not come to an end.
    fn look_after(self: &Arc<Self>) {
        if !self.looked_after.swap(true, Relaxed) {
            held::look_after(Arc::downgrade(self));
        }
    }

    /// Plugins hear of what happens from now on, and are told when the server runs.
    pub(super) fn hear(&self, bus: &Bus) {
        *self.ears.lock() = self.listen(bus);
    }

    pub(super) fn note_hearing(&self, hearing: Hearing) {
        *self.hearing.lock() = Some(hearing);
    }

    pub(super) fn take_hearing(&self) -> Option<Hearing> {
        self.hearing.lock().take()
    }

    /// From now on calls of interfaces that say so are refused while `supervisor` shuts down.
    pub(super) fn refuse_in_shutdown_of(&self, supervisor: &Supervisor) {
        let _ = self.supervisor.set(supervisor.clone());
    }

    fn is_shutting_down(&self) -> bool {
        self.supervisor.get().is_some_and(|supervisor| supervisor.state() == SupervisorState::Shutdown)
    }

    /// The host's own lines to plugins, by their full names.
    pub(super) fn hooks(&self) -> impl Iterator<Item = (&str, &MethodInfo)> {
        let hooks = self.methods.iter().filter(|(_, method)| method.audience == Audience::Host);
        hooks.map(|(name, method)| (name.as_str(), &method.info))
    }

    /// Where methods that may block run, once the server runs.
    pub(super) fn runtime(&self) -> Option<&Handle> {
        self.pool.get()
    }

    pub(super) fn busy(&self) -> &Busy {
        &self.busy
    }

    /// The method that has the server's thread and does not give it back, if there is one. The farewell knows from now
    /// on, too.
    pub(super) fn note_holder(&self) -> Option<&str> {
        let name = self.name_of(self.busy.stuck()?);
        Some(self.holder.get_or_init(|| name.to_owned()))
    }

    pub(super) fn running(&self) -> &Running {
        &self.running
    }

    /// The full name of the method of that number.
    pub(super) fn name_of(&self, number: usize) -> &str {
        self.methods.iter().find(|(_, method)| method.number == number).map_or("?", |(name, _)| name)
    }

    pub(super) fn logger(&self) -> &Logger {
        &self.logger
    }

    /// Calls a method on behalf of a client. Dropping the future stops waiting for the answer and, where the method can
    /// be cancelled, cancels it.
    pub async fn call(&self, method: &str, params: RVec<Value>) -> Result<Value, Fault> {
        self.call_from(Caller::Client, method, params).await
    }

    /// Calls a method on behalf of code that may itself be in a call.
    pub(super) async fn call_from(&self, caller: Caller, method: &str, params: RVec<Value>) -> Result<Value, Fault> {
        let answer = self.dispatch(caller, method, params).await;
        if let Err(fault) = &answer {
            self.note_fault(method, fault);
        }
        answer
    }

    async fn dispatch(&self, caller: Caller, method: &str, params: RVec<Value>) -> Result<Value, Fault> {
        let Some(found) = self.methods.get(method) else {
            return Err(Fault::unknown_method());
        };
        let Method { info, number, namespace, refuse_in_shutdown, start, audience } = found;
        if !audience.admits(caller) {
            return Err(Fault::unknown_method());
        }
        let Namespace { object, origin, tally, .. } = &self.namespaces[*namespace];
        let call = tally.begin();
        if *refuse_in_shutdown && self.is_shutting_down() {
            return Err(if info.takes(params.len()) { Fault::shutdown_state() } else { Fault::incorrect_parameters() });
        }
        // All that takes longer is boxed: what it needs would have to be moved about with each call.
        if *start != Start::Here {
            return Box::pin(self.dispatch_away(caller, method, found, params, call)).await;
        }
        let reply = match (caller, origin) {
            // Clients and hooks are served by one thread, and plugins call each other on any.
            (Caller::Client | Caller::Host, Origin::Plugin) => {
                self.busy.during(*number, || object.call(info.name.as_rstr(), params))
            }
            _ => object.call(info.name.as_rstr(), params),
        };
        // One look at the clock is enough for both, on the shortest way that a call has.
        let took = call.so_far();
        if *origin == Origin::Plugin {
            held::here(&self.logger, method, took);
        }
        match reply {
            Reply::Later(_) => Box::pin(self.wait_for(caller, method, found, reply, call)).await,
            Reply::Done(value) => {
                call.end(took);
                Ok(value)
            }
            Reply::Failed(fault) => {
                call.end(took);
                Err(fault)
            }
        }
    }

    /// Calls a method that does not run on the thread that calls it.
    async fn dispatch_away(
        &self,
        caller: Caller,
        method: &str,
        found: &Method,
        params: RVec<Value>,
        mut call: Call<'_>,
    ) -> Result<Value, Fault> {
        if caller == Caller::Plugin && held::is_here() {
            // Nothing is begun for one that cannot wait for it, and is told so by the host as it sees it.
            return std::future::pending().await;
        }
        call.lasts();
        let Namespace { object, workers, .. } = &self.namespaces[found.namespace];
        let (object, name) = (object.clone(), found.info.name.clone());
        if found.start == Start::Lane {
            let answer = async move { Guest::answer(object.call(name.as_rstr(), params)).await };
            return workers.run(method, answer).await;
        }
        let reply = workers.call(caller, object, method, name.into(), params).await?;
        self.wait_for(caller, method, found, reply, call).await
    }

    /// Waits for the answer where it has to be waited for.
    async fn wait_for(
        &self,
        caller: Caller,
        method: &str,
        found: &Method,
        reply: Reply,
        mut call: Call<'_>,
    ) -> Result<Value, Fault> {
        call.lasts();
        let Namespace { origin, workers, .. } = &self.namespaces[found.namespace];
        match (reply, origin) {
            (Reply::Done(value), _) => Ok(value),
            (Reply::Failed(fault), _) => Err(fault),
            (Reply::Later(future), Origin::Host | Origin::Private) if caller == Caller::Plugin => {
                workers.run_on_server(async move { future.await.into() }).await
            }
            (Reply::Later(future), Origin::Host | Origin::Private) => future.await.into(),
            (later @ Reply::Later(_), Origin::Plugin) => workers.run(method, Guest::answer(later)).await,
        }
    }

    /// The client hears of a panic by a fault; who looks after the plugin reads it in the log.
    #[cold]
    fn note_fault(&self, method: &str, fault: &Fault) {
        let name = method.rsplit('.').next().unwrap_or(method);
        let note = fault.detail().strip_prefix(name).and_then(|rest| rest.strip_prefix(" panicked: "));
        if let Some(method) = self.methods.get(method) {
            self.namespaces[method.namespace].tally.fault(note.is_some());
        }
        if let Some(note) = note {
            self.logger.error(format_args!("{method} panicked: {note}"));
        }
    }

    /// Whether there is such a method for that caller.
    pub(super) fn has(&self, caller: Caller, method: &str) -> bool {
        self.methods.get(method).is_some_and(|method| method.audience.admits(caller))
    }

    /// How a namespace has been used.
    pub(super) fn count(&self, namespace: &str) -> Count {
        let namespace = self.namespaces.iter().find(|known| known.name == namespace);
        namespace.map(|namespace| namespace.tally.count()).unwrap_or_default()
    }

    /// What is known of a published method.
    pub fn info(&self, method: &str) -> Option<&MethodInfo> {
        self.methods.get(method).filter(|method| method.audience == Audience::Clients).map(|method| &method.info)
    }

    /// The full names of all published methods, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let published = self.methods.iter().filter(|(_, method)| method.audience == Audience::Clients);
        published.map(|(name, _)| name.as_str())
    }

    /// How many threads the blocking pool needs so that no namespace and no result handler ever waits for another's.
    pub fn most_threads(&self) -> usize {
        // And one: for the host's own futures.
        PLACES * (2 * self.namespaces.len() + 1) + HANDLER_PLACES * HANDLERS
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

fn flag(properties: &[Member], name: &str) -> bool {
    properties.iter().any(|property| property.name == name && matches!(property.value, Value::Bool(true)))
}
