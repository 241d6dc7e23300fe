//! Code of plugins that does not come to an end, named in the log.

pub(crate) mod in_flight;
pub(crate) mod server_thread;
