//! What plugins add to the supervisor: types of events, and judges of what event listeners answer.
//!
//! Both are named in the config, which is read before a plugin is there. So they are checked when the plugins are made,
//! and from then on whenever a group becomes active.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;

use super::Supervisor;
use crate::{
    config::{Config, ConfigError, FactorySpec, Group, GroupKind, Library},
    events::Event,
    process::{
        event_listener::Verdict,
        event_pool::{Answer, DefaultHandler, ResultHandler},
    },
};

/// Makes the result handler of a plugin. It may wait.
pub type MakeHandler = Box<dyn Fn(&FactorySpec) -> Result<Arc<dyn ResultHandler>, String> + Send + Sync>;

#[derive(Default)]
pub(super) struct Extensions {
    /// The types of events that plugins say they have.
    event_types: OnceLock<Vec<String>>,
    make_handler: OnceLock<MakeHandler>,
    /// By the text that names them.
    handlers: Mutex<HashMap<String, Arc<dyn ResultHandler>>>,
}

impl Extensions {
    /// Who judges the answers of a pool, now or once the plugins are there.
    pub(super) fn handler(this: &Arc<Self>, spec: &FactorySpec) -> Arc<dyn ResultHandler> {
        if spec.library == Library::BuiltIn {
            Arc::new(DefaultHandler)
        } else {
            Arc::new(OfPlugin { extensions: Arc::clone(this), spec: spec.text.clone() })
        }
    }

    /// Sees to it that all that a group names is there.
    pub(super) fn prepare(&self, group: &Group) -> Result<(), ConfigError> {
        let GroupKind::EventListener(pool) = &group.kind else { return Ok(()) };
        pool.check_types(&group.name, self.event_types.get().map_or(&[], Vec::as_slice))?;
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

impl Supervisor {
    /// Takes what plugins bring, and sees to it that all that the config names of that is there. To be called once.
    pub fn extend(&self, event_types: Vec<String>, make_handler: MakeHandler) -> Result<(), ConfigError> {
        let extensions = &self.0.extensions;
        // Who comes second has nothing new to say.
        let _ = extensions.event_types.set(event_types);
        let _ = extensions.make_handler.set(make_handler);
        self.check_extensions(&self.config())
    }

    /// Whether all that a config names of plugins is there. Blocks: it may load a library.
    pub(super) fn check_extensions(&self, config: &Config) -> Result<(), ConfigError> {
        config.groups.iter().try_for_each(|group| self.0.extensions.prepare(group))
    }
}

/// The handler of that name, which is looked for when it is needed: its pool may be older than the plugins.
struct OfPlugin {
    extensions: Arc<Extensions>,
    spec: String,
}

impl ResultHandler for OfPlugin {
    fn judge(&self, event: &Arc<Event>, result: &[u8], answer: Answer) {
        let handler = self.extensions.handlers.lock().get(&self.spec).cloned();
        match handler {
            Some(handler) => handler.judge(event, result, answer),
            None => answer(Verdict::Failed),
        }
    }
}
