//! Children that run the commands of probes: made and reaped by the main thread, like all others.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{
    main_loop::MainLoop,
    probe::{ProbeChild, ProbeSpawn},
    requests::Request,
    signal::kill,
};
use crate::process::{
    exits::Exit,
    ready_channel::ChildEnd,
    spawn::{SpawnError, Spawned},
};

/// Number of them that are made before signals and deaths are looked at again.
const SPAWNS_PER_TURN: usize = 4;

impl MainLoop {
    /// Make some of the children that are wished for. Return whether more are.
    pub(super) fn spawn_probes(&mut self) -> bool {
        if self.shared.is_stopping() {
            // Whoever waits for them learns that there are none.
            self.probe_spawns.clear();
        }
        for _ in 0..SPAWNS_PER_TURN {
            let Some(ProbeSpawn { launch, command, started }) = self.probe_spawns.pop_front() else { return false };
            if started.is_closed() {
                continue;
            }
            let mut budget = self.shared.groups.lock().fd_budget();
            let spawned = if budget.take(1) {
                self.spawner.spawn(&launch, &command, None, None, ChildEnd::default())
            } else {
                Err(SpawnError::too_many_open_files(launch.name()))
            };
            self.spawner.settle();
            let child = spawned.map(|Spawned { pid, stdout, .. }| {
                let (ended, exit) = oneshot::channel();
                self.shared.groups.lock().probe_children.insert(pid, Some(ended));
                let requests = Arc::clone(&self.shared.requests);
                ProbeChild::new(stdout, exit, move || requests.push(Request::EndProbes))
            });
            // Where nobody waits for it any more, it is abandoned by that.
            let _ = started.send(child);
        }
        !self.probe_spawns.is_empty()
    }

    /// End those that nobody waits for any more, each with its process group.
    pub(super) fn end_probes(&self) {
        for (pid, ended) in &mut self.shared.groups.lock().probe_children {
            if ended.take_if(|ended| ended.is_closed()).is_some() {
                // Who is gone needs no signal.
                let _ = kill(-pid, libc::SIGKILL);
            }
        }
    }

    /// Kill all, whoever waits for them.
    pub(super) fn kill_probes(&self) {
        for pid in self.shared.groups.lock().probe_children.keys() {
            // Who is gone needs no signal.
            let _ = kill(-pid, libc::SIGKILL);
        }
    }

    /// Tell the end of one to whoever waits for it. Return whether it was one.
    pub(super) fn probe_reaped(&self, pid: i32, exit: Exit) -> bool {
        let Some(ended) = self.shared.groups.lock().probe_children.remove(&pid) else { return false };
        if let Some(ended) = ended {
            let _ = ended.send(exit);
        }
        true
    }
}
