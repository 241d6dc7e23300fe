//! A file system that does not answer: a look, or a socket, that hangs for as long as its test likes.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::super::{
    Refused,
    fixtures::{AtWork, Mount, block_on},
};
use crate::{
    config::{self, FcgiAddress, FcgiSocket, GroupKind},
    process::{command::CommandError, fixtures, launch::Launch},
    states::ProcessState,
};

fn cat(name: &str) -> config::Process {
    config::Process { startsecs: 0, ..fixtures::process(name) }
}

fn is(state: ProcessState) -> impl Fn(&super::super::ProcessInfo) -> bool {
    move |info| info.state == state
}

#[test]
fn a_dead_mount_holds_up_nobody_who_does_not_live_on_it() {
    let mount = Mount::gone();
    let many = (0..20).map(|n| cat(&format!("mounted{n}")));
    let supervisor = AtWork::looking(many.chain([cat("local")]), mount.find_command());
    mount.wait_for(20);
    let first = supervisor.wait("local", is(ProcessState::Running)).pid;
    block_on(supervisor.signal(supervisor.process("local").id, libc::SIGKILL)).unwrap();
    supervisor.wait("local", |info| info.state == ProcessState::Running && info.pid != first);
    for n in 0..20 {
        let info = supervisor.process(&format!("mounted{n}"));
        assert_eq!((info.state, info.pid), (ProcessState::Starting, 0));
    }
    mount.set_gone(false);
    for n in 0..20 {
        assert_ne!(supervisor.wait(&format!("mounted{n}"), is(ProcessState::Running)).pid, 0);
    }
}

#[test]
fn a_start_that_hangs_changes_nothing_and_can_be_asked_for_again() {
    let mount = Mount::gone();
    let supervisor = AtWork::looking([config::Process { autostart: false, ..cat("mounted") }], mount.find_command());
    let id = supervisor.process("mounted").id;
    let first = supervisor.start(id);
    mount.wait_for(1);
    assert_eq!(block_on(supervisor.signal(id, libc::SIGTERM)), Err(Refused::NotRunning(ProcessState::Stopped)));
    assert_eq!(block_on(supervisor.stop(id, true, false)), Err(Refused::NotRunning(ProcessState::Stopped)));
    let second = supervisor.start(id);
    mount.set_gone(false);
    assert_eq!(block_on(first).unwrap().state, ProcessState::Running);
    assert_eq!(block_on(second), Err(Refused::NotStartable(ProcessState::Starting)), "the first was first");
    assert_ne!(supervisor.process("mounted").pid, 0);
    assert_eq!(mount.most(), 1, "one look for each process");
}

#[test]
fn starts_that_hang_and_are_given_up_cost_one_thread_and_start_nothing() {
    let mount = Mount::gone();
    let idle = |name| config::Process { autostart: false, ..cat(name) };
    let supervisor = AtWork::looking([idle("mounted"), idle("local")], mount.find_command());
    let (mounted, local) = (supervisor.process("mounted").id, supervisor.process("local").id);
    for _ in 0..100 {
        drop(supervisor.start(mounted));
    }
    mount.wait_for(1);
    assert_eq!(block_on(supervisor.start(local)).unwrap().state, ProcessState::Running);
    mount.set_gone(false);
    // Whoever asks now is answered after all those.
    block_on(supervisor.stop(local, true, false)).unwrap();
    supervisor.wait("local", is(ProcessState::Stopped));
    block_on(supervisor.start(local)).unwrap();
    assert_eq!((mount.most(), supervisor.process("mounted").state), (1, ProcessState::Stopped));
}

#[test]
fn a_client_does_not_wait_for_ever_and_what_it_asked_for_is_not_done_later() {
    let mount = Mount::gone();
    let idle = config::Process { autostart: false, ..cat("mounted") };
    let groups = [fixtures::group("mounted", 1, vec![idle]), fixtures::group("local", 2, vec![cat("local")])];
    let supervisor = AtWork::patient(groups, mount.find_command(), Duration::from_millis(50));
    let id = supervisor.process("mounted").id;
    assert_eq!(block_on(supervisor.start(id)), Err(Refused::NoAnswer));
    mount.set_gone(false);
    // The next one that is answered comes after what it found.
    supervisor.wait("local", is(ProcessState::Running));
    assert_eq!(supervisor.process("mounted").state, ProcessState::Stopped);
    while block_on(supervisor.start(id)) == Err(Refused::NoAnswer) {}
    assert_eq!(supervisor.process("mounted").state, ProcessState::Running);
}

