// `spawner` and `spawned` are what these tests are about.
#![allow(clippy::similar_names)]

use std::{
    cell::Cell,
    io::Read as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::Pid,
};

use super::*;
use crate::{
    config,
    process::{fixtures, launch::UserIds},
};

fn launch(command: &str) -> Arc<Launch> {
    let config = config::Process { command: command.to_owned(), ..fixtures::process("x") };
    Arc::new(Launch::new(&config, "x", &fixtures::supervisord(Path::new("/tmp")), &[]))
}

/// Spawners whose children share as much as the system allows, memory alone, or nothing.
fn spawners() -> [Spawner; 3] {
    let everything = Spawner::new();
    let nothing = Sharing { memory: false, memory_across_users: false, files: false };
    let memory = Sharing { files: false, ..everything.sharing };
    let without_slots = |sharing| Spawner { sharing, slots: None, ..Spawner::new() };
    [everything, without_slots(memory), without_slots(nothing)]
}

fn start(spawner: &mut Spawner, command: &str) -> Spawned {
    let launch = launch(command);
    let spawned = spawner.spawn(&launch, &launch.command().unwrap(), None, None, ChildEnd::default()).unwrap();
    settle(spawner);
    spawned
}

/// Waits until every child has left: only then are its ends of the pipes closed here, too, and a read of one ends.
fn settle(spawner: &mut Spawner) {
    spawner.settle();
    while !spawner.starting.is_empty() {
        std::thread::yield_now();
        spawner.settle();
    }
}

fn read(fd: OwnedFd) -> String {
    let mut text = String::new();
    std::fs::File::from(fd).read_to_string(&mut text).unwrap();
    text
}

fn status(pid: i32) -> WaitStatus {
    waitpid(Pid::from_raw(pid), None).unwrap()
}

thread_local! {
    static HANDLED: Cell<u32> = const { Cell::new(0) };
}

extern "C" fn before_fork() {
    HANDLED.set(HANDLED.get() + 1);
}

#[test]
fn what_others_do_at_a_fork_is_not_done() {
    // SAFETY: the handler only touches a variable of the thread that forks.
    unsafe { libc::pthread_atfork(Some(before_fork), None, None) };
    for mut spawner in spawners() {
        let Spawned { pid, stdin, .. } = start(&mut spawner, "cat");
        assert_eq!(HANDLED.get(), 0);
        drop(stdin);
        assert_eq!(status(pid), WaitStatus::Exited(Pid::from_raw(pid), 0));
    }
}

#[test]
fn a_child_has_its_pipes_and_nothing_else() {
    for mut spawner in spawners() {
        let spawned = start(&mut spawner, "sh -c 'echo to stderr >&2; ls /proc/self/fd; cat /proc/self/status'");
        assert_eq!(read(spawned.stderr.unwrap()), "to stderr\n");
        // The pipes end with the child: nobody else has them.
        let output = read(spawned.stdout);
        assert!(output.starts_with("0\n1\n2\n3\nName"), "ls opens the fourth: {output}");
        for mask in ["SigBlk", "SigIgn", "SigCgt"] {
            assert!(output.contains(&format!("{mask}:\t0000000000000000\n")), "{output}");
        }
        assert!(output.contains(&format!("PPid:\t{}\n", spawned.pid)), "{output}");
        assert_eq!(status(spawned.pid), WaitStatus::Exited(Pid::from_raw(spawned.pid), 0));
    }
}

#[test]
fn what_goes_wrong_stands_in_the_log_of_the_child() {
    for mut spawner in spawners() {
        let launch = launch("x y");
        let command = Command { file: "/etc/passwd".to_owned(), argv: vec!["x".to_owned(), "y".to_owned()] };
        let spawned = spawner.spawn(&launch, &command, None, None, ChildEnd::default()).unwrap();
        settle(&mut spawner);
        let text = "supervisor: couldn't exec x: EACCES\nsupervisor: child process was not spawned\n";
        assert_eq!(read(spawned.stderr.unwrap()), text);
        assert_eq!(status(spawned.pid), WaitStatus::Exited(Pid::from_raw(spawned.pid), 127));
    }
}

