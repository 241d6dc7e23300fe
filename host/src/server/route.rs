//! What each path leads to.

use std::{
    convert::Infallible,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use hyper::{
    HeaderMap, Method, Request, Response, StatusCode, Version,
    body::Incoming,
    header::{CONNECTION, HeaderValue, WWW_AUTHENTICATE},
    http::request::Parts,
};
use percent_encoding::percent_decode_str;

use super::{
    Endpoint,
    answer::{Answer, explained, last, refusal},
    auth::{self, Verdict},
    logtail::{self, Log},
    rpc2,
    watch::Phase,
    web,
};

/// Answers a request.
pub(super) async fn answer(
    endpoint: Arc<Endpoint>,
    request: Request<Incoming>,
) -> Result<Response<Answer>, Infallible> {
    let (head, body) = request.into_parts();
    let stays = head.version == Version::HTTP_10 && asks_to_stay(&head.headers);
    let mut response = respond(&endpoint, head, body).await;
    let whole = matches!(response.body(), Answer::Whole(_));
    if stays && whole && !response.headers().contains_key(CONNECTION) {
        // As Supervisor spells it; hyper would write it in lower case.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Keep-Alive"));
    }
    endpoint.watch.enter(if whole { Phase::Answer } else { Phase::Stream });
    Ok(response)
}

async fn respond(endpoint: &Endpoint, head: Parts, body: Incoming) -> Response<Answer> {
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
    let route = route(&path);
    let only_looks = match route {
        Route::Web => web::only_looks(&path, &head),
        Route::Static => true,
        _ => false,
    };
    if let Some(why) = endpoint.site.guard.refusal(&head.headers, only_looks) {
        return rpc2::refuse(endpoint, &head.headers, body, explained(StatusCode::FORBIDDEN, &why)).await;
    }
    let status = match auth::check(endpoint.site.credentials.as_ref(), &head.headers) {
        Verdict::Granted => match (route, &head.method) {
            (Route::Rpc, &Method::POST) => return rpc2::call(endpoint, head.headers, body).await,
            (Route::Elsewhere, &Method::POST) if endpoint.site.any_path => {
                return rpc2::call(endpoint, head.headers, body).await;
            }
            (Route::Logtail, &Method::GET) => {
                return logtail::answer(&endpoint.server, Log::of_path(&path), &head.headers).await;
            }
            (Route::MainLogtail, &Method::GET) => {
                return logtail::answer(&endpoint.server, Some(Log::Main), &head.headers).await;
            }
            (Route::Web, &Method::GET | &Method::POST) => return web::page(endpoint, &path, &head, body).await,
            (Route::Static, &Method::GET | &Method::HEAD) => return web::file(&path, &head.headers),
            (Route::Web | Route::Elsewhere, &Method::GET | &Method::HEAD) => StatusCode::NOT_FOUND,
            _ => StatusCode::BAD_REQUEST,
        },
        Verdict::Denied => {
            endpoint.watch.unread.store(true, Relaxed);
            let mut response = last(refusal(StatusCode::UNAUTHORIZED));
            response.headers_mut().insert(WWW_AUTHENTICATE, auth::CHALLENGE);
            return response;
        }
        Verdict::Malformed => StatusCode::BAD_REQUEST,
    };
    rpc2::refuse(endpoint, &head.headers, body, refusal(status)).await
}

/// Whether a client that does not do so by itself wants to keep its connection.
fn asks_to_stay(headers: &HeaderMap) -> bool {
    headers.get(CONNECTION).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"keep-alive"))
}

/// What a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// XML-RPC.
    Rpc,
    /// The log of a process, as it grows.
    Logtail,
    /// The activity log, as it grows.
    MainLogtail,
    /// The pages for a browser.
    Web,
    /// What belongs to the pages.
    Static,
    /// Nothing of ours.
    Elsewhere,
}

fn route(path: &str) -> Route {
    match path {
        _ if path.starts_with("/RPC2") => Route::Rpc,
        _ if path.starts_with("/logtail") => Route::Logtail,
        _ if path.starts_with("/mainlogtail") => Route::MainLogtail,
        "/" | "/index.html" | "/tail.html" | "/ok.html" => Route::Web,
        _ if path.starts_with("/stylesheets") || path.starts_with("/images") => Route::Static,
        _ => Route::Elsewhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_prefixes_and_may_be_escaped() {
        for path in ["/RPC2", "/RPC2foo", "/RPC2/a", "/%52PC2"] {
            assert_eq!(route(&percent_decode_str(path).decode_utf8_lossy()), Route::Rpc, "{path}");
        }
        for path in ["/rpc2", "//RPC2", "/whatever", "*", "/%5", "/%zz", "/%ff"] {
            assert_eq!(route(&percent_decode_str(path).decode_utf8_lossy()), Route::Elsewhere, "{path}");
        }
        assert_eq!(route("/"), Route::Web);
        assert_eq!(route("/logtail/cat"), Route::Logtail);
        assert_eq!(route("/mainlogtail"), Route::MainLogtail);
    }
}
