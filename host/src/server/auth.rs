//! HTTP Basic authentication, with the password in clear text or as `{SHA}` and the hex digits of its SHA-1.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::{
    HeaderMap,
    header::{AUTHORIZATION, HeaderValue},
};
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

use crate::config::Credentials;

/// The value of `WWW-Authenticate` in a 401.
pub(super) const CHALLENGE: HeaderValue = HeaderValue::from_static("Basic realm=\"default\"");

/// Outcome of the check of a request's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Authentication {
    /// The request may go on.
    Granted,
    /// Answer 401: no credentials, wrong ones, or another scheme than Basic.
    Denied,
    /// Answer 400: not base64.
    Malformed,
}

/// Check the credentials of a request.
pub(super) fn check(expected: Option<&Credentials>, headers: &HeaderMap) -> Authentication {
    check_value(expected, headers.get(AUTHORIZATION).map(HeaderValue::as_bytes))
}

/// Check the credentials in the value of an `Authorization`. The comparison takes the same time wherever they differ.
pub(super) fn check_value(expected: Option<&Credentials>, authorization: Option<&[u8]>) -> Authentication {
    let Some(expected) = expected else { return Authentication::Granted };
    let text = authorization.filter(|value| value.is_ascii()).and_then(|value| str::from_utf8(value).ok());
    let Some((scheme, cookie)) = text.and_then(|value| value.split_once(' ')) else {
        return Authentication::Denied;
    };
    if !scheme.eq_ignore_ascii_case("basic") {
        return Authentication::Denied;
    }
    let Ok(decoded) = STANDARD.decode(cookie.trim()) else { return Authentication::Malformed };
    // The password may contain colons, the user name may not.
    let Some(colon) = decoded.iter().position(|&byte| byte == b':') else { return Authentication::Denied };
    let (username, password) = (&decoded[..colon], &decoded[colon + 1..]);
    let username = username.ct_eq(expected.username.as_bytes());
    let password = match expected.password.strip_prefix("{SHA}") {
        Some(digest) => hex(&Sha1::digest(password)).as_bytes().ct_eq(digest.as_bytes()),
        None => password.ct_eq(expected.password.as_bytes()),
    };
    if (username & password).into() { Authentication::Granted } else { Authentication::Denied }
}

/// Lower-case hex digits.
fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(password: &str, authorization: &str) -> Authentication {
        let credentials = Credentials { username: "user".to_owned(), password: password.to_owned() };
        let mut headers = HeaderMap::new();
        if !authorization.is_empty() {
            headers.insert(AUTHORIZATION, authorization.parse().unwrap());
        }
        check(Some(&credentials), &headers)
    }

    fn basic(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    #[test]
    fn the_right_credentials_are_granted() {
        assert_eq!(verdict("123", &basic("user:123")), Authentication::Granted);
        assert_eq!(verdict("1:2:3", &basic("user:1:2:3")), Authentication::Granted);
        assert_eq!(verdict("123", &basic("user:123").replace("Basic", "bAsIc")), Authentication::Granted);
        assert_eq!(
            verdict("{SHA}40bd001563085fc35165329ea1ff5c5ecbdbbeef", &basic("user:123")),
            Authentication::Granted
        );
        assert_eq!(check(None, &HeaderMap::new()), Authentication::Granted);
    }

    #[test]
    fn all_others_are_not() {
        for (password, authorization) in [
            ("123", String::new()),
            ("123", basic("user:124")),
            ("123", basic("user:12")),
            ("123", basic("user:")),
            ("123", basic("usr:123")),
            ("123", basic("user123")),
            ("123", basic("")),
            ("123", "Basic".to_owned()),
            ("123", "Digest abc".to_owned()),
            ("{SHA}40bd001563085fc35165329ea1ff5c5ecbdbbeef", basic("user:124")),
            ("{SHA}", basic("user:{SHA}")),
            ("{SHA}40bd", basic("user:{SHA}40bd")),
        ] {
            assert_eq!(verdict(password, &authorization), Authentication::Denied, "{password} {authorization}");
        }
        assert_eq!(verdict("123", "Basic dXNl*=="), Authentication::Malformed);
    }
}
