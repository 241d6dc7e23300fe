//! The pages for a browser: the status of all programs with buttons, and the end of a log.
//!
//! They see and do what XML-RPC does, by the same methods. An action may also be a plain GET, since bookmarks and
//! scripts have it so.
//!
//! The modules are floors; each imports only from those above it in this list.

mod answers;
mod assets;
mod form;
mod panel;
mod program;

mod actions;
mod calls;
mod live;
mod pages;

pub(super) mod fuzzing;

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    header::{ACCEPT, CACHE_CONTROL, HOST, HeaderValue, LOCATION},
};
use plugin_api::{Code, Value};
use serde_json::json;

use self::{
    answers::uncached,
    form::{Form, quote},
};
use super::{
    answer::{ResponseBody, last, refusal, whole},
    browser_guard::is_browser_without_origin,
    connection_watch::Phase,
    request::HttpRequest,
};
use crate::rpc::Registry;

pub(super) use self::{
    calls::{call, panel},
    live::follow,
};

/// Largest form that is read, in bytes: more than any of ours has.
const FORM_LIMIT: usize = 64 << 10;

/// Bytes of a log that are shown, at least and at most.
const TAIL: std::ops::RangeInclusive<i32> = 1024..=16 << 20;

const HTML: &str = "text/html;charset=utf-8";

/// Answer with a page.
pub(super) async fn page(request: HttpRequest<'_>) -> Response<ResponseBody> {
    // Supervisor has none of them for HEAD.
    if request.head.method == Method::HEAD {
        return request.refuse(refusal(StatusCode::NOT_FOUND)).await;
    }
    let path = request.path().into_owned();
    let HttpRequest { connection, head, body } = request;
    let mut posted = Bytes::new();
    if head.method == Method::POST {
        let Ok(body) = Limited::new(body, FORM_LIMIT).collect().await else {
            connection.watch.unread.store(true, Relaxed);
            return last(refusal(StatusCode::PAYLOAD_TOO_LARGE));
        };
        posted = body.to_bytes();
    }
    connection.watch.enter(Phase::Call);
    let registry = &connection.server.registry;
    let form = Form::new(head.uri.query().unwrap_or_default(), &String::from_utf8_lossy(&posted));
    match path.as_str() {
        "/ok.html" => whole("text/plain", Bytes::from_static(b"OK")),
        "/tail.html" => uncached(whole(HTML, tail(registry, &form).await.into())),
        _ => {
            let action = form.get("action").filter(|action| *action != "refresh" && head.method == Method::GET);
            if let Some(action) = action.filter(|_| is_browser_without_origin(&head.headers)) {
                // It may be a bookmark, or the link of another site: a person can tell.
                return uncached(whole(HTML, pages::question(action, form.get("processname")).into()));
            }
            uncached(status(registry, &form, &head.headers).await)
        }
    }
}

/// Tell whether a request for a page shows no more than how the programs are, and changes nothing.
pub(super) fn is_harmless(request: &HttpRequest<'_>) -> bool {
    let head = &request.head;
    let action = || Form::new(head.uri.query().unwrap_or_default(), "").get("action").map(str::to_owned);
    // To look again harms nobody.
    let changes = || action().is_some_and(|action| action != "refresh");
    matches!(head.method, Method::GET | Method::HEAD) && request.path() != "/tail.html" && !changes()
}

/// Answer with a file that belongs to the pages.
#[allow(clippy::unused_async, reason = "a handler")]
pub(super) async fn asset(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let path = request.path();
    if let Some((content_type, bytes)) = assets::find(&path) {
        let mut response = whole(content_type, Bytes::from_static(bytes));
        if path.starts_with("/javascripts/") {
            // After an upgrade there may be another.
            response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        return response;
    }
    if assets::is_directory(&path) {
        return redirect(&request.head.headers, &format!("{path}/"));
    }
    refusal(StatusCode::NOT_FOUND)
}

/// Do what the form asks for, or answer with the status page.
async fn status(registry: &Registry, form: &Form, headers: &HeaderMap) -> Response<ResponseBody> {
    if let Some(action) = form.get("action") {
        let said = actions::act(registry, action, form.get("processname")).await;
        // The page's script stays where it is, and shows what was done.
        let is_script = headers.get(ACCEPT).is_some_and(|accepted| accepted == "application/json");
        return match said {
            Some(said) if is_script => whole("application/json", json!({ "message": said }).to_string().into()),
            Some(said) => redirect(headers, &format!("/?message={}", quote(&said))),
            None => with_status(StatusCode::BAD_REQUEST, pages::notice("Bad request", "There is no such action.")),
        };
    }
    let page = match actions::call(registry, "getAllProcessInfo", &[]).await {
        Ok(infos) => pages::status(Ok(infos.as_array().unwrap_or_default()), form.get("message")),
        Err(fault) => pages::status(Err(&fault.text), form.get("message")),
    };
    whole(HTML, page.into())
}

/// The page with the end of a log.
async fn tail(registry: &Registry, form: &Form) -> String {
    let Some(name) = form.get("processname") else { return pages::tail(None, "No process name found") };
    let digits = form.get("limit").filter(|limit| limit.bytes().all(|byte| byte.is_ascii_digit()));
    let limit = digits.map_or(*TAIL.start(), |limit| limit.parse().unwrap_or(i32::MAX));
    let limit = limit.clamp(*TAIL.start(), *TAIL.end());
    let params = [Value::from(name), Value::Int(-limit), Value::Int(0)];
    let log = registry.call("supervisor.readProcessStdoutLog", params.into_iter().collect()).await;
    let text = match &log {
        Ok(text) => text.as_str().unwrap_or_default().to_owned(),
        Err(fault) if fault.is(Code::NoFile) => format!("No file for {name}"),
        Err(fault) => format!("ERROR: unexpected rpc fault [{}] {}", fault.code, fault.text),
    };
    pages::tail(Some((name, limit)), &text)
}

fn with_status(status: StatusCode, page: String) -> Response<ResponseBody> {
    let mut response = whole(HTML, page.into());
    *response.status_mut() = status;
    response
}

/// Redirect to another path of ours, by the name that the client has for us.
fn redirect(headers: &HeaderMap, path: &str) -> Response<ResponseBody> {
    let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().trim();
    let host = host.strip_suffix(":80").unwrap_or(host);
    let location = if host.is_empty() { path.to_owned() } else { format!("http://{host}{path}") };
    let mut response = whole("text/plain", Bytes::new());
    *response.status_mut() = StatusCode::MOVED_PERMANENTLY;
    // What came in a header may go out in one, and what is quoted is plain.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
