//! The one place that makes everything: from `[rpcinterface:x]` sections to the registry.

use std::sync::Arc;

use plugin_api::{Fault, SupervisorState, abi::NamespaceObject, namespace};

use super::{
    handover::HandedOver,
    host_api::HostApi,
    lifecycle::{Lifecycle, warn_of_unknown_event_types},
    method::Origin,
    namespaces::{
        LOGS, Logs, PLUGINS, PROCESSES, Plugins, Processes, SupervisorInterface, System, UPDATE, UPGRADE,
        UpdateInterface, Upgrade, UpgraderRef,
    },
    registry::{Registry, RegistryRef, StateFn},
    result_handlers,
};
use crate::{
    config::{Config, ConfigError, FactorySpec, Library, PluginSection},
    events::EventType,
    logger::{Level, Logger},
    plugin::{self, Factory, LibraryInfo, PluginError, SearchPath},
    supervisor::Supervisor,
};

/// Name of the namespace of what every supervisord has.
const SYSTEM: &str = "system";

/// Name of the namespace under which plugins find Supervisor's own interface, whatever the config says.
const SUPERVISOR: &str = "supervisor";

/// Reason why an RPC interface could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The host has no such factory.
    #[error(
        "{spec} cannot be resolved within {place}; built in is supervisor.rpcinterface:{}",
        FactorySpec::MAIN_RPCINTERFACE
    )]
    NotBuiltIn {
        /// Factory spec as the config gives it.
        spec: String,
        /// The section.
        place: String,
    },
    /// The section would be a second `system`, which is always there.
    #[error("{0}: the name 'system' is taken by what every supervisord has")]
    Reserved(String),
    /// The library is not there or cannot be loaded, or has no such factory.
    #[error("{place}: {error}")]
    Plugin {
        /// The section.
        place: String,
        /// Fault of the library.
        error: Box<PluginError>,
    },
    /// A type of events or a result handler that the config names is not there.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The factory refused.
    #[error("Could not make {name} rpc interface: {place}: {factory}: {fault}")]
    Refused {
        /// The namespace.
        name: String,
        /// The section.
        place: String,
        /// Factory spec as the config gives it.
        factory: String,
        /// Fault that it answered.
        fault: Fault,
    },
}

/// Make every RPC interface of the config, once for all servers. Each plugin is offered what its instance before an
/// upgrade has handed over; the log says of what nobody has taken.
pub fn build(
    config: &Config,
    supervisor: &Supervisor,
    logger: &Logger,
    mut handed_over: HandedOver,
) -> Result<Lifecycle, BuildError> {
    let (registry_ref, mut event_types) = (RegistryRef::default(), Vec::new());
    let search = SearchPath::new(&config.supervisord.plugin_path);
    let (mut namespaces, mut loaded, mut left) = (Vec::new(), Vec::new(), Vec::new());
    for section in &config.rpcinterfaces {
        let PluginSection { name, place, factory, .. } = section;
        if name == SYSTEM {
            return Err(BuildError::Reserved(place.clone()));
        }
        let (object, origin) = if factory.library == Library::BuiltIn {
            (built_in(section, supervisor)?, Origin::Host)
        } else {
            let of_section = format!("rpcinterface:{name}");
            let offer = handed_over.offer(&of_section);
            let host = |events| HostApi::object(name, events, supervisor, logger, &registry_ref, offer.clone());
            let (object, library, events) = load(section, &search, host)?;
            left.extend(offer.take().map(|_| of_section));
            loaded.push((name.clone(), library));
            event_types.extend(events);
            (object, Origin::Plugin)
        };
        logger.info(format_args!("RPC interface '{name}' initialized"));
        namespaces.push((name.clone(), object, origin));
    }
    if config.rpcinterfaces.iter().all(|section| section.name != PLUGINS) {
        let object = Plugins::namespace(registry_ref.clone());
        namespaces.push((PLUGINS.to_owned(), object, Origin::Host));
    }
    if config.rpcinterfaces.iter().all(|section| section.name != PROCESSES) {
        namespaces.push((PROCESSES.to_owned(), Processes::namespace(supervisor.clone()), Origin::Host));
    }
    if config.rpcinterfaces.iter().all(|section| section.name != UPDATE) {
        namespaces.push((UPDATE.to_owned(), UpdateInterface::namespace(supervisor.clone()), Origin::Host));
    }
    if config.rpcinterfaces.iter().all(|section| section.name != LOGS) {
        namespaces.push((LOGS.to_owned(), Logs::namespace(supervisor.clone()), Origin::Host));
    }
    let upgrader = UpgraderRef::default();
    if config.rpcinterfaces.iter().all(|section| section.name != UPGRADE) {
        namespaces.push((UPGRADE.to_owned(), Upgrade::namespace(upgrader.clone()), Origin::Host));
    }
    if namespaces.iter().all(|(name, ..)| name != SUPERVISOR) {
        // Not for clients, as the config has it; but plugins start and stop processes in any case.
        let own = namespace(Arc::new(SupervisorInterface::new(supervisor.clone())));
        namespaces.push((SUPERVISOR.to_owned(), own, Origin::Private));
    }
    let state = {
        let supervisor = supervisor.clone();
        Arc::new(move || supervisor.state())
    };
    let registry = Registry::with_state(&registry_ref, namespaces, state, logger.clone());
    registry.set_libraries(loaded);
    warn_of_unknown_event_types(&registry, &event_types);
    supervisor.extend(event_types, result_handlers::maker(supervisor, search, registry_ref, logger))?;
    left.extend(handed_over.sections().map(str::to_owned));
    for section in left {
        logger.info(format_args!("nothing takes what {section} handed over"));
    }
    Ok(Lifecycle::new(registry, supervisor.bus()).with_upgrader(upgrader))
}

