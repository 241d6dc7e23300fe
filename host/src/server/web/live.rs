//! `GET /live`: how everything is, and what changes from then on, as server-sent events for the page's script.
//!
//! However many pages are open, one task looks, and makes the bytes that all of them get. It looks when something has
//! happened, and once a second for what has no events; while no page is open there is no such task. A page first gets a
//! `snapshot`, then a `change` with the programs that are not as they were, and every two seconds the `usage` of those
//! that use more or less than before. A page that does not keep up is cut off: it comes back, and gets a snapshot.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde_json::{json, value::RawValue};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::{
    super::{
        answer::{ResponseBody, refusal},
        context::ServerContext,
        request::HttpRequest,
        server_sent_events::{FrameSender, frame, stream},
    },
    assets,
    program::{self, namespec},
};
use crate::{
    events::EventType,
    supervisor::{ProcessDetails, Supervisor},
};

/// Interval of looks at what has no events.
const INTERVAL: Duration = Duration::from_secs(1);

/// Time that the supervisor thread has to begin its next turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(2);

/// Looks from one reading of what the programs use to the next.
const LOOKS_PER_READING: u32 = 2;

/// Time that passes from an event to a look: what happens together is told together.
const SETTLE: Duration = Duration::from_millis(100);

/// Events after which programs may be others than before.
const EVENTS: [&str; 2] = ["PROCESS_STATE", "PROCESS_GROUP"];

/// Answer with the stream.
#[allow(clippy::unused_async, reason = "a handler")]
pub(crate) async fn follow(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let server = request.server();
    let Some(supervisor) = &server.supervisor else { return refusal(StatusCode::NOT_FOUND) };
    let (page, response) = stream();
    if server.live.join(page) {
        tokio::spawn(tell(server.clone(), supervisor.clone()));
    }
    response
}

/// Tell the pages what happens, until none is left.
async fn tell(server: Arc<ServerContext>, supervisor: Supervisor) {
    let events = supervisor.bus().subscribe_to(EVENTS.into_iter().filter_map(EventType::built_in));
    let (mut told, mut pages) = (Told::default(), Vec::new());
    let mut ticks = interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until_reading = 0;
    loop {
        let is_tick = tokio::select! {
            _ = ticks.tick() => true,
            () = server.live.joined() => false,
            _ = events.recv() => {
                sleep(SETTLE).await;
                while events.try_recv().is_some() {}
                false
            }
        };
        let now = SystemTime::now();
        let Some(details) = look(&supervisor, TURN_TIMEOUT).await else {
            // Their streams end, and they come back: none is to show for long what may not be so any more.
            pages.clear();
            drop(server.live.take_new());
            if server.live.end() {
                return;
            }
            continue;
        };
        if let Some(change) = told.changes(&details, now) {
            send_all(&mut pages, &change);
        }
        if is_tick && until_reading == 0 {
            until_reading = LOOKS_PER_READING;
            let pids = details.iter().map(|details| details.info.pid).filter(|&pid| pid != 0).collect();
            let reading = server.resources.read(pids).await;
            let resources = details.iter().filter_map(|it| Some((it, reading.get(it.info.pid)?)));
            let used = resources
                .map(|(details, usage)| (namespec(details), details.info.pid, usage.cpu, usage.resident_bytes));
            send_all(&mut pages, &told.usage(used, reading.at.unwrap_or_else(Instant::now)));
        }
        until_reading -= u32::from(is_tick);
        let new = server.live.take_new();
        if !new.is_empty() {
            let snapshot = told.snapshot(&server, &supervisor.identifier());
            pages.extend(new.into_iter().filter(|page| page.try_send_first(snapshot.clone()).is_ok()));
        }
        if pages.is_empty() && server.live.end() {
            return;
        }
    }
}

/// Look at all processes; `None` where the supervisor thread does not go on, since whatever it waits for may keep the
/// lock that a look needs.
async fn look(supervisor: &Supervisor, timeout: Duration) -> Option<Vec<ProcessDetails>> {
    supervisor.turn(timeout).await?;
    Some(supervisor.all_details())
}

/// Send bytes to all pages, and forget those that have left or do not keep up.
fn send_all(pages: &mut Vec<FrameSender>, bytes: &Bytes) {
    pages.retain(|page| page.try_send(bytes.clone()).is_ok());
}

/// State of the programs as the pages know it.
#[derive(Default)]
struct Told {
    /// JSON of each, by its namespec.
    programs: BTreeMap<String, Box<RawValue>>,
    usage: BTreeMap<String, Usage>,
    /// CPU time of each pid, and when that was read.
    cpu_times: HashMap<i32, (Duration, Instant)>,
}

/// Use of resources by a process: CPU in percent of one, if that is known yet, and resident bytes.
type Usage = (Option<f64>, u64);

