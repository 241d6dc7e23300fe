//! `POST /live/call` and `GET /live/panel`: methods and plugins' panels for the page's script, as JSON.
//!
//! `{"method": "cache.fetch", "params": ["key"]}` is answered with `{"result": …}` or `{"fault": {"code": …, "text": …}}`.
//! What can be called is what XML-RPC can call, by the same way.

use std::{sync::atomic::Ordering::Relaxed, time::Duration};

use http_body_util::Limited;
use hyper::{Response, StatusCode, header::CONTENT_TYPE};
use plugin_api::{Fault, PanelQuery, Value};
use serde::Deserialize;
use serde_json::json;

use super::{
    super::{
        answer::{ResponseBody, explained, last, refusal, whole},
        connection_watch::Phase,
        memory_budget::{BodyError, collect},
        request::HttpRequest,
    },
    answers::uncached,
    form::Form,
    panel::shown,
};
use crate::xmlrpc::{NESTING_LIMIT, is_deeper, size_up_to};

/// Largest call that is read, in bytes.
const CALL_LIMIT: usize = 1 << 20;

/// Largest answer that is shown, in bytes.
const ANSWER_LIMIT: usize = 1 << 20;

/// Time that a panel may take.
const PANEL_TIMEOUT: Duration = Duration::from_secs(10);

/// A call as the script writes it.
#[derive(Deserialize)]
pub(super) struct Call {
    pub(super) method: String,
    #[serde(default)]
    pub(super) params: Vec<Value>,
}

/// Read a call; the error says why it is none.
pub(super) fn read(body: &[u8]) -> Result<Call, String> {
    let call: Call = serde_json::from_slice(body).map_err(|error| format!("This is no call: {error}"))?;
    if call.params.iter().any(|value| is_deeper(value, NESTING_LIMIT)) {
        return Err("The parameters are nested too deep.".to_owned());
    }
    Ok(call)
}

/// Answer a call.
pub(crate) async fn call(request: HttpRequest<'_>) -> Response<ResponseBody> {
    // No form of a page can have this type.
    let is_json = |kind: &str| kind.split(';').next().is_some_and(|kind| kind.trim() == "application/json");
    if !request.head.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).is_some_and(is_json) {
        return request.refuse(explained(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Write JSON, as application/json.")).await;
    }
    let HttpRequest { connection, body, .. } = request;
    let (body, _memory) = match collect(&connection.server.requests, Limited::new(body, CALL_LIMIT)).await {
        Ok(collected) => collected,
        Err(why) => {
            connection.watch.unread.store(true, Relaxed);
            return last(refusal(match why {
                BodyError::Incomplete => StatusCode::PAYLOAD_TOO_LARGE,
                BodyError::NoMemory => StatusCode::SERVICE_UNAVAILABLE,
            }));
        }
    };
    connection.watch.enter(Phase::Call);
    let call = match read(&body) {
        Ok(call) => call,
        Err(why) => return explained(StatusCode::BAD_REQUEST, &why),
    };
    answer(connection.server.registry.call(&call.method, call.params.into()).await.and_then(|value| to_json(&value)))
}

/// Answer with a panel of a plugin.
pub(crate) async fn panel(request: HttpRequest<'_>) -> Response<ResponseBody> {
    request.connection.watch.enter(Phase::Call);
    let form = Form::new(request.head.uri.query().unwrap_or_default(), "");
    let text = |field: &str| form.get(field).unwrap_or_default().to_owned();
    let mut query = PanelQuery::default();
    (query.search, query.after) = (text("search"), text("after"));
    let name = text("name");
    let looked = request.server().registry.panel(&name, query);
    let result = match tokio::time::timeout(PANEL_TIMEOUT, looked).await {
        Ok(Ok(value)) => to_json(&value).and_then(|value| shown(&name, &value)),
        Ok(Err(fault)) => Err(fault),
        Err(_) => Err(Fault::failed_with(format_args!("{name} has not answered in {} s", PANEL_TIMEOUT.as_secs()))),
    };
    answer(result)
}

/// Turn a value into JSON, if it is not too large for a page.
fn to_json(value: &Value) -> Result<serde_json::Value, Fault> {
    if size_up_to(value, ANSWER_LIMIT) > ANSWER_LIMIT {
        return Err(Fault::failed_with("the answer is larger than 1 MiB, which is too much for a page"));
    }
    serde_json::to_value(value).map_err(Fault::failed_with)
}

fn answer(result: Result<serde_json::Value, Fault>) -> Response<ResponseBody> {
    let answer = match result {
        Ok(result) => json!({ "result": result }),
        Err(fault) => json!({ "fault": { "code": fault.code, "text": fault.text.as_str() } }),
    };
    uncached(whole("application/json", answer.to_string().into()))
}
