//! Figures on how methods and plugins have been used, for metrics.

use std::sync::Arc;

use super::{registry::Registry, usage::UsageSnapshot};
use crate::histogram::HistogramSnapshot;

/// Figures of one method.
#[derive(Clone, Debug)]
pub(crate) struct MethodFigures {
    /// Full name: `cache.fetch`.
    pub(crate) name: Arc<str>,
    /// Times of its calls that have ended.
    pub(crate) took: HistogramSnapshot,
    /// Number of these that ended in a fault.
    pub(crate) faults: u64,
}

/// Figures of one namespace or result handler of a plugin.
#[derive(Clone, Debug)]
pub(crate) struct PluginFigures {
    /// Name of the library.
    pub(crate) plugin: String,
    /// Version of the library.
    pub(crate) version: String,
    /// Name of the namespace, or of the result handler as the config has it.
    pub(crate) name: String,
    /// Numbers of calls, of faults, of panics, and of calls that are not answered yet.
    pub(crate) calls: u64,
    pub(crate) faults: u64,
    pub(crate) panics: u64,
    pub(crate) running: u64,
}

impl Registry {
    /// List the figures of all methods that were called, by their names.
    pub(crate) fn method_figures(&self) -> Vec<MethodFigures> {
        let figures = |(name, took, faults): (&Arc<str>, _, _)| MethodFigures { name: name.clone(), took, faults };
        let mut all: Vec<_> = self.called_methods().map(figures).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        all
    }

    /// List the figures of all namespaces and result handlers of plugins, in the order in which they were made.
    pub(crate) fn plugin_figures(&self) -> Vec<PluginFigures> {
        let figures = |plugin: &str, version: &str, name: &str, usage: UsageSnapshot| PluginFigures {
            plugin: plugin.to_owned(),
            version: version.to_owned(),
            name: name.to_owned(),
            calls: usage.calls,
            faults: usage.faults,
            panics: usage.panics,
            running: usage.running,
        };
        let namespaces = self
            .libraries()
            .iter()
            .map(|(name, library)| figures(&library.name, &library.version, name, self.usage(name)));
        let handlers = self.result_handlers();
        let handlers = handlers.iter().map(|(handler, library)| {
            figures(&library.name, &library.version, handler.name(), handler.usage_snapshot())
        });
        namespaces.chain(handlers).collect()
    }
}
