//! Parts of a server's URL.

use percent_encoding::percent_decode_str;

/// Split what follows `http://` into the user information before the last `@`, if there is any, and the host with its
/// port.
pub(crate) fn authority_of(rest: &str) -> (Option<&str>, &str) {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or((None, authority), |(user, host)| (Some(user), host))
}

/// Get user name and password of an `http` URL that has both.
pub(crate) fn credentials_in(url: &str) -> Option<(String, String)> {
    let (user, _) = authority_of(url.strip_prefix("http://")?);
    let (username, password) = user?.split_once(':')?;
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    Some((decoded(username), decoded(password)))
}
