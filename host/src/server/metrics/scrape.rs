//! One scrape: one look at everything, and its text.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use parking_lot::MutexGuard;
use plugin_api::Metrics;

use super::{
    calls,
    exposition::{Exposition, Format, Kind, Labels},
    of_plugins, processes,
};
use crate::{
    histogram::HistogramSnapshot,
    rpc::{MethodFigures, PluginFigures},
    server::{
        answer::{ResponseBody, explained, refusal, whole},
        context::ServerContext,
        request::HttpRequest,
        resource_usage::{Reading, ResourceUsage},
    },
    states::SupervisorState,
    supervisor::ProcessDetails,
    version,
};

/// Time that the supervisor thread has to begin its next turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes that the metrics of a process take, and all others: about.
const PROCESS_SIZE: usize = 2 << 10;
const OTHERS_SIZE: usize = 32 << 10;

/// Most lines of the log about metrics of plugins: one that finds something new to do wrong each time is to fill nothing.
const MAX_COMPLAINTS: usize = 200;

/// Everything that is told, as it was at one moment.
struct Look {
    state: SupervisorState,
    processes: Vec<ProcessDetails>,
    resources: Arc<Reading>,
    pools: Vec<(String, usize, u64)>,
    methods: Vec<MethodFigures>,
    plugins: Vec<PluginFigures>,
    /// Namespaces of plugins that have metrics, and these where they were given.
    of_plugins: Vec<(String, Option<Metrics>)>,
    /// Time from our wish that the supervisor thread begin a turn to its begin.
    loop_delay: Duration,
    turns: HistogramSnapshot,
}

/// Answer a scrape. Without an answer of the supervisor thread there is nothing to tell: whatever it waits for may keep
/// the lock that a look needs.
pub(in crate::server) async fn scrape(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let server = Arc::clone(request.server());
    let Some(supervisor) = &server.supervisor else { return refusal(StatusCode::NOT_FOUND) };
    let format = Format::accepted(&request.head.headers);
    let Some(loop_delay) = supervisor.turn(TURN_TIMEOUT).await else {
        return explained(StatusCode::SERVICE_UNAVAILABLE, "the supervisor thread does not go on");
    };
    let processes = supervisor.all_details();
    let pids = processes.iter().map(|details| details.info.pid).filter(|pid| *pid != 0).collect();
    let (resources, of_plugins) =
        tokio::join!(server.resources.read(pids), server.plugin_metrics.ask(&server.registry));
    let look = Look {
        state: supervisor.state(),
        processes,
        resources,
        pools: supervisor.output().pool_counts(),
        methods: server.registry.method_figures(),
        plugins: server.registry.plugin_figures(),
        of_plugins,
        loop_delay,
        turns: supervisor.turns(),
    };
    // Of a thousand programs it takes milliseconds, which others need not wait for.
    let (text, complaints) = server.run_blocking(move || write(&look, format)).await;
    complain(&server, complaints);
    let mut response = whole("text/plain", text.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    response
}

/// Write everything. Returns what of the metrics of plugins is left out, and why.
fn write(look: &Look, format: Format) -> (String, Vec<String>) {
    let size = OTHERS_SIZE + PROCESS_SIZE * look.processes.len();
    let (mut text, none) = (Exposition::new(format, size), Labels::default());
    let version = Labels::of([("version", version::OWN), ("supervisor_version", version::SUPERVISOR)]);
    text.own("supervisor_build", Kind::Info, "Version of supervisord, and of the Supervisor that it is like.")
        .add(&version, 1_u64);
    text.own("supervisor_state", Kind::Gauge, "State of supervisord by Supervisor's number: 1 is RUNNING.")
        .add(&none, look.state as i32);
    let own = look.resources.get(&std::process::id().cast_signed()).copied();
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

/// Log those of these lines that were not logged before.
fn complain(server: &ServerContext, complaints: Vec<String>) {
    if complaints.is_empty() {
        return;
    }
    let mut known: MutexGuard<'_, BTreeSet<String>> = server.complaints.lock();
    for complaint in complaints {
        if known.len() < MAX_COMPLAINTS && !known.contains(&complaint) {
            server.logger.warn(&complaint);
            known.insert(complaint);
        }
    }
}
