//! The dispatch of calls: on this thread where a method promises to answer at once, and on another's where not.

use std::{sync::atomic::Ordering::Relaxed, time::Instant};

use abi_stable::std_types::RVec;
use plugin_api::{Fault, IntoParams, PanelQuery, Reply, SupervisorState, Value};

use super::{
    execution::{ServerFuture, limit_answer, stay_awake},
    method::{Caller, Method, Origin, Start},
    registry::Registry,
    usage::CallTimer,
    watchdog::{is_in_method, warn_if_slow},
};

impl Registry {
    /// Call a method on behalf of a client. Dropping the future stops waiting for the answer and, where the method can
    /// be cancelled, cancels it.
    pub async fn call(&self, method: &str, params: RVec<Value>) -> Result<Value, Fault> {
        self.call_from(Caller::Client, method, params).await
    }

    /// Call a method on behalf of a client, or of code that may itself be in a call.
    pub(super) async fn call_from(&self, caller: Caller, method: &str, params: RVec<Value>) -> Result<Value, Fault> {
        let answer = self.dispatch(caller, method, params).await;
        if let Err(fault) = &answer {
            self.note_fault(method, fault);
        }
        answer
    }

    /// Look at the panel whose hook has that full name.
    pub(crate) async fn panel(&self, hook: &str, query: PanelQuery) -> Result<Value, Fault> {
        if self.panels().iter().all(|(name, _)| **name != *hook) {
            return Err(Fault::bad_name_with(format_args!("there is no panel {hook}")));
        }
        self.call_from(Caller::Host, hook, (query,).into_params()).await
    }

    /// Call a hook, whose answer nobody waits for: the log is told of any fault.
    pub(super) async fn call_hook(&self, hook: &str, params: RVec<Value>) {
        if let Err(fault) = self.dispatch(Caller::Host, hook, params).await {
            let has_panicked = self.note_fault(hook, &fault);
            // Of a panic there is a line already.
            if !has_panicked {
                self.logger().error(format_args!("{hook}: {fault}"));
            }
        }
    }

    /// Call a method, which is looked up by its full name.
    async fn dispatch(&self, caller: Caller, method: &str, params: RVec<Value>) -> Result<Value, Fault> {
        let Some(found) = self.methods.get(method).filter(|found| found.audience.admits(caller)) else {
            return Err(Fault::unknown_method());
        };
        let object = &self.objects[found.object];
        if self.suspension().is_on() && caller != Caller::Host && object.origin() == Origin::Plugin {
            Box::pin(self.suspended(caller, method)).await?;
        }
        let mut timer = object.usage().begin(Some(&found.took));
        // All that takes longer is boxed: what it needs would have to be moved about with each call.
        if found.start != Start::Inline {
            return Box::pin(self.dispatch_away(caller, found, params, timer)).await;
        }
        let reply = self.call_inline(caller, found, params);
        // One look at the clock is enough for both, on the shortest way that a call has.
        let now = Instant::now();
        let took = timer.until(now);
        if object.origin() == Origin::Plugin {
            warn_if_slow(self.logger(), method, took);
        }
        match reply {
            Reply::Done(value) => {
                timer.finish(took);
                Ok(value)
            }
            Reply::Failed(fault) => {
                timer.finish(took);
                Err(fault)
            }
            // As for the call itself: a plugin that calls has another thread.
            Reply::Later(future) if caller != Caller::Plugin && object.origin() == Origin::Plugin => {
                timer.mark_pending();
                if let Some(runtime) = self.runtime() {
                    stay_awake(runtime, now);
                }
                let future = ServerFuture::new(self.watchdog(), self.logger(), found, future, now);
                let (answer, now) = future.await;
                let took = timer.until(now);
                timer.finish(took);
                limit_answer(Result::from(answer)?)
            }
            Reply::Later(_) => {
                timer.mark_pending();
                Box::pin(object.answer(caller, &found.full_name, reply)).await
            }
        }
    }