impl Told {
    /// Take in how the programs are, and make the event for those that were another way, if there are any.
    fn changes(&mut self, details: &[ProcessDetails], now: SystemTime) -> Option<Bytes> {
        let mut before = std::mem::take(&mut self.programs);
        let mut changed = Vec::new();
        for details in details {
            let name = namespec(details);
            let json = program::to_json(&name, details, now);
            let (was, is_same) = match before.remove(&name) {
                Some(was) => {
                    let is_same = was.get() == json;
                    (Some(was), is_same)
                }
                None => (None, false),
            };
            let Some(json) = was.filter(|_| is_same).or_else(|| RawValue::from_string(json).ok()) else { continue };
            if !is_same {
                changed.push(name.clone());
            }
            self.programs.insert(name, json);
        }
        let removed: Vec<_> = before.into_keys().collect();
        self.usage.retain(|name, _| self.programs.contains_key(name));
        if changed.is_empty() && removed.is_empty() {
            return None;
        }
        let programs: Vec<_> = changed.iter().filter_map(|name| self.programs.get(name).map(|it| &**it)).collect();
        Some(event("change", &Change { programs, removed }))
    }

    /// Take in what processes use, and make the event for those whose use is another.
    fn usage(
        &mut self,
        used: impl Iterator<Item = (String, i32, Option<Duration>, Option<u64>)>,
        read_at: Instant,
    ) -> Bytes {
        let cpu_before = std::mem::take(&mut self.cpu_times);
        let before = std::mem::take(&mut self.usage);
        for (name, pid, cpu, resident) in used {
            let share = cpu.and_then(|cpu| {
                let (cpu_before, read_before) = *cpu_before.get(&pid)?;
                if read_before == read_at {
                    // It was read for others, and nothing is new.
                    return before.get(&name)?.0;
                }
                let passed = read_at.duration_since(read_before).as_secs_f64();
                let share = cpu.saturating_sub(cpu_before).as_secs_f64() / passed.max(0.001) * 100.0;
                Some((share * 10.0).round() / 10.0)
            });
            if let Some(cpu) = cpu {
                self.cpu_times.insert(pid, (cpu, read_at));
            }
            self.usage.insert(name, (share, resident.unwrap_or(0)));
        }
        let changed = self.usage.iter().filter(|(name, usage)| before.get(*name) != Some(usage));
        let changed: BTreeMap<_, _> = changed.collect();
        event("usage", &json!({ "now": seconds(SystemTime::now()), "usage": changed }))
    }

    /// Make the event that a page gets first.
    fn snapshot(&self, server: &ServerContext, identifier: &str) -> Bytes {
        let panels =
            server.registry.panels().into_iter().map(|(name, title)| json!({ "name": &*name, "title": title }));
        let snapshot = Snapshot {
            now: seconds(SystemTime::now()),
            script: script_version(),
            identifier,
            panels: panels.collect(),
            processes: self.programs.values().map(|program| &**program).collect(),
            usage: &self.usage,
        };
        event("snapshot", &snapshot)
    }
}

/// Programs that have changed, and the namespecs of those that are gone.
#[derive(serde::Serialize)]
struct Change<'a> {
    #[serde(rename = "processes")]
    programs: Vec<&'a RawValue>,
    removed: Vec<String>,
}

/// Everything that a page shows before something changes.
#[derive(serde::Serialize)]
struct Snapshot<'a> {
    /// Seconds since 1970: the page counts uptimes by this clock.
    now: f64,
    /// Version of the script. A page that has another, from before an upgrade, loads itself anew.
    script: String,
    identifier: &'a str,
    panels: Vec<serde_json::Value>,
    processes: Vec<&'a RawValue>,
    usage: &'a BTreeMap<String, Usage>,
}

/// Write an event.
fn event(name: &str, data: &impl serde::Serialize) -> Bytes {
    // Texts, numbers and lists of these become JSON without fail.
    frame(name, None, &serde_json::to_string(data).unwrap_or_default())
}

/// Seconds since 1970.
fn seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// Number that is another for another script.
fn script_version() -> String {
    let mut hasher = DefaultHasher::new();
    assets::SCRIPT.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        process::fixtures,
        supervisor::fixtures::{AtWork, block_on},
    };

    #[test]
    fn no_look_waits_for_a_supervisor_thread_that_does_not_go_on() {
        let supervisor = AtWork::with([fixtures::process("cat")]);
        let look = |timeout| block_on(look(&supervisor, timeout)).map(|details| details.len());
        assert_eq!(look(Duration::from_secs(20)), Some(1));
        let go_on = supervisor.hold_up();
        assert_eq!(look(Duration::from_millis(100)), None);
        go_on();
        assert_eq!(look(Duration::from_secs(20)), Some(1));
        supervisor.shutdown();
    }
}
