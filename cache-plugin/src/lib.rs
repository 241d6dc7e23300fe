//! A cache in the supervisor: arbitrary data as key/value pairs, over XML-RPC as `cache.*` and in supervisorctl as
//! `cache_*`. Data stays until it is deleted or expires, and is gone when supervisord exits or restarts, unless it is
//! kept in a file, or in an engine like Redis that machines share. An upgrade of supervisord carries it along.
//!
//! It is also the reference for how to write a plugin. Its two halves have a file each and one factory each:
//!
//! ```ini
//! [rpcinterface:cache]
//! supervisor.rpcinterface_factory = supervisor_cache.rpcinterface:make_cache_rpcinterface
//!
//! [ctlplugin:cache]
//! supervisor.ctl_factory = supervisor_cache.controllerplugin:make_cache_controllerplugin
//! ```
//!
//! Further commands have a factory of their own, since nobody gets them who does not ask:
//! `supervisor_cache.operations:make_cache_operations`.
//!
//! The modules are floors; each imports only from those above it in this list.

#![forbid(unsafe_code)]

mod json_lines;

mod store;

mod cache;
mod options;
mod panel;

pub mod further_methods;

pub mod controllerplugin;
pub mod operations;
pub mod rpcinterface;

#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod suite;

plugin_api::export!(
    rpcinterface: rpcinterface::make_cache_rpcinterface {
        events: ["CACHE_STORE", "CACHE_DELETE", "CACHE_CLEAR", "CACHE_EXPIRE"],
    },
    ctl: controllerplugin::make_cache_controllerplugin,
    ctl: operations::make_cache_operations,
);
