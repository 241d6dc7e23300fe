//! From `[rpcinterface:x]` sections to the registry.

use std::sync::Arc;

use plugin_api::{Fault, abi::NamespaceObject, namespace};

use super::{
    plugin_host::PluginHost,
    plugins::{self, Plugins},
    powers::Powers,
    registry::{Origin, Registry, RegistryRef},
    result_handlers::{self, ResultHandlers},
    supervisor::SupervisorInterface,
};
use crate::{
    config::{Config, ConfigError, FactorySpec, Library, PluginSection},
    events::EventType,
    logger::Logger,
    plugin::{self, Factory, LibraryInfo, PluginError, SearchPath},
    supervisor::Supervisor,
};

/// The namespace of what every supervisord has.
const RESERVED: &str = "system";

/// The namespace under which plugins find Supervisor's own interface, whatever the config says.
const SUPERVISOR: &str = "supervisor";

/// Why an RPC interface could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The host has no such factory.
    #[error(
        "{spec} cannot be resolved within {place}; built in is supervisor.rpcinterface:{}",
        FactorySpec::MAIN_RPCINTERFACE
    )]
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
    /// What the config names of plugins besides is not there.
    #[error(transparent)]
    Config(#[from] ConfigError),
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
        let (registry_ref, mut event_types) = (RegistryRef::default(), Vec::new());
        let search = SearchPath::new(&config.supervisord.plugin_path);
        let mut namespaces = Vec::new();
        let (mut loaded, handlers) = (Vec::new(), ResultHandlers::default());
        for section in &config.rpcinterfaces {
            let PluginSection { name, place, factory, .. } = section;
            if name == RESERVED {
                return Err(BuildError::Reserved(place.clone()));
            }
            let (object, origin) = if factory.library == Library::BuiltIn {
                (built_in(section, supervisor)?, Origin::Host)
            } else {
                let (object, library, events) = load(section, &search, &registry_ref, supervisor, logger)?;
                loaded.push((name.clone(), library));
                event_types.extend(events);
                (object, Origin::Plugin)
            };
            logger.info(format_args!("RPC interface '{name}' initialized"));
            namespaces.push((name.clone(), object, origin));
        }
        if config.rpcinterfaces.iter().all(|section| section.name != plugins::NAME) {
            let object = Plugins::namespace(registry_ref.clone(), loaded, handlers.clone());
            namespaces.push((plugins::NAME.to_owned(), object, Origin::Host));
        }
        if namespaces.iter().all(|(name, ..)| name != SUPERVISOR) {
            // Not for clients, as the config has it; but plugins start and stop processes in any case.
            let own = namespace(Arc::new(SupervisorInterface::new(supervisor.clone())));
            namespaces.push((SUPERVISOR.to_owned(), own, Origin::Private));
        }
        let registry = Self::referred(&registry_ref, namespaces, logger.clone());
        registry.refuse_in_shutdown_of(supervisor);
        let workers = registry.handler_workers();
        let maker = result_handlers::maker(supervisor, search, registry_ref, logger, handlers, workers);
        registry.check_event_types(&event_types);
        supervisor.extend(event_types, maker)?;
        registry.hear(supervisor.bus());
        Ok(registry)
    }
}

/// Finds what would make the interface of a section, and makes nothing. Answers which types of events it would bring.
pub fn look_up(section: &PluginSection, search: &SearchPath) -> Result<Vec<String>, BuildError> {
    if section.name == RESERVED {
        return Err(BuildError::Reserved(section.place.clone()));
    }
    if section.factory.library == Library::BuiltIn {
        check_built_in(section).map(|()| Vec::new())
    } else {
        find(section, search).map(|(_, events)| events)
    }
}

fn built_in(section: &PluginSection, supervisor: &Supervisor) -> Result<NamespaceObject, BuildError> {
    check_built_in(section)?;
    Ok(namespace(Arc::new(SupervisorInterface::new(supervisor.clone()))))
}

fn check_built_in(section: &PluginSection) -> Result<(), BuildError> {
    let PluginSection { place, factory, options, .. } = section;
    if !factory.is_main_rpcinterface() {
        return Err(BuildError::NotBuiltIn { spec: factory.text.clone(), place: place.clone() });
    }
    if let Some(option) = options.first() {
        return Err(refused(
            section,
            Fault::bad_arguments_with(format_args!("it takes no options, and has '{}'", option.name)),
        ));
    }
    Ok(())
}

/// The factory of a section, and the types of events that it says it brings.
fn find(section: &PluginSection, search: &SearchPath) -> Result<(Factory, Vec<String>), BuildError> {
    let factory = plugin::load(&section.factory, "rpcinterface", search)
        .map_err(|error| BuildError::Plugin { place: section.place.clone(), error: error.into() })?;
    let events = factory.events();
    if let Some(bad) = events.iter().find(|name| EventType::of_a_plugin(name).is_none_or(|it| it.to_string() != **name))
    {
        let what =
            "is not a type of events that a plugin can have: capitals, and neither one of Supervisor's nor below one";
        return Err(refused(section, Fault::bad_arguments_with(format_args!("{bad:?} {what}"))));
    }
    Ok((factory, events))
}

fn refused(section: &PluginSection, fault: Fault) -> BuildError {
    let PluginSection { name, factory, .. } = section;
    let place = section.place_of(&fault.text);
    BuildError::Refused { name: name.clone(), place, factory: factory.text.clone(), fault }
}

fn load(
    section: &PluginSection,
    search: &SearchPath,
    registry_ref: &RegistryRef,
    supervisor: &Supervisor,
    logger: &Logger,
) -> Result<(NamespaceObject, LibraryInfo, Vec<String>), BuildError> {
    let (factory, events) = find(section, search)?;
    let host = host_for(&section.name, events.clone(), supervisor, logger, registry_ref);
    let object = factory.make(host, section.options.clone().into()).map_err(|fault| refused(section, fault))?;
    Ok((object, factory.library().clone(), events))
}

/// The host as the plugin of that name sees it, which publishes events of these types.
pub(super) fn host_for(
    name: &str,
    events: Vec<String>,
    supervisor: &Supervisor,
    logger: &Logger,
    registry_ref: &RegistryRef,
) -> NamespaceObject {
    let state = {
        let supervisor = supervisor.clone();
        Arc::new(move || supervisor.state())
    };
    let powers = Powers::new(supervisor.clone(), logger.clone(), name, events);
    PluginHost::new(name, state, logger.clone(), registry_ref.clone()).with(powers)
}
