#![doc = include_str!("guide.md")]

// The macros write `::plugin_api::…`, also where this crate uses them itself.
extern crate self as plugin_api;

pub mod abi;
mod block_on;
mod byte_size;
mod chain;
mod config;
mod controller;
mod describe;
mod event;
mod export;
pub mod fault;
mod guard;
mod host;
mod interface;
mod maybe_ready;
mod params;
mod powers;
mod result_handler;
pub mod testing;
pub mod value;

pub use abi_stable::std_types::{RArc, RString, RVec};
pub use supervisor_plugin_macros::{FromValue, IntoValue, ctl_plugin, rpc_interface};

pub use crate::{
    abi::{Fault, Member, MethodInfo, NamespaceObject, Param, Reply, Value},
    block_on::block_on,
    byte_size::ByteSize,
    chain::Chain,
    config::Config,
    controller::{Controller, Progress, Proxy},
    event::Event,
    fault::Code,
    host::{Host, Level, SupervisorState},
    interface::{Methods, namespace},
    maybe_ready::MaybeReady,
    params::{IntoParams, Params},
    powers::{Group, SupervisorInfo},
    result_handler::{ResultHandler, Verdict},
    value::{
        convert::{FromValue, IntoAnswer, IntoValue},
        de::from_value,
        find,
        pformat::{pformat, repr},
        ser::to_value,
    },
};

/// What the macros' code calls.
#[doc(hidden)]
pub mod __macro {
    pub use abi_stable::{library::LibHeader, std_types::RResult};
    pub use serde::{Deserialize, Serialize};

    use crate::{Fault, Params, RVec, Reply, Value, to_value};
    pub use crate::{
        describe::Describe,
        export::{
            API_VERSION, Library, check_factories, entry_point, factory, make_ctl, make_result_handler,
            make_rpcinterface,
        },
    };

    /// A list of further words, and the type of one.
    pub trait List {
        /// One word.
        type Item;
    }

    impl<T> List for Vec<T> {
        type Item = T;
    }

    /// What `#[derive(FromValue)]` does. The bound is written so that serde's own hint follows where it is not met.
    pub fn from_value<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, Fault> {
        crate::from_value(value)
    }

    /// What `#[derive(IntoValue)]` does.
    #[track_caller]
    pub fn into_value<T: Serialize>(what: &T) -> Value {
        // A closure would be the place that is named.
        match to_value(what) {
            Ok(value) => value,
            Err(fault) => panic!("`{}` cannot become a value: {}", std::any::type_name::<T>(), fault.detail()),
        }
    }

    /// The reply of a method that answers at once.
    pub fn try_now(call: impl FnOnce() -> Result<Value, Fault>) -> Reply {
        call().into()
    }

    /// The reply of `_complete`, which supervisorctl calls with a command and the words before the one to complete.
    pub fn complete(params: RVec<Value>, complete: impl FnOnce(&str, &[String]) -> Result<Value, Fault>) -> Reply {
        try_now(|| {
            let mut params = Params::new(params, 2, 2)?;
            let (command, words): (String, Vec<String>) = (params.take("command")?, params.take("words")?);
            complete(&command, &words)
        })
    }

    /// The reply of a method that answers later, unless its parameters are wrong.
    pub fn try_later(call: impl FnOnce() -> Result<Reply, Fault>) -> Reply {
        call().unwrap_or_else(Reply::Failed)
    }
}
