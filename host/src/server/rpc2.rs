//! `POST /RPC2`: from bytes to a method and back.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::{
    HeaderMap, Response, StatusCode,
    body::{Body as _, Incoming},
    header::{CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderValue},
};
use plugin_api::{Fault, Value};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    Endpoint,
    answer::{Answer, last, refusal},
    watch::Phase,
};
use crate::xmlrpc::{self, ANSWER_LIMIT};

/// A refused request's body up to this size is read and forgotten, so that the connection can go on.
const FORGETTABLE: u64 = 64 << 10;

/// A request up to this size counts as nothing; and so does what comes of a larger one until it is as much again.
const SMALL: usize = 256 << 10;

/// A request or an answer from this size on would keep other clients waiting while it is read or written as XML.
const LARGE: usize = 2 << 20;

/// Answers a call.
pub(super) async fn call(endpoint: &Endpoint, mut headers: HeaderMap, body: Incoming) -> Response<Answer> {
    // Of a body in chunks nobody knows how large it will become; Supervisor's clients all say it beforehand.
    let refused = match body.size_hint().exact() {
        None => Some(StatusCode::LENGTH_REQUIRED),
        Some(0) if !headers.contains_key(CONTENT_LENGTH) => Some(StatusCode::LENGTH_REQUIRED),
        Some(length) if length > endpoint.server.limits.body as u64 => Some(StatusCode::PAYLOAD_TOO_LARGE),
        Some(_) => None,
    };
    if let Some(status) = refused {
        return refuse(endpoint, &headers, body, refusal(status)).await;
    }
    let (body, _memory) = match collect(&endpoint.server.requests, body).await {
        Ok(collected) => collected,
        // A client that left before it had asked hears nothing.
        Err(Missing::Rest) => return last(refusal(StatusCode::BAD_REQUEST)),
        Err(Missing::Memory) => {
            endpoint.watch.unread.store(true, Relaxed);
            return last(refusal(StatusCode::SERVICE_UNAVAILABLE));
        }
    };
    endpoint.watch.enter(Phase::Call);
    let request = if body.len() < LARGE {
        xmlrpc::decode_call(&body)
    } else {
        endpoint.server.apart(move || xmlrpc::decode_call(&body)).await
    };
    let request = match request {
        Ok(request) if !request.name.is_empty() => request,
        Ok(_) => return invalid(endpoint, &"no method name"),
        Err(error) => return invalid(endpoint, &error),
    };
    let result = endpoint.server.registry.call(&request.name, request.params).await;
    let bytes = match &result {
        Ok(value) if xmlrpc::size_up_to(value, LARGE) > LARGE => large(endpoint, result).await,
        _ => encode(&result).into(),
    };
    // The answer's headers go where the request's were, and hyper keeps the map for the next request: none is
    // allocated.
    headers.clear();
    let mut response = Response::new(Answer::Whole(bytes));
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

/// A large answer, made where it holds up nobody. The larger ones of all clients take turns; a place among them is
/// given back when the client has its answer.
async fn large(endpoint: &Endpoint, result: Result<Value, Fault>) -> Bytes {
    let result = match result {
        Ok(value) if xmlrpc::size_up_to(&value, ANSWER_LIMIT) > ANSWER_LIMIT => Err(xmlrpc::too_large()),
        result => result,
    };
    let size = result.as_ref().map_or(0, |value| xmlrpc::size_up_to(value, ANSWER_LIMIT));
    let answers = endpoint.server.answers.clone().acquire_many_owned(kib(size));
    let Ok(memory) = tokio::time::timeout(endpoint.server.limits.request, answers).await else {
        return encode(&Err(Fault::failed_with("too many large answers are on their way; try again later"))).into();
    };
    let bytes = endpoint.server.apart(move || encode(&result)).await;
    Bytes::from_owner(Accounted { bytes, _memory: memory.ok() })
}

/// Bytes of an answer that count for as long as they are there.
struct Accounted {
    bytes: Vec<u8>,
    _memory: Option<OwnedSemaphorePermit>,
}

impl AsRef<[u8]> for Accounted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes >> 10).unwrap_or(u32::MAX)
}

fn invalid(endpoint: &Endpoint, why: &dyn std::fmt::Display) -> Response<Answer> {
    // What the request held is left out: it may be a secret, and it may be megabytes.
    endpoint.server.logger.error(format_args!("XML-RPC request data is invalid: {why}"));
    refusal(StatusCode::BAD_REQUEST)
}

/// Why there is no body.
enum Missing {
    /// The client broke off.
    Rest,
    /// Other requests have taken what there is for them.
    Memory,
}

/// The whole body, and what it takes of the memory that there is for requests. It is taken as the bytes come: what a
/// client only announces costs nobody anything.
async fn collect(
    memory: &Arc<Semaphore>,
    mut body: Incoming,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Missing> {
    let first = match body.frame().await {
        None => return Ok((Bytes::new(), None)),
        Some(frame) => frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(Missing::Rest)?,
    };
    if body.is_end_stream() {
        // As good as always, and then the bytes stay where they were received.
        return Ok((first, None));
    }
    let mut all = Vec::from(first);
    let mut taken: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let data = frame.ok().and_then(|frame| frame.into_data().ok()).ok_or(Missing::Rest)?;
        all.extend_from_slice(&data);
        let held = taken.as_ref().map_or(0, OwnedSemaphorePermit::num_permits) << 10;
        if all.len() > held + SMALL {
            let more = memory.clone().try_acquire_many_owned(kib(all.len() - held)).map_err(|_| Missing::Memory)?;
            match &mut taken {
                Some(taken) => taken.merge(more),
                None => taken = Some(more),
            }
        }
    }
    Ok((all.into(), taken))
}

/// Refuses a request that may have a body, with this answer.
pub(super) async fn refuse(
    endpoint: &Endpoint,
    headers: &HeaderMap,
    mut body: Incoming,
    refusal: Response<Answer>,
) -> Response<Answer> {
    let small = body.size_hint().exact().is_some_and(|length| length <= FORGETTABLE);
    // Who expects to be asked for the body must not be.
    if small && (body.is_end_stream() || !headers.contains_key(EXPECT)) {
        while let Some(Ok(_)) = body.frame().await {}
        return refusal;
    }
    endpoint.watch.unread.store(true, Relaxed);
    last(refusal)
}