impl Registry {
    /// A registry of these namespaces and `system`, without a log, in a supervisord that runs.
    pub fn of(namespaces: Vec<(String, NamespaceObject, Origin)>) -> Arc<Self> {
        Self::with_system(&RegistryRef::default(), namespaces, Logger::new(Level::Critical, |_| {}))
    }

    /// A registry of these namespaces and `system`, in a supervisord that runs.
    pub(super) fn with_system(
        own: &RegistryRef,
        namespaces: Vec<(String, NamespaceObject, Origin)>,
        logger: Logger,
    ) -> Arc<Self> {
        Self::with_state(own, namespaces, Arc::new(|| SupervisorState::Running), logger)
    }

    /// A registry of these namespaces and `system`.
    pub(super) fn with_state(
        own: &RegistryRef,
        mut namespaces: Vec<(String, NamespaceObject, Origin)>,
        state: StateFn,
        logger: Logger,
    ) -> Arc<Self> {
        namespaces.push((SYSTEM.to_owned(), System::namespace(own.clone()), Origin::Host));
        Self::new(own, namespaces, state, logger)
    }
}

/// Find the factory of a section without making anything, and return the types of events that it would bring.
pub fn look_up(section: &PluginSection, search: &SearchPath) -> Result<Vec<String>, BuildError> {
    if section.name == SYSTEM {
        return Err(BuildError::Reserved(section.place.clone()));
    }
    if section.factory.library == Library::BuiltIn {
        check_built_in(section).map(|()| Vec::new())
    } else {
        find(section, search).map(|(_, events)| events)
    }
}

/// Make the object of a section whose factory is the host's.
fn built_in(section: &PluginSection, supervisor: &Supervisor) -> Result<NamespaceObject, BuildError> {
    check_built_in(section)?;
    Ok(namespace(Arc::new(SupervisorInterface::new(supervisor.clone()))))
}

/// Refuse a section whose factory the host does not have, or that has options.
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

/// Find the factory of a section, with the types of events that it says it brings.
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

/// Error for a section whose factory refused its options.
fn refused(section: &PluginSection, fault: Fault) -> BuildError {
    let PluginSection { name, factory, .. } = section;
    let place = section.place_of(&fault.text);
    BuildError::Refused { name: name.clone(), place, factory: factory.text.clone(), fault }
}

/// Load the plugin of a section and make its object, which is given the `host` for the types of events that it brings.
/// Its library and these types come with it.
fn load(
    section: &PluginSection,
    search: &SearchPath,
    host: impl FnOnce(Vec<String>) -> NamespaceObject,
) -> Result<(NamespaceObject, LibraryInfo, Vec<String>), BuildError> {
    let (factory, events) = find(section, search)?;
    let object =
        factory.make(host(events.clone()), section.options.clone().into()).map_err(|fault| refused(section, fault))?;
    Ok((object, factory.library().clone(), events))
}
