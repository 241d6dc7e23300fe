//! XML-RPC methods: the table of all that can be called, the threads on which the code of plugins runs and the watchdog
//! over them, the life of plugins and what they hand over in an upgrade, their view of the host, and the namespaces that
//! the host has itself.
//!
//! The modules are floors; each imports only from those above it in this list. [`build`] makes everything.

mod method;
mod suspension;
mod usage;
mod watchdog;

mod execution;

pub(crate) mod handover;
mod registry;

mod dispatch;

mod namespaces;

mod figures;
mod lifecycle;
mod plugin_metrics;

mod host_api;

mod result_handlers;

mod build;

#[cfg(test)]
mod fixtures;

pub use self::{
    build::{BuildError, build, look_up},
    handover::HandedOver,
    lifecycle::{Lifecycle, ShutdownWaiter},
    method::Origin,
    namespaces::{SupervisorInterface, UpgradePlan, UpgradeStatus, Upgrader},
    registry::Registry,
};
pub(crate) use self::{
    figures::{MethodFigures, PluginFigures},
    handover::HandedValue,
    plugin_metrics::PluginMetrics,
    suspension::Suspension,
};
