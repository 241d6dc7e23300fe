//! Nobody reads stdout or stderr any more: `supervisorctl status | head -0`. That is no reason to panic.

mod common;

use std::process::{Command, ExitStatus, Stdio};

use common::{Config, Kind, Sandbox, Supervisord, supervisord_command, wait_until};

/// The write end of a pipe that nobody reads.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

/// Runs a command to its end with a stderr that nobody reads.
#[track_caller]
fn run(command: &mut Command) -> ExitStatus {
    let mut child = command.stdin(Stdio::null()).stderr(closed_pipe()).spawn().expect("it can be run");
    let mut status = None;
    wait_until("it ends", || {
        status = child.try_wait().expect("it is our child");
        status.is_some()
    });
    status.expect("it was waited for")
}

#[test]
fn supervisorctl_prints_into_the_void() {
    let missing = "supervisor.ctl_factory=nowhere:make_nothing_controllerplugin";
    let config = Config::new()
        .program("cat", "command=/bin/cat\nstartsecs=0")
        .section("ctlplugin:x", missing)
        .section("progam:typo", "command=/bin/cat");
    let supervisord = Supervisord::start(&config);
    supervisord.wait_for_state("cat", "RUNNING");
    // The exit status is the command's own.
    let table: [(&[&str], i32); 8] = [
        (&["status"], 0),
        (&["status", "nope"], 4),
        (&["pid", "cat"], 0),
        (&["help"], 0),
        (&["no_such_command"], 1),
        (&["tail", "cat"], 0),
        (&["-x"], 2),
        (&["-h"], 0),
    ];
    for (arguments, status) in table {
        let mut command = supervisord.ctl_command(Kind::Ours, arguments);
        assert_eq!(run(command.stdout(closed_pipe())).code(), Some(status), "{arguments:?}");
    }
    // Lines of a shell, too.
    let mut shell = supervisord.ctl_command(Kind::Ours, &[]);
    assert_eq!(run(shell.stdout(closed_pipe())).code(), Some(0));
}

#[test]
fn supervisord_complains_into_the_void() {
    let sandbox = Sandbox::new();
    let file = sandbox.write("supervisord.conf", "[supervisord]\nloglevel=loud\n");
    assert_eq!(run(&mut supervisord_command(&sandbox, Kind::Ours, &file)).code(), Some(2));
    for (argument, status) in [("-h", 0), ("-v", 0), ("--nope", 2)] {
        let mut command = supervisord_command(&sandbox, Kind::Ours, &file);
        assert_eq!(run(command.arg(argument).stdout(closed_pipe())).code(), Some(status), "{argument}");
    }
}
