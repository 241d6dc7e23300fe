//! The transcripts in the README of `supervisor_cache`, word for word, by the clients that they were written for.

use crate::common::{Config, Supervisord, Terminal};

/// The README's Python session, after its `ServerProxy` is made.
const SESSION: &str = "
    >>> s.cache.getKeys()
    []
    >>> s.cache.store('foo', 'bar baz')
    True
    >>> s.cache.fetch('foo')
    'bar baz'
    >>> s.cache.getKeys()
    ['foo']
";

/// The README's list of commands, which `help` ends with.
const HELP: &str = "
cache commands (type help <topic>):
===================================
cache_clear  cache_count  cache_delete  cache_fetch  cache_keys  cache_store
";

fn plays_over_inet(supervisord: &Supervisord) {
    let proxy = "
    >>> import xmlrpclib
    >>> s = xmlrpclib.ServerProxy('http://localhost:{port}')
";
    supervisord.doctest(&format!("{proxy}{SESSION}"));
}

#[test]
fn python_over_inet() {
    Supervisord::both(&Config::new()).for_each(|supervisord| plays_over_inet(&supervisord));
}

#[test]
fn supervisors_transport_over_the_unix_socket() {
    let proxy = "
    >>> import xmlrpclib
    >>> from supervisor.xmlrpc import SupervisorTransport
    >>> s = xmlrpclib.ServerProxy('http://127.0.0.1',
    ... SupervisorTransport('', '', 'unix://{here}/supervisor.sock'))
";
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(&format!("{proxy}{SESSION}"));
    }
}

/// "The URL must still be supplied and be a valid HTTP URL to appease `ServerProxy`, but it is superfluous."
#[test]
fn the_readmes_superfluous_url_over_the_unix_socket() {
    let proxy = "
    >>> import xmlrpclib
    >>> from supervisor.xmlrpc import SupervisorTransport
    >>> s = xmlrpclib.ServerProxy('http://127.0.0.1/whatever',
    ... SupervisorTransport('', '', 'unix://{here}/supervisor.sock'))
";
    Supervisord::start(&Config::new()).doctest(&format!("{proxy}{SESSION}"));
}

/// Only the unix socket is that generous: on inet, other paths stay what they are with Supervisor.
#[test]
fn other_paths_over_inet_stay_refused() {
    for supervisord in Supervisord::both(&Config::new()) {
        supervisord.doctest(
            "
            >>> ServerProxy('http://127.0.0.1:{port}/whatever').cache.getKeys()
            Traceback (most recent call last):
            xmlrpc.client.ProtocolError: <ProtocolError for 127.0.0.1:{port}/whatever: 400 Bad Request>
            ",
        );
    }
}

/// What both supervisorctls print for the README's commands, given one at a time on a command line.
fn plays_on_the_command_line(ctl: impl Fn(&[&str]) -> crate::common::Output) {
    assert!(ctl(&["help"]).text().ends_with(&format!("{HELP}\n")), "{}", ctl(&["help"]).text());
    assert_eq!(ctl(&["cache_keys"]).text(), "[]\n");
    assert_eq!(ctl(&["cache_store 'foo' 'bar baz'"]).text(), "");
    assert_eq!(ctl(&["cache_fetch 'foo'"]).text(), "'bar baz'\n");
    assert_eq!(ctl(&["cache_keys"]).text(), "['foo']\n");
}

#[test]
fn supervisors_own_supervisorctl_with_its_cache_plugin() {
    for supervisord in Supervisord::both(&Config::new()) {
        plays_on_the_command_line(|words| supervisord.real_ctl(words));
    }
}

#[test]
fn our_supervisorctl() {
    for supervisord in Supervisord::both(&Config::new()) {
        plays_on_the_command_line(|words| supervisord.ctl(words));
    }
}

/// The README's session at the prompt. What is typed is shown too, so that `expect` sees the whole transcript.
fn plays_in_a_terminal(mut terminal: Terminal) {
    let transcript = [
        ("cache_keys", "[]\n"),
        ("cache_store 'foo' 'bar baz'", ""),
        ("cache_fetch 'foo'", "'bar baz'\n"),
        ("cache_keys", "['foo']\n"),
    ];
    terminal.expect("supervisor> ");
    terminal.send("help\r");
    terminal.expect(HELP);
    terminal.expect("supervisor> ");
    for (command, shown) in transcript {
        terminal.send(format!("{command}\r"));
        terminal.expect(&format!("{command}\n"));
        assert_eq!(terminal.expect("supervisor> "), shown, "after {command}");
    }
    terminal.send("quit\r");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn supervisors_own_shell_in_a_terminal() {
    for supervisord in Supervisord::both(&Config::new()) {
        plays_in_a_terminal(supervisord.real_shell(&[]));
    }
}

#[test]
fn our_shell_in_a_terminal() {
    for supervisord in Supervisord::both(&Config::new()) {
        plays_in_a_terminal(supervisord.shell(&[]));
    }
}
