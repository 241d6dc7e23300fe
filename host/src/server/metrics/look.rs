//! Text of all that is told, from one look at everything.

use std::{sync::Arc, time::Duration};

use plugin_api::Metrics;

use super::{
    calls,
    exposition::{Exposition, Format, Kind, Labels},
    of_plugins, processes,
};
use crate::{
    histogram::HistogramSnapshot,
    rpc::{MethodFigures, PluginFigures},
    server::resource_usage::{Reading, ResourceUsage},
    states::SupervisorState,
    supervisor::ProcessDetails,
    version,
};

/// Bytes that the metrics of a process take, a value of a plugin, and all others: about.
const PROCESS_SIZE: usize = 2 << 10;
const SAMPLE_SIZE: usize = 128;
const OTHERS_SIZE: usize = 32 << 10;

/// Everything that is told, as it was at one moment.
pub(super) struct Look {
    pub(super) state: SupervisorState,
    pub(super) processes: Vec<ProcessDetails>,
    pub(super) resources: Arc<Reading>,
    pub(super) pools: Vec<(String, usize, u64)>,
    pub(super) methods: Vec<MethodFigures>,
    pub(super) plugins: Vec<PluginFigures>,
    /// Namespaces of plugins that have metrics, and these where they were given.
    pub(super) of_plugins: Vec<(String, Option<Metrics>)>,
    /// Time from our wish that the supervisor thread begin a turn to its begin.
    pub(super) loop_delay: Duration,
    pub(super) turns: HistogramSnapshot,
}

impl Look {
    /// Size of its text in bytes: about.
    pub(super) fn size(&self) -> usize {
        let of_plugins = self.of_plugins.iter().filter_map(|(_, metrics)| metrics.as_ref());
        let samples: usize = of_plugins.flat_map(Metrics::families).map(|family| family.samples().len()).sum();
        OTHERS_SIZE + PROCESS_SIZE * self.processes.len() + SAMPLE_SIZE * samples
    }
}

/// Write everything. Returns what of the metrics of plugins is left out, and why.
pub(super) fn write(look: &Look, format: Format) -> (String, Vec<String>) {
    let (mut text, none) = (Exposition::new(format, look.size()), Labels::default());
    let version = Labels::of([("version", version::OWN), ("supervisor_version", version::SUPERVISOR)]);
    text.own("supervisor_build", Kind::Info, "Version of supervisord, and of the Supervisor that it is like.")
        .add(&version, 1_u64);
    text.own("supervisor_state", Kind::Gauge, "State of supervisord by Supervisor's number: 1 is RUNNING.")
        .add(&none, look.state as i32);
    let own = look.resources.get(std::process::id().cast_signed()).copied();
    let used = || own.into_iter().map(|usage: ResourceUsage| (usage, &none));
    processes::write_resources(&mut text, "supervisor", "supervisord", used);
    let help = "Time from the begin of this scrape until the supervisor thread has begun another turn.";
    text.own("supervisor_loop_delay_seconds", Kind::Gauge, help).add(&none, look.loop_delay);
    let help = "Time that each turn of the supervisor thread has taken, without its wait for something to do.";
    text.own("supervisor_loop_turn_duration_seconds", Kind::Histogram, help).add_histogram(&none, &look.turns);
    processes::write(&mut text, &look.processes, &look.resources);
    processes::write_pools(&mut text, &look.pools);
    calls::write(&mut text, &look.methods);
    let has_metrics: Vec<_> =
        look.of_plugins.iter().map(|(name, metrics)| (name.as_str(), metrics.is_some())).collect();
    calls::write_plugins(&mut text, &look.plugins, &has_metrics);
    let mut complaints = Vec::new();
    for (namespace, metrics) in &look.of_plugins {
        let Some(metrics) = metrics else { continue };
        let own = of_plugins::write(&mut text, namespace, metrics);
        complaints.extend(own.into_iter().map(|complaint| format!("{namespace}: {complaint}")));
    }
    (text.finish(), complaints)
}
