//! Guard against requests that a browser sends for somebody else. A page of somebody else must not make one read logs,
//! start or stop programs: the browser stands where the attacker does not, and would even send the password along.
//!
//! Two things are asked of each request, whatever it is for. Whether the browser says that a page of another site sent
//! it; to look at the status page is free, since links lead there. And, where no password protects the server, whether
//! the browser knows it by a name that can only be ours: a name of the attacker's may lead here too ("DNS rebinding"),
//! and then our pages are the attacker's own site.
//!
//! Clients that are no browsers send none of the headers that are looked at, and notice nothing.

use hyper::{
    HeaderMap, Uri,
    header::{HOST, HeaderName, ORIGIN, REFERER, USER_AGENT},
    http::uri::Authority,
};
use nix::unistd::gethostname;

use crate::{
    config::{HttpServer, ServerAddress},
    text::repr::repr,
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Guard of one server.
#[derive(Debug)]
pub(super) struct BrowserGuard {
    /// Section of the config, for messages.
    section: String,
    /// Names of the server in the config. None where any name will do: a page does not know a password, and no name
    /// leads to a unix socket.
    hosts: Option<Vec<String>>,
}

impl BrowserGuard {
    /// Guard of a server of the config.
    pub(super) fn of(server: &HttpServer) -> Self {
        let hosts = match &server.address {
            ServerAddress::Inet { host, allowed_hosts, .. } if server.credentials.is_none() => {
                Some(allowed_hosts.iter().chain([host]).filter(|name| !name.is_empty()).cloned().collect())
            }
            _ => None,
        };
        Self { section: server.section.clone(), hosts }
    }

    /// Reason to refuse a request, in a line for a person. `cross_site` is set for one that another site's page may
    /// send.
    pub(super) fn refusal(&self, headers: &HeaderMap, cross_site: bool) -> Option<String> {
        if !cross_site && is_foreign(headers) {
            return Some(
                "Refused: the browser says that a page of another site asked for this. Nothing was done.".into(),
            );
        }
        let hosts = self.hosts.as_ref()?;
        if !is_browser(headers) || is_own_name(headers, hosts) {
            return None;
        }
        let host = headers.get(HOST).map(|host| repr(&String::from_utf8_lossy(host.as_bytes())));
        Some(format!(
            "Refused: without a password, browsers are served under names that are known to be this server's, not \
             under {}. If it is one, name it in allowed_hosts of [{}].",
            host.as_deref().unwrap_or("none"),
            self.section,
        ))
    }
}

/// Tell whether the browser says that a page of another site made the request. Who is no browser says nothing, and
/// neither does one whose user opened a bookmark.
fn is_foreign(headers: &HeaderMap) -> bool {
    // The browser's own word, which no page can put there.
    if headers.contains_key(SEC_FETCH_SITE) {
        return headers.get_all(SEC_FETCH_SITE).iter().any(|site| site != "same-origin" && site != "none");
    }
    // A proxy may have put its own name for us in the place of the one that the browser knows. No page can say that it
    // is a proxy.
    let ours = [HOST, X_FORWARDED_HOST].map(|name| headers.get(name).and_then(|value| value.to_str().ok()));
    let is_ours = |url: &str| {
        let host = url.parse::<Uri>().ok().and_then(|url| Some(plain(url.authority()?.as_str())));
        host.is_some_and(|host| ours.iter().flatten().any(|name| plain(name) == host))
    };
    let mut pages = headers.get_all(ORIGIN).iter().chain(headers.get_all(REFERER));
    pages.any(|url| !url.to_str().is_ok_and(is_ours))
}

/// A host with its port, where that is not the usual one.
fn plain(host: &str) -> String {
    let host = host.trim().to_lowercase();
    let usual = [":80", ":443"].iter().find_map(|port| host.strip_suffix(port)).map(str::to_owned);
    usual.unwrap_or(host)
}

/// Tell whether a browser sends the request. A page can leave out where it stands, and over plain HTTP a browser says
/// nothing else of it; but not that it is one: all begin their name so.
fn is_browser(headers: &HeaderMap) -> bool {
    headers.keys().any(|name| *name == ORIGIN || *name == REFERER || name.as_str().starts_with("sec-fetch-"))
        || headers.get(USER_AGENT).is_some_and(|agent| is_browser_name(agent.as_bytes()))
}

/// Tell whether a `User-Agent` is the name of a browser.
pub(super) fn is_browser_name(agent: &[u8]) -> bool {
    agent.starts_with(b"Mozilla/")
}

/// Tell whether a browser sends the request without a word on whose behalf: over plain HTTP it has none for a link, an
/// image or a bookmark, and a page can see to it. To be asked of a request that was not refused.
pub(super) fn is_browser_without_origin(headers: &HeaderMap) -> bool {
    let says = headers.contains_key(SEC_FETCH_SITE) || headers.contains_key(ORIGIN) || headers.contains_key(REFERER);
    is_browser(headers) && !says
}

/// Tell whether the browser came by an address, or by a name that nobody else can have: `localhost`, the machine's own,
/// or one of `hosts`.
fn is_own_name(headers: &HeaderMap, hosts: &[String]) -> bool {
    let mut given = headers.get_all(HOST).iter();
    let (Some(host), None) = (given.next(), given.next()) else { return false };
    let Some(host) = host.to_str().ok().and_then(|host| host.trim().parse::<Authority>().ok()) else { return false };
    let name = host.host().to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    is_address(name) || name == "localhost" || hosts.iter().any(|known| known == name) || is_machine(name)
}

fn is_address(name: &str) -> bool {
    let plain = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    plain.parse::<std::net::IpAddr>().is_ok()
}

/// Tell whether it is the host name of this machine, with or without the domain that may be part of it.
fn is_machine(name: &str) -> bool {
    let machine = gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default().to_ascii_lowercase();
    let short = machine.split('.').next().unwrap_or_default();
    !name.is_empty() && (name == machine || name == short)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(headers: &[(&'static str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        map
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
            assert!(!is_foreign(&headers(own)), "{own:?}");
        }
        for other in [
            &[host, ("sec-fetch-site", "cross-site")][..],
            &[host, ("sec-fetch-site", "same-site"), ("origin", "http://sup.example:9001")],
            &[host, ("sec-fetch-site", "")],
            &[host, ("sec-fetch-site", "none, cross-site")],
            &[host, ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")],
            &[host, ("origin", "http://evil.example")],
            &[host, ("origin", "null")],
            &[host, ("origin", "")],
            &[host, ("origin", "http://sup.example:8080")],
            &[host, ("origin", "http://sup.example:9001"), ("origin", "http://evil.example")],
            &[host, ("origin", "http://sup.example:9001@evil.example")],
            &[host, ("referer", "http://evil.example/?sup.example:9001")],
            &[("origin", "http://evil.example")],
        ] {
            assert!(is_foreign(&headers(other)), "{other:?}");
        }
    }

    #[test]
    fn a_browser_cannot_hide() {
        for browser in [
            ("origin", "http://x"),
            ("referer", "http://x/"),
            ("sec-fetch-site", "none"),
            ("sec-fetch-mode", "navigate"),
            ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
        ] {
            assert!(is_browser(&headers(&[browser])), "{browser:?}");
        }
        for agent in ["Python-xmlrpc/3.11", "curl/8.0", "supervisorctl", "like Mozilla/5.0"] {
            assert!(!is_browser(&headers(&[("user-agent", agent), ("host", "x"), ("accept", "*/*")])), "{agent}");
        }
    }

    #[test]
    fn names_that_nobody_else_can_have() {
        let hosts = ["sup.example".to_owned()];
        let own = |name: &str| is_own_name(&headers(&[("host", name)]), &hosts);
        let machine = gethostname().unwrap().into_string().unwrap();
        for name in [
            "localhost",
            "LOCALHOST:9001",
            "localhost.:9001",
            "127.0.0.1:9001",
            "10.1.2.3",
            "[::1]:9001",
            "[fe80::1]",
            "Sup.Example:9001",
            "sup.example.",
            &machine,
            &format!("{}:9001", machine.to_uppercase()),
        ] {
            assert!(own(name), "{name}");
        }
        for name in [
            "evil.example",
            "evil.example:9001",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a.sup.example",
            "sup.example.evil.example",
            "1.2.3",
            "[x]:9001",
            "",
            ".",
            ":9001",
            "localhost evil.example",
            &format!("{machine}.evil.example"),
        ] {
            assert!(!own(name), "{name}");
        }
        assert!(!is_own_name(&headers(&[]), &hosts));
        assert!(!is_own_name(&headers(&[("host", "localhost"), ("host", "evil.example")]), &hosts));
    }
}
