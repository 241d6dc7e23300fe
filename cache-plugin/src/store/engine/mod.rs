//! The store that many machines share: an engine that speaks the Redis protocol. Every answer is the engine's.
//!
//! A thread of its own speaks with it, on an async runtime of its own; each request is a task there, and all of them
//! share one connection. So whoever asks waits for nobody else's answer, and a plugin without an engine has none of it.
//!
//! The modules are floors; each imports only from those above it in this list.

mod address;
mod budget;
mod format;
mod scripts;
mod watched;

mod settings;

mod connection;

mod link;

mod core;
mod scan;

mod listen;
mod operations;

mod thread;

pub use self::format::engine_values;
pub(crate) use self::{address::Address, settings::Settings, thread::open};
