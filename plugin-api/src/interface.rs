//! The object that crosses the boundary, made from an author's type.

use std::{fmt, future::Future, mem::ManuallyDrop, sync::Arc};

use abi_stable::{
    sabi_trait::TD_Opaque,
    std_types::{RArc, RStr, RVec},
};
use async_ffi::FfiFuture;

use crate::{
    abi::{Fault, MethodInfo, Namespace, Namespace_TO, NamespaceObject, Reply, Value},
    guard::{self, GuardedFuture, drop_guarded, guarded},
    host::Host,
};

/// A set of methods: what `#[rpc_interface]` and `#[ctl_plugin]` implement, and seldom anyone by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` publishes nothing",
    label = "not an RPC interface and not a ctl plugin",
    note = "write `#[rpc_interface]` or `#[ctl_plugin]` before its `impl` block"
)]
pub trait Methods: Send + Sync + 'static {
    /// Describe the methods that are published.
    fn methods(&self) -> Vec<MethodInfo>;

    /// Call `method` by its published name. One that is not among [`methods`](Self::methods) is `UNKNOWN_METHOD`.
    fn call(self: Arc<Self>, method: &str, params: RVec<Value>) -> Reply;
}

/// The object for the other side of the boundary. A panic of `implementation` becomes a fault.
pub fn namespace<T: Methods>(implementation: Arc<T>) -> NamespaceObject {
    guarded_namespace(implementation, None)
}

/// The object for the other side of the boundary, of which `host` is told if it panics when it is dropped.
pub(crate) fn guarded_namespace<T: Methods>(implementation: Arc<T>, host: Option<Host>) -> NamespaceObject {
    guard::install_hook();
    let object = Guarded { implementation: ManuallyDrop::new(implementation), host };
    Namespace_TO::from_ptr(RArc::new(object), TD_Opaque)
}

/// The author's type, whose panics stay on this side.
struct Guarded<T> {
    implementation: ManuallyDrop<Arc<T>>,
    host: Option<Host>,
}

impl<T: Methods> Namespace for Guarded<T> {
    fn methods(&self) -> RVec<MethodInfo> {
        // Only an implementation by hand can panic here; a namespace that cannot say what it has, has nothing.
        guarded("methods", || self.implementation.methods().into()).unwrap_or_default()
    }

    fn call(&self, method: RStr<'_>, params: RVec<Value>) -> Reply {
        let method = method.as_str();
        guarded(method, || Arc::clone(&self.implementation).call(method, params)).unwrap_or_else(Reply::Failed)
    }
}

impl<T> Drop for Guarded<T> {
    #[allow(unsafe_code, reason = "a drop that may panic has to run under guard")]
    fn drop(&mut self) {
        // SAFETY: the field is not used again, since this is its owner's drop.
        let implementation = unsafe { ManuallyDrop::take(&mut self.implementation) };
        if let (Some(note), Some(host)) = (drop_guarded(implementation), &self.host) {
            host.panicked(&note);
        }
    }
}

impl Reply {
    /// The answer that `future` will give. `method` is named if it panics.
    pub fn later(method: &str, future: impl Future<Output = Result<Value, Fault>> + Send + 'static) -> Self {
        Self::later_from(method, Box::pin(future))
    }

    /// The answer that a future will give which need not be pinned, as [`later`](Self::later) would, without its box.
    pub(crate) fn later_from(
        method: &str,
        future: impl Future<Output = Result<Value, Fault>> + Send + Unpin + 'static,
    ) -> Self {
        guard::install_hook();
        Self::Later(FfiFuture::new(GuardedFuture::new(method, future)))
    }

    /// The answer, now or later.
    pub async fn answer(self) -> Result<Value, Fault> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Failed(fault) => Err(fault),
            Self::Later(future) => future.await.into(),
        }
    }

    /// The answer; this thread sleeps until it is there.
    pub fn wait(self) -> Result<Value, Fault> {
        match self {
            Self::Done(value) => Ok(value),
            Self::Failed(fault) => Err(fault),
            Self::Later(future) => crate::block_on(future).into(),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(value) => f.debug_tuple("Done").field(value).finish(),
            Self::Failed(fault) => f.debug_tuple("Failed").field(fault).finish(),
            Self::Later(_) => f.write_str("Later(..)"),
        }
    }
}

