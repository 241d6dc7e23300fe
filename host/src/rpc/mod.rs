//! XML-RPC methods: the table of all namespaces, where their code runs, and the namespaces that the host has itself.

mod guest;
mod load;
mod places;
pub mod plugin_host;
pub mod plugins;
mod registry;
pub mod supervisor;
pub mod system;
mod tally;
mod workers;

pub use guest::Farewell;
pub use load::BuildError;
pub use registry::{Origin, Registry};
