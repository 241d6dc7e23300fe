//! Supervisor: groups of processes, kept as their config says.
//!
//! [`MainLoop::run`] is the whole of the main thread. It alone spawns, signals and reaps, and it never waits for
//! anything but its own poll: log lines and output go to the output threads through a queue, clients leave requests in
//! another and are answered through channels, and the lock around the groups is held by anybody for one unit of work.
//! For the executable of a program and the socket of its group, right before it is started, threads of their own look
//! at the disk.
//!
//! All decisions use a monotonic clock; the wall clock is only reported.
//!
//! The modules are floors; each imports only from those above it in this list.

mod extensions;
mod fd_budget;
mod probe;
mod signal;
mod status;
mod ticks;
mod turns;

mod deadlines;
mod descendants;

mod lookup;
mod process;

mod dependencies;
mod info;
mod new_group;
mod snapshot;
mod start_conditions;

mod description;
mod process_details;

mod requests;
mod spawn_queue;

mod probe_tasks;

mod groups;

mod readiness;
mod shared;

mod main_loop;
mod restart;

mod ends;
mod probe_children;
mod watching;

mod apply;

mod order;

mod handover;
mod shutdown;
mod spawning;

mod run;

mod handle;

mod group_changes;
mod group_update;

#[cfg(test)]
pub(crate) mod fixtures;

pub use self::{
    description::unix_seconds,
    extensions::MakeHandler,
    group_changes::{ActiveGroup, NotAdded, NotRemoved},
    group_update::{GroupUpdate, NotUpdated, ProcessUpdate, UpdateAction},
    groups::Found,
    handle::Supervisor,
    info::{ProcessConfig, ProcessInfo},
    main_loop::MainLoop,
    process_details::{Asked, ProcessDetails},
    readiness::Readiness,
    run::Outcome,
    snapshot::{Births, Snapshot, UseSnapshot},
    status::{ProcessId, Refused, Status},
};
pub use crate::text::namespec::{make_namespec, split_namespec};
