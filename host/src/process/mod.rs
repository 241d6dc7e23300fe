//! One process: its life, its birth, its signals and its output.

pub mod signals;
pub mod state;

#[cfg(test)]
pub(crate) mod fixtures;