    /// Wait until calls of plugins are no longer suspended. A plugin that calls another does not wait, since supervisord
    /// may be waiting for it.
    #[cold]
    async fn suspended(&self, caller: Caller, method: &str) -> Result<(), Fault> {
        if caller == Caller::Plugin {
            let why = format!("supervisord is being upgraded, and {method} cannot be called until it is");
            return Err(Fault::failed_with(why));
        }
        self.suspension().wait().await;
        Ok(())
    }

    /// Call a method on this thread.
    #[inline]
    fn call_inline(&self, caller: Caller, found: &Method, params: RVec<Value>) -> Reply {
        if self.refuses(found, &params) {
            return Reply::Failed(Fault::shutdown_state());
        }
        let object = &self.objects[found.object];
        let call = || object.call(found.info.name.as_rstr(), params);
        match (caller, object.origin()) {
            // Clients and hooks are served by one thread, and plugins call each other on any.
            (Caller::Client | Caller::Host, Origin::Plugin) => self.watchdog().during(found.number, call),
            _ => call(),
        }
    }

    /// Return true where supervisord shuts down, for a method that is then refused.
    #[inline]
    fn refuses(&self, method: &Method, params: &[Value]) -> bool {
        may_be_refused(method, params) && (self.state)() == SupervisorState::Shutdown
    }

    /// Call a method that does not run on the thread that calls it.
    async fn dispatch_away(
        &self,
        caller: Caller,
        found: &Method,
        params: RVec<Value>,
        mut timer: CallTimer<'_>,
    ) -> Result<Value, Fault> {
        if self.refuses(found, &params) {
            return Err(Fault::shutdown_state());
        }
        let full_name = &found.full_name;
        if caller == Caller::Plugin && is_in_method() {
            return Err(self.watchdog().cannot_wait(&format!("the answer of {full_name}")));
        }
        timer.mark_pending();
        let (object, name) = (&self.objects[found.object], found.info.name.clone());
        let state = may_be_refused(found, &params).then(|| self.state.clone());
        let refusal = move || (state?() == SupervisorState::Shutdown).then(Fault::shutdown_state);
        if found.start == Start::AsyncThread {
            object.call_async(full_name, name, params, refusal).await
        } else {
            object.call_blocking(caller, full_name, name, params, refusal).await
        }
    }

    /// Count a fault with which a call of a method ended, and return whether that was by a panic. The client hears of a
    /// panic by the fault; who looks after the plugin reads it in the log.
    #[cold]
    fn note_fault(&self, method: &str, fault: &Fault) -> bool {
        let Some(found) = self.methods.get(method) else { return false };
        found.faults.fetch_add(1, Relaxed);
        let panic = self.objects[found.object].count_fault(&found.info.name, fault);
        if let Some(panic) = panic {
            self.logger().error(format_args!("{method} panicked: {panic}"));
        }
        panic.is_some()
    }
}

/// Return true for a call that is refused while supervisord shuts down. One with a wrong number of parameters is not:
/// that fault comes first, and the plugin gives it.
#[inline]
fn may_be_refused(method: &Method, params: &[Value]) -> bool {
    method.refuse_in_shutdown && method.info.takes(params.len())
}

#[cfg(test)]
mod tests {
    use std::{
        future::poll_fn,
        sync::{Arc, atomic::AtomicI32, mpsc},
        task::Poll,
        thread,
    };

    use parking_lot::Mutex;
    use plugin_api::{
        MaybeReady, Methods,
        abi::{Member, MethodInfo},
        block_on, namespace, rpc_interface,
    };
    use tokio::sync::oneshot;

    use super::*;
    use crate::{
        logger::{Level, Logger},
        rpc::{fixtures::TestRuntime, registry::RegistryRef},
    };

    /// A plugin that counts how often it is entered.
    struct Shelf(Arc<AtomicI32>);

