//! Nobody reads stdout or stderr any more: `supervisorctl status | head -0`. That is no reason to panic.

use std::process::{Command, ExitStatus, Stdio};

use crate::common::{Config, Kind, Sandbox, Supervisord, supervisord_command, wait_until};

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
    // What could not be printed is a failure, whatever the command came to; one that prints to stderr has its own
    // status.
    let table: [(&[&str], i32); 9] = [
        (&["status"], 1),
        (&["status", "nope"], 1),
        (&["pid", "cat"], 1),
        (&["help"], 1),
        (&["no_such_command"], 1),
        (&["tail", "cat"], 1),
        (&["-x"], 2),
        (&["-h"], 1),
        // A shell.
        (&[], 1),
    ];
    for (arguments, status) in table {
        let mut command = supervisord.ctl_command(Kind::Ours, arguments);
        assert_eq!(run(command.stdout(closed_pipe())).code(), Some(status), "{arguments:?}");
    }
}

#[test]
fn output_that_cannot_be_written_is_a_failure() {
    let supervisord = Supervisord::start_real(&Config::new().program("cat", "command=/bin/cat\nstartsecs=0"));
    let run_both = |arguments: &[&str], redirect: &str, complaint: &str| {
        for kind in [Kind::Real, Kind::Ours] {
            let command = supervisord.ctl_command(kind, arguments);
            let mut shell = Command::new("sh");
            shell.arg("-c").arg(format!("exec \"$@\" {redirect}")).arg("sh").arg(command.get_program());
            shell.args(command.get_args()).envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = shell.stdin(Stdio::null()).output().expect("it can be run");
            assert_eq!(output.status.code(), Some(1), "{kind:?} {arguments:?} {redirect}");
            if kind == Kind::Ours {
                assert_eq!(String::from_utf8_lossy(&output.stderr), complaint, "{arguments:?} {redirect}");
            }
        }
    };
    for arguments in [&["status"][..], &["pid", "cat"], &["help"], &["tail", "cat"], &["-h"], &[]] {
        let full = "Error: cannot write to stdout: No space left on device (os error 28)\n";
        run_both(arguments, ">/dev/full", full);
        run_both(arguments, ">&-", "Error: cannot write to stdout: Bad file descriptor (os error 9)\n");
    }
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
