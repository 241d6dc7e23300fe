//! Methods as the registry knows them: who may call one, and on which thread a call of it starts.

use std::sync::{Arc, atomic::AtomicU64};

use plugin_api::{
    Value,
    abi::{Member, MethodInfo},
};

use crate::histogram::Histogram;

/// Owner of a namespace's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The host: futures of such a namespace may be polled on the server's thread.
    Host,
    /// The host, for plugins alone: not published, but plugins may call it by its name.
    Private,
    /// A plugin.
    Plugin,
}

/// Source of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// A client.
    Client,
    /// Code that is itself being called.
    Plugin,
    /// The host, which tells a plugin something.
    Host,
}

/// Callers that a method admits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// Everybody: it is published.
    Clients,
    /// Plugins.
    Plugins,
    /// The host alone: a hook, whose name begins with `_`.
    Host,
}

impl Audience {
    /// Return true for a caller who may call the method.
    pub(super) fn admits(self, caller: Caller) -> bool {
        matches!((self, caller), (Self::Clients, _) | (Self::Plugins, Caller::Plugin) | (Self::Host, Caller::Host))
    }
}

/// Thread on which a call of a method starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// The caller's, also where that is the server's: the call costs next to nothing.
    Inline,
    /// The thread of the plugin's futures, since the call only makes a future, which is polled there.
    AsyncThread,
    /// One of the blocking pool, since the call may block.
    BlockingPool,
}

/// A method of a namespace.
pub(super) struct Method {
    /// The plugin's own description.
    pub(super) info: MethodInfo,
    /// Name with that of its namespace in front: `cache.fetch`.
    pub(super) full_name: Arc<str>,
    /// Number that no other method has, by which the watchdog knows its name.
    pub(super) number: usize,
    /// Index of its object in the registry.
    pub(super) object: usize,
    /// Thread on which a call starts.
    pub(super) start: Start,
    /// Callers that it admits.
    pub(super) audience: Audience,
    /// Set when the namespace wants its calls refused while supervisord shuts down.
    pub(super) refuse_in_shutdown: bool,
    /// Set for a published method that `system.listMethods` has.
    pub(super) is_listed: bool,
    /// Times of its calls that have ended.
    pub(super) took: Histogram,
    /// Number of those that ended in a fault.
    pub(super) faults: AtomicU64,
}

impl Method {
    /// Read what the properties of a method say of it.
    pub(super) fn new(namespace: &str, info: MethodInfo, number: usize, object: usize, origin: Origin) -> Self {
        let has = |name| has_flag(&info.properties, name);
        let start = match (has("nonblocking"), has("async"), origin) {
            (true, _, _) | (false, true, Origin::Host | Origin::Private) => Start::Inline,
            (false, true, Origin::Plugin) => Start::AsyncThread,
            (false, false, _) => Start::BlockingPool,
        };
        let audience = match origin {
            _ if info.name.starts_with('_') => Audience::Host,
            Origin::Private => Audience::Plugins,
            Origin::Host | Origin::Plugin => Audience::Clients,
        };
        // Hooks are called during a shutdown, and because of it.
        let refuse_in_shutdown = has("refuse_in_shutdown") && audience != Audience::Host;
        let is_listed = audience == Audience::Clients && !has("unlisted");
        let full_name = format!("{namespace}.{}", info.name).into();
        let (took, faults) = (Histogram::default(), AtomicU64::new(0));
        Self { info, full_name, number, object, start, audience, refuse_in_shutdown, is_listed, took, faults }
    }
}

/// Return true for a property of that name that is true.
fn has_flag(properties: &[Member], name: &str) -> bool {
    properties.iter().any(|property| property.name == name && matches!(property.value, Value::Bool(true)))
}
