//! No processes, no threads and no memory to be had, where supervisord makes some.

use nix::{errno::Errno, sys::signal::Signal};

use super::{
    injection::{Call, Fault, Injection, descriptors_at_rest, nothing_leaks, signal},
    lateness::{self, Control, descriptors_with_crashers, with_crashers},
};
use crate::common::{
    Config, Supervisord,
    engines::Engine,
    free_port,
    http::{self, Connection},
    wait_until,
};

const CAT: &str = "command=/bin/cat\nstartsecs=0\nstartretries=0";
const UNRULY: &str = "supervisor.rpcinterface_factory=unruly_plugin:make_unruly_rpcinterface";

/// Kills the program, has it fail more often than once, which would have been enough for one that may not try again,
/// and waits until it runs.
#[track_caller]
fn is_not_given_up(supervisord: &Supervisord, broken: Fault<'_>, text: &str) {
    let before = supervisord.count_in_log(text);
    signal(supervisord, "cat", Signal::SIGKILL);
    wait_until(&format!("{text:?} stands in the log twice"), || supervisord.count_in_log(text) >= before + 2);
    assert!(broken.hits() >= 2);
    assert_eq!(supervisord.statename("cat"), "BACKOFF");
    drop(broken);
    supervisord.wait_for_state("cat", "RUNNING");
}

#[test]
fn a_program_for_which_there_is_no_process_is_not_given_up() {
    let (faults, supervisord) = lateness::start(&Config::new().program("cat", CAT));
    supervisord.wait_for_state("cat", "RUNNING");
    let open = descriptors_at_rest(&supervisord);
    for (errno, text) in [
        (Errno::EAGAIN, "spawnerr: Too many processes in process table to spawn 'cat'"),
        (Errno::ENOMEM, "spawnerr: unknown error during fork for 'cat': ENOMEM"),
    ] {
        is_not_given_up(&supervisord, faults.fail(Call::Clone, "supervisord", errno), text);
    }
    assert_eq!(supervisord.count_in_log("FATAL"), 0, "{}", supervisord.log());
    nothing_leaks(&supervisord, open);
}

#[test]
fn a_program_for_whose_lookup_there_is_no_thread_is_not_given_up() {
    let (faults, supervisord) = lateness::start(&Config::new().program("cat", CAT));
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
    assert_eq!(supervisord.count_in_log("FATAL"), 0, "{}", supervisord.log());
}

/// The kernel has memory for so many watched descriptors of a user, and no more.
#[test]
fn a_program_whose_output_cannot_be_watched_is_heard_later_and_does_not_die() {
    let (faults, supervisord) = lateness::start(&Config::new().program("cat", &format!("{CAT}\nautostart=false")));
    for errno in [Errno::ENOSPC, Errno::ENOMEM] {
        let broken = faults.fail(Call::Watch, "output", errno);
        supervisord.call("supervisor.startProcess", &["cat"]);
        let pid = supervisord.pid_of("cat");
        supervisord.call("supervisor.sendProcessStdin", &["cat", &format!("{errno}\n")]);
        broken.wait_for_hits(8);
        assert_eq!(supervisord.sandbox.read("cat.out").lines().count(), usize::from(errno != Errno::ENOSPC));
        drop(broken);
        wait_until("it is heard", || supervisord.sandbox.read("cat.out").ends_with(&format!("{errno}\n")));
        assert_eq!(supervisord.pid_of("cat"), pid);
        supervisord.call("supervisor.stopProcess", &["cat"]);
    }
    supervisord.wait_for_log("CRIT could not watch the stdout of 'cat': No space left on device (os error 28)");
    assert_eq!(supervisord.count_in_log("exited: cat"), 0);
}

/// A stack for a child is mapped where no other child has left one.
#[test]
fn a_program_for_which_there_is_no_memory_is_not_given_up() {
    let config = Config::new().program("cat", &format!("{CAT}\nautostart=false"));
    let (faults, supervisord) = lateness::start(&config);
    let broken = faults.fail(Call::Map, "supervisord", Errno::ENOMEM);
    supervisord.call("supervisor.startProcess", &["cat"]);
    wait_until("it was tried again", || {
        supervisord.count_in_log("spawnerr: unknown error during fork for 'cat': ENOMEM") >= 2
    });
    drop(broken);
    supervisord.wait_for_state("cat", "RUNNING");
    assert_eq!(supervisord.count_in_log("FATAL"), 0);
}

