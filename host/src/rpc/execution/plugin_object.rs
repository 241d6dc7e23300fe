//! An object with methods under its name: an RPC interface or a result handler of a plugin, or a namespace of the host.

use std::{
    fmt,
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use abi_stable::std_types::{RStr, RString, RVec};
use plugin_api::{
    Fault, Reply, Value,
    abi::{MethodInfo, NamespaceObject},
};
use tokio::runtime::Handle;

use super::{
    executor::{Executor, ExecutorContext},
    value_depth::{limit_answer, limit_reply},
};
use crate::rpc::{
    method::{Caller, Origin},
    usage::{Usage, UsageSnapshot},
};

/// An object that can be called, with the threads where its code runs and the count of its calls. Whoever calls it
/// holds it.
///
/// A plugin's object is dropped on a thread of its own, since that is its author's code and may take as long as it
/// likes.
pub(crate) struct PluginObject {
    /// Name of its namespace, or of its result handler as the config has it.
    name: String,
    /// Owner of its code.
    origin: Origin,
    /// The object of the plugin's library. `None` while it is dropped.
    object: Option<NamespaceObject>,
    /// Threads where it runs.
    executor: Executor,
    /// Counters of its calls.
    usage: Usage,
    /// Sender of nothing, dropped after the object, so that its receiver sees the end. Empty where nobody waits for
    /// that.
    alive: OnceLock<mpsc::Sender<()>>,
}

impl PluginObject {
    /// The object of a namespace.
    pub(crate) fn of_namespace(name: &str, object: NamespaceObject, origin: Origin, context: &ExecutorContext) -> Self {
        Self::new(name, object, origin, Executor::of_namespace(name, context))
    }

    /// The object of a result handler, which is a plugin's.
    pub(crate) fn of_result_handler(name: &str, object: NamespaceObject, context: &ExecutorContext) -> Self {
        Self::new(name, object, Origin::Plugin, Executor::of_result_handler(name, context))
    }

    fn new(name: &str, object: NamespaceObject, origin: Origin, executor: Executor) -> Self {
        let (object, usage, alive) = (Some(object), Usage::default(), OnceLock::new());
        Self { name: name.to_owned(), origin, object, executor, usage, alive }
    }

    /// Name of the namespace or of the result handler.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Owner of its code.
    pub(crate) fn origin(&self) -> Origin {
        self.origin
    }

    /// Counters of its calls.
    pub(crate) fn usage(&self) -> &Usage {
        &self.usage
    }

    /// Figures of its calls until now.
    pub(crate) fn usage_snapshot(&self) -> UsageSnapshot {
        self.usage.snapshot()
    }

    /// Descriptions of its methods.
    pub(crate) fn methods(&self) -> RVec<MethodInfo> {
        self.object().methods()
    }

    /// The server's runtime, once the server runs.
    pub(crate) fn server(&self) -> Option<&Handle> {
        self.executor.server()
    }

    /// Receiver that is disconnected once the object is dropped. To be asked for once; another is disconnected at once.
    pub(crate) fn end(&self) -> mpsc::Receiver<()> {
        let (alive, end) = mpsc::channel();
        let _ = self.alive.set(alive);
        end
    }

    /// Call a method on this thread. An answer of a plugin is nested no deeper than it may be; one that comes later is
    /// for [`answer`](Self::answer).
    #[inline]
    pub(crate) fn call(&self, method: RStr<'_>, params: RVec<Value>) -> Reply {
        let reply = self.object().call(method, params);
        if self.origin == Origin::Plugin { limit_reply(reply) } else { reply }
    }

    /// Call a method that may block, on a thread where it may, and wait for its answer. `full_name` is the method's in
    /// the log.
    pub(crate) async fn call_blocking(
        self: &Arc<Self>,
        caller: Caller,
        full_name: &Arc<str>,
        method: RString,
        params: RVec<Value>,
    ) -> Result<Value, Fault> {
        let object = Arc::clone(self);
        let call = move || object.call(method.as_rstr(), params);
        let reply = self.executor.run_blocking(caller, full_name.clone(), call).await?;
        self.answer(caller, full_name, reply).await
    }

    /// Call an `async fn` of a plugin on the plugin's own thread, and wait for its answer.
    pub(crate) async fn call_async(
        self: &Arc<Self>,
        full_name: &Arc<str>,
        method: RString,
        params: RVec<Value>,
    ) -> Result<Value, Fault> {
        let object = Arc::clone(self);
        let answer = async move { limited(object.call(method.as_rstr(), params)).await };
        self.executor.run_async(full_name.clone(), answer).await
    }

    /// Wait for the answer to a call where it has to be waited for.
    pub(crate) async fn answer(&self, caller: Caller, full_name: &Arc<str>, reply: Reply) -> Result<Value, Fault> {
        match (reply, self.origin) {
            (Reply::Done(value), _) => Ok(value),
            (Reply::Failed(fault), _) => Err(fault),
            (Reply::Later(future), Origin::Host | Origin::Private) if caller == Caller::Plugin => {
                self.executor.run_on_server(async move { future.await.into() }).await
            }
            (Reply::Later(future), Origin::Host | Origin::Private) => future.await.into(),
            (later @ Reply::Later(_), Origin::Plugin) => {
                self.executor.run_async(full_name.clone(), limited(later)).await
            }
        }
    }

    /// Count a fault with which a call of `method` ended, and return the message and the place of the panic if it was
    /// one.
    ///
    /// The boundary has no flag for that, and cannot get one: its types are frozen, and a plugin of 1.0.0 says it by the
    /// text alone. This is the one place that reads it. A fault that the method only passes on, of another one that
    /// panicked, names that one.
    #[cold]
    pub(crate) fn count_fault<'a>(&self, method: &str, fault: &'a Fault) -> Option<&'a str> {
        let panic = fault.detail().strip_prefix(method).and_then(|rest| rest.strip_prefix(" panicked: "));
        self.usage.count_fault(panic.is_some());
        panic
    }

    /// The object of the plugin's library.
    fn object(&self) -> &NamespaceObject {
        self.object.as_ref().expect("it is taken by the drop alone")
    }
}

/// Await the answer of a plugin, which is nested no deeper than it may be.
async fn limited(reply: Reply) -> Result<Value, Fault> {
    match reply {
        Reply::Later(future) => limit_answer(Result::from(future.await)?),
        Reply::Done(value) => Ok(value),
        Reply::Failed(fault) => Err(fault),
    }
}

impl fmt::Debug for PluginObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginObject").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Drop for PluginObject {
    fn drop(&mut self) {
        if self.origin == Origin::Plugin {
            let (object, alive) = (self.object.take(), self.alive.take());
            let end = move || {
                drop(object);
                drop(alive);
            };
            // Without a thread to spare it is dropped right here.
            let _ = thread::Builder::new().name("plugin-end".to_owned()).spawn(end);
        }
    }
}
