//! `[fcgi-program:x]`: processes that share a listening socket as their stdin, as the real ones do.

use std::{
    io::Read as _,
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _},
        net::UnixStream,
    },
};

use crate::{
    common::{Config, Kind, Sandbox, Supervisord, wait_until},
    upgrade::Upgradable,
};

/// Answers each connection with its name, and ends with the connection that the second of its kind leaves to it.
const SERVER: &str = "\
import os, socket
s = socket.socket(fileno=0)
while True:
    c, _ = s.accept()
    c.sendall(os.environ['SUPERVISOR_PROCESS_NAME'].encode())
    c.close()
";

fn config() -> Config {
    Config::new().section(
        "fcgi-program:php",
        "command=python3 {here}/server.py\nsocket=unix://{here}/%(program_name)s.sock\nsocket_mode=0640\n\
         numprocs=2\nprocess_name=%(program_name)s_%(process_num)d\nautostart=false\nstdout_logfile=NONE\n\
         stderr_logfile=NONE\nstopsignal=KILL",
    )
}

fn start(kind: Kind) -> Supervisord {
    let sandbox = Sandbox::new();
    sandbox.write("server.py", SERVER);
    Supervisord::start_in(sandbox, kind, &config())
}

/// What the shared socket answers; nothing where nobody listens.
fn ask(supervisord: &Supervisord) -> Option<String> {
    let mut answer = String::new();
    UnixStream::connect(supervisord.sandbox.join("php.sock")).ok()?.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The lines about the socket, with the sandbox taken out.
fn story(supervisord: &Supervisord) -> Vec<String> {
    let about = |line: &String| line.contains(" socket unix://");
    let here = |line: String| line.replace(supervisord.sandbox.here(), "HERE");
    supervisord.log_lines().into_iter().filter(about).map(here).collect()
}

#[test]
fn the_socket_is_there_while_a_process_runs() {
    let mut stories = Vec::new();
    for kind in [Kind::Real, Kind::Ours] {
        let supervisord = start(kind);
        // Opened and closed once, to fail early.
        assert_eq!(story(&supervisord).len(), 2, "{kind:?}");
        assert_eq!(ask(&supervisord), None, "{kind:?}");

        supervisord.call("supervisor.startProcess", &["php:php_0"]);
        assert_eq!(ask(&supervisord).as_deref(), Some("php_0"), "{kind:?}");
        let mode = supervisord.sandbox.join("php.sock").metadata().expect("the socket").permissions().mode();
        assert_eq!(mode & 0o777, 0o640, "{kind:?}");

        // The other one goes on with the same socket.
        supervisord.call("supervisor.startProcess", &["php:php_1"]);
        supervisord.call("supervisor.stopProcess", &["php:php_0"]);
        assert_eq!(ask(&supervisord).as_deref(), Some("php_1"), "{kind:?}");

        supervisord.call("supervisor.stopProcess", &["php:php_1"]);
        wait_until("the socket is closed", || story(&supervisord).len() == 4);
        assert_eq!(ask(&supervisord), None, "{kind:?}");
        stories.push(story(&supervisord));
    }
    assert_eq!(stories[0], stories[1]);
    let both = ["INFO Creating socket unix://HERE/php.sock", "INFO Closing socket unix://HERE/php.sock"];
    assert_eq!(stories[1], both.repeat(2));
}

/// Its stdin is the socket, so nobody can send it anything.
#[test]
fn nothing_can_be_sent_to_its_stdin() {
    for kind in [Kind::Real, Kind::Ours] {
        let supervisord = start(kind);
        supervisord.call("supervisor.startProcess", &["php:php_0"]);
        let answer = supervisord.call("supervisor.sendProcessStdin", &["php:php_0", "hello"]);
        assert!(answer.contains("NO_FILE: php:php_0"), "{kind:?}: {answer}");
    }
}

/// A socket that cannot be had is a failed start, not the end of supervisord.
#[test]
fn a_socket_that_cannot_be_opened() {
    let supervisord = start(Kind::Ours);
    // Its place is taken by what is nobody's to remove.
    let socket = supervisord.sandbox.join("php.sock");
    std::fs::remove_file(&socket).expect("it was there");
    std::fs::write(&socket, "precious").expect("a file in the sandbox");
    supervisord.call("supervisor.startProcess", &["php:php_0"]);
    let what = format!("Could not create FastCGI socket unix://{}: ", socket.display());
    assert!(
        supervisord.info("php:php_0", "spawnerr").starts_with(&what),
        "{}",
        supervisord.info("php:php_0", "spawnerr")
    );
    assert_eq!(supervisord.sandbox.read("php.sock"), "precious");

    let config = Config::new().section("fcgi-program:x", "command=/bin/cat\nsocket=unix:///nonexistent/x.sock");
    let output = Supervisord::run(Kind::Ours, &config);
    assert_eq!(output.status, 2);
    assert!(
        output.stderr.contains("Could not create FastCGI socket unix:///nonexistent/x.sock: "),
        "{}",
        output.stderr
    );
}

/// Over TCP, and in `[group:x]`, where a program is one like others.
#[test]
fn other_sockets_and_other_groups() {
    let port = crate::common::free_port();
    let program = format!("command=python3 {{here}}/server.py\nsocket=tcp://localhost:{port}\nstartsecs=0");
    let config = Config::new().section("fcgi-program:web", &program);
    let sandbox = Sandbox::new();
    sandbox.write("server.py", SERVER);
    let supervisord = Supervisord::start_in(sandbox, Kind::Ours, &config);
    supervisord.wait_for_state("web", "RUNNING");
    let mut answer = String::new();
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port)).expect("the socket listens");
    connection.read_to_string(&mut answer).expect("an answer");
    assert_eq!(answer, "web");

    let grouped = Config::new()
        .section("fcgi-program:cat", "command=/bin/cat\nsocket=unix:///nonexistent/x.sock\nstartsecs=0")
        .section("group:g", "programs=cat");
    for supervisord in Supervisord::both(&grouped) {
        supervisord.wait_for_state("g:cat", "RUNNING");
    }
}

