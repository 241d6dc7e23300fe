//! XML-RPC methods: the table of all namespaces, where their code runs, and the namespaces that the host has itself.

mod data_dir;
mod guest;
mod held;
mod hooks;
mod lane;
mod load;
mod missed;
mod nesting;
mod places;
pub mod plugin_host;
pub mod plugins;
mod powers;
mod registry;
mod result_handlers;
mod running;
pub mod supervisor;
pub mod system;
mod tally;
mod workers;

pub use guest::Farewell;
pub use load::{BuildError, look_up};
pub use registry::{Origin, Registry};
