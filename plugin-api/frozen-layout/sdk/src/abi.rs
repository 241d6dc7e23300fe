//! Every type that crosses the boundary, as `plugin-api/src/abi.rs` defines them; but laid out by hand.

#![allow(unsafe_code)] // Objects whose type only the other library knows.

use std::{marker::PhantomData, ptr};

use abi_stable::{
    library::RootModule,
    prefix_type::{PrefixTypeTrait, WithMetadata},
    sabi_trait::{BaseVtable, RObject, TD_Opaque, namespace_vtable},
    std_types::{RArc, RResult, RStr, RString, RVec},
};
use async_ffi::FfiFuture;

/// An XML-RPC value, the only type of value between clients, host and plugins.
///
/// A closed enum: it never gains a variant. 40 bytes.
#[repr(u8)]
#[derive(Clone, Debug)]
pub enum Value {
    /// `<nil/>`, Python's `None`.
    Nil,
    /// `<boolean>`.
    Bool(bool),
    /// `<int>` or `<i4>`.
    Int(i32),
    /// `<i8>`: an integer of 64 bits. One that fits in 32 bits is still written as it came.
    Int64(i64),
    /// `<double>`.
    Double(f64),
    /// `<string>`.
    String(RString),
    /// A `<string>` that is given out again and again without being copied. Equal to a [`Value::String`] of the same
    /// text.
    Shared(RArc<RString>),
    /// `<dateTime.iso8601>`, as the text that stood there.
    DateTime(RString),
    /// `<base64>`, decoded.
    Base64(RVec<u8>),
    /// `<array>`.
    Array(RVec<Value>),
    /// `<struct>`: its members in the order in which they were given.
    Struct(RVec<Member>),
}

/// A member of a [`Value::Struct`], and an entry of every list of properties.
#[repr(C)]
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Any text. Several members may have the same; the last counts then.
    pub name: RString,
    /// The member's value.
    pub value: Value,
}

/// An XML-RPC fault: a number and a text that begins with its name, such as `BAD_NAME: cat`.
#[repr(C)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Supervisor's number for it, [`Code`](crate::Code) names them; or the plugin's own.
    pub code: i32,
    /// `NAME` or `NAME: what was wrong`.
    pub text: RString,
}

/// Outcome of a call: an answer or a fault, now or later.
#[repr(u8)]
pub enum Reply {
    /// The answer is there.
    Done(Value),
    /// The call was refused or failed.
    Failed(Fault),
    /// The answer comes later. Dropping the future cancels the call.
    Later(FfiFuture<RResult<Value, Fault>>),
}

/// A parameter of a published method or command.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct Param {
    /// The name that the author gave it.
    pub name: RString,
    /// The XML-RPC type as `system.methodSignature` names it: `string`, `int`, `boolean`, …
    pub kind: RString,
    /// Further facts by name: `help`, `optional`, `rest` (takes all further words), …
    pub properties: RVec<Member>,
}

/// Description of a published method of an RPC interface, or of a command of a ctl plugin.
#[repr(C)]
#[derive(Clone, Debug)]
pub struct MethodInfo {
    /// The name by which clients call it: `getKeys`, `cache_keys`.
    pub name: RString,
    /// The doc comment. Of an RPC method, as `system.methodHelp` gives it, with `@param` and `@return` lines.
    pub help: RString,
    /// Parameters in their order. Those that may be left out come last.
    pub params: RVec<Param>,
    /// The XML-RPC type of the result.
    pub returns: RString,
    /// Further facts by name. A host ignores what it does not know.
    ///
    /// * `nonblocking` (bool): a call returns at once, so the host makes it on its own thread.
    /// * `async` (bool): a call never blocks, and comes back as [`Reply::Later`] unless it is refused. The host makes
    ///   calls with neither of the two on threads that may block.
    /// * `refuse_in_shutdown` (bool): the host refuses the calls of clients and plugins while it shuts down.
    /// * `unlisted` (bool): `system.listMethods` leaves the method out, which can be called all the same.
    /// * `returns` (string): the meaning of the result, in words.
    /// * `events` (string): types of events, separated by commas. The host calls the method with each event of these;
    ///   its name begins with `_`, so that nobody else does.
    /// * `usage` (string), of a command: the line before its help text.
    /// * `complete` (string), of a command: the kind of its words, `processes`, `groups` or `actions`; or `plugin`, and
    ///   then `_complete` is called with the command and the words before the one to complete, and answers with a list.
    pub properties: RVec<Member>,
}

/// A set of methods behind one name: an RPC interface, a ctl plugin, the host as a plugin sees it.
pub trait Namespace: Send + Sync + 'static {
    /// Describe the methods that are published here.
    fn methods(&self) -> RVec<MethodInfo>;

    /// Call `method`. Never panics: a panic of the callee comes back as [`Reply::Failed`].
    fn call(&self, method: RStr<'_>, params: RVec<Value>) -> Reply;
}

