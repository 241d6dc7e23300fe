//! From `[rpcinterface:x]` sections to the registry.

use std::sync::Arc;

use plugin_api::{Fault, abi::NamespaceObject, namespace};

use super::{
    plugin_host::PluginHost,
    plugins::{self, Plugins},
    registry::{Origin, Registry, RegistryRef},
    supervisor::SupervisorInterface,
};
use crate::{
    config::{Config, Library, PluginSection},
    logger::Logger,
    plugin::{self, LibraryInfo, PluginError, SearchPath},
    supervisor::Supervisor,
};

/// What stands after the colon for Supervisor's own interface.
const MAIN: &str = "make_main_rpcinterface";

/// Why an RPC interface could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The host has no such factory.
    #[error("{spec} cannot be resolved within {place}; built in is supervisor.rpcinterface:{MAIN}")]
    NotBuiltIn {
        /// As the config gives it.
        spec: String,
        /// The section.
        place: String,
    },
    /// `system` is always there, and there can be but one.
    #[error("{0}: the name 'system' is taken by what every supervisord has")]
    Reserved(String),
    /// The library, or the factory in it.
    #[error("{place}: {error}")]
    Plugin {
        /// The section.
        place: String,
        /// What is wrong with it.
        error: Box<PluginError>,
    },
    /// The factory refused.
    #[error("Could not make {name} rpc interface: {place}: {factory}: {fault}")]
    Refused {
        /// The namespace.
        name: String,
        /// The section.
        place: String,
        /// Which factory.
        factory: String,
        /// What it said.
        fault: Fault,
    },
}

impl Registry {
    /// Makes every RPC interface of the config, once for all servers.
    pub fn build(config: &Config, supervisor: &Supervisor, logger: &Logger) -> Result<Arc<Self>, BuildError> {
        let registry_ref = RegistryRef::default();
        let search = SearchPath::new(&config.supervisord.plugin_path);
        let mut namespaces = Vec::new();
        let mut loaded = Vec::new();
        for section in &config.rpcinterfaces {
            let PluginSection { name, place, factory, .. } = section;
            if name == "system" {
                return Err(BuildError::Reserved(place.clone()));
            }
            let (object, origin) = if factory.library == Library::BuiltIn {
                (built_in(section, supervisor)?, Origin::Host)
            } else {
                let (object, library) = load(section, &search, &registry_ref, supervisor, logger)?;
                loaded.push((name.clone(), library));
                (object, Origin::Plugin)
            };
            logger.info(format_args!("RPC interface '{name}' initialized"));
            namespaces.push((name.clone(), object, origin));
        }
        if config.rpcinterfaces.iter().all(|section| section.name != plugins::NAME) {
            let object = Plugins::namespace(registry_ref.clone(), loaded);
            namespaces.push((plugins::NAME.to_owned(), object, Origin::Host));
        }
        Ok(Self::referred(&registry_ref, namespaces, logger.clone()))
    }
}

fn built_in(section: &PluginSection, supervisor: &Supervisor) -> Result<NamespaceObject, BuildError> {
    let PluginSection { name, place, factory, options } = section;
    if factory.factory != MAIN {
        return Err(BuildError::NotBuiltIn { spec: factory.text.clone(), place: place.clone() });
    }
    if let Some(option) = options.first() {
        return Err(BuildError::Refused {
            name: name.clone(),
            place: place.clone(),
            factory: factory.text.clone(),
            fault: Fault::bad_arguments_with(format_args!("it takes no options, and has '{}'", option.name)),
        });
    }
    Ok(namespace(Arc::new(SupervisorInterface::new(supervisor.clone()))))
}

fn load(
    section: &PluginSection,
    search: &SearchPath,
    registry_ref: &RegistryRef,
    supervisor: &Supervisor,
    logger: &Logger,
) -> Result<(NamespaceObject, LibraryInfo), BuildError> {
    let PluginSection { name, place, factory: spec, options } = section;
    let factory = plugin::load(spec, "rpcinterface", search)
        .map_err(|error| BuildError::Plugin { place: place.clone(), error: error.into() })?;
    let state = {
        let supervisor = supervisor.clone();
        Arc::new(move || supervisor.state())
    };
    let host = PluginHost::namespace(name, state, logger.clone(), registry_ref.clone());
    let object = factory.make(host, options.clone().into()).map_err(|fault| BuildError::Refused {
        name: name.clone(),
        place: place.clone(),
        factory: spec.text.clone(),
        fault,
    })?;
    Ok((object, factory.library().clone()))
}
