//! Answers of the server.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use hyper::{
    Response, StatusCode,
    body::{Body, Frame, SizeHint},
    header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue},
};
use tokio::sync::mpsc;

use super::connection_watch::{ConnectionWatch, Phase};

/// Bytes that are handed to hyper at once. They are copied behind the headers, to be sent with them in one piece; and
/// the buffer for that stays with the connection, so it had better not grow.
const PIECE: usize = 64 << 10;

/// Header that tells nginx to pass on what it gets; hyper does not know it by name.
pub(super) const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// The body of an answer.
#[derive(Debug)]
pub(super) enum ResponseBody {
    /// Bytes that are left of it.
    Whole(Bytes),
    /// Parts that come one by one, until their sender is gone.
    Stream(StreamBody),
}

/// The body of an answer that goes on.
#[derive(Debug)]
pub(super) struct StreamBody {
    parts: mpsc::Receiver<Bytes>,
    /// Bytes that are left of the last part.
    rest: Bytes,
    /// State of the connection, which is no stream any more once this has ended.
    watch: Option<Arc<ConnectionWatch>>,
}

impl StreamBody {
    /// A body of the parts that this channel brings.
    pub(super) fn new(parts: mpsc::Receiver<Bytes>) -> Self {
        Self { parts, rest: Bytes::new(), watch: None }
    }

    /// Note that it is on its way by this connection.
    pub(super) fn begin(&mut self, watch: Arc<ConnectionWatch>) {
        watch.enter(Phase::Stream);
        self.watch = Some(watch);
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        while self.rest.is_empty() {
            let Some(part) = ready!(self.parts.poll_recv(cx)) else {
                if let Some(watch) = self.watch.take() {
                    // Its end is on its way, and then the connection waits for its next request.
                    watch.enter(Phase::Answer);
                }
                return Poll::Ready(None);
            };
            self.rest = part;
        }
        Poll::Ready(Some(piece(&mut self.rest)))
    }
}

/// Take the next piece of these bytes.
fn piece(rest: &mut Bytes) -> Bytes {
    rest.split_to(rest.len().min(PIECE))
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        match self.get_mut() {
            Self::Whole(rest) if rest.is_empty() => Poll::Ready(None),
            Self::Whole(rest) => Poll::Ready(Some(Ok(Frame::data(piece(rest))))),
            Self::Stream(stream) => stream.poll_piece(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(rest) => rest.is_empty(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(rest) => SizeHint::with_exact(rest.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// Answer 200, with a body of this type.
pub(super) fn whole(content_type: &'static str, body: Bytes) -> Response<ResponseBody> {
    let mut response = Response::new(ResponseBody::Whole(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

/// Refusal with this status.
pub(super) fn refusal(status: StatusCode) -> Response<ResponseBody> {
    explained(status, &status.to_string())
}

/// Refusal that says why in a line of text.
pub(super) fn explained(status: StatusCode, why: &str) -> Response<ResponseBody> {
    let mut response = whole("text/plain", format!("{why}\n").into());
    *response.status_mut() = status;
    response
}

/// Refusal after which the connection is closed, because what follows on it is not a request.
pub(super) fn last(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}
