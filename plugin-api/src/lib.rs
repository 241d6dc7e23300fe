//! Plugins for supervisord and supervisorctl.
//!
//! ```
//! use plugin_api::{Config, Fault, Host, rpc_interface};
//!
//! pub struct Hello;
//!
//! #[rpc_interface]
//! impl Hello {
//!     /// Say hello.
//!     pub fn greet(&self, name: String) -> String {
//!         format!("Hello, {name}!")
//!     }
//! }
//! # fn main() {}
//! ```

// The macros write `::plugin_api::…`, also where this crate uses them itself.
extern crate self as plugin_api;

pub mod abi;
mod block_on;
mod config;
mod controller;
mod describe;
mod export;
pub mod fault;
mod guard;
mod host;
mod interface;
mod params;
pub mod value;

pub use abi_stable::std_types::{RArc, RString, RVec};
pub use supervisor_plugin_macros::{ctl_plugin, rpc_interface};

pub use crate::{
    abi::{Fault, Member, MethodInfo, NamespaceObject, Param, Reply, Value},
    block_on::block_on,
    config::Config,
    controller::{Controller, Proxy},
    fault::Code,
    host::{Host, Level, SupervisorState},
    interface::{Methods, namespace},
    params::{IntoParams, Params},
    value::{
        convert::{FromValue, IntoAnswer, IntoValue},
        find,
        pformat::{pformat, repr},
    },
};

/// What the macros' code calls.
#[doc(hidden)]
pub mod __macro {
    pub use abi_stable::{library::LibHeader, std_types::RResult};

    use crate::{Fault, Reply, Value};
    pub use crate::{
        describe::Describe,
        export::{API_VERSION, Library, entry_point, factory, make_ctl, make_rpcinterface},
    };

    /// A list of further words, and the type of one.
    pub trait List {
        /// One word.
        type Item;
    }

    impl<T> List for Vec<T> {
        type Item = T;
    }

    /// The reply of a method that answers at once.
    pub fn try_now(call: impl FnOnce() -> Result<Value, Fault>) -> Reply {
        call().into()
    }

    /// The reply of a method that answers later, unless its parameters are wrong.
    pub fn try_later(call: impl FnOnce() -> Result<Reply, Fault>) -> Reply {
        call().unwrap_or_else(Reply::Failed)
    }
}
