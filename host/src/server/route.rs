//! The table of paths, and the way of a request to its handler.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use hyper::{
    HeaderMap, Method, Response, StatusCode, Version,
    body::Incoming,
    header::{CONNECTION, HeaderValue, WWW_AUTHENTICATE},
};

use self::{
    CrossSite::{Always, If, Never},
    PathPattern::{Exact, Own, Prefix, Public},
};
use super::{
    answer::{ResponseBody, explained, last, refusal},
    auth::{self, Authentication},
    connection_watch::Phase,
    context::ConnectionContext,
    event_stream, health, logtail, metrics,
    request::HttpRequest,
    rpc2, web,
};

/// Make the table of its rows: path, methods, requests that a page of another site may have a browser send, and the
/// handler. Handlers are awaited by a chain of `if`s and not through pointers, which would need an allocation for each
/// request.
macro_rules! routes {
    ($($path:expr, [$($method:ident),*], $cross_site:expr => $handler:expr;)*) => {
        static ROUTES: &[Route] =
            &[$(Route { path: $path, methods: &[$(Method::$method),*], cross_site: $cross_site }),*];

        /// Answer a request by the handler of a row.
        async fn handle(row: usize, request: HttpRequest<'_>) -> Response<ResponseBody> {
            let mut rows = 0..;
            $(if rows.next() == Some(row) {
                return $handler(request).await;
            })*
            unreachable!("there is no row {row}")
        }
    };
}

// In the order in which they are tried; the last row takes every path. Every request but those of a public row must
// bring the credentials of its server, if that has any; methods that are not named are answered with 400.
routes! {
    Prefix("/RPC2"), [POST], Never => rpc2::call;
    Prefix("/logtail"), [GET], Never => logtail::process_log;
    Prefix("/mainlogtail"), [GET], Never => logtail::main_log;
    Exact(&["/", "/index.html", "/tail.html", "/ok.html"]), [GET, POST, HEAD], If(web::is_harmless) => web::page;
    Own(&["/events"]), [GET], Never => event_stream::events;
    Own(&["/live"]), [GET], Never => web::follow;
    Own(&["/live/call"]), [POST], Never => web::call;
    Own(&["/live/panel"]), [GET], Never => web::panel;
    Prefix("/javascripts"), [GET, HEAD], Always => web::asset;
    Prefix("/stylesheets"), [GET, HEAD], Always => web::asset;
    Prefix("/images"), [GET, HEAD], Always => web::asset;
    Public(&["/healthz"]), [GET, HEAD], Never => health::health;
    Own(&["/metrics"]), [GET, HEAD], Never => metrics_or_elsewhere;
    Prefix(""), [GET, HEAD, POST], Never => elsewhere;
}

/// A row of the table, but for its handler.
struct Route {
    path: PathPattern,
    methods: &'static [Method],
    cross_site: CrossSite,
}

/// Paths of a row, without percent signs.
enum PathPattern {
    Exact(&'static [&'static str]),
    /// Paths that Supervisor does not have, with the methods of the row: with others they are like any other path.
    Own(&'static [&'static str]),
    /// Paths such as those of `Own` that are answered without credentials.
    Public(&'static [&'static str]),
    Prefix(&'static str),
}

impl PathPattern {
    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(paths) | Self::Own(paths) | Self::Public(paths) => paths.contains(&path),
            Self::Prefix(prefix) => path.starts_with(prefix),
        }
    }
}