#[test]
fn a_command_that_is_not_there_is_said_before_anything_else() {
    let missing = config::Process { autostart: false, command: "/nonexistent/x".to_owned(), ..cat("x") };
    let supervisor = AtWork::with([missing]);
    let refused = block_on(supervisor.start(supervisor.process("x").id)).unwrap_err();
    assert_eq!(refused, Refused::NoCommand(CommandError::NotFound("/nonexistent/x".to_owned())));
    assert_eq!(supervisor.process("x").state, ProcessState::Stopped);
    assert_eq!(supervisor.process("x").spawnerr, None);
}

#[test]
fn what_is_found_after_a_stop_is_not_started() {
    let mount = Mount::gone();
    let supervisor = AtWork::looking([cat("mounted"), cat("other mounted")], mount.find_command());
    let id = supervisor.process("mounted").id;
    mount.wait_for(2);
    supervisor.wait("mounted", is(ProcessState::Starting));
    block_on(supervisor.stop(id, false, false)).unwrap();
    mount.set_gone(false);
    // Both answers come now; when this one is up, so may be the other, or not far from it.
    supervisor.wait("other mounted", is(ProcessState::Running));
    block_on(supervisor.stop(supervisor.process("other mounted").id, false, false)).unwrap();
    supervisor.wait("other mounted", is(ProcessState::Stopped));
    assert_eq!(supervisor.process("mounted").state, ProcessState::Stopped);
    supervisor.output().flush(Duration::from_secs(20)).unwrap();
    let log = std::fs::read_to_string(supervisor.dir.path().join("supervisord.log")).unwrap();
    assert!(!log.contains("spawned: 'mounted'"), "{log}");
}

#[test]
fn a_late_answer_may_be_a_bad_one() {
    let mount = Mount::gone();
    let missing = config::Process { command: "/nonexistent/x".to_owned(), startretries: 0, ..cat("mounted") };
    let supervisor = AtWork::looking([missing], mount.find_command());
    mount.wait_for(1);
    supervisor.wait("mounted", is(ProcessState::Starting));
    mount.set_gone(false);
    let info = supervisor.wait("mounted", is(ProcessState::Fatal));
    assert_eq!(info.spawnerr.as_deref(), Some("can't find command '/nonexistent/x'"));
}

#[test]
fn a_shutdown_does_not_wait_for_a_dead_mount() {
    let mount = Mount::gone();
    let supervisor = AtWork::looking([cat("mounted"), cat("local")], mount.find_command());
    mount.wait_for(1);
    supervisor.wait("local", is(ProcessState::Running));
    let begin = Instant::now();
    drop(supervisor);
    assert!(begin.elapsed() < Duration::from_secs(10));
    mount.set_gone(false);
}

#[test]
fn a_socket_that_cannot_be_opened_soon_holds_up_nobody_else() {
    let dir = tempfile::tempdir().unwrap();
    let address = FcgiAddress::Unix { file: dir.path().join("s"), owner: None, mode: 0o700 };
    let php = config::Process { autostart: false, command: "/bin/sleep 300".to_owned(), ..cat("php") };
    let php = fixtures::group("php", 1, vec![php]);
    let kind = GroupKind::Fcgi(FcgiSocket { address, backlog: None });
    let php = Arc::new(config::Group { kind, ..config::Group::clone(&php) });
    let local = fixtures::group("local", 2, vec![cat("local")]);
    let supervisor = AtWork::of_groups([php, local], Box::new(Launch::command));
    let id = supervisor.process("php").id;
    let socket = supervisor.0.groups.lock().processes[&id].socket.clone().unwrap();

    let held = socket.hold();
    let started = supervisor.start(id);
    let first = supervisor.wait("local", is(ProcessState::Running)).pid;
    block_on(supervisor.signal(supervisor.process("local").id, libc::SIGKILL)).unwrap();
    supervisor.wait("local", |info| info.state == ProcessState::Running && info.pid != first);
    assert_eq!(supervisor.process("php").state, ProcessState::Stopped);
    drop(held);
    assert_eq!(block_on(started).unwrap().state, ProcessState::Running);
}
