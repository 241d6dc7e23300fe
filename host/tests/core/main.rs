//! The supervisor with real children, without a server in front of it.
//!
//! A supervisor reaps every child of its process, so all tests here share one, and each adds a group of its own.

mod rpc;
mod setup;

use std::{fs, time::Instant};

use setup::{core, program, shell};
use supervisor_host::{
    config::{self, AutoRestart, Logfile, Process, User, Variables},
    process::command::CommandError,
    states::ProcessState,
    supervisor::{Found, Refused},
};

#[test]
fn cat_runs_and_says_what_it_is_told() {
    let cat = core().add(program("cat", "/bin/cat"));
    cat.wait_for(ProcessState::Running);
    let info = cat.info();
    assert_eq!((info.state, info.name.as_str(), info.group.as_str()), (ProcessState::Running, "cat", "cat"));
    assert!(info.pid > 0 && info.started.is_some() && info.stopped.is_none());
    assert_eq!(core().supervisor.find("cat"), Some(Found::Process(cat.id)));

    core().supervisor.write_stdin(cat.id, b"hello\n").unwrap().unwrap();
    cat.wait_for_stdout("hello\n");

    cat.stop().unwrap();
    cat.wait_for(ProcessState::Stopped);
    let line = format!("INFO spawned: 'cat' with pid {}", info.pid);
    core().assert_logged(&[
        &line,
        "INFO success: cat entered RUNNING state, process has stayed up for > than 0 seconds (startsecs)",
        "WARN stopped: cat (terminated by SIGTERM)",
    ]);
    assert_eq!(cat.info().exitstatus, Some(-1));
    assert!(core().supervisor.write_stdin(cat.id, b"x").is_none());
    assert_eq!(cat.stop(), Err(Refused::NotRunning(ProcessState::Stopped)));
    cat.start().unwrap();
    assert_eq!(cat.start(), Err(Refused::NotStartable(ProcessState::Running)));
}

#[test]
fn an_unexpected_exit_is_reported() {
    let failing = core().add(Process { autorestart: AutoRestart::Never, ..shell("failing", "exit 3") });
    failing.wait_for(ProcessState::Exited);
    let info = failing.info();
    assert_eq!((info.exitstatus, info.spawnerr.as_deref()), (Some(3), Some("Bad exit code 3")));
    core().assert_logged(&["WARN exited: failing (exit status 3; not expected)"]);
}

#[test]
fn a_killed_child_is_started_again() {
    let cat = core().add(program("immortal", "/bin/cat"));
    cat.wait_for(ProcessState::Running);
    let first = cat.info().pid;
    cat.signal(libc::SIGKILL).unwrap();
    cat.wait(|status| status.starts == 2 && status.state == ProcessState::Running);
    assert_ne!(cat.info().pid, first);
    core().assert_logged(&["WARN exited: immortal (terminated by SIGKILL; not expected)"]);
}

#[test]
fn a_start_that_cannot_succeed_backs_off_and_ends_fatal() {
    let missing = core().add(Process { startretries: 1, ..program("missing", "/nonexistent/x") });
    missing.wait_for(ProcessState::Backoff);
    assert_eq!(missing.info().spawnerr.as_deref(), Some("can't find command '/nonexistent/x'"));
    let why = CommandError::NotFound("/nonexistent/x".to_owned());
    assert_eq!(missing.start(), Err(Refused::NoCommand(why)), "whatever its state");
    missing.wait_for(ProcessState::Fatal);
    core().assert_logged(&[
        "INFO spawnerr: can't find command '/nonexistent/x'",
        "INFO gave up: missing entered FATAL state, too many start retries too quickly",
    ]);
}

#[test]
fn a_child_that_dies_early_never_was_running() {
    let early = core().add(Process { startsecs: 1, startretries: 0, ..shell("early", "exit 0") });
    early.wait_for(ProcessState::Fatal);
    assert_eq!(early.info().exitstatus, None);
    let log = core().activity();
    assert!(!log.contains("success: early"));
    assert!(log.contains("WARN exited: early (exit status 0; not expected)"));
}

#[test]
fn a_child_that_ignores_term_is_killed() {
    let stubborn =
        core().add(Process { stopwaitsecs: 1, ..shell("stubborn", "trap '' TERM; echo up; while :; do read x; done") });
    stubborn.wait_for_stdout("up\n");
    let pid = stubborn.info().pid;
    stubborn.stop_and_wait();
    core().assert_logged(&[
        "INFO waiting for stubborn to stop",
        &format!("WARN killing 'stubborn' ({pid}) with SIGKILL"),
        "WARN stopped: stubborn (terminated by SIGKILL)",
    ]);
}

#[test]
fn a_grandchild_that_holds_the_pipe_does_not_hide_the_end_of_its_parent() {
    let parent =
        core().add(Process { autorestart: AutoRestart::Never, ..shell("parent", "sleep 1000 & echo $!; exit 0") });
    parent.wait_for(ProcessState::Exited);
    let grandchild: i32 = parent.stdout().trim().parse().expect("the shell's last words are in the log");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(grandchild), nix::sys::signal::SIGKILL).unwrap();
    let line = format!("INFO reaped unknown pid {grandchild} (terminated by SIGKILL)");
    setup::wait_until(|| core().activity().contains(&line));
}

