//! XML-RPC methods: the table of all namespaces, where their code runs, and the namespaces that the host has itself.

mod usage;
mod watchdog;

mod execution;

mod registry;

mod lifecycle;
mod namespaces;

mod host_api;

mod result_handlers;

mod build;

pub use self::{
    build::{BuildError, look_up},
    execution::plugin_object::Farewell,
    namespaces::supervisor::SupervisorInterface,
    registry::{Origin, Registry},
};
