//! supervisord as the first process of a container.

use std::process::{Command, Stdio};

use crate::common::{Config, Sandbox, free_port, plugin_path, wait_until};

/// Whether this machine lets us make a namespace of pids.
pub(crate) fn is_permitted(sandbox: &Sandbox) -> bool {
    let mut unshare: Command = sandbox.command("unshare");
    unshare.args(["--pid", "--fork", "--mount-proc", "true"]).stderr(Stdio::null());
    unshare.status().is_ok_and(|status| status.success())
}

#[test]
fn it_reaps_strangers_and_keeps_the_status_of_its_own() {
    let sandbox = Sandbox::new();
    if !is_permitted(&sandbox) {
        eprintln!("skipped: no PID namespaces here; the tests of core make their process a subreaper");
        return;
    }
    // Their children end before, with and after them. Those that end before are their own to reap.
    let orphans = |status: u8| format!("for n in 1 2 3 4 5; do (sleep 0.$n; exit {status}) & done");
    let (orphans_of_three, orphans_of_seven) = (orphans(8), orphans(9));
    let config = Config::new()
        .program(
            "three",
            &format!("command=/bin/sh -c '{orphans_of_three}; sleep 0.3; exit 3'\nstartsecs=0\nautorestart=false"),
        )
        .program("seven", &format!("command=/bin/sh -c '{orphans_of_seven}; exit 7'\nstartsecs=0\nautorestart=false"))
        .program("cat", "command=/bin/cat\nstartsecs=0");
    let file = sandbox.write("supervisord.conf", config.render(sandbox.here(), free_port()));
    let mut unshare: Command = sandbox.command("unshare");
    let mut child = unshare
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(env!("CARGO_BIN_EXE_supervisord"))
        .arg("-n")
        .arg("-c")
        .arg(&file)
        .env("SUPERVISOR_PLUGIN_PATH", plugin_path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("unshare can be run");
    let log = || sandbox.read("supervisord.log");
    wait_until("it has reaped them all", || {
        let log = log();
        log.matches("(exit status 9)").count() == 5 && log.contains("(exit status 8)") && log.contains("exited: three")
    });
    let log_now = log();
    for line in [
        "INFO supervisord started with pid 1\n",
        "WARN exited: three (exit status 3; not expected)\n",
        "WARN exited: seven (exit status 7; not expected)\n",
    ] {
        assert!(log_now.contains(line), "no {line:?} in\n{log_now}");
    }
    assert_eq!(log_now.matches("exited: cat").count(), 0, "{log_now}");

    // SIGTERM is nothing to a first process that does not ask for it.
    let inner = sandbox.processes().into_iter().find(|pid| {
        let comm = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        comm == "supervisord\n"
    });
    nix::sys::signal::kill(inner.expect("it is there"), nix::sys::signal::Signal::SIGTERM).expect("it is there");
    assert!(child.wait().expect("a child of ours").success());
    assert!(log().contains("WARN stopped: cat (terminated by SIGTERM)\n"), "{}", log());
}

#[test]
fn the_end_of_its_program_is_that_of_the_container() {
    let sandbox = Sandbox::new();
    if !is_permitted(&sandbox) {
        eprintln!("skipped: no PID namespaces here; the tests of ends do the same without");
        return;
    }
    let writes = "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo $i; done";
    sandbox.write("main.sh", format!("{writes}\nexit 5\n"));
    sandbox.write("other.sh", format!("trap '{writes}; exit' TERM\nwhile :; do sleep 0.05; done\n"));
    let config = Config::new()
        .program("main", "command=/bin/sh {here}/main.sh\nstartsecs=600\nstartretries=0\nexit_when=fatal")
        .program("other", "command=/bin/sh {here}/other.sh\nstartsecs=0")
        .section("supervisord", "nodaemon=true");
    let file = sandbox.write("supervisord.conf", config.render(sandbox.here(), free_port()));
    let mut unshare: Command = sandbox.command("unshare");
    let status = unshare
        .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
        .arg(env!("CARGO_BIN_EXE_supervisord"))
        .arg("-c")
        .arg(&file)
        .env("SUPERVISOR_PLUGIN_PATH", plugin_path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("unshare can be run");
    let log = sandbox.read("supervisord.log");
    assert_eq!(status.code(), Some(5), "{log}");
    assert!(log.contains("INFO supervisord started with pid 1\n"), "{log}");
    assert_eq!(sandbox.processes(), []);
    for name in ["main", "other"] {
        let output = sandbox.read(format!("{name}.out"));
        assert_eq!((output.lines().count(), output.lines().last()), (20_000, Some("20000")), "{name}");
    }
}
