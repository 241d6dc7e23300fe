//! Execution of the code of plugins: on which thread it runs, how much of it runs at once, how deep its calls and its
//! values may be nested, and how long others wait for it.
//!
//! The modules are floors; each imports only from those above it in this list.

mod call_depth;
mod server_future;
mod slots;
mod stay_awake;
mod value_depth;

mod async_thread;

mod executor;

mod plugin_object;

pub(super) use self::{
    executor::ExecutorContext,
    plugin_object::PluginObject,
    server_future::ServerFuture,
    slots::{NAMESPACE_SLOTS, RESULT_HANDLER_SLOTS, RESULT_HANDLERS},
    stay_awake::stay_awake,
    value_depth::{VALUE_DEPTH_LIMIT, limit_answer, limit_params},
};
