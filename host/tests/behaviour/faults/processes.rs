//! No processes, no threads and no memory to be had, where supervisord makes some.

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    injection::{Call, Fault, Injection, descriptors_at_rest, nothing_leaks},
    lateness::{self, Control, descriptors_with_crashers, with_crashers},
};
use crate::common::{
    Config, Supervisord, free_port,
    http::{self, Connection},
    wait_until,
};

const CAT: &str = "command=/bin/cat\nstartsecs=0\nstartretries=0";
const UNRULY: &str = "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface";

fn start(config: &Config) -> (Injection, Supervisord) {
    let sandbox = lateness::sandbox();
    let faults = Injection::new(&sandbox);
    let supervisord = faults.start(sandbox, config);
    (faults, supervisord)
}

fn count(supervisord: &Supervisord, text: &str) -> usize {
    supervisord.log_lines().iter().filter(|line| line.contains(text)).count()
}

/// Kills the program, has it fail more often than once, which would have been enough for one that may not try again,
/// and waits until it runs.
#[track_caller]
fn is_not_given_up(supervisord: &Supervisord, broken: Fault<'_>, text: &str) {
    let before = count(supervisord, text);
    kill(Pid::from_raw(supervisord.pid_of("cat")), Signal::SIGKILL).expect("it runs");
    wait_until(&format!("{text:?} stands in the log twice"), || count(supervisord, text) >= before + 2);
    assert!(broken.hits() >= 2);
    assert_eq!(supervisord.statename("cat"), "BACKOFF");
    drop(broken);
    supervisord.wait_for_state("cat", "RUNNING");
}

#[test]
fn a_program_for_which_there_is_no_process_is_not_given_up() {
    let (faults, supervisord) = start(&Config::new().program("cat", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    let open = descriptors_at_rest(&supervisord);
    for (errno, text) in [
        (Errno::EAGAIN, "spawnerr: Too many processes in process table to spawn 'cat'"),
        (Errno::ENOMEM, "spawnerr: unknown error during fork for 'cat': ENOMEM"),
    ] {
        is_not_given_up(&supervisord, faults.fail(Call::Clone, "supervisord", errno), text);
    }
    assert_eq!(count(&supervisord, "FATAL"), 0, "{}", supervisord.log());
    nothing_leaks(&supervisord, open);
}

#[test]
fn a_program_for_whose_lookup_there_is_no_thread_is_not_given_up() {
    let (faults, supervisord) = start(&Config::new().program("cat", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    for errno in [Errno::EAGAIN, Errno::ENOMEM] {
        let threads = || std::fs::read_dir(format!("/proc/{}/task", supervisord.pid())).expect("it runs").flatten();
        let is_lookup = |task: &std::fs::DirEntry| {
            std::fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "lookup\n")
        };
        wait_until("the thread that has looked up commands is gone", || !threads().any(|task| is_lookup(&task)));
        let text = "spawnerr: no thread could be had to look for its command";
        is_not_given_up(&supervisord, faults.fail(Call::Thread, "supervisord", errno), text);
    }
    assert_eq!(count(&supervisord, "FATAL"), 0, "{}", supervisord.log());
}

/// A stack for a child is mapped where no other child has left one.
#[test]
fn a_program_for_which_there_is_no_memory_is_not_given_up() {
    let config = Config::new().program("cat", &format!("{CAT}\nautostart=false"));
    let (faults, supervisord) = start(&config);
    let broken = faults.fail(Call::Map, "supervisord", Errno::ENOMEM);
    supervisord.call("supervisor.startProcess", &["cat"]);
    wait_until("it was tried again", || {
        count(&supervisord, "spawnerr: unknown error during fork for 'cat': ENOMEM") >= 2
    });
    drop(broken);
    supervisord.wait_for_state("cat", "RUNNING");
    assert_eq!(count(&supervisord, "FATAL"), 0);
}

/// `unruly.huge(0)`.
const INT_CALL: &str = "<?xml version='1.0'?><methodCall><methodName>unruly.huge</methodName><params><param><value>\
                        <int>0</int></value></param></params></methodCall>";

#[test]
fn an_upgrade_for_which_there_is_no_process_or_thread_is_refused() {
    let (faults, supervisord) = start(&Config::new().program("cat", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    let (pid, open) = (supervisord.pid_of("cat"), descriptors_at_rest(&supervisord));
    for (errno, text) in
        [(Errno::EAGAIN, "Resource temporarily unavailable"), (Errno::ENOMEM, "Cannot allocate memory")]
    {
        for (call, pattern) in [(Call::Spawn, ""), (Call::Thread, "call"), (Call::Thread, "server"), (Call::Memfd, "")]
        {
            let broken = faults.fail(call, pattern, errno);
            let output = supervisord.ctl(&["upgrade"]);
            if broken.hits() > 0 {
                assert!(output.status == 1 && output.stdout.contains(text), "{call:?} {pattern}: {output:?}");
            }
            drop(broken);
            assert_eq!(supervisord.pid_of("cat"), pid);
        }
    }
    assert!(supervisord.ctl(&["upgrade"]).text().starts_with("Upgraded "));
    assert_eq!(supervisord.pid_of("cat"), pid);
    nothing_leaks(&supervisord, open);
}

#[test]
fn a_daemon_that_cannot_fork_says_so() {
    for (errno, text) in
        [(Errno::EAGAIN, "Resource temporarily unavailable"), (Errno::ENOMEM, "Cannot allocate memory")]
    {
        let sandbox = lateness::sandbox();
        let faults = Injection::new(&sandbox);
        let _broken = faults.fail(Call::Spawn, "supervisord", errno);
        let config = Config::new().section("supervisord", "nodaemon=false").render(sandbox.here(), free_port());
        let file = sandbox.write("supervisord.conf", config);
        let mut command = sandbox.command(env!("CARGO_BIN_EXE_supervisord"));
        command.arg("-c").arg(file).env("SUPERVISOR_PLUGIN_PATH", crate::common::plugin_path());
        let output = faults.load(command).output().expect("it can be run");
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code().is_some_and(|code| code > 0) && said.contains(text), "{output:?}");
    }
}
