//! `POST /RPC2`: from bytes to a method and back.

use std::sync::atomic::Ordering::Relaxed;

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::Body as _,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use plugin_api::{Fault, Value};

use super::{
    answer::{ResponseBody, last, refusal},
    connection_watch::Phase,
    context::ServerContext,
    memory_budget::{BodyError, LARGE, TOO_MANY, collect, free_elsewhere, reserve},
    request::HttpRequest,
};
use crate::xmlrpc::{self, ANSWER_LIMIT};

/// Answer a call.
pub(super) async fn call(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let server = request.server();
    // Of a body in chunks nobody knows how large it will become; Supervisor's clients all say it beforehand.
    let refused = match request.body.size_hint().exact() {
        None => Some(StatusCode::LENGTH_REQUIRED),
        Some(0) if !request.head.headers.contains_key(CONTENT_LENGTH) => Some(StatusCode::LENGTH_REQUIRED),
        Some(length) if length > server.limits.body as u64 => Some(StatusCode::PAYLOAD_TOO_LARGE),
        Some(_) => None,
    };
    if let Some(status) = refused {
        return request.refuse(refusal(status)).await;
    }
    let HttpRequest { connection, head, body } = request;
    let (body, _memory) = match collect(&server.requests, body).await {
        Ok(collected) => collected,
        // A client that left before it had asked hears nothing.
        Err(BodyError::Incomplete) => return last(refusal(StatusCode::BAD_REQUEST)),
        Err(BodyError::NoMemory) => {
            connection.watch.unread.store(true, Relaxed);
            return last(refusal(StatusCode::SERVICE_UNAVAILABLE));
        }
    };
    connection.watch.enter(Phase::Call);
    let request = if body.len() < LARGE {
        xmlrpc::decode_call(&body)
    } else {
        server.run_blocking(move || xmlrpc::decode_call(&body)).await
    };
    let request = match request {
        Ok(request) if !request.name.is_empty() => request,
        Ok(_) => return invalid(server, &"no method name"),
        Err(error) => return invalid(server, &error),
    };
    let result = server.registry.call(&request.name, request.params).await;
    let bytes = to_xml(server, result).await;
    // The answer's headers go where the request's were, and hyper keeps the map for the next request: none is
    // allocated.
    let mut headers = head.headers;
    headers.clear();
    let mut response = Response::new(ResponseBody::Whole(bytes));
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
}

/// Write the result of a call as XML.
pub(super) async fn to_xml(server: &ServerContext, result: Result<Value, Fault>) -> Bytes {
    match &result {
        Ok(value) if xmlrpc::size_up_to(value, LARGE) > LARGE => encode_large(server, result).await,
        _ => encode(&result).into(),
    }
}

fn encode(result: &Result<Value, Fault>) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    match result {
        Ok(value) => xmlrpc::encode_response(value, ANSWER_LIMIT, &mut out),
        Err(fault) => xmlrpc::encode_fault(fault, &mut out),
    }
    out
}

/// Encode a large answer where that holds up nobody: even to count what it will be takes milliseconds. The larger ones
/// of all clients take turns; the memory counts until the client has its answer.
async fn encode_large(server: &ServerContext, result: Result<Value, Fault>) -> Bytes {
    let (result, size) = server.run_blocking(move || counted(result)).await;
    let Some(memory) = reserve(&server.answers, size, server.limits.request).await else {
        free_elsewhere(result);
        return encode(&Err(Fault::failed_with(TOO_MANY))).into();
    };
    let bytes = server.run_blocking(move || encode(&result)).await;
    memory.counted(bytes)
}

/// A result and the bytes of XML that it becomes; a fault in the place of one that would be too many.
fn counted(result: Result<Value, Fault>) -> (Result<Value, Fault>, usize) {
    let size = result.as_ref().map_or(0, |value| xmlrpc::size_up_to(value, ANSWER_LIMIT));
    if size > ANSWER_LIMIT { (Err(xmlrpc::too_large()), 0) } else { (result, size) }
}

/// Log that a request is no call, and refuse it.
fn invalid(server: &ServerContext, why: &dyn std::fmt::Display) -> Response<ResponseBody> {
    // What the request held is left out: it may be a secret, and it may be megabytes.
    server.logger.error(format_args!("XML-RPC request data is invalid: {why}"));
    refusal(StatusCode::BAD_REQUEST)
}