/// Requests that a page of another site may have a browser send; others are answered with 403.
enum CrossSite {
    Never,
    Always,
    If(fn(&HttpRequest<'_>) -> bool),
}

impl Route {
    fn matches(&self, path: &str, method: &Method) -> bool {
        let takes_others = matches!(self.path, Exact(_) | Prefix(_));
        self.path.matches(path) && (takes_others || self.methods.contains(method))
    }

    fn is_public(&self) -> bool {
        matches!(self.path, Public(_))
    }

    fn allows_cross_site(&self, request: &HttpRequest<'_>) -> bool {
        match self.cross_site {
            Never => false,
            Always => true,
            If(test) => test(request),
        }
    }
}

/// The row of a path and a method, and its index.
fn find(path: &str, method: &Method) -> (usize, &'static Route) {
    ROUTES.iter().enumerate().find(|(_, route)| route.matches(path, method)).expect("the last row takes every path")
}

/// Answer a request.
pub(super) async fn answer(
    connection: Arc<ConnectionContext>,
    request: hyper::Request<Incoming>,
) -> Result<Response<ResponseBody>, Infallible> {
    let suspension = &connection.server.suspension;
    if suspension.is_on() {
        suspension.wait().await;
    }
    let (head, body) = request.into_parts();
    let stays = head.version == Version::HTTP_10 && asks_to_stay(&head.headers);
    let mut response = respond(HttpRequest { connection: &connection, head, body }).await;
    if suspension.is_on() {
        // What has been done since that began is lost with this process: nobody is to believe that it was done.
        suspension.wait().await;
    }
    let whole = matches!(response.body(), ResponseBody::Whole(_));
    if stays && whole && !response.headers().contains_key(CONNECTION) {
        // As Supervisor spells it; hyper would write it in lower case.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Keep-Alive"));
    }
    match response.body_mut() {
        ResponseBody::Whole(_) => connection.watch.enter(Phase::Answer),
        ResponseBody::Stream(stream) => stream.begin(connection.watch.clone()),
    }
    Ok(response)
}

/// Tell whether a client that does not do so by itself wants to keep its connection.
fn asks_to_stay(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
}

/// Hand a request to its handler, if its sender may have that: first the browser is asked, then the credentials.
async fn respond(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let (row, route) = find(&request.path(), &request.head.method);
    let socket = &request.connection.socket;
    if let Some(why) = socket.guard.refusal(&request.head.headers, route.allows_cross_site(&request)) {
        return request.refuse(explained(StatusCode::FORBIDDEN, &why)).await;
    }
    let expected = socket.credentials.as_ref().filter(|_| !route.is_public());
    match auth::check(expected, &request.head.headers) {
        Authentication::Granted if route.methods.contains(&request.head.method) => handle(row, request).await,
        Authentication::Granted | Authentication::Malformed => request.refuse(refusal(StatusCode::BAD_REQUEST)).await,
        Authentication::Denied => {
            request.connection.watch.unread.store(true, Relaxed);
            let mut response = last(refusal(StatusCode::UNAUTHORIZED));
            response.headers_mut().insert(WWW_AUTHENTICATE, auth::CHALLENGE);
            response
        }
    }
}

/// Answer with the metrics, where they are asked for in the config. Boxed: what that needs is not to be moved about with
/// each request.
async fn metrics_or_elsewhere(request: HttpRequest<'_>) -> Response<ResponseBody> {
    if request.connection.socket.metrics {
        Box::pin(metrics::scrape(request)).await
    } else {
        Box::pin(elsewhere(request)).await
    }
}

/// Answer for a path that is not one of our own.
async fn elsewhere(request: HttpRequest<'_>) -> Response<ResponseBody> {
    let status = match request.head.method {
        Method::POST if request.connection.socket.any_path => return rpc2::call(request).await,
        Method::POST => StatusCode::BAD_REQUEST,
        _ => StatusCode::NOT_FOUND,
    };
    request.refuse(refusal(status)).await
}

#[cfg(test)]
mod tests {
    use percent_encoding::percent_decode_str;

    use super::*;

    #[test]
    fn paths_are_prefixes_and_may_be_escaped() {
        let row_of = |path: &str, method: &Method| find(&percent_decode_str(path).decode_utf8_lossy(), method).0;
        let row = |path: &str| row_of(path, &Method::GET);
        for path in ["/RPC2", "/RPC2foo", "/RPC2/a", "/%52PC2"] {
            assert_eq!(row(path), 0, "{path}");
        }
        for path in ["/rpc2", "//RPC2", "/whatever", "*", "/%5", "/%zz", "/%ff"] {
            assert_eq!(row(path), ROUTES.len() - 1, "{path}");
        }
        assert_eq!(row("/"), 3);
        assert_eq!(row("/logtail/cat"), 1);
        assert_eq!(row("/mainlogtail"), 2);
        for (path, other) in [
            ("/events", Method::POST),
            ("/events", Method::HEAD),
            ("/live", Method::POST),
            ("/live/panel", Method::POST),
            ("/live/panel", Method::HEAD),
        ] {
            assert!(row(path) < ROUTES.len() - 1 && row_of(path, &other) == ROUTES.len() - 1, "{other} {path}");
        }
        assert!(row_of("/live/call", &Method::POST) < ROUTES.len() - 1 && row("/live/call") == ROUTES.len() - 1);
        for path in ["/healthz", "/metrics"] {
            assert!(row(path) < ROUTES.len() - 1 && row_of(path, &Method::HEAD) == row(path), "{path}");
            // There it may be a call, with credentials, as at any other path.
            assert_eq!(row_of(path, &Method::POST), ROUTES.len() - 1);
            assert_eq!(row(&format!("{path}/")), ROUTES.len() - 1);
        }
    }
}
