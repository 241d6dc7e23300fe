//! A host's view of a plugin library: what `plugin-api/loader` has, as far as the play of `elder` needs it.

use std::path::Path;

use abi_stable::{library, std_types::RVec};

use crate::{
    NamespaceObject, Value,
    abi::{self, Fault, Member, PluginRef},
    find,
};

/// A plugin library that has been opened, and stays open.
pub struct Library(PluginRef);

/// A factory of a library.
pub struct Factory(abi::Factory);

impl Library {
    /// Open the library at this path.
    pub fn open(path: &Path) -> Result<Self, String> {
        library::open(path).map(Self)
    }

    /// Name, version and version of the API, as the library says.
    pub fn info(&self) -> [&'static str; 3] {
        let plugin = self.0.plugin();
        [plugin.name.as_str(), plugin.version.as_str(), plugin.api_version.as_str()]
    }

    /// The factory of that name and kind.
    pub fn factory(&self, name: &str, kind: &str) -> Result<Factory, String> {
        let mut factories = (self.0.plugin().factories)().into_iter();
        let found = factories.find(|factory| factory.name == name && factory.kind == kind);
        found.map(Factory).ok_or_else(|| format!("no {kind} {name}"))
    }
}

impl Factory {
    /// Make a namespace. `options` are the section's further keys.
    pub fn make(&self, host: NamespaceObject, options: RVec<Member>) -> Result<NamespaceObject, Fault> {
        (self.0.make)(host, options).into()
    }

    /// Value of that property.
    pub fn property(&self, name: &str) -> Option<&Value> {
        find(&self.0.properties, name)
    }
}
