//! A process supervisor that reads Supervisor's configuration, speaks its XML-RPC interface and behaves as it does.
//!
//! The modules are floors; each imports only from those above it in this list. `ctl` is a wing of its own: it knows
//! `config`, `plugin`, `states`, `xmlrpc`, `text` and `version`, and nothing of the supervisor.

pub mod text;
pub mod version;

pub mod config;
pub mod events;
// What the system calls by numbers of its own width.
mod limits;
mod live_socket;
pub mod logger;
pub mod plugin;
pub mod states;
pub mod xmlrpc;

pub mod process;

pub mod supervisor;

pub mod rpc;

pub mod server;

pub mod daemon;
pub mod server_options;

pub mod check_config;

pub mod pidproxy;

pub mod ctl;
