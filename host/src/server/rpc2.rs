//! `POST /RPC2`: from bytes to a method and back.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{CONTENT_LENGTH, EXPECT, TRANSFER_ENCODING},
};
use plugin_api::{Fault, Value};

use super::{
    Endpoint,
    answer::{Answer, last, refusal, whole},
    watch::Phase,
};
use crate::xmlrpc;

/// A refused request's body up to this size is read and forgotten, so that the connection can go on.
const FORGETTABLE: u64 = 64 << 10;

/// A request or an answer from this size on would keep other clients waiting while it is read or written as XML.
const LARGE: usize = 2 << 20;

/// Answers a call.
pub(super) async fn call(endpoint: &Endpoint, headers: &HeaderMap, body: Incoming) -> Response<Answer> {
    // Of a body in chunks nobody knows how large it will become; Supervisor's clients all say it beforehand.
    if headers.contains_key(TRANSFER_ENCODING) || !headers.contains_key(CONTENT_LENGTH) {
        return refuse(endpoint, headers, body, StatusCode::LENGTH_REQUIRED).await;
    }
    let limit = endpoint.server.watchlist.limits().body;
    if body.size_hint().exact().is_none_or(|length| length > limit as u64) {
        return refuse(endpoint, headers, body, StatusCode::PAYLOAD_TOO_LARGE).await;
    }
    // A client that left before it had asked hears nothing.
    let Some(body) = collect(body).await else { return last(refusal(StatusCode::BAD_REQUEST)) };
    endpoint.watch.enter(Phase::Call);
    let request =
        if body.len() < LARGE { xmlrpc::decode_call(&body) } else { apart(move || xmlrpc::decode_call(&body)).await };
    let request = match request {
        Ok(request) if !request.name.is_empty() => request,
        Ok(_) => return invalid(endpoint, &"no method name"),
        Err(error) => return invalid(endpoint, &error),
    };
    let result = endpoint.server.registry.call(&request.name, request.params).await;
    whole("text/xml", if is_large(&result) { apart(move || encode(&result)).await } else { encode(&result) })
}

fn encode(result: &Result<Value, Fault>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    match result {
        Ok(value) => xmlrpc::encode_response(value, &mut out),
        Err(fault) => xmlrpc::encode_fault(fault, &mut out),
    }
    out
}

/// Only what is large at a glance: to look at every value of a deep one would cost what it is to save.
fn is_large(result: &Result<Value, Fault>) -> bool {
    match result {
        Ok(Value::Array(elements)) => elements.len() > LARGE / 64,
        Ok(Value::Struct(members)) => members.len() > LARGE / 64,
        Ok(Value::Base64(bytes)) => bytes.len() > LARGE,
        Ok(value) => value.as_str().is_some_and(|text| text.len() > LARGE),
        Err(_) => false,
    }
}

/// Does heavy work where it holds up nobody.
async fn apart<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> R {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn invalid(endpoint: &Endpoint, why: &dyn std::fmt::Display) -> Response<Answer> {
    // What the request held is left out: it may be a secret, and it may be megabytes.
    endpoint.server.logger.error(format_args!("XML-RPC request data is invalid: {why}"));
    refusal(StatusCode::BAD_REQUEST)
}

/// The whole body; `None` if the client broke off.
async fn collect(mut body: Incoming) -> Option<Bytes> {
    let first = match body.frame().await {
        None => return Some(Bytes::new()),
        Some(frame) => frame.ok()?.into_data().ok()?,
    };
    if body.is_end_stream() {
        // As good as always, and then the bytes stay where they were received.
        return Some(first);
    }
    let mut all = Vec::from(first);
    while let Some(frame) = body.frame().await {
        all.extend_from_slice(&frame.ok()?.into_data().ok()?);
    }
    Some(all.into())
}

/// Refuses a request that may have a body.
pub(super) async fn refuse(
    endpoint: &Endpoint,
    headers: &HeaderMap,
    mut body: Incoming,
    status: StatusCode,
) -> Response<Answer> {
    let small = body.size_hint().exact().is_some_and(|length| length <= FORGETTABLE);
    // Who expects to be asked for the body must not be.
    if small && (body.is_end_stream() || !headers.contains_key(EXPECT)) {
        while let Some(Ok(_)) = body.frame().await {}
        return refusal(status);
    }
    endpoint.watch.unread.store(true, Relaxed);
    last(refusal(status))
}