#[test]
fn ids_beyond_16_bits_are_taken_whole() {
    if !getuid().is_root() {
        // Others have no user to change to.
        return;
    }
    let user = UserIds { uid: 100_000, gid: 100_001, groups: Ok(vec![100_001, 100_002]) };
    let mut launch = Launch::clone(&launch("cat /proc/self/status"));
    launch.user = Some(user);
    let launch = Arc::new(launch);
    for mut spawner in spawners() {
        let spawned = spawner.spawn(&launch, &launch.command().unwrap(), None, None, ChildEnd::default()).unwrap();
        settle(&mut spawner);
        let status = read(spawned.stdout);
        for line in ["Uid:\t100000\t100000", "Gid:\t100001\t100001", "Groups:\t100001 100002 \n"] {
            assert!(status.contains(line), "{status}");
        }
        waitpid(Pid::from_raw(spawned.pid), None).unwrap();
    }
}

#[test]
fn memory_and_descriptors_are_given_back() {
    for mut spawner in spawners() {
        let mut children: Vec<_> = (0..20)
            .map(|_| {
                let launch = launch("cat");
                spawner.spawn(&launch, &launch.command().unwrap(), None, None, ChildEnd::default()).unwrap()
            })
            .collect();
        settle(&mut spawner);
        assert!(spawner.slots.as_ref().is_none_or(StdioSlots::are_free));
        assert!(spawner.next_settle().is_none());
        assert!((1..=MAX_SPARE_STACKS).contains(&spawner.stacks.len()), "{}", spawner.stacks.len());
        for Spawned { pid, stdin, .. } in children.drain(..) {
            drop(stdin);
            assert_eq!(status(pid), WaitStatus::Exited(Pid::from_raw(pid), 0));
        }
    }
}

#[test]
fn a_child_that_never_leaves_is_given_up_when_it_is_reaped() {
    let mut spawner = Spawner::new();
    let spawned = start(&mut spawner, "cat");
    // As if the kernel had not told, as some do not of a process that was killed.
    spawner.settle();
    let stack = spawner.stacks.pop().map_or_else(Stack::new, Ok).unwrap();
    let launch = launch("cat");
    let setup = Box::new(ChildSetup::new(launch, CString::default(), Vec::new(), [0; 3], true, None, None));
    spawner.starting.push(StartingChild { pid: spawned.pid, since: Instant::now(), setup, stack, has_slots: false });
    kill(Pid::from_raw(spawned.pid), Signal::SIGKILL).unwrap();
    status(spawned.pid);
    spawner.settle();
    assert!(spawner.starting.iter().any(|child| child.pid == spawned.pid));
    spawner.reaped(spawned.pid);
    spawner.settle();
    assert!(spawner.starting.iter().all(|child| child.pid != spawned.pid));
}

#[test]
fn other_threads_may_do_what_they_like_meanwhile() {
    static OVER: AtomicBool = AtomicBool::new(false);
    let others: Vec<_> = (0..2)
        .map(|_| {
            std::thread::spawn(|| {
                while !OVER.load(Ordering::Relaxed) {
                    // It writes `errno`, allocates and spawns in its own way.
                    assert_eq!(nix::unistd::access("/nonexistent", nix::unistd::AccessFlags::F_OK), Err(Errno::ENOENT));
                    assert!(std::process::Command::new("/bin/true").status().unwrap().success());
                }
            })
        })
        .collect();
    for mut spawner in spawners() {
        for _ in 0..100 {
            let spawned = start(&mut spawner, "echo here");
            assert_eq!(read(spawned.stdout), "here\n");
            assert_eq!(status(spawned.pid), WaitStatus::Exited(Pid::from_raw(spawned.pid), 0));
        }
    }
    OVER.store(true, Ordering::Relaxed);
    for thread in others {
        thread.join().unwrap();
    }
}
