//! What `[fcgi-program:x]` has besides the keys of a program.
//!
//! It is checked as far as Supervisor checks it, and then refused: nothing runs it yet.

use super::{
    accounts::colon_separated_user_group,
    datatypes::{octal, port_number, process_or_group_name},
    options::{fcgi_program as of_fcgi, program},
    programs::Programs,
    reader::Reader,
    sections::Section,
    unsupported,
};
use crate::text::repr::repr;

/// Checks `[fcgi-program:x]` that no group has taken.
pub(super) fn fcgi_program<'a>(programs: &Programs<'a>, name: &str, section: &'a Section) {
    let mut reader = programs.reader(section);
    let Some(name) = reader.check_section(process_or_group_name(name)) else { return };
    reader.get(&program::priority);
    reader.find(&program::user);
    if let Some(backlog) = reader.find(&of_fcgi::socket_backlog)
        && !(1..=65535).contains(&backlog)
    {
        reader.fail(of_fcgi::socket_backlog.key, format!("Invalid socket_backlog value {backlog}"));
    }
    if let Some(owner) = reader.find(&of_fcgi::socket_owner) {
        let checked = colon_separated_user_group(&owner).map_err(|_| format!("Invalid socket_owner value {owner}"));
        reader.check(of_fcgi::socket_owner.key, checked);
    }
    if let Some(mode) = reader.find(&of_fcgi::socket_mode) {
        let checked = octal(&mode).map_err(|_| format!("Invalid socket_mode value {mode}"));
        reader.check(of_fcgi::socket_mode.key, checked);
    }
    reader.names.set("program_name", name.as_str());
    if let Some(error) = socket(&reader) {
        reader.fail(of_fcgi::socket.key, error);
    }
    programs.processes(section, &name);
    unsupported::section(&reader);
}

/// What is wrong with `socket=`. Two of the texts are Python tuples, as Supervisor prints them.
fn socket(reader: &Reader<'_>) -> Option<String> {
    let section = &reader.section.name;
    let socket = match reader.find(&of_fcgi::socket) {
        Some(socket) if !socket.is_empty() => socket,
        None if reader.has(of_fcgi::socket.key) => return None,
        _ => return Some(format!("[{section}] section requires a \"socket\" line")),
    };
    let bad = |why: String| Some(format!("{why} in [{section}] socket"));
    if let Some(path) = socket.strip_prefix("unix://") {
        if path.starts_with('/') {
            return None;
        }
        return bad(format!("('Unix socket path %s is not an absolute path', {})", repr(path)));
    }
    if reader.has(of_fcgi::socket_owner.key) || reader.has(of_fcgi::socket_mode.key) {
        return bad("socket_owner and socket_mode params should only be used with a Unix domain socket".to_owned());
    }
    let address = socket.strip_prefix("tcp://").and_then(|address| address.split_once(':'));
    match address {
        Some((host, port))
            if !host.is_empty()
                && !host.contains(char::is_whitespace)
                && !port.is_empty()
                && port.bytes().all(|digit| digit.is_ascii_digit()) =>
        {
            port_number(port).err().and_then(bad)
        }
        _ => bad(format!("('Bad socket format %s', {})", repr(&socket))),
    }
}

#[cfg(test)]
mod tests {
    use crate::config::testing::Files;

    fn errors(text: &str) -> Vec<String> {
        Files::with(text).errors().iter().map(|error| error.message.clone()).collect()
    }

    #[test]
    fn fcgi_programs_are_checked_before_they_are_refused() {
        let first = |lines: &str| errors(&format!("[fcgi-program:f]\ncommand=x\n{lines}\n")).swap_remove(0);
        for good in ["socket=unix:///tmp/%(program_name)s\nsocket_mode=0700", "socket=tcp://localhost:9000"] {
            assert!(first(good).ends_with("main.conf, line 2) is not supported yet"));
        }
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
