//! Metrics of methods and of plugins, as supervisord counts them.

use super::exposition::{Exposition, Kind, Labels};
use crate::rpc::{MethodFigures, PluginFigures};

/// Write the metrics of the methods that were called.
pub(super) fn write(text: &mut Exposition, methods: &[MethodFigures]) {
    let labels: Vec<_> = methods.iter().map(|method| Labels::of([("method", &*method.name)])).collect();
    let labelled = || methods.iter().zip(&labels);
    let name = "supervisor_rpc_request_duration_seconds";
    let help = "Time from each call of the method to its answer, of clients and of plugins.";
    let mut took = text.own(name, Kind::Histogram, help);
    labelled().for_each(|(method, labels)| took.add_histogram(labels, &method.took));
    let help = "Calls of the method that ended in a fault.";
    let mut faults = text.own("supervisor_rpc_faults", Kind::Counter, help);
    labelled().for_each(|(method, labels)| faults.add(labels, method.faults));
}

/// Number of a plugin's figures.
type Count = fn(&PluginFigures) -> u64;

/// Write the metrics of the plugins. `has_metrics` tells of each namespace that has metrics whether it gave them.
pub(super) fn write_plugins(text: &mut Exposition, plugins: &[PluginFigures], has_metrics: &[(&str, bool)]) {
    let label = |it: &PluginFigures| Labels::of([("plugin", it.plugin.as_str()), ("name", it.name.as_str())]);
    let labels: Vec<_> = plugins.iter().map(label).collect();
    let labelled = || plugins.iter().zip(&labels);
    let help = "Version of the plugin with that namespace or result handler.";
    let mut info = text.own("supervisor_plugin", Kind::Info, help);
    for (it, labels) in labelled() {
        info.add_with(labels, &Labels::of([("version", it.version.as_str())]), 1_u64);
    }
    let counters: [(_, _, Count); 3] = [
        ("supervisor_plugin_calls", "Calls of the plugin's methods, its hooks among them.", |it| it.calls),
        ("supervisor_plugin_faults", "Calls of the plugin that ended in a fault, panics among them.", |it| it.faults),
        ("supervisor_plugin_panics", "Calls of the plugin that ended in a panic.", |it| it.panics),
    ];
    for (name, help, count) in counters {
        let mut counter = text.own(name, Kind::Counter, help);
        labelled().for_each(|(it, labels)| counter.add(labels, count(it)));
    }
    let help = "Calls of the plugin that are not answered yet.";
    let mut running = text.own("supervisor_plugin_calls_running", Kind::Gauge, help);
    labelled().for_each(|(it, labels)| running.add(labels, it.running));
    let help = "1 if the plugin has given its own metrics in time.";
    let mut up = text.own("supervisor_plugin_metrics_up", Kind::Gauge, help);
    for (name, is_so) in has_metrics {
        up.add(&Labels::of([("name", *name)]), *is_so);
    }
}
