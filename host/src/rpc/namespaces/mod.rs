//! Namespaces that the host has itself: `supervisor`, `system` and `plugins`.
//!
//! The modules are floors; each imports only from those above it in this list.

mod plugins;
mod supervisor;
mod system;

pub use self::supervisor::SupervisorInterface;
pub(super) use self::{
    plugins::{NAME as PLUGINS, Plugins},
    supervisor::process_config,
    system::{System, multicall},
};