#[test]
fn stopasgroup_reaches_grandchildren() {
    let family = core().add(Process { stopasgroup: true, ..shell("family", "sleep 1000 & echo $!; wait") });
    family.wait(|status| status.state == ProcessState::Running);
    family.wait_for_stdout("\n");
    let grandchild = family.stdout().trim().to_owned();
    family.stop_and_wait();
    setup::wait_until(|| core().activity().contains(&format!("INFO reaped unknown pid {grandchild} ")));
}

#[test]
fn the_environment_is_supervisors() {
    let script = "echo $SUPERVISOR_ENABLED $SUPERVISOR_PROCESS_NAME $SUPERVISOR_GROUP_NAME $SUPERVISOR_SERVER_URL $MINE; umask; pwd";
    let env = core().add(Process {
        environment: Variables::from_iter([("MINE".to_owned(), "yes".to_owned())]),
        umask: Some(0o027),
        directory: Some("/etc".into()),
        serverurl: Some("unix:///x.sock".to_owned()),
        ..shell("env", script)
    });
    env.wait_for_stdout("1 env env unix:///x.sock yes\n0027\n/etc\n");
}

#[test]
fn a_child_inherits_no_descriptors_and_no_habits_with_signals() {
    let clean =
        core().add(shell("clean", "cd /proc/self/fd && echo *; grep -E 'SigBlk|SigIgn' /proc/self/status; echo end"));
    clean.wait_for_stdout("end\n");
    let stdout = clean.stdout();
    let mut lines = stdout.lines();
    // The shell's own look at the folder is descriptor 3.
    assert_eq!(lines.next().unwrap().trim_end_matches(" 3"), "0 1 2");
    for line in lines.take(2) {
        let (name, mask) = line.split_once('\t').unwrap();
        // 32 and 33 belong to libc, which lets nobody touch them: they stay as our own parent left them.
        let mask = u64::from_str_radix(mask, 16).unwrap() & !(0b11 << 31);
        assert_eq!(mask, 0, "{name}");
    }
}

#[test]
fn what_goes_wrong_before_exec_stands_in_the_log() {
    let lost = core().add(Process {
        directory: Some("/nonexistent".into()),
        startretries: 0,
        startsecs: 1,
        ..program("lost", "/bin/cat")
    });
    lost.wait_for(ProcessState::Fatal);
    assert_eq!(
        lost.stderr(),
        "supervisor: couldn't chdir to /nonexistent: ENOENT\nsupervisor: child process was not spawned\n"
    );
    core().assert_logged(&["WARN exited: lost (exit status 127; not expected)"]);

    let text = core().dir.path().join("text");
    fs::write(&text, "not a program").unwrap();
    let mut mode = fs::metadata(&text).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o755);
    fs::set_permissions(&text, mode).unwrap();
    let command = text.to_str().unwrap();
    let text = core().add(Process { startretries: 0, startsecs: 1, ..program("text", command) });
    text.wait_for(ProcessState::Fatal);
    assert_eq!(
        text.stderr(),
        format!("supervisor: couldn't exec {command}: ENOEXEC\nsupervisor: child process was not spawned\n")
    );
}

#[test]
fn a_program_runs_as_its_user() {
    if !nix::unistd::Uid::current().is_root() {
        return;
    }
    let user = User { name: "nobody".to_owned(), uid: 65534, gid: 65534 };
    let id = core().add(Process { user: Some(user), ..shell("id", "id -u; id -g; id -G") });
    id.wait_for_stdout("65534\n65534\n65534\n");
}

#[test]
fn stderr_goes_to_its_own_log_or_to_that_of_stdout() {
    let two = core().add(shell("two", "echo out; echo err >&2"));
    two.wait_for_stdout("out\n");
    setup::wait_until(|| two.stderr() == "err\n");
    let one = core().add(Process { redirect_stderr: true, ..shell("one", "echo out; echo err >&2") });
    one.wait_for_stdout("out\nerr\n");
    assert_eq!(one.info().stderr_logfile, None);
}

#[test]
fn groups_come_and_go() {
    let cat = core().add(program("guest", "/bin/cat"));
    cat.wait_for(ProcessState::Running);
    assert!(!core().supervisor.add_group(&setup::group(program("guest", "/bin/cat"))).unwrap());
    assert_eq!(core().supervisor.remove_group("guest"), Some(false), "it still runs");
    cat.stop_and_wait();
    assert_eq!(core().supervisor.remove_group("guest"), Some(true));
    assert_eq!(core().supervisor.remove_group("guest"), None);
    assert_eq!(cat.start(), Err(Refused::Gone));
}

#[test]
fn hundreds_are_started_and_stopped_at_once() {
    const COUNT: usize = 200;
    let processes = (0..COUNT).map(|n| Process { autostart: false, ..program(&format!("p{n}"), "/bin/cat") });
    let processes: Vec<_> = processes
        .map(|mut process| {
            process.stdout.logfile = Logfile::None;
            process.stderr.logfile = Logfile::None;
            process
        })
        .collect();
    let all = core().add_group("crowd", processes);
    let begin = Instant::now();
    let starts: Vec<_> = all.iter().map(|process| core().supervisor.start(process.id)).collect();
    for start in starts {
        assert_eq!(setup::block_on(start).unwrap().state, ProcessState::Running);
    }
    println!("{COUNT} started in {:?}", begin.elapsed());
    let begin = Instant::now();
    let stops: Vec<_> = all.iter().map(|process| core().supervisor.stop(process.id, true, false)).collect();
    for stop in stops {
        setup::block_on(stop).unwrap();
    }
    for process in &all {
        process.wait_for(ProcessState::Stopped);
    }
    println!("{COUNT} stopped in {:?}", begin.elapsed());
}
