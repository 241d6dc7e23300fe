//! A process supervisor that reads Supervisor's configuration, speaks its XML-RPC interface and behaves as it does.
//!
//! The modules are floors; each imports only from those above it in this list. `ctl` is a wing of its own, a client: it
//! knows nothing of the supervisor but the names of its states. `ARCHITECTURE.md` has the map.

mod linux;

mod blocking;
mod handed_fds;
mod histogram;
// Numbers of the width that the system calls have.
mod limits;
mod live_socket;
pub mod logger;
pub mod states;
pub mod text;
pub mod version;

pub mod events;
pub mod xmlrpc;

pub mod config;

pub mod plugin;
pub mod process;

pub mod supervisor;

pub mod rpc;
pub mod service_manager;

pub mod daemon;
pub mod server;
pub mod server_options;

pub mod check_config;
pub mod pidproxy;
pub mod upgrade;

pub mod ctl;

#[doc(hidden)]
pub mod man_pages;
#[cfg(doc)]
pub mod manual;

#[doc(hidden)]
pub mod fuzzing;
