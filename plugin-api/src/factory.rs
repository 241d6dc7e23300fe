//! Entry point and factories of a plugin library: the functions that [`export!`](crate::export!) calls.
//!
//! `abi_stable` has an attribute for entry points, but with it every author would depend on that crate too. The entry
//! point is one static with a name that the host knows. `export!` writes only that static, and the safe functions here
//! make what is in it, so that an author's crate can forbid unsafe code.

#![allow(unsafe_code)] // One block: abi_stable asks for a promise about the entry point's type.

use std::sync::Arc;

use abi_stable::{
    library::{__call_root_module_loader, CheckTypeLayout, LibHeader, RootModuleResult},
    prefix_type::PrefixTypeTrait,
    std_types::{RResult, RVec},
};

use crate::{
    abi::{Factory, Fault, Member, NamespaceObject, Plugin, PluginRef, Value},
    config::Config,
    controller::Controller,
    guard::{self, guarded},
    host::Host,
    interface::{Methods, guarded_namespace},
    result_handler::{self, ResultHandler},
};

/// The version of this crate, which a plugin carries along.
pub const API_VERSION: &str = env!("CARGO_PKG_VERSION");

/// A plugin library. `export!` implements it.
pub trait Library: 'static {
    /// The root module: who the library is, and its factories.
    fn plugin() -> Plugin;
}

/// Content of the entry point of `L`.
pub const fn entry_point<L: Library>() -> LibHeader {
    extern "C" fn root_module<L: Library>() -> RootModuleResult {
        __call_root_module_loader::<PluginRef>(|| L::plugin().leak_into_prefix())
    }
    // SAFETY: `root_module` gives out a `PluginRef`, the type that is named here.
    unsafe { LibHeader::from_constructor::<PluginRef>(root_module::<L>, CheckTypeLayout::Yes) }
}

/// Make an entry of the list of factories. `properties` are lists of words by their names.
pub fn factory(
    path: &str,
    kind: &str,
    make: extern "C" fn(NamespaceObject, RVec<Member>) -> RResult<NamespaceObject, Fault>,
    properties: &[(&str, &[&str])],
) -> Factory {
    let property =
        |(name, words): &(&str, &[&str])| Member::new(*name, Value::array(words.iter().map(|word| Value::from(*word))));
    let properties = properties.iter().map(property).collect();
    Factory { name: last_segment(path).into(), kind: kind.into(), make, properties }
}

/// `make_it` of `rpcinterface::make_it`.
fn last_segment(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path).trim()
}

/// Fail to compile a list in which a factory cannot be found: it has no name of its own, or another of its kind has the
/// same. Each comes as its kind, its path, and what is to be said in the one and the other case.
#[track_caller]
pub const fn check_factories(factories: &[(&str, &str, &'static str, &'static str)]) {
    let mut index = 0;
    while index < factories.len() {
        let (kind, path, twice, nameless) = factories[index];
        let (path, start) = (path.as_bytes(), name_start(path));
        assert!(start < path.len(), "{}", nameless);
        let mut other = 0;
        while other < index {
            let (other_kind, other_path, ..) = factories[other];
            let other_start = name_start(other_path);
            let same = same_bytes(kind.as_bytes(), 0, other_kind.as_bytes(), 0)
                && same_bytes(path, start, other_path.as_bytes(), other_start);
            assert!(!same, "{}", twice);
            other += 1;
        }
        index += 1;
    }
}

/// Index at which the name begins that a path ends in.
const fn name_start(path: &str) -> usize {
    let path = path.as_bytes();
    let mut start = path.len();
    while start > 0 && (path[start - 1] == b'_' || path[start - 1].is_ascii_alphanumeric() || path[start - 1] >= 0x80) {
        start -= 1;
    }
    start
}

/// Compare two texts, each from its own start on.
const fn same_bytes(one: &[u8], mut start: usize, other: &[u8], mut other_start: usize) -> bool {
    while start < one.len() && other_start < other.len() && one[start] == other[other_start] {
        start += 1;
        other_start += 1;
    }
    start == one.len() && other_start == other.len()
}

/// Call the factory of an RPC interface.
pub fn make_rpcinterface<T: Methods>(
    path: &str,
    factory: fn(Host, Config) -> Result<T, Fault>,
    host: NamespaceObject,
    options: RVec<Member>,
) -> RResult<NamespaceObject, Fault> {
    let host = Host::new(host);
    make(path, &options.into_iter().collect(), Some(host.clone()), |config| factory(host, config)).into()
}

/// Call the factory of a ctl plugin.
pub fn make_ctl<T: Methods>(
    path: &str,
    factory: fn(Controller, Config) -> Result<T, Fault>,
    host: NamespaceObject,
    options: RVec<Member>,
) -> RResult<NamespaceObject, Fault> {
    make(path, &options.into_iter().collect(), None, |config| factory(Controller::new(host), config)).into()
}

/// Make the object of a result handler, which has no options.
pub fn make_result_handler(
    _path: &str,
    handler: ResultHandler,
    host: NamespaceObject,
    _options: RVec<Member>,
) -> RResult<NamespaceObject, Fault> {
    RResult::ROk(result_handler::object(handler, Host::new(host)))
}

/// Run a factory under guard, and check that it has looked at its options. `host` is told of a panic in the drop of
/// what it made.
pub(crate) fn make<T: Methods>(
    path: &str,
    config: &Config,
    host: Option<Host>,
    factory: impl FnOnce(Config) -> Result<T, Fault>,
) -> Result<NamespaceObject, Fault> {
    guard::install_hook();
    let made = guarded(last_segment(path), || {
        let object = guarded_namespace(Arc::new(factory(config.clone())?), host);
        config.check_was_read()?;
        Ok(object)
    });
    made.and_then(|made| made)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{namespace, rpc_interface};

    struct Shelf;

    #[rpc_interface]
    impl Shelf {}

    fn object() -> NamespaceObject {
        namespace(Arc::new(Shelf))
    }

    fn fault(factory: fn(Host, Config) -> Result<Shelf, Fault>, options: &[Member]) -> String {
        match make_rpcinterface("shelf :: make_shelf", factory, object(), options.to_vec().into()) {
            RResult::ROk(_) => "none".to_owned(),
            RResult::RErr(fault) => fault.text.into(),
        }
    }

    #[test]
    fn a_factory_fails_in_words() {
        let size = Member::new("size", "1");
        assert_eq!(fault(|_, _| Ok(Shelf), &[]), "none");
        assert_eq!(fault(|_, _| Err(Fault::no_file_with("/x")), &[]), "NO_FILE: /x");
        assert_eq!(fault(|_, _| Ok(Shelf), &[size]), "BAD_ARGUMENTS: unknown key 'size': this plugin has no options");
        let panicked = fault(|_, _| panic!("boom"), &[]);
        assert!(panicked.starts_with("FAILED: make_shelf panicked: boom (plugin-api/src/factory.rs:"), "{panicked}");
    }
}
