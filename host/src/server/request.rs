//! A request on its way to its handler.

use std::{
    borrow::Cow,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use http_body_util::BodyExt as _;
use hyper::{
    Response,
    body::{Body as _, Incoming},
    header::EXPECT,
    http::request::Parts,
};
use percent_encoding::percent_decode_str;

use super::{
    answer::{ResponseBody, last},
    context::{ConnectionContext, ServerContext},
};

/// Largest body of a refused request that is read and forgotten, in bytes, so that the connection can go on.
const FORGETTABLE: u64 = 64 << 10;

/// A request and the connection that it came by.
pub(super) struct HttpRequest<'a> {
    pub(super) connection: &'a ConnectionContext,
    pub(super) head: Parts,
    pub(super) body: Incoming,
}

impl<'a> HttpRequest<'a> {
    /// Path without percent signs.
    pub(super) fn path(&self) -> Cow<'_, str> {
        percent_decode_str(self.head.uri.path()).decode_utf8_lossy()
    }

    /// State of all servers.
    pub(super) fn server(&self) -> &'a Arc<ServerContext> {
        &self.connection.server
    }

    /// Refuse the request, which may have a body, with this answer.
    pub(super) async fn refuse(self, refusal: Response<ResponseBody>) -> Response<ResponseBody> {
        let Self { connection, head, mut body } = self;
        let small = body.size_hint().exact().is_some_and(|length| length <= FORGETTABLE);
        // Who expects to be asked for the body must not be.
        if small && (body.is_end_stream() || !head.headers.contains_key(EXPECT)) {
            while let Some(Ok(_)) = body.frame().await {}
            return refusal;
        }
        connection.watch.unread.store(true, Relaxed);
        last(refusal)
    }
}
