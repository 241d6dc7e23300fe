//! One process: its states, its spawning, its signals and its output.
//!
//! The modules are floors; each imports only from those above it in this list.

pub mod command;
pub mod event_listener;
pub mod fcgi;
pub mod fd_reserve;
pub mod notice;
pub mod orphans;
pub mod signals;
pub mod stdin;

pub mod exits;

pub mod event_pool;
pub mod launch;
pub mod probe;
pub mod ready_channel;
pub mod state;

pub mod output;
pub mod reap;
pub mod spawn;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
pub(crate) mod history_fixtures;