#[test]
fn the_socket_goes_on_over_an_upgrade() {
    let sandbox = Sandbox::new();
    sandbox.write("server.py", SERVER);
    let supervisord = Upgradable::start_in(sandbox, &config());
    supervisord.call("supervisor.startProcess", &["php:php_0"]);
    let pid = supervisord.pid_of("php:php_0");
    let inode = || supervisord.sandbox.join("php.sock").metadata().expect("the socket").ino();
    let before = inode();
    for _ in 0..2 {
        supervisord.upgrade();
        assert_eq!(ask(&supervisord).as_deref(), Some("php_0"));
    }
    assert_eq!((supervisord.pid_of("php:php_0"), inode()), (pid, before));
    // It is the same socket that the other one gets, and that is closed with the last of them.
    supervisord.call("supervisor.startProcess", &["php:php_1"]);
    supervisord.call("supervisor.stopProcess", &["php:php_0"]);
    assert_eq!(ask(&supervisord).as_deref(), Some("php_1"));
    assert_eq!(inode(), before);
    supervisord.upgrade();
    assert_eq!(ask(&supervisord).as_deref(), Some("php_1"));
    let closed = || story(&supervisord).iter().filter(|line| line.contains("Closing")).count();
    let before = closed();
    supervisord.call("supervisor.stopProcess", &["php:php_1"]);
    wait_until("the socket is closed", || closed() == before + 1);
    assert_eq!(ask(&supervisord), None);
    // And opened anew for the next.
    supervisord.call("supervisor.startProcess", &["php:php_0"]);
    assert_eq!(ask(&supervisord).as_deref(), Some("php_0"));
}