impl From<Result<Value, Fault>> for Reply {
    fn from(answer: Result<Value, Fault>) -> Self {
        match answer {
            Ok(value) => Self::Done(value),
            Err(fault) => Self::Failed(fault),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, sync::mpsc};

    use super::*;
    use crate::{IntoParams, ctl_plugin, find, rpc_interface};

    struct Shelf;

    #[rpc_interface]
    impl Shelf {
        /// Say which version it is.
        ///
        /// More of it.
        ///
        /// # Returns
        /// the version
        #[rpc(name = "getAPIVersion", nonblocking)]
        pub fn get_api_version(&self) -> &'static str {
            "0.2"
        }

        /// Put a thing on the shelf.
        #[rpc(returns = "integer")]
        pub fn put_down(
            &self,
            /// what it is
            /// called
            name: String,
            #[rpc(kind = "string")] thing: Value,
            weight: Option<u8>,
        ) -> Result<usize, Fault> {
            if thing == Value::Nil { Err(Fault::bad_name_with(name)) } else { Ok(usize::from(weight.unwrap_or(1))) }
        }

        #[rpc(alias = "waitFor")]
        pub async fn wait(&self, r#type: String) -> Result<String, Fault> {
            std::future::ready(()).await;
            Ok(r#type)
        }

        pub fn fall(&self) {
            break_down();
        }

        pub async fn fall_later(&self) -> BTreeMap<String, bool> {
            break_down();
            BTreeMap::new()
        }
    }

    fn break_down() {
        panic!("boom");
    }

    struct Commands {
        room: &'static str,
    }

    #[ctl_plugin]
    impl Commands {
        /// Say <what> to all.
        #[ctl(complete = "groups")]
        pub fn shelf_say(&self, what: String, times: Option<u32>, to: Vec<String>) -> String {
            format!("{what} {times:?} {to:?}")
        }

        #[ctl(name = "clean", usage = "clean\tor not", complete_with = "rooms")]
        pub fn tidy(&self) {}

        fn rooms(&self, words: &[String]) -> Result<Vec<String>, Fault> {
            if words.is_empty() { Ok(vec![self.room.to_owned()]) } else { Err(Fault::bad_name()) }
        }
    }

    fn call(object: &NamespaceObject, method: &str, params: impl IntoParams) -> Result<Value, Fault> {
        object.call(method.into(), params.into_params()).wait()
    }

    #[test]
    fn an_impl_block_becomes_an_interface() {
        let shelf = namespace(Arc::new(Shelf));
        assert_eq!(call(&shelf, "getAPIVersion", ()), Ok("0.2".into()));
        assert_eq!(call(&shelf, "putDown", ("cup", 5)), Ok(1.into()));
        assert_eq!(call(&shelf, "putDown", ("cup", 5, 200)), Ok(200.into()));
        assert_eq!(call(&shelf, "putDown", ("cup", Value::Nil)), Err(Fault::bad_name_with("cup")));
        assert_eq!(call(&shelf, "wait", ("here",)), Ok("here".into()));
        assert_eq!(call(&shelf, "waitFor", ("here",)), Ok("here".into()));
        assert_eq!(call(&shelf, "putDown", ("cup",)), Err(Fault::incorrect_parameters()));
        assert_eq!(call(&shelf, "wait", ()), Err(Fault::incorrect_parameters()));
        assert_eq!(call(&shelf, "break_down", ()), Err(Fault::unknown_method()));
        let fault = call(&shelf, "putDown", ("cup", 5, 300)).unwrap_err();
        assert_eq!(fault.text, "INCORRECT_PARAMETERS: weight: expected an int from 0 to 255, not 300");
    }

    #[test]
    fn panics_come_back_as_faults() {
        let shelf = namespace(Arc::new(Shelf));
        for method in ["fall", "fallLater"] {
            let fault = call(&shelf, method, ()).unwrap_err();
            let start = format!("FAILED: {method} panicked: boom (plugin-api/src/interface.rs:");
            assert!(fault.text.starts_with(&start), "{fault}");
        }
        assert_eq!(call(&shelf, "getAPIVersion", ()), Ok("0.2".into()));
    }

    #[test]
    fn methods_describe_themselves() {
        let methods = namespace(Arc::new(Shelf)).methods();
        let names: Vec<_> = methods.iter().map(|method| method.name.as_str()).collect();
        assert_eq!(names, ["getAPIVersion", "putDown", "wait", "waitFor", "fall", "fallLater"]);
        assert_eq!(methods[0].help, "Say which version it is.\n\nMore of it.\n\n@return string  the version");
        assert_eq!(find(&methods[0].properties, "nonblocking"), Some(&Value::Bool(true)));
        assert_eq!(
            methods[1].help,
            "Put a thing on the shelf.\n\n@param string name  what it is called\n@param string thing\n\
             @param int weight\n@return integer"
        );
        assert_eq!(find(&methods[1].params[0].properties, "help"), Some(&"what it is called".into()));
        assert_eq!(find(&methods[1].params[2].properties, "optional"), Some(&true.into()));
        assert_eq!(methods[2].params[0].name, "type");
        assert_eq!((methods[4].returns.as_str(), methods[5].returns.as_str()), ("nil", "struct"));
    }

    #[test]
    fn commands_take_words() {
        let commands = namespace(Arc::new(Commands { room: "kitchen" }));
        assert_eq!(call(&commands, "shelf_say", ("hi",)), Ok("hi None []".into()));
        let said = call(&commands, "shelf_say", ("hi", "2", "a", "b"));
        assert_eq!(said, Ok(r#"hi Some(2) ["a", "b"]"#.into()));
        assert_eq!(call(&commands, "shelf_say", ()), Err(Fault::incorrect_parameters()));

        let methods = commands.methods();
        assert_eq!(methods[0].help, "Say <what> to all.");
        assert_eq!(find(&methods[0].properties, "usage"), Some(&"shelf_say <what> [<times>] <to>...".into()));
        assert_eq!(find(&methods[0].properties, "complete"), Some(&"groups".into()));
        assert_eq!(find(&methods[0].params[2].properties, "rest"), Some(&true.into()));
        assert_eq!(methods[1].name, "clean");
        assert_eq!(find(&methods[1].properties, "usage"), Some(&"clean\tor not".into()));
        assert_eq!((methods.len(), find(&methods[1].properties, "complete")), (2, Some(&"plugin".into())));
        let complete = |command: &str, words: Value| call(&commands, "_complete", (command, words));
        assert_eq!(complete("clean", Value::array([])), Ok(Value::array(["kitchen".into()])));
        assert_eq!(complete("clean", Value::array(["x".into()])), Err(Fault::bad_name()));
        assert_eq!(complete("shelf_say", Value::array([])), Err(Fault::unknown_method()));
    }

    #[test]
    fn the_object_is_dropped_under_guard_and_the_host_hears_of_a_panic() {
        struct PanicListener(mpsc::Sender<String>);
        #[rpc_interface]
        impl PanicListener {
            pub fn panicked(&self, what: String) {
                self.0.send(what).unwrap();
            }
        }

        struct Bomb;
        #[rpc_interface]
        impl Bomb {}
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("dropped");
            }
        }
        drop(namespace(Arc::new(Bomb)));
        let (sender, receiver) = mpsc::channel();
        drop(guarded_namespace(Arc::new(Bomb), Some(Host::new(namespace(Arc::new(PanicListener(sender)))))));
        let what = receiver.recv().unwrap();
        assert!(what.starts_with("drop panicked: dropped (plugin-api/src/interface.rs:"), "{what}");
    }
}
