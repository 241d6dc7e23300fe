//! Namespaces that the host has itself: `supervisor`, `system`, `logs`, `plugins`, `processes`, `update` and `upgrade`.
//!
//! The modules are floors; each imports only from those above it in this list.

mod plugins;
mod supervisor;
mod system;
mod update;
mod upgrade;

mod logs;
mod processes;

pub(super) use self::{
    logs::{Logs, NAME as LOGS},
    plugins::{NAME as PLUGINS, Plugins},
    processes::{NAME as PROCESSES, Processes},
    supervisor::process_config,
    system::{System, multicall},
    update::{NAME as UPDATE, UpdateInterface},
    upgrade::{NAME as UPGRADE, Upgrade, UpgraderRef},
};
pub use self::{
    supervisor::SupervisorInterface,
    upgrade::{UpgradePlan, UpgradeStatus, Upgrader},
};