/// A [`Namespace`] of whatever library made it.
pub type NamespaceObject = Namespace_TO;

/// A [`Namespace`] of whatever library made it.
#[repr(transparent)]
#[allow(non_camel_case_types, reason = "the name that `sabi_trait` gives it")]
pub struct Namespace_TO(RObject<Vtable>);

/// Functions of a [`Namespace`].
#[repr(C)]
struct Vtable {
    base: BaseVtable,
    methods: unsafe extern "C" fn(*const ()) -> RVec<MethodInfo>,
    call: unsafe extern "C" fn(*const (), RStr<'_>, RVec<Value>) -> Reply,
}

/// The functions of a type.
struct VtableOf<T>(PhantomData<T>);

impl<T: Namespace> VtableOf<T> {
    const VTABLE: &'static WithMetadata<Vtable> =
        &namespace_vtable(Vtable { base: BaseVtable::NEW, methods: methods::<T>, call: call::<T> });
}

unsafe extern "C" fn methods<T: Namespace>(this: *const ()) -> RVec<MethodInfo> {
    // SAFETY: called for an object that was made of a `T`.
    unsafe { &*this.cast::<T>() }.methods()
}

unsafe extern "C" fn call<T: Namespace>(this: *const (), method: RStr<'_>, params: RVec<Value>) -> Reply {
    // SAFETY: called for an object that was made of a `T`.
    unsafe { &*this.cast::<T>() }.call(method, params)
}

impl Namespace_TO {
    /// Make an object.
    pub fn from_ptr<T: Namespace>(value: RArc<T>, _: TD_Opaque) -> Self {
        // SAFETY: the table begins so, and its functions are those for a `T`.
        Self(unsafe { RObject::new(value, VtableOf::<T>::VTABLE) })
    }

    /// Describe the methods that are published here.
    pub fn methods(&self) -> RVec<MethodInfo> {
        // SAFETY: the function is for this object.
        unsafe { (self.0.vtable().methods)(self.0.as_ptr()) }
    }

    /// Call `method`.
    pub fn call(&self, method: RStr<'_>, params: RVec<Value>) -> Reply {
        // SAFETY: the function is for this object.
        unsafe { (self.0.vtable().call)(self.0.as_ptr(), method, params) }
    }
}

/// A factory, as a plugin lists it.
#[repr(C)]
#[derive(Clone)]
pub struct Factory {
    /// The name after the colon of a factory spec: `make_cache_rpcinterface`.
    pub name: RString,
    /// `rpcinterface`, `ctl`, `result_handler`, or a later kind.
    pub kind: RString,
    /// The function that makes the namespace from the host and the keys of the config section, which come as strings
    /// or, from TOML, typed.
    pub make: extern "C" fn(host: NamespaceObject, config: RVec<Member>) -> RResult<NamespaceObject, Fault>,
    /// Further facts by name: `events` (the types of events that it may publish). A host ignores what it does not know.
    pub properties: RVec<Member>,
}

/// The root module of a plugin library.
#[repr(C)]
pub struct Plugin {
    /// The version of this crate that the plugin was built against.
    pub api_version: RStr<'static>,
    /// The plugin's own crate name.
    pub name: RStr<'static>,
    /// The plugin's own version.
    pub version: RStr<'static>,
    /// True if panics unwind in the plugin; the host refuses one whose panics abort.
    pub unwinds: bool,
    /// The function that lists the plugin's factories.
    pub factories: extern "C" fn() -> RVec<Factory>,
}

/// The root module of a loaded library.
#[derive(Clone, Copy)]
pub struct PluginRef(&'static WithMetadata<Plugin>);

// SAFETY: the boundary's `Plugin` is above.
unsafe impl PrefixTypeTrait for Plugin {
    type PrefixRef = PluginRef;
}

impl From<&'static WithMetadata<Plugin>> for PluginRef {
    fn from(plugin: &'static WithMetadata<Plugin>) -> Self {
        Self(plugin)
    }
}

impl PluginRef {
    /// The fields that every library has.
    pub fn plugin(self) -> &'static Plugin {
        self.0.value()
    }
}

// SAFETY: it points to the boundary's `Plugin`.
unsafe impl RootModule for PluginRef {
    const BASE_NAME: &'static str = "supervisor_plugin";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");

    fn as_ptr(self) -> *const () {
        ptr::from_ref(self.0).cast()
    }

    unsafe fn from_ptr(address: *const ()) -> Self {
        // SAFETY: as promised by the caller.
        Self(unsafe { &*address.cast() })
    }
}
