//! Both supervisorctls, run to their end.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use super::{Peers, Sandbox, supervisord::plugin_path};

/// What a command left behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Its exit status; -1 where a signal ended it.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Its stdout, after making sure that it did nothing else: exit status 0, no word on stderr.
    #[track_caller]
    pub fn text(&self) -> &str {
        assert!(self.status == 0 && self.stderr.is_empty(), "{self:#?}");
        &self.stdout
    }
}

/// Runs a command to its end, with `input` as its stdin.
pub fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    // One that ends before it has read everything is judged by its output.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().expect("the output of a child");
    Output {
        status: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Our supervisorctl in that sandbox, before its arguments.
pub fn ours(sandbox: &Sandbox) -> Command {
    let mut command = sandbox.command(env!("CARGO_BIN_EXE_supervisorctl"));
    command.env("SUPERVISOR_PLUGIN_PATH", plugin_path());
    command
}

/// Supervisor's supervisorctl in that sandbox, before its arguments.
pub fn real(sandbox: &Sandbox) -> Command {
    sandbox.command(Peers::get().program("supervisorctl"))
}

/// Adds `-c FILE` and further arguments.
pub fn arguments<'a>(command: &'a mut Command, config: &Path, arguments: &[&str]) -> &'a mut Command {
    command.arg("-c").arg(config).args(arguments)
}
