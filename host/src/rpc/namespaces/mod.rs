//! Namespaces that the host has itself: `supervisor`, `system` and `plugins`.

pub(crate) mod plugins;
pub(crate) mod supervisor;
pub(crate) mod system;
