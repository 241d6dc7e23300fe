//! `GET /events`: the events of supervisord as they happen, as server-sent events.
//!
//! Each event has its type as its name, its number as its id, and as its data an object
//! `{"serial": 7, "type": "PROCESS_STATE_RUNNING", "time": 1793000040.25, "payload": "processname:…"}`: `time` is in
//! seconds since 1970; a payload that is not UTF-8 stands in `payload_base64` instead. Numbers count from 1 on in each
//! supervisord, so they begin again after an upgrade. A client that is too slow misses some, and is told how many by an
//! event `missed` with the data `{"missed": 5}`.
//!
//! `?types=PROCESS_STATE,TICK_5` chooses. Without that, and with `EVENT`, all come but those below `PROCESS_LOG` and
//! `TICK`, which have to be named.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hyper::{Response, StatusCode};
use serde::Serialize;

use super::{
    answer::{ResponseBody, explained},
    request::HttpRequest,
    server_sent_events::{self, FrameSender, frame},
};
use crate::{
    events::{EventType, Published, Subscription},
    text::nearest::nearest,
};

/// Types of which there are many events, so that they come to those alone who name them.
const ONLY_BY_NAME: [&str; 2] = ["PROCESS_LOG", "TICK"];

/// Data of an event.
#[derive(Serialize)]
struct EventData<'a> {
    serial: u64,
    #[serde(rename = "type")]
    name: &'a str,
    time: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_base64: Option<String>,
}

/// Answer with the events that are published from now on.
pub(super) async fn events(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let source = &request.server().events;
    let types = match asked_types(request.head.uri.query().unwrap_or_default(), &source.plugin_types) {
        Ok(types) => types,
        Err(why) => return request.refuse(explained(StatusCode::BAD_REQUEST, &why)).await,
    };
    let (sender, response) = server_sent_events::stream();
    tokio::spawn(send(source.bus.subscribe_to(types), sender));
    response
}

/// Send events until the client goes.
async fn send(events: Subscription, sender: FrameSender) {
    loop {
        let frame = tokio::select! {
            biased;
            () = sender.closed() => return,
            missed = events.missed() => frame("missed", None, &format!("{{\"missed\":{missed}}}")),
            published = events.recv_published() => match published {
                Some(published) => encode(&published),
                None => return,
            },
        };
        if sender.send(frame).await.is_err() {
            return;
        }
    }
}

fn encode(Published { serial, time, event }: &Published) -> Bytes {
    let payload = event.payload_bytes();
    let text = std::str::from_utf8(&payload).ok();
    let data = EventData {
        serial: *serial,
        name: event.name(),
        time: unix_seconds(*time),
        payload: text,
        payload_base64: text.is_none().then(|| STANDARD.encode(&payload)),
    };
    let data = serde_json::to_string(&data).expect("numbers and texts can be written");
    frame(event.name(), Some(*serial), &data)
}

/// Seconds since 1970, to the microsecond.
#[allow(clippy::cast_precision_loss, reason = "microseconds need 53 bits in the year 2255")]
fn unix_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_micros() as f64 / 1e6)
}

/// Types that a query asks for, each above all that are to be sent. The error says what is wrong with it.
fn asked_types(query: &str, of_plugins: &[String]) -> Result<Vec<EventType>, String> {
    let mut asked = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "types" {
            return Err(format!("'{name}' is no parameter of /events; it has types=TYPE,TYPE"));
        }
        let names = value.split(',').map(str::trim).filter(|name| !name.is_empty());
        asked.extend(names.map(|name| known_type(name, of_plugins)).collect::<Result<Vec<_>, _>>()?);
    }
    // Each costs something with every event.
    asked.sort_unstable();
    asked.dedup();
    let is_everything = |asked: &EventType| asked.includes("EVENT");
    if !asked.is_empty() && !asked.iter().any(is_everything) {
        return Ok(asked);
    }
    asked.retain(|asked| !is_everything(asked));
    asked.extend(usual_types(of_plugins));
    Ok(asked)
}