    #[rpc_interface]
    impl Shelf {
        #[rpc(nonblocking)]
        pub fn take(&self, name: Value, count: Option<i32>) -> Result<i32, Fault> {
            self.0.fetch_add(1, Relaxed);
            if name == Value::Nil { Err(Fault::bad_name()) } else { Ok(count.unwrap_or(1)) }
        }

        pub fn clear(&self) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// Methods that want to be refused in a shutdown.
    struct Refusing<T>(Arc<T>);

    impl<T: Methods> Methods for Refusing<T> {
        fn methods(&self) -> Vec<MethodInfo> {
            let mut methods = self.0.methods();
            for method in &mut methods {
                method.properties.push(Member { name: "refuse_in_shutdown".into(), value: true.into() });
            }
            methods
        }

        fn call(self: Arc<Self>, method: &str, params: RVec<Value>) -> Reply {
            Methods::call(self.0.clone(), method, params)
        }
    }

    /// A plugin whose `async fn` keeps its thread until the test lets it go.
    struct Door {
        entered: mpsc::Sender<()>,
        opens: Mutex<mpsc::Receiver<()>>,
    }

    #[rpc_interface]
    impl Door {
        pub async fn pass(&self) {
            let _ = self.entered.send(());
            let _ = self.opens.lock().recv();
        }
    }

    /// A plugin that answers when its own thread lets it, with the names of the threads that it met.
    struct Lamp {
        lit: Mutex<Option<oneshot::Receiver<String>>>,
        dropped: mpsc::Sender<String>,
    }

    /// Tells by which thread it is dropped.
    struct Shade(mpsc::Sender<String>);

    impl Drop for Shade {
        fn drop(&mut self) {
            let _ = self.0.send(thread_name());
        }
    }

    fn thread_name() -> String {
        thread::current().name().unwrap_or_default().to_owned()
    }

    #[rpc_interface]
    impl Lamp {
        #[rpc(nonblocking)]
        pub fn light(&self) -> MaybeReady<Vec<String>> {
            let (lit, shade) = (self.lit.lock().take(), Shade(self.dropped.clone()));
            MaybeReady::later(async move {
                let _shade = shade;
                let before = thread_name();
                let by = match lit {
                    Some(lit) => lit.await.map_err(Fault::failed_with)?,
                    None => std::future::pending().await,
                };
                Ok(vec![before, by, thread_name()])
            })
        }
    }

    #[test]
    fn a_future_of_a_nonblocking_method_stays_on_the_thread_that_made_it() {
        let ((light, lit), (dropped, drops)) = (oneshot::channel(), mpsc::channel());
        let lamp = namespace(Arc::new(Lamp { lit: Mutex::new(Some(lit)), dropped }));
        let namespaces = vec![("lamp".to_owned(), lamp, Origin::Plugin)];
        let registry = Registry::with_system(&RegistryRef::default(), namespaces, Logger::new(Level::Critical, |_| {}));
        let server = thread::Builder::new().name("the server".to_owned());
        let serving = server.spawn(move || {
            let runtime = TestRuntime::new();
            registry.run_on(runtime.handle());
            runtime.block_on(async {
                let its_registry = registry.clone();
                let call = tokio::spawn(async move { its_registry.call("lamp.light", RVec::new()).await });
                while registry.usage("lamp").running == 0 {
                    tokio::task::yield_now().await;
                }
                let lights = thread::Builder::new().name("plugin's own".to_owned());
                lights.spawn(move || light.send(thread_name())).unwrap();
                let answer = call.await.unwrap();
                // A client that goes.
                let mut call = Box::pin(registry.call("lamp.light", RVec::new()));
                assert!(poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await.is_pending());
                assert_eq!(registry.usage("lamp").running, 1);
                drop(call);
                assert_eq!(registry.usage("lamp").running, 0);
                answer
            })
        });
        let names = Value::array(["the server", "plugin's own", "the server"].map(Value::from));
        assert_eq!(serving.unwrap().join().unwrap(), Ok(names));
        assert_eq!(drops.iter().take(2).collect::<Vec<_>>(), ["the server"; 2]);
    }

