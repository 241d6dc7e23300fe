//! One process: its life, its birth, its signals and its output.

pub mod command;
pub mod event_listener;
pub mod event_pool;
pub mod fcgi;
pub mod launch;
pub mod output;
pub mod reap;
pub mod reserve;
pub mod signals;
pub mod spawn;
pub mod state;
pub mod stdin;

#[cfg(test)]
pub(crate) mod fixtures;
