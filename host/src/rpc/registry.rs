//! All published methods by their full names.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock, Weak},
};

use abi_stable::std_types::RVec;
use parking_lot::Mutex;
use plugin_api::{
    Fault, Reply, Value,
    abi::{Member, MethodInfo, NamespaceObject},
};
use tokio::runtime::Handle;

use super::{
    guest::{Farewell, Guest},
    system::System,
    tally::{Count, Tally},
    workers::{Caller, Workers},
};
use crate::logger::{Level, Logger};

/// Whose code a namespace is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The host's: its futures may be polled on the server's thread.
    Host,
    /// A plugin's.
    Plugin,
}

/// The methods of all namespaces. There is one in a supervisord, shared by all its servers.
pub struct Registry {
    methods: HashMap<String, Method>,
    namespaces: Vec<Namespace>,
    pool: Arc<OnceLock<Handle>>,
    /// Told of panics.
    logger: Logger,
    /// Tells of the end of each plugin, once the registry is gone.
    farewell: Mutex<Farewell>,
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
    /// Index into [`Registry::namespaces`].
    namespace: usize,
    /// How a call of it starts.
    start: Start,
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
            logger,
            farewell: Mutex::default(),
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
            // The host's own line to a plugin is not for clients, and a name has one dot: so that looking up the whole
            // name in one map is all that stands between a client and a method.
            if info.name.starts_with('_') || info.name.contains('.') || name.contains('.') {
                continue;
            }
            let start = match (flag(&info.properties, "nonblocking"), flag(&info.properties, "async"), origin) {
                (true, _, _) | (false, true, Origin::Host) => Start::Here,
                (false, true, Origin::Plugin) => Start::Lane,
                (false, false, _) => Start::Pool,
            };
            self.methods.insert(format!("{name}.{}", info.name), Method { info, namespace: index, start });
        }
        let (object, gone) = Guest::new(object, origin);
        if origin == Origin::Plugin {
            self.farewell.get_mut().0.push((name.to_owned(), gone));
        }
        self.namespaces.push(Namespace {
            object,
            origin,
            workers: Workers::new(name, self.pool.clone(), self.logger.clone()),
            name: name.to_owned(),
            tally: Tally::default(),
        });
    }

    /// What waits for the end of the plugins; to be asked for once, before the last registry is dropped.
    pub fn farewell(&self) -> Farewell {
        std::mem::take(&mut self.farewell.lock())
    }

    /// From now on, methods that may block run on the blocking pool of this runtime.
    pub fn run_on(&self, runtime: &Handle) {
        // A second server of the same registry would go on using the pool of the first.
        let _ = self.pool.set(runtime.clone());
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
        let Some(Method { info, namespace, start }) = self.methods.get(method) else {
            return Err(Fault::unknown_method());
        };
        let Namespace { object, origin, workers, tally, .. } = &self.namespaces[*namespace];
        let _call = tally.begin();
        let reply = match start {
            Start::Here => object.call(info.name.as_rstr(), params),
            Start::Pool => workers.call(caller, object.clone(), info.name.to_string(), params).await?,
            Start::Lane => {
                let (object, name) = (object.clone(), info.name.clone());
                return workers.run(async move { object.call(name.as_rstr(), params).answer().await }).await;
            }
        };
        match (reply, origin) {
            (Reply::Done(value), _) => Ok(value),
            (Reply::Failed(fault), _) => Err(fault),
            (Reply::Later(future), Origin::Host) if caller == Caller::Plugin => {
                workers.run_on_server(async move { future.await.into() }).await
            }
            (Reply::Later(future), Origin::Host) => future.await.into(),
            (Reply::Later(future), Origin::Plugin) => workers.run(async move { future.await.into() }).await,
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

    /// How a namespace has been used.
    pub(super) fn count(&self, namespace: &str) -> Count {
        let namespace = self.namespaces.iter().find(|known| known.name == namespace);
        namespace.map(|namespace| namespace.tally.count()).unwrap_or_default()
    }

    /// What is known of a method.
    pub fn info(&self, method: &str) -> Option<&MethodInfo> {
        self.methods.get(method).map(|method| &method.info)
    }

    /// The full names of all methods, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.methods.keys().map(String::as_str)
    }

    /// How many threads the blocking pool needs so that no namespace ever waits for another's.
    pub fn most_threads(&self) -> usize {
        // And one more lot for the host's own futures.
        super::places::PLACES * (2 * self.namespaces.len() + 1)
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