    #[test]
    fn a_call_that_waits_while_a_shutdown_begins_is_refused() {
        let state = Arc::new(AtomicI32::new(SupervisorState::Running as i32));
        let now = state.clone();
        let state_fn = Arc::new(move || SupervisorState::from_number(now.load(Relaxed)).unwrap());
        let (runtime, (tell, entered), (open, opens)) = (TestRuntime::new(), mpsc::channel(), mpsc::channel());
        let door = namespace(Arc::new(Refusing(Arc::new(Door { entered: tell, opens: Mutex::new(opens) }))));
        let namespaces = vec![("door".to_owned(), door, Origin::Plugin)];
        let registry =
            Registry::new(&RegistryRef::default(), namespaces, state_fn, Logger::new(Level::Critical, |_| {}));
        registry.run_on(runtime.handle());
        let call = |registry: Arc<Registry>| async move { registry.call("door.pass", RVec::new()).await };
        let first = runtime.spawn(call(registry.clone()));
        let second = runtime.block_on(async {
            while entered.try_recv().is_err() {
                tokio::task::yield_now().await;
            }
            let mut second = Box::pin(call(registry.clone()));
            // It waits for the thread that the first one keeps.
            let poll = poll_fn(|cx| Poll::Ready(second.as_mut().poll(cx))).await;
            assert!(poll.is_pending(), "{poll:?}");
            state.store(SupervisorState::Shutdown as i32, Relaxed);
            open.send(()).unwrap();
            second.await
        });
        assert_eq!(second, Err(Fault::shutdown_state()));
        assert_eq!(runtime.block_on(first).unwrap(), Ok(Value::Nil));
        assert!(entered.try_recv().is_err(), "it was entered once");
    }

    #[test]
    fn calls_are_refused_in_a_shutdown_before_the_plugin_is_entered() {
        let (entered, state) = (Arc::<AtomicI32>::default(), Arc::new(AtomicI32::new(1)));
        let shelf = Arc::new(Shelf(entered.clone()));
        let namespaces = vec![
            ("shelf".to_owned(), namespace(Arc::new(Refusing(shelf.clone()))), Origin::Plugin),
            ("open".to_owned(), namespace(shelf), Origin::Plugin),
        ];
        let now = state.clone();
        let state_fn = Arc::new(move || SupervisorState::from_number(now.load(Relaxed)).unwrap());
        let registry =
            Registry::new(&RegistryRef::default(), namespaces, state_fn, Logger::new(Level::Critical, |_| {}));
        let call = |method: &str, params: &[Value]| block_on(registry.call(method, params.to_vec().into()));

        for running in [SupervisorState::Running, SupervisorState::Restarting] {
            state.store(running as i32, Relaxed);
            assert_eq!(call("shelf.take", &["cup".into()]), Ok(1.into()), "{running:?}");
        }
        state.store(SupervisorState::Shutdown as i32, Relaxed);
        assert_eq!(call("open.take", &["cup".into(), 2.into()]), Ok(2.into()));
        let before = entered.load(Relaxed);
        for (method, params) in [
            ("shelf.take", &["cup".into()][..]),
            ("shelf.take", &[Value::Nil]),
            ("shelf.take", &["cup".into(), 2.into()]),
            ("shelf.clear", &[]),
        ] {
            assert_eq!(call(method, params), Err(Fault::shutdown_state()), "{method} {params:?}");
        }
        for (method, params) in [("shelf.take", &[][..]), ("shelf.take", &[1.into(), 2.into(), 3.into()])] {
            assert_eq!(call(method, params), Err(Fault::incorrect_parameters()), "{method} {params:?}");
        }
        assert_eq!(call("shelf.no", &[]), Err(Fault::unknown_method()));
        assert_eq!(entered.load(Relaxed), before);
        let usage = registry.usage("shelf");
        assert_eq!((usage.calls, usage.faults), (8, 6));
    }
}
