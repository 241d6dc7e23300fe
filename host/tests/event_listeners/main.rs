//! Event listeners as their authors know them: scripts under the real Supervisor and under ours, and superlance's.

#[path = "../common/mod.rs"]
mod common;

mod compare;
mod listener;
mod protocol;
mod superlance;
