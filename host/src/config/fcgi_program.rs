//! `[fcgi-program:x]`: a group of processes that share a listening socket, which each has as its stdin.

use super::{
    accounts::colon_separated_user_group,
    datatypes::{octal, port_number, process_or_group_name},
    model::{FcgiAddress, FcgiSocket, Group, GroupKind},
    options::{fcgi_program as of_fcgi, program},
    paths::normalize_path,
    programs::Programs,
    reader::Reader,
    sections::Section,
    servers::resolve,
};
use crate::text::repr::repr;

/// Mode of a socket file, unless `socket_mode` says otherwise: only its owner may connect.
const DEFAULT_MODE: u32 = 0o700;

/// Make the group of `[fcgi-program:x]` that no `[group:x]` has taken.
pub(super) fn fcgi_program<'a>(programs: &Programs<'a>, name: &str, section: &'a Section) -> Option<Group> {
    let mut reader = programs.reader(section);
    let name = reader.check_section(process_or_group_name(name))?;
    let priority = reader.get(&program::priority);
    reader.names.set("program_name", name.as_str());
    let socket = socket(&reader);
    let processes = programs.processes(section, &name);
    Some(programs.assemble(name, priority, GroupKind::Fcgi(socket?), processes))
}

/// Read `socket=` and the keys that go with it. Looks up the name of a host: later nobody may wait for that.
fn socket(reader: &Reader<'_>) -> Option<FcgiSocket> {
    // In Supervisor's order, which decides which of several errors comes first.
    let user = reader.find(&program::user);
    let backlog = reader.find(&of_fcgi::socket_backlog).and_then(|backlog| {
        let checked = i32::try_from(backlog).ok().filter(|backlog| (1..=65535).contains(backlog));
        reader.check(
            of_fcgi::socket_backlog.key,
            checked.ok_or_else(|| format!("Invalid socket_backlog value {backlog}")),
        )
    });
    let owner = reader.find(&of_fcgi::socket_owner).and_then(|owner| {
        let checked = colon_separated_user_group(&owner).map_err(|_| format!("Invalid socket_owner value {owner}"));
        reader.check(of_fcgi::socket_owner.key, checked)
    });
    let mode = reader.find(&of_fcgi::socket_mode).and_then(|mode| {
        reader.check(of_fcgi::socket_mode.key, octal(&mode).map_err(|_| format!("Invalid socket_mode value {mode}")))
    });
    let address = address(reader)
        .map(|address| match address {
            FcgiAddress::Unix { file, .. } => {
                // Without an owner of its own it is the program's user who must be able to read from it.
                let of_user =
                    || user.filter(|user| user.uid != nix::unistd::getuid().as_raw()).map(|it| (it.uid, Some(it.gid)));
                FcgiAddress::Unix { file, owner: owner.or_else(of_user), mode: mode.unwrap_or(DEFAULT_MODE) }
            }
            tcp @ FcgiAddress::Tcp { .. } => tcp,
        })
        .map_err(|error| error.map(|error| reader.fail(of_fcgi::socket.key, error)))
        .ok()?;
    Some(FcgiSocket { address, backlog })
}

