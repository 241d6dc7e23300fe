//! Headers of what belongs to the pages.

use hyper::{
    Response,
    header::{CACHE_CONTROL, EXPIRES, HeaderName, HeaderValue, PRAGMA},
};

use super::super::answer::ResponseBody;

/// Forbid to keep an answer, to frame it, and that it loads anything from elsewhere.
pub(super) fn uncached(mut response: Response<ResponseBody>) -> Response<ResponseBody> {
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-cache"),
        (PRAGMA, "no-cache"),
        (EXPIRES, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (
            HeaderName::from_static("content-security-policy"),
            "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self'; \
             frame-ancestors 'none'",
        ),
        (HeaderName::from_static("x-content-type-options"), "nosniff"),
        (HeaderName::from_static("referrer-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