/// List all types but those that have to be named.
fn usual_types(of_plugins: &[String]) -> impl Iterator<Item = EventType> {
    let has_to_be_named = |name: &str| {
        let above = EventType::above(name);
        name == "EVENT" || above.iter().any(|above| ONLY_BY_NAME.contains(&above.as_str()))
    };
    let built_in = EventType::all_built_in().filter(move |name| !has_to_be_named(name)).filter_map(EventType::built_in);
    built_in.chain(of_plugins.iter().filter_map(|name| EventType::of_a_plugin(name)))
}

/// Find a type by its name; one of a plugin may be above several.
fn known_type(name: &str, of_plugins: &[String]) -> Result<EventType, String> {
    let of_a_plugin = || EventType::of_a_plugin(name).filter(|it| of_plugins.iter().any(|known| it.includes(known)));
    EventType::built_in(name).or_else(of_a_plugin).ok_or_else(|| {
        let upper = name.to_uppercase();
        let meant = nearest(&upper, EventType::all_built_in().chain(of_plugins.iter().map(String::as_str)));
        let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
        format!("'{name}' is no type of events of supervisord, nor of a plugin that is loaded{meant}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Channel, Event};

    fn is_sent(query: &str, name: &str) -> bool {
        asked_types(query, &["CACHE_CHANGED".to_owned()]).unwrap().iter().any(|asked| asked.includes(name))
    }

    #[test]
    fn ticks_and_output_come_to_those_who_name_them() {
        for name in ["PROCESS_STATE_RUNNING", "REMOTE_COMMUNICATION", "PROCESS_HEALTH_OK", "CACHE_CHANGED"] {
            assert!(is_sent("", name) && is_sent("types=EVENT", name) && is_sent("types=event,TICK_5", name), "{name}");
        }
        for (query, ticks, output) in
            [("", false, false), ("types=EVENT%2CTICK", true, false), ("types=PROCESS_LOG_STDOUT", false, true)]
        {
            assert_eq!((is_sent(query, "TICK_5"), is_sent(query, "PROCESS_LOG_STDOUT")), (ticks, output), "{query}");
        }
        assert!(!is_sent("types=TICK_5", "PROCESS_STATE_RUNNING") && is_sent("types=CACHE", "CACHE_CHANGED"));
    }

    #[test]
    fn a_type_that_is_asked_for_often_is_one() {
        let query = format!("types={}", "TICK_60,tick_5,".repeat(5_000));
        assert_eq!(asked_types(&query, &[]).unwrap(), ["TICK_5", "TICK_60"].map(|it| EventType::built_in(it).unwrap()));
    }

    #[test]
    fn what_is_not_there_is_named() {
        let error = |query: &str| asked_types(query, &[]).unwrap_err();
        assert_eq!(error("type=TICK"), "'type' is no parameter of /events; it has types=TYPE,TYPE");
        assert_eq!(
            error("types=TICK,proces_state"),
            "'proces_state' is no type of events of supervisord, nor of a plugin that is loaded; did you mean \
             PROCESS_STATE?"
        );
        assert_eq!(error("types=CACHE"), "'CACHE' is no type of events of supervisord, nor of a plugin that is loaded");
    }

    #[test]
    fn a_payload_that_is_no_text_is_sent_as_it_is() {
        let output = |data: &[u8]| {
            let (process, group, data) = ("x".to_owned(), "g".to_owned(), data.to_vec());
            let event = Event::ProcessLog { process, group, pid: 7, channel: Channel::Stdout, data }.into();
            let time = UNIX_EPOCH + std::time::Duration::from_millis(1_793_000_040_250);
            String::from_utf8(encode(&Published { serial: 3, time, event }).to_vec()).unwrap()
        };
        let head = "event: PROCESS_LOG_STDOUT\nid: 3\ndata: {\"serial\":3,\"type\":\"PROCESS_LOG_STDOUT\",\
                    \"time\":1793000040.25,";
        let payload = "\"payload\":\"processname:x groupname:g pid:7 channel:stdout\\né\\n\"}\n\n";
        assert_eq!(output("é\n".as_bytes()), format!("{head}{payload}"));
        let payload = STANDARD.encode(b"processname:x groupname:g pid:7 channel:stdout\n\x88");
        assert_eq!(output(b"\x88"), format!("{head}\"payload_base64\":\"{payload}\"}}\n\n"));
    }
}
