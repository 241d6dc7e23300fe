//! Where the code of plugins runs, and within which bounds.

pub(crate) mod async_thread;
pub(crate) mod executor;
pub(crate) mod plugin_object;
pub(crate) mod slots;
pub(crate) mod value_depth;
