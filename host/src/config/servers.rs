//! `[inet_http_server]` and `[unix_http_server]`.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
};

use super::{
    accounts::colon_separated_user_group,
    datatypes::octal,
    error::Collector,
    expand::Names,
    model::{Credentials, HttpServer, ServerAddress},
    options::{inet_http_server, unix_http_server},
    paths::normalize_path,
    reader::Reader,
    sections::Sections,
};
use crate::text::python::strip;

/// Read all servers: inet first, then unix, each in the order of the file. Any section whose name begins so is one.
pub(super) fn servers(sections: &Sections, here: &str, names: &Names, errors: &Collector) -> Vec<HttpServer> {
    let starting_with = |kind: &'static str| sections.iter().filter(move |section| section.name.starts_with(kind));
    let read = |section| Reader::new(sections, section, names.clone(), errors);
    let inet = starting_with("inet_http_server").filter_map(|section| inet(&read(section)));
    let mut servers: Vec<HttpServer> = inet.collect();
    servers.extend(starting_with("unix_http_server").filter_map(|section| unix(read(section), here)));
    servers
}

/// Choose the URL that programs get as `SUPERVISOR_SERVER_URL`: the first unix server, else the last inet one.
pub(super) fn serverurl(servers: &[HttpServer]) -> Option<String> {
    let unix = servers.iter().find_map(|server| match &server.address {
        ServerAddress::Unix { file, .. } => Some(format!("unix://{}", file.display())),
        ServerAddress::Inet { .. } => None,
    });
    unix.or_else(|| {
        servers.iter().rev().find_map(|server| match &server.address {
            ServerAddress::Inet { host, port, .. } if host.is_empty() => Some(format!("http://localhost:{port}")),
            ServerAddress::Inet { host, port, .. } => Some(format!("http://{host}:{port}")),
            ServerAddress::Unix { .. } => None,
        })
    })
}

fn inet(reader: &Reader<'_>) -> Option<HttpServer> {
    let credentials =
        credentials(reader, reader.find(&inet_http_server::username), reader.find(&inet_http_server::password));
    if !reader.has(inet_http_server::port.key) {
        reader.fail_section(format!("section [{}] has no port value", reader.section.name));
    }
    let (host, port) = reader.find(&inet_http_server::port)?;
    let allowed_hosts = reader.get(&inet_http_server::allowed_hosts);
    let metrics = reader.get(&inet_http_server::metrics);
    let addresses = reader.check(inet_http_server::port.key, resolve(&host, port))?;
    let address = ServerAddress::Inet { host, port, addresses, allowed_hosts };
    Some(HttpServer { section: reader.section.name.clone(), address, credentials, metrics })
}

fn unix(mut reader: Reader<'_>, here: &str) -> Option<HttpServer> {
    // Only the socket's path has %(here)s in Supervisor's list of names.
    let without_here = reader.names.clone();
    reader.names.set("here", here);
    let file = reader.find(&unix_http_server::file);
    if !reader.has(unix_http_server::file.key) {
        reader.fail_section(format!("section [{}] has no file value", reader.section.name));
    }
    reader.names = without_here;
    let credentials =
        credentials(&reader, reader.find(&unix_http_server::username), reader.find(&unix_http_server::password));
    let owner = reader.find(&unix_http_server::chown).and_then(|chown| {
        let owner = colon_separated_user_group(&chown).map_err(|_| format!("Invalid sockchown value {chown}"));
        reader.check(unix_http_server::chown.key, owner)
    });
    let mode = reader.get(&unix_http_server::chmod);
    let mode = octal(&mode).map_err(|_| format!("Invalid chmod value {mode}"));
    let mode = reader.check(unix_http_server::chmod.key, mode);
    let metrics = reader.get(&unix_http_server::metrics);
    let address = ServerAddress::Unix {
        file: PathBuf::from(normalize_path(strip(&file?))),
        chmod: mode?,
        uid: owner.map(|(uid, _)| uid),
        gid: owner.and_then(|(_, gid)| gid),
    };
    Some(HttpServer { section: reader.section.name.clone(), address, credentials, metrics })
}

fn credentials(reader: &Reader<'_>, username: Option<String>, password: Option<String>) -> Option<Credentials> {
    let (user_key, password_key) = (inet_http_server::username.key, inet_http_server::password.key);
    if reader.has(user_key) != reader.has(password_key) {
        reader.fail_section(format!(
            "Section [{}] contains incomplete authentication: If a username or a password is specified, both the \
             username and password must be specified",
            reader.section.name
        ));
    }
    Some(Credentials { username: username?, password: password? })
}

