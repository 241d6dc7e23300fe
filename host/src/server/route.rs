//! The table of paths, and the way of a request to its handler.

use std::{
    convert::Infallible,
    future::{Future, ready},
    pin::Pin,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use hyper::{
    HeaderMap, Method, Response, StatusCode, Version,
    body::Incoming,
    header::{CONNECTION, HeaderValue, WWW_AUTHENTICATE},
};

use super::{
    answer::{Answer, explained, last, refusal},
    auth::{self, Authentication},
    connection_watch::Phase,
    context::ConnectionContext,
    logtail,
    request::Request,
    rpc2, web,
};

/// Paths of ours in the order in which they are tried. The last row takes every path.
static ROUTES: [Route; 7] = [
    Route {
        path: Path::Prefix("/RPC2"),
        methods: &[Method::POST],
        cross_site: CrossSite::Never,
        handler: |request| Box::pin(rpc2::call(request)),
    },
    Route {
        path: Path::Prefix("/logtail"),
        methods: &[Method::GET],
        cross_site: CrossSite::Never,
        handler: |request| Box::pin(logtail::process_log(request)),
    },
    Route {
        path: Path::Prefix("/mainlogtail"),
        methods: &[Method::GET],
        cross_site: CrossSite::Never,
        handler: |request| Box::pin(logtail::main_log(request)),
    },
    Route {
        path: Path::Exact(&["/", "/index.html", "/tail.html", "/ok.html"]),
        methods: &[Method::GET, Method::POST, Method::HEAD],
        cross_site: CrossSite::If(web::is_harmless),
        handler: |request| Box::pin(web::page(request)),
    },
    Route {
        path: Path::Prefix("/stylesheets"),
        methods: &[Method::GET, Method::HEAD],
        cross_site: CrossSite::Always,
        handler: |request| Box::pin(ready(web::asset(&request))),
    },
    Route {
        path: Path::Prefix("/images"),
        methods: &[Method::GET, Method::HEAD],
        cross_site: CrossSite::Always,
        handler: |request| Box::pin(ready(web::asset(&request))),
    },
    Route {
        path: Path::Prefix(""),
        methods: &[Method::GET, Method::HEAD, Method::POST],
        cross_site: CrossSite::Never,
        handler: |request| Box::pin(elsewhere(request)),
    },
];

/// A row of the table. Every request must bring the credentials of its server, if that has any.
struct Route {
    path: Path,
    /// Methods that are allowed; others are answered with 400.
    methods: &'static [Method],
    cross_site: CrossSite,
    handler: Handler,
}

/// Function that answers a request.
type Handler = for<'a> fn(Request<'a>) -> ResponseFuture<'a>;
type ResponseFuture<'a> = Pin<Box<dyn Future<Output = Response<Answer>> + Send + 'a>>;

/// Paths of a row, without percent signs.
enum Path {
    Exact(&'static [&'static str]),
    Prefix(&'static str),
}

impl Path {
    fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exact(paths) => paths.contains(&path),
            Self::Prefix(prefix) => path.starts_with(prefix),
        }
    }
}

/// Requests that a page of another site may have a browser send; others are answered with 403.
enum CrossSite {
    Never,
    Always,
    If(fn(&Request<'_>) -> bool),
}

impl Route {
    fn of(path: &str) -> &'static Self {
        ROUTES.iter().find(|route| route.path.matches(path)).expect("the last row takes every path")
    }

    fn allows_cross_site(&self, request: &Request<'_>) -> bool {
        match self.cross_site {
            CrossSite::Never => false,
            CrossSite::Always => true,
            CrossSite::If(test) => test(request),
        }
    }
}

/// Answer a request.
pub(super) async fn answer(
    connection: Arc<ConnectionContext>,
    request: hyper::Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (head, body) = request.into_parts();
    let stays = head.version == Version::HTTP_10 && asks_to_stay(&head.headers);
    let mut response = respond(Request { connection: &connection, head, body }).await;
    let whole = matches!(response.body(), Answer::Whole(_));
    if stays && whole && !response.headers().contains_key(CONNECTION) {
        // As Supervisor spells it; hyper would write it in lower case.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Keep-Alive"));
    }
    connection.watch.enter(if whole { Phase::Answer } else { Phase::Stream });
    Ok(response)
}

/// Tell whether a client that does not do so by itself wants to keep its connection.
fn asks_to_stay(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
}

/// Hand a request to its handler, if its sender may have that: first the browser is asked, then the credentials.
async fn respond(request: Request<'_>) -> Response<Answer> {
    let route = Route::of(&request.path());
    let socket = &request.connection.socket;
    if let Some(why) = socket.guard.refusal(&request.head.headers, route.allows_cross_site(&request)) {
        return request.refuse(explained(StatusCode::FORBIDDEN, &why)).await;
    }
    match auth::check(socket.credentials.as_ref(), &request.head.headers) {
        Authentication::Granted if route.methods.contains(&request.head.method) => (route.handler)(request).await,
        Authentication::Granted | Authentication::Malformed => request.refuse(refusal(StatusCode::BAD_REQUEST)).await,
        Authentication::Denied => {
            request.connection.watch.unread.store(true, Relaxed);
            let mut response = last(refusal(StatusCode::UNAUTHORIZED));
            response.headers_mut().insert(WWW_AUTHENTICATE, auth::CHALLENGE);
            response
        }
    }
}

/// Answer for a path that is not one of our own.
async fn elsewhere(request: Request<'_>) -> Response<Answer> {
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
        let row = |path: &str| {
            let path = percent_decode_str(path).decode_utf8_lossy();
            ROUTES.iter().position(|route| std::ptr::eq(route, Route::of(&path))).unwrap()
        };
        for path in ["/RPC2", "/RPC2foo", "/RPC2/a", "/%52PC2"] {
            assert_eq!(row(path), 0, "{path}");
        }
        for path in ["/rpc2", "//RPC2", "/whatever", "*", "/%5", "/%zz", "/%ff"] {
            assert_eq!(row(path), ROUTES.len() - 1, "{path}");
        }
        assert_eq!(row("/"), 3);
        assert_eq!(row("/logtail/cat"), 1);
        assert_eq!(row("/mainlogtail"), 2);
    }
}
