//! Output of programs, the activity log, and the conversation with event listeners: the work of the output threads.
//!
//! One thread has the loop (`output_loop`) and alone reads the pipes of the programs. It also writes the logs, and a
//! disk may take its time; then another thread takes its place, and a program that writes to a log whose disk stalls
//! waits on its own full pipe: see `threads`. Nobody else waits: every method of [`OutputHandle`] hands a command over
//! and goes on. Commands are carried out in the order in which they came, so the line that says that a process has
//! exited stands after its last output.
//!
//! The modules are floors; each imports only from those above it in this list.

mod ansi;
pub mod auto_logs;
mod capture;
mod completion;
mod event_pools;
mod line_buffer;
mod log_counts;
mod target;

mod filters;
mod log_lines;

mod handover;

mod queue;

mod log;

mod activity_log;
mod open_logs;

mod sink;

mod pipe;

mod output_loop;

mod freeze;
mod listeners;
mod threads;

mod handle;

pub(crate) mod fuzzing;

pub use self::{
    handle::{OutputHandle, PendingAnswer, start},
    handover::{AdoptedOutput, FrozenOutput, OutputState},
    log_counts::{LogBytes, LogCounter, LogCounters},
    queue::ChildOutput,
    target::OutputTarget,
};

#[cfg(test)]
mod tests;
