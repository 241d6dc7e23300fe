//! Event listeners as their authors know them: scripts under the real Supervisor and under ours, and superlance's.

mod compare;
pub(crate) mod listener;
mod protocol;
mod superlance;
