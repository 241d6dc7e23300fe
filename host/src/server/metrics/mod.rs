//! `GET /metrics`: what Prometheus and those who speak its formats scrape.
//!
//! The modules are floors; each imports only from those above it in this list.

mod exposition;

mod calls;
mod of_plugins;
mod processes;

mod look;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use hyper::{
    Response, StatusCode,
    header::{CONTENT_TYPE, HeaderValue},
};
use parking_lot::MutexGuard;

use self::{
    exposition::Format,
    look::{Look, write},
};
use super::{
    answer::{ResponseBody, explained, refusal, whole},
    context::ServerContext,
    memory_budget::{LARGE, TOO_MANY, reserve},
    request::HttpRequest,
};

/// Time that the supervisor thread has to begin its next turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(2);

/// Most lines of the log about metrics of plugins: one that finds something new to do wrong each time is to fill nothing.
const MAX_COMPLAINTS: usize = 200;

/// Answer a scrape. Without an answer of the supervisor thread there is nothing to tell: whatever it waits for may keep
/// the lock that a look needs.
pub(super) async fn scrape(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let server = Arc::clone(request.server());
    let format = Format::accepted(&request.head.headers);
    let Some(supervisor) = &server.supervisor else { return refusal(StatusCode::NOT_FOUND) };
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
    // A small one counts as nothing, as with XML.
    let size = look.size();
    let memory = if size > LARGE {
        match reserve(&server.answers, size, server.limits.request).await {
            Some(memory) => Some(memory),
            None => return explained(StatusCode::SERVICE_UNAVAILABLE, TOO_MANY),
        }
    } else {
        None
    };
    // Of a thousand programs it takes milliseconds, which others need not wait for.
    let (text, complaints) = server.run_blocking(move || write(&look, format)).await;
    complain(&server, complaints);
    let mut response = whole(
        "text/plain",
        match memory {
            Some(memory) => memory.counted(text.into_bytes()),
            None => text.into(),
        },
    );
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    response
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
