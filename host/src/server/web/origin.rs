//! Whose page sent a browser here. A page of somebody else must not make it start or stop programs, for which the
//! browser would even send the password along.

use hyper::{
    HeaderMap, Uri,
    header::{HOST, ORIGIN, REFERER},
};

/// Whether the browser says that a page of another site made the request. Who is no browser says nothing, and neither
/// does one whose user opened a bookmark.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // The browser's own word, which no page can put there.
    match text("sec-fetch-site") {
        Some("same-origin" | "none") => return false,
        Some("cross-site" | "same-site") => return true,
        _ => {}
    }
    // A proxy may have put its own name for us in the place of the one that the browser knows. No page can say that it
    // is a proxy.
    let ours = [text(HOST.as_str()), text("x-forwarded-host")];
    let is_ours = |url: &str| {
        let host = url.parse::<Uri>().ok().and_then(|url| Some(plain(url.authority()?.as_str())));
        host.is_some_and(|host| ours.iter().flatten().any(|name| plain(name) == host))
    };
    [ORIGIN, REFERER].iter().any(|name| headers.get(name).is_some_and(|url| !url.to_str().is_ok_and(is_ours)))
}

/// A host with its port, where that is not the usual one.
fn plain(host: &str) -> String {
    let host = host.trim().to_lowercase();
    let usual = [":80", ":443"].iter().find_map(|port| host.strip_suffix(port)).map(str::to_owned);
    usual.unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(headers: &[(&'static str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        is_foreign(&headers.collect())
    }

    #[test]
    fn what_a_browser_says_of_the_page_counts() {
        let host = ("host", "sup.example:9001");
        for own in [
            &[host][..],
            &[host, ("sec-fetch-site", "same-origin"), ("origin", "https://whatever")],
            &[host, ("sec-fetch-site", "none")],
            &[host, ("origin", "http://sup.example:9001")],
            &[host, ("referer", "http://SUP.example:9001/index.html?x=y")],
            &[("host", "sup.example"), ("origin", "http://sup.example:80")],
            &[("host", "10.0.0.1:9001"), ("x-forwarded-host", "sup.example"), ("origin", "https://sup.example")],
        ] {
            assert!(!foreign(own), "{own:?}");
        }
        for other in [
            &[host, ("sec-fetch-site", "cross-site")][..],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "http://sup.example:9001")],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "null")],
            &[host, ("origin", "http://sup.example:8080")],
            &[host, ("referer", "http://evil.example/?sup.example:9001")],
            &[("origin", "http://evil.example")],
        ] {
            assert!(foreign(other), "{other:?}");
        }
    }
}
