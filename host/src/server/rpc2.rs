//! `POST /RPC2`: from bytes to a method and back.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    Response, StatusCode,
    body::{Body as _, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue},
};
use plugin_api::{Fault, Value};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};

use super::{
    answer::{ResponseBody, last, refusal},
    connection_watch::Phase,
    context::ServerContext,
    request::HttpRequest,
};
use crate::xmlrpc::{self, ANSWER_LIMIT};

/// Size of a request that counts as nothing, in bytes; and so does what comes of a larger one until it is as much
/// again.
const SMALL: usize = 256 << 10;

/// Size in bytes from which on a request or an answer would keep other clients waiting while it is read or written as
/// XML.
const LARGE: usize = 2 << 20;

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
    let bytes = match &result {
        Ok(value) if xmlrpc::size_up_to(value, LARGE) > LARGE => encode_large(server, result).await,
        _ => encode(&result).into(),
    };
    // The answer's headers go where the request's were, and hyper keeps the map for the next request: none is
    // allocated.
    let mut headers = head.headers;
    headers.clear();
    let mut response = Response::new(ResponseBody::Whole(bytes));
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    response
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
    let answers = server.answers.clone().acquire_many_owned(kib(size));
    let Ok(memory) = tokio::time::timeout(server.limits.request, answers).await else {
        free_elsewhere(result);
        return encode(&Err(Fault::failed_with("too many large answers are on their way; try again later"))).into();
    };
    let bytes = server.run_blocking(move || encode(&result)).await;
    Bytes::from_owner(CountedBytes { bytes, _memory: memory.ok() })
}

/// A result and the bytes of XML that it becomes; a fault in the place of one that would be too many.
fn counted(result: Result<Value, Fault>) -> (Result<Value, Fault>, usize) {
    let size = result.as_ref().map_or(0, |value| xmlrpc::size_up_to(value, ANSWER_LIMIT));
    if size > ANSWER_LIMIT { (Err(xmlrpc::too_large()), 0) } else { (result, size) }
}

/// Free what is large where that holds up nobody. Without a runtime it is freed right here.
fn free_elsewhere<T: Send + 'static>(large: T) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(move || drop(large))),
        Err(_) => drop(large),
    }
}

/// Bytes of an answer that count against the memory for answers for as long as they are there.
struct CountedBytes {
    bytes: Vec<u8>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl Drop for CountedBytes {
    fn drop(&mut self) {
        free_elsewhere(std::mem::take(&mut self.bytes));
    }
}

impl AsRef<[u8]> for CountedBytes {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Number of permits for so many bytes.
fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX)
}

/// Log that a request is no call, and refuse it.
fn invalid(server: &ServerContext, why: &dyn std::fmt::Display) -> Response<ResponseBody> {
    // What the request held is left out: it may be a secret, and it may be megabytes.
    server.logger.error(format_args!("XML-RPC request data is invalid: {why}"));
    refusal(StatusCode::BAD_REQUEST)
}

/// Reason why a body could not be read.
enum BodyError {
    /// The client broke off.
    Incomplete,
    /// Other requests have taken all memory that there is for them.
    NoMemory,
}

/// Read the whole body; it comes with its part of the memory that there is for requests. That is taken as the bytes
/// come: what a client only announces costs nobody anything.
async fn collect(
    memory: &Arc<Semaphore>,
    mut body: Incoming,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), BodyError> {
    let first = match body.frame().await {
        None => return Ok((Bytes::new(), None)),
        Some(frame) => frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(BodyError::Incomplete)?,
    };
    if body.is_end_stream() {
        // As good as always, and then the bytes stay where they were received.
        return Ok((first, None));
    }
    let mut all = Vec::from(first);
    let mut taken: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let data = frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(BodyError::Incomplete)?;
        all.extend_from_slice(&data);
        let held = taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) << 10;
        if all.len() > held + SMALL {
            let more = memory.clone().try_acquire_many_owned(kib(all.len() - held)).map_err(|_| BodyError::NoMemory)?;
            match &mut taken {
                Some(taken) => taken.merge(more),
                None => taken = Some(more),
            }
        }
    }
    Ok((all.into(), taken))
}
