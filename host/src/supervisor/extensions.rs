//! Types of events and result handlers that plugins add to the supervisor.
//!
//! Both are named in the config, which is read before a plugin is there. So they are checked when the plugins are made,
//! and from then on whenever a group becomes active.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;

use crate::{
    config::{Config, ConfigError, FactorySpec, Group, GroupKind, Library},
    events::Event,
    process::{
        event_listener::Verdict,
        event_pool::{Answer, DefaultHandler, ResultHandler},
    },
};

/// Function that makes the result handler of a plugin. May wait.
pub type MakeHandler = Box<dyn Fn(&FactorySpec) -> Result<Arc<dyn ResultHandler>, String> + Send + Sync>;

/// Additions of plugins.
#[derive(Default)]
pub(super) struct Extensions {
    /// Types of events that plugins say they have.
    event_types: OnceLock<Vec<String>>,
    make_handler: OnceLock<MakeHandler>,
    /// Result handlers of plugins by the text that names them.
    handlers: Mutex<HashMap<String, Arc<dyn ResultHandler>>>,
}

impl Extensions {
    /// Return the result handler of a pool, which works once the plugins are there.
    pub(super) fn handler(this: &Arc<Self>, spec: &FactorySpec) -> Arc<dyn ResultHandler> {
        if spec.library == Library::BuiltIn {
            Arc::new(DefaultHandler)
        } else {
            Arc::new(LateBound { extensions: Arc::clone(this), spec: spec.text.clone() })
        }
    }

    /// Take what plugins bring. To be called once.
    pub(super) fn set(&self, event_types: Vec<String>, make_handler: MakeHandler) {
        // Who comes second has nothing new to say.
        let _ = self.event_types.set(event_types);
        let _ = self.make_handler.set(make_handler);
    }

    /// Types of events that plugins have; none before they are there.
    pub(super) fn event_types(&self) -> &[String] {
        self.event_types.get().map_or(&[], Vec::as_slice)
    }

    /// Make the handlers that a config names, and check its types of events. Blocks: it may load a library.
    pub(super) fn prepare_all(&self, config: &Config) -> Result<(), ConfigError> {
        config.groups.iter().try_for_each(|group| self.prepare(group))
    }

    /// Make the handler that a group names, and check its types of events. Blocks: it may load a library.
    pub(super) fn prepare(&self, group: &Group) -> Result<(), ConfigError> {
        let GroupKind::EventListener(pool) = &group.kind else { return Ok(()) };
        pool.check_types(&group.name, self.event_types())?;
        let spec = &pool.result_handler;
        if spec.library == Library::BuiltIn || self.handlers.lock().contains_key(&spec.text) {
            return Ok(());
        }
        let Some(make) = self.make_handler.get() else { return Ok(()) };
        let handler = make(spec).map_err(|error| pool.no_handler(&group.name, error))?;
        self.handlers.lock().insert(spec.text.clone(), handler);
        Ok(())
    }
}

/// Result handler of a plugin by its name, which is looked up when it is needed: its pool may be older than the
/// plugins.
struct LateBound {
    extensions: Arc<Extensions>,
    spec: String,
}

impl ResultHandler for LateBound {
    fn judge(&self, event: &Arc<Event>, result: &[u8], answer: Answer) {
        let handler = self.extensions.handlers.lock().get(&self.spec).cloned();
        match handler {
            Some(handler) => handler.judge(event, result, answer),
            None => answer(Verdict::Failed),
        }
    }
}
