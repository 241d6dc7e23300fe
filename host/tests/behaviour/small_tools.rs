//! `echo_supervisord_conf` and `pidproxy`.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use crate::common::{Kind, Peers, Sandbox, plugin_path, wait_until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

#[test]
fn the_sample_is_printed_and_is_a_config() {
    let sandbox = Sandbox::new();
    let mut echo = sandbox.command(env!("CARGO_BIN_EXE_echo_supervisord_conf"));
    // Supervisor's has no options either, and ignores what it is given.
    let sample = echo.arg("--whatever").output().expect("echo_supervisord_conf can be run");
    assert!(sample.status.success());
    let file = sandbox.write("sample.conf", &sample.stdout);
    for section in ["unix_http_server", "supervisord", "rpcinterface:supervisor", "supervisorctl", ";[fcgi-program:"] {
        let text = String::from_utf8_lossy(&sample.stdout);
        assert!(text.contains(section), "{section}");
    }
    let mut check = sandbox.command(env!("CARGO_BIN_EXE_supervisord"));
    check.env("SUPERVISOR_PLUGIN_PATH", plugin_path()).arg("-c").arg(&file).args(["--check-config", "text"]);
    let checked = check.output().expect("supervisord can be run");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// The real Supervisor takes it, too.
#[test]
fn supervisor_reads_the_sample() {
    let sandbox = Sandbox::new();
    let sample = sandbox.command(env!("CARGO_BIN_EXE_echo_supervisord_conf")).output().expect("it can be run");
    sandbox.write("sample.conf", &sample.stdout);
    let script = "from supervisor.options import ServerOptions\n\
                  o = ServerOptions(); o.realize(['-c', 'sample.conf']); print(len(o.server_configs), o.parse_warnings)";
    let output = sandbox.command(Peers::get().program("python")).args(["-c", script]).output().expect("Python");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), "1 []");
}

fn pidproxy(sandbox: &Sandbox, kind: Kind) -> Command {
    match kind {
        Kind::Ours => sandbox.command(env!("CARGO_BIN_EXE_pidproxy")),
        Kind::Real => sandbox.command(Peers::get().program("pidproxy")),
    }
}

/// A daemon that notes the signals it gets, and a pidproxy whose command waits for its end.
fn daemon(sandbox: &Sandbox, kind: Kind) -> (Child, Child) {
    sandbox.write(
        "daemon.sh",
        "trap 'echo HUP >>signals' HUP\ntrap 'echo TERM >>signals; exit' TERM\necho $$ >ready.pid\n\
         while :; do sleep 0.05; done\n",
    );
    let daemon = sandbox.command("/bin/sh").arg("daemon.sh").spawn().expect("a shell");
    wait_until("the daemon has written its pid", || sandbox.read("ready.pid").ends_with('\n'));
    fs::rename(sandbox.join("ready.pid"), sandbox.join("daemon.pid")).expect("the pidfile");
    sandbox.write(
        "command.sh",
        "#!/bin/sh\necho \"$0\" \"$@\" >called\nwhile [ ! -e over ]; do sleep 0.05; done\nexit 3\n",
    );
    let command = sandbox.join("command.sh");
    fs::set_permissions(&command, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("a mode");
    let proxy = pidproxy(sandbox, kind).args(["daemon.pid", "./command.sh", "a", "b c"]).spawn().expect("pidproxy");
    wait_until("the command runs", || sandbox.read("called").ends_with('\n'));
    (daemon, proxy)
}

fn send(child: &Child, signal: Signal) {
    kill(Pid::from_raw(child.id().try_into().expect("a pid is positive")), signal).expect("it is there");
}

#[test]
fn signals_are_handed_on_to_the_pid_in_the_file() {
    for kind in [Kind::Real, Kind::Ours] {
        let sandbox = Sandbox::new();
        let (mut daemon, mut proxy) = daemon(&sandbox, kind);
        send(&proxy, Signal::SIGHUP);
        wait_until("the daemon got SIGHUP", || sandbox.read("signals") == "HUP\n");
        send(&proxy, Signal::SIGTERM);
        assert_eq!(proxy.wait().expect("our child").code(), Some(0), "{kind:?}");
        daemon.wait().expect("our child");
        assert_eq!(sandbox.read("signals"), "HUP\nTERM\n", "{kind:?}");
    }
}

#[test]
fn it_ends_with_its_command_however_that_ends() {
    for kind in [Kind::Real, Kind::Ours] {
        let sandbox = Sandbox::new();
        let (mut daemon, mut proxy) = daemon(&sandbox, kind);
        sandbox.write("over", "");
        assert_eq!(proxy.wait().expect("our child").code(), Some(0), "{kind:?}");
        send(&daemon, Signal::SIGKILL);
        daemon.wait().expect("our child");
    }
}

#[test]
fn a_pidfile_that_is_not_there_is_said() {
    for kind in [Kind::Real, Kind::Ours] {
        let sandbox = Sandbox::new();
        let (mut daemon, mut first) = daemon(&sandbox, kind);
        send(&first, Signal::SIGTERM);
        first.wait().expect("our child");
        daemon.wait().expect("our child");
        fs::remove_file(sandbox.join("called")).expect("the command ran");
        let mut command = pidproxy(&sandbox, kind);
        let out = fs::File::create(sandbox.join("out")).expect("a file in the sandbox");
        command.args(["nope.pid", "./command.sh"]).env("PYTHONUNBUFFERED", "1").stdout(out).stderr(Stdio::null());
        let mut proxy = command.spawn().expect("pidproxy");
        wait_until("the command runs", || sandbox.read("called").ends_with('\n'));
        send(&proxy, Signal::SIGTERM);
        // And it stays: the daemon may be about to write its file.
        wait_until("it says so", || sandbox.read("out") == "Can't read child pidfile nope.pid!\n");
        assert_eq!(proxy.try_wait().expect("our child"), None, "{kind:?}");
        sandbox.write("over", "");
        proxy.wait().expect("our child");
    }
}

#[test]
fn too_few_words() {
    for kind in [Kind::Real, Kind::Ours] {
        let output = pidproxy(&Sandbox::new(), kind).arg("x.pid").output().expect("pidproxy can be run");
        assert_eq!(output.status.code(), Some(1), "{kind:?}");
        let usage = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(usage.contains("<pidfile name> <command> [<cmdarg1> ...]"), "{kind:?}: {usage}");
    }
}
