//! Every type that crosses the boundary between the host and a plugin library, and nothing else.
//!
//! The boundary is frozen at 1.0.0. A plugin that was built against this file must load for ever, so:
//!
//! * plain structs and enums here never change, not even by a field or a variant;
//! * what grows travels as data: a method name and [`Value`]s, or one more [`Member`] in a `properties` list;
//! * the prefix types, [`Plugin`] and the trait [`Namespace`], may grow only behind their `last_prefix_field`, and
//!   every method that is added there has a default body.
//!
//! The two sides may be of different versions. Each has the layout of all these types in its library, and the host
//! compares them before it touches anything else. A method of [`Namespace`] that one side does not know is answered by
//! the trait's default body on the other.
//!
//! What crosses is owned by whoever holds it. Memory is freed by the library that allocated it, which the containers of
//! `abi_stable` see to. Libraries are never unloaded.
//!
//! Authors of plugins do not need this module; what they use is re-exported from the crate's root.

#![allow(non_local_definitions, unsafe_code, reason = "`sabi_trait` writes unsafe impls, inside a constant")]
#![allow(missing_docs, unreachable_pub, reason = "the derive of `StableAbi` writes public items without docs")]
#![allow(clippy::used_underscore_binding, clippy::expl_impl_clone_on_copy, reason = "abi_stable's generated code")]

use abi_stable::{
    StableAbi,
    library::RootModule,
    package_version_strings, sabi_trait,
    sabi_types::VersionStrings,
    std_types::{RArc, RResult, RStr, RString, RVec},
};
use async_ffi::FfiFuture;

/// An XML-RPC value, the only type of value between clients, host and plugins.
///
/// A closed enum: it never gains a variant. 40 bytes.
#[repr(u8)]
#[derive(StableAbi, Clone, Debug)]
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
#[derive(StableAbi, Clone, Debug, PartialEq)]
pub struct Member {
    /// Any text. Several members may have the same; the last counts then.
    pub name: RString,
    /// The member's value.
    pub value: Value,
}

/// An XML-RPC fault: a number and a text that begins with its name, such as `BAD_NAME: cat`.
#[repr(C)]
#[derive(StableAbi, Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Supervisor's number for it, [`Code`](crate::Code) names them; or the plugin's own.
    pub code: i32,
    /// `NAME` or `NAME: what was wrong`.
    pub text: RString,
}

/// Outcome of a call: an answer or a fault, now or later.
#[repr(u8)]
#[derive(StableAbi)]
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
#[derive(StableAbi, Clone, Debug)]
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
#[derive(StableAbi, Clone, Debug)]
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
///
/// Methods whose name begins with `_` are the host's own line to a plugin (`_event`, `_shutdown`, `_upgrade`), or a
/// plugin's to the host (`_handed_over`), and are never reachable from outside.
#[sabi_trait]
pub trait Namespace: Send + Sync + 'static {
    /// Describe the methods that are published here.
    fn methods(&self) -> RVec<MethodInfo>;

    /// Call `method`. Never panics: a panic of the callee comes back as [`Reply::Failed`].
    ///
    /// The last of the methods that every library has. Those that are added below it have a default body.
    #[sabi(last_prefix_field)]
    fn call(&self, method: RStr<'_>, params: RVec<Value>) -> Reply;
}

/// A [`Namespace`] of whatever library made it.
pub type NamespaceObject = Namespace_TO<RArc<()>>;

/// A factory, as a plugin lists it.
#[repr(C)]
#[derive(StableAbi, Clone)]
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
#[derive(StableAbi)]
#[sabi(kind(Prefix(prefix_ref = PluginRef)))]
#[sabi(missing_field(panic))]
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
    #[sabi(last_prefix_field)]
    pub factories: extern "C" fn() -> RVec<Factory>,
}

impl RootModule for PluginRef {
    abi_stable::declare_root_module_statics! {PluginRef}
    const BASE_NAME: &'static str = "supervisor_plugin";
    const NAME: &'static str = "supervisor_plugin";
    const VERSION_STRINGS: VersionStrings = package_version_strings!();
}
