//! The pages for a browser: the status of all programs with buttons, and the end of a log.
//!
//! They see and do what XML-RPC does, by the same methods. An action may also be a plain GET, since bookmarks and
//! scripts have it so.

mod actions;
mod files;
mod form;
mod pages;

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::{
    HeaderMap, Method, Response, StatusCode,
    body::Incoming,
    header::{CACHE_CONTROL, EXPIRES, HOST, HeaderName, HeaderValue, LOCATION, PRAGMA},
    http::request::Parts,
};
use plugin_api::{Value, fault::Code};

use self::form::{Form, quote};
use super::{
    Endpoint,
    answer::{Answer, last, refusal, whole},
    watch::Phase,
};

/// More than any form of ours has.
const FORM_LIMIT: usize = 64 << 10;

/// How much of a log is shown at least, and at most, in bytes.
const TAIL: std::ops::RangeInclusive<i32> = 1024..=16 << 20;

const HTML: &str = "text/html;charset=utf-8";

/// Answers with a page. `path` has no percent signs any more.
pub(super) async fn page(endpoint: &Endpoint, path: &str, head: &Parts, body: Incoming) -> Response<Answer> {
    let mut posted = Bytes::new();
    if head.method == Method::POST {
        let Ok(body) = Limited::new(body, FORM_LIMIT).collect().await else {
            endpoint.watch.unread.store(true, Relaxed);
            return last(refusal(StatusCode::PAYLOAD_TOO_LARGE));
        };
        posted = body.to_bytes();
    }
    endpoint.watch.enter(Phase::Call);
    let form = Form::new(head.uri.query().unwrap_or_default(), &String::from_utf8_lossy(&posted));
    match path {
        "/ok.html" => whole("text/plain", Bytes::from_static(b"OK")),
        "/tail.html" => fresh(whole(HTML, tail(endpoint, &form).await.into())),
        _ => fresh(status(endpoint, &form, &head.headers).await),
    }
}

/// Whether a request for a page shows no more than how the programs are, and changes nothing.
pub(super) fn only_looks(path: &str, head: &Parts) -> bool {
    let action = || Form::new(head.uri.query().unwrap_or_default(), "").get("action").map(str::to_owned);
    // To look again harms nobody.
    let changes = || action().is_some_and(|action| action != "refresh");
    matches!(head.method, Method::GET | Method::HEAD) && path != "/tail.html" && !changes()
}

/// Answers with what a page is dressed with.
pub(super) fn file(path: &str, headers: &HeaderMap) -> Response<Answer> {
    if let Some((content_type, bytes)) = files::find(path) {
        return whole(content_type, Bytes::from_static(bytes));
    }
    if files::is_directory(path) {
        return redirect(headers, &format!("{path}/"));
    }
    refusal(StatusCode::NOT_FOUND)
}

async fn status(endpoint: &Endpoint, form: &Form, headers: &HeaderMap) -> Response<Answer> {
    let registry = &endpoint.server.registry;
    if let Some(action) = form.get("action") {
        return match actions::act(registry, action, form.get("processname")).await {
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

async fn tail(endpoint: &Endpoint, form: &Form) -> String {
    let Some(name) = form.get("processname") else { return pages::tail(None, "No process name found") };
    let digits = form.get("limit").filter(|limit| limit.bytes().all(|byte| byte.is_ascii_digit()));
    let limit = digits.map_or(*TAIL.start(), |limit| limit.parse().unwrap_or(i32::MAX));
    let limit = limit.clamp(*TAIL.start(), *TAIL.end());
    let params = [Value::from(name), Value::Int(-limit), Value::Int(0)];
    let log = endpoint.server.registry.call("supervisor.readProcessStdoutLog", params.into_iter().collect()).await;
    let text = match &log {
        Ok(text) => text.as_str().unwrap_or_default().to_owned(),
        Err(fault) if fault.code == Code::NoFile as i32 => format!("No file for {name}"),
        Err(fault) => format!("ERROR: unexpected rpc fault [{}] {}", fault.code, fault.text),
    };
    pages::tail(Some((name, limit)), &text)
}

fn with_status(status: StatusCode, page: String) -> Response<Answer> {
    let mut response = whole(HTML, page.into());
    *response.status_mut() = status;
    response
}

/// To another path of ours, by the name that the client has for us.
fn redirect(headers: &HeaderMap, path: &str) -> Response<Answer> {
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

/// What nobody may keep, nobody may frame, and what loads nothing from elsewhere.
fn fresh(mut response: Response<Answer>) -> Response<Answer> {
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-cache"),
        (PRAGMA, "no-cache"),
        (EXPIRES, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (
            HeaderName::from_static("content-security-policy"),
            "default-src 'none'; style-src 'self'; img-src 'self'; frame-ancestors 'none'",
        ),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