/// Read the address that `socket=` names. Two of the texts are Python tuples, as Supervisor prints them; an error
/// without one has been reported already.
fn address(reader: &Reader<'_>) -> Result<FcgiAddress, Option<String>> {
    let section = &reader.section.name;
    let socket = match reader.find(&of_fcgi::socket) {
        Some(socket) if !socket.is_empty() => socket,
        None if reader.has(of_fcgi::socket.key) => return Err(None),
        _ => return Err(Some(format!("[{section}] section requires a \"socket\" line"))),
    };
    let bad = |why: String| Some(format!("{why} in [{section}] socket"));
    if let Some(path) = socket.strip_prefix("unix://") {
        if !path.starts_with('/') {
            return Err(bad(format!("('Unix socket path %s is not an absolute path', {})", repr(path))));
        }
        return Ok(FcgiAddress::Unix { file: normalize_path(path).into(), owner: None, mode: DEFAULT_MODE });
    }
    if reader.has(of_fcgi::socket_owner.key) || reader.has(of_fcgi::socket_mode.key) {
        let why = "socket_owner and socket_mode params should only be used with a Unix domain socket";
        return Err(bad(why.to_owned()));
    }
    let address = socket.strip_prefix("tcp://").and_then(|address| address.split_once(':'));
    let well_formed = |(host, port): &(&str, &str)| {
        let is_host = !host.is_empty() && !host.contains(char::is_whitespace);
        is_host && !port.is_empty() && port.bytes().all(|digit| digit.is_ascii_digit())
    };
    let Some((host, port)) = address.filter(well_formed) else {
        return Err(bad(format!("('Bad socket format %s', {})", repr(&socket))));
    };
    let (host, port) = (host.to_lowercase(), port_number(port).map_err(bad)?);
    let addresses = resolve(&host, port).map_err(bad)?;
    Ok(FcgiAddress::Tcp { host, port, addresses })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{Files, group};

    fn errors(text: &str) -> Vec<String> {
        Files::with(text).errors().iter().map(|error| error.message.clone()).collect()
    }

    fn socket_of(lines: &str) -> FcgiSocket {
        let config = Files::with(&format!("[fcgi-program:f]\ncommand=x\n{lines}\n")).load();
        match group(&config, "f").kind.clone() {
            GroupKind::Fcgi(socket) => socket,
            kind => panic!("no socket: {kind:?}"),
        }
    }

    #[test]
    fn a_socket_file() {
        let socket = socket_of("socket=unix:///tmp/x/../%(program_name)s.sock");
        let address = FcgiAddress::Unix { file: "/tmp/f.sock".into(), owner: None, mode: 0o700 };
        assert_eq!(socket, FcgiSocket { address, backlog: None });
        assert_eq!(socket.to_string(), "unix:///tmp/f.sock");
        let socket = socket_of("socket=unix:///tmp/x\nsocket_mode=0770\nsocket_owner=root:root\nsocket_backlog=5");
        let address = FcgiAddress::Unix { file: "/tmp/x".into(), owner: Some((0, Some(0))), mode: 0o770 };
        assert_eq!(socket, FcgiSocket { address, backlog: Some(5) });
    }

    #[test]
    fn a_port() {
        let socket = socket_of("socket=tcp://LOCALHOST:9000");
        assert_eq!(socket.to_string(), "tcp://localhost:9000");
        let FcgiAddress::Tcp { addresses, .. } = socket.address else { panic!("a port") };
        assert_eq!(addresses[0], "127.0.0.1:9000".parse().unwrap());
    }

    #[test]
    fn in_a_group_it_is_a_program_like_others() {
        let config = Files::with("[group:g]\nprograms=f\n[fcgi-program:f]\ncommand=x\nsocket=nope\n").load();
        assert_eq!(group(&config, "g").kind, GroupKind::Programs);
        assert_eq!(group(&config, "g").processes[0].name, "f");
    }

    #[test]
    fn what_is_wrong_with_a_socket() {
        let first = |lines: &str| errors(&format!("[fcgi-program:f]\ncommand=x\n{lines}\n")).swap_remove(0);
        assert_eq!(first(""), "[fcgi-program:f] section requires a \"socket\" line");
        assert_eq!(first("socket=nope"), "('Bad socket format %s', 'nope') in [fcgi-program:f] socket");
        assert_eq!(
            first("socket=unix://x"),
            "('Unix socket path %s is not an absolute path', 'x') in [fcgi-program:f] socket"
        );
        assert_eq!(first("socket=tcp://h:0"), "0 is below lower bound (1) in [fcgi-program:f] socket");
        assert_eq!(
            first("socket=tcp://h:1\nsocket_mode=0700"),
            "socket_owner and socket_mode params should only be used with a Unix domain socket in [fcgi-program:f] socket"
        );
        assert_eq!(first("socket=tcp://h:1\nsocket_backlog=0"), "Invalid socket_backlog value 0");
        assert_eq!(first("socket=unix:///x\nsocket_mode=9"), "Invalid socket_mode value 9");
        assert_eq!(first("socket=unix:///x\nsocket_owner=no-such-user"), "Invalid socket_owner value no-such-user");
    }
}
