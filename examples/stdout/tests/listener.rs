//! The listener as supervisord runs it.

use std::{
    io::{Read as _, Write as _},
    process::{Command, Stdio},
};

#[test]
fn it_echoes_until_its_stdin_ends() {
    let mut listener = Command::new(env!("CARGO_BIN_EXE_supervisor_stdout"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it can be run");
    let payload = "processname:web groupname:web pid:7 channel:stdout\nhallo, Wörld\n";
    let event = format!("ver:3.0 eventname:PROCESS_LOG_STDOUT len:{}\n{payload}", payload.chars().count());
    listener.stdin.take().expect("a pipe").write_all(event.as_bytes()).expect("it reads");
    let mut said = String::new();
    listener.stdout.take().expect("a pipe").read_to_string(&mut said).expect("text");
    assert_eq!(said, format!("READY\nRESULT {}\n{payload}READY\n", payload.len()));
    assert!(listener.wait().expect("a child of ours").success());
}