/// Look up the addresses of a host. IPv4 first: it is all that Supervisor knows.
pub(super) fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    if host.is_empty() {
        return Ok(vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, port))]);
    }
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = literal.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let found = (host, port).to_socket_addrs().map_err(|why| format!("the host '{host}' cannot be resolved: {why}"))?;
    let mut addresses: Vec<SocketAddr> = found.collect();
    addresses.sort_by_key(SocketAddr::is_ipv6);
    if addresses.is_empty() { Err(format!("the host '{host}' has no address")) } else { Ok(addresses) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Files;

    fn error(text: &str) -> String {
        Files::with(text).error()
    }

    #[test]
    fn inet_servers_come_first_then_unix_ones() {
        let config = Files::with(
            "[unix_http_server]\nfile=/tmp/../tmp/s\nchmod=0770\nchown=root:root\nusername=a\npassword=b:c\n\
             [inet_http_server:b]\nport=LOCALHOST:1\nallowed_hosts=A.example, b\nmetrics=yes\n[unix_http_server:x]\n\
             file=%(here)s/x\n[inet_http_server]\nport=*:2\n",
        )
        .load();
        let sections: Vec<_> = config.servers.iter().map(|server| server.section.as_str()).collect();
        assert_eq!(sections, ["inet_http_server:b", "inet_http_server", "unix_http_server", "unix_http_server:x"]);
        let ServerAddress::Inet { host, port: 1, addresses, allowed_hosts } = &config.servers[0].address else {
            panic!()
        };
        assert_eq!((host.as_str(), addresses[0].to_string().as_str()), ("localhost", "127.0.0.1:1"));
        assert_eq!(allowed_hosts[..], ["a.example", "b"]);
        let ServerAddress::Inet { addresses, allowed_hosts, .. } = &config.servers[1].address else { panic!() };
        assert!(allowed_hosts.is_empty());
        assert_eq!(addresses[..], ["0.0.0.0:2".parse().unwrap()]);
        assert_eq!(
            config.servers[2].address,
            ServerAddress::Unix { file: "/tmp/s".into(), chmod: 0o770, uid: Some(0), gid: Some(0) }
        );
        let metrics: Vec<_> = config.servers.iter().map(|server| server.metrics).collect();
        assert_eq!(metrics, [true, false, false, false]);
        let credentials = Credentials { username: "a".into(), password: "b:c".into() };
        assert_eq!(config.servers[2].credentials, Some(credentials));
        let file = config.here.join("x");
        assert_eq!(config.servers[3].address, ServerAddress::Unix { file, chmod: 0o700, uid: None, gid: None });
        assert_eq!(config.supervisord.serverurl.as_deref(), Some("unix:///tmp/s"));
    }

    #[test]
    fn every_key_knows_where_the_config_is() {
        let files = Files::with(
            "[unix_http_server]\nfile=%(here)s/%(host_node_name)s\nusername=%(host_node_name)s\npassword=%(here)s\n\
             [inet_http_server]\nport=1\nusername=%(here)s\npassword=%(host_node_name)s\n",
        );
        let config = files.load();
        let here = files.here();
        let credentials =
            |server: &HttpServer| server.credentials.clone().map(|it| (it.username, it.password)).unwrap();
        assert_eq!(credentials(&config.servers[0]), (here.clone(), "thishost".to_owned()));
        assert_eq!(credentials(&config.servers[1]), ("thishost".to_owned(), here.clone()));
        assert_eq!(config.supervisord.serverurl, Some(format!("unix://{here}/thishost")));
    }

    #[test]
    fn serverurl_falls_back_to_inet() {
        let serverurl = |text| Files::with(text).load().supervisord.serverurl;
        assert_eq!(serverurl(""), None);
        assert_eq!(serverurl("[inet_http_server]\nport=:1\n").as_deref(), Some("http://localhost:1"));
        assert_eq!(
            serverurl("[inet_http_server]\nport=1\n[inet_http_server:x]\nport=127.0.0.1:2\n").as_deref(),
            Some("http://127.0.0.1:2")
        );
    }

    #[test]
    fn errors_are_supervisors() {
        assert_eq!(error("[inet_http_server]\n"), "section [inet_http_server] has no port value");
        assert_eq!(error("[unix_http_server]\n"), "section [unix_http_server] has no file value");
        assert_eq!(error("[inet_http_server]\nport=abc\n"), "not a valid port number: 'abc' ");
        assert_eq!(error("[inet_http_server]\nport=1\nallowed_hosts=a,b:1\n"), "not the name of a host: 'b:1'");
        assert_eq!(error("[unix_http_server]\nfile=/tmp/x\nchmod=9\n"), "Invalid chmod value 9");
        assert_eq!(
            error("[unix_http_server]\nfile=/tmp/x\nchown=no-such-user\n"),
            "Invalid sockchown value no-such-user"
        );
        assert_eq!(
            error("[inet_http_server]\nport=1\nusername=a\n"),
            "Section [inet_http_server] contains incomplete authentication: If a username or a password is specified, \
             both the username and password must be specified"
        );
        assert!(
            error("[inet_http_server]\nport=no-such-host.invalid:1\n").starts_with("the host 'no-such-host.invalid' ")
        );
    }
}