#[test]
fn without_threads_clients_hear_so_and_the_server_goes_on() {
    let control = Control::start();
    let config =
        with_crashers(Config::new()).section("rpcinterface:unruly", UNRULY).section("inet_http_server", "metrics=true");
    for errno in [Errno::EAGAIN, Errno::ENOMEM] {
        let (faults, supervisord) = lateness::start(&config);
        let open = descriptors_with_crashers(&supervisord);
        let broken = faults.fail(Call::Thread, "server", errno);
        let answer = supervisord.call("unruly.huge", &["1"]);
        assert!(answer.contains("faultString"), "{answer}");
        let answer = supervisord.post("/RPC2", INT_CALL).text();
        assert!(answer.contains("FAILED") && answer.contains("thread"), "{answer}");
        let ask = |path: &str| {
            let mut client = Connection::open(supervisord.port);
            client.send(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
            client
        };
        // These wait for a thread, and others do not.
        let (mut metrics, mut log) = (ask("/metrics"), ask("/mainlogtail"));
        let large = http::call("cache.store", &["large", &"x".repeat(3 << 20)]);
        let mut large_client = Connection::open(supervisord.port);
        large_client.send(format!("POST /RPC2 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{large}", large.len()));
        broken.wait_for_hits(5);
        assert!(supervisord.call("cache.store", &["key", "value"]).contains("<boolean>1</boolean>"));
        control.restarts_are_on_time(&supervisord, &format!("{errno} for threads of the server"));
        drop(broken);
        assert_eq!(metrics.receive().map(|answer| answer.status), Some(200));
        assert!(large_client.receive().expect("an answer").text().contains("<boolean>1</boolean>"));
        assert!(supervisord.post("/RPC2", INT_CALL).text().contains("<string>"));
        // Without a length it ends when the server does.
        log.send("");
        drop(log);
        wait_until("what processes use is known again", || {
            let mut client = ask("/metrics");
            client.receive().is_some_and(|answer| answer.text().contains("supervisor_open_fds"))
        });
        drop(metrics);
        drop(large_client);
        nothing_leaks(&supervisord, open);
    }
}

/// `unruly.huge(0)`.
const INT_CALL: &str = "<?xml version='1.0'?><methodCall><methodName>unruly.huge</methodName><params><param><value>\
                        <int>0</int></value></param></params></methodCall>";

#[test]
fn a_probe_for_which_there_is_no_thread_says_nothing_of_its_program() {
    let health = "health=exec:/bin/true\nhealth_interval=0.1\nhealth_retries=1";
    let (faults, supervisord) =
        lateness::start(&Config::new().program("cat", &format!("{CAT}\n{health}\nautostart=false")));
    for errno in [Errno::EAGAIN, Errno::ENOMEM] {
        let broken = faults.fail(Call::Thread, "probes", errno);
        assert!(supervisord.ctl(&["start", "cat"]).text().contains("cat: started"));
        broken.wait_for_hits(3);
        assert_eq!(supervisord.count_in_log("health of cat has FAILED"), 0);
        // A probe that found a thread would leave it to the next ones, for a second.
        assert!(supervisord.ctl(&["stop", "cat"]).text().contains("cat: stopped"));
        drop(broken);
    }
}

#[test]
fn a_cache_that_finds_no_thread_to_look_up_its_engine_tries_again() {
    let engine = Engine::valkey(&[]);
    let sandbox = lateness::sandbox();
    let faults = Injection::new(&sandbox);
    let broken = faults.fail(Call::Thread, "cache-engine", Errno::EAGAIN);
    let store = format!("store=redis://localhost:{}\nstore_timeout=1", engine.port);
    let supervisord = faults.start(sandbox, &Config::new().section("rpcinterface:cache", &store));
    broken.wait_for_hits(2);
    supervisord.wait_for_log("cannot be reached: ");
    let answer = supervisord.call("cache.store", &["key", "value"]);
    assert!(answer.contains("STORE_FAILED") && answer.contains("thread"), "{answer}");
    drop(broken);
    wait_until("it is stored", || supervisord.call("cache.store", &["key", "value"]).contains("<boolean>1</boolean>"));
}

#[test]
fn an_upgrade_for_which_there_is_no_process_or_thread_is_refused() {
    let (faults, supervisord) = lateness::start(&Config::new().program("cat", CAT));
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
