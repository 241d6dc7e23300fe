#![doc = include_str!("guide.md")]

// The macros write `::plugin_api::…`, also where this crate uses them itself.
extern crate self as plugin_api;

pub mod abi;
mod block_on;
mod byte_size;
mod seconds;
mod spin_wait;

mod fault;

mod secret;

mod value;

mod config;
mod describe;
mod event;
mod guard;
mod level;
mod maybe_ready;
mod metrics;
mod panel;
mod params;
mod supervisor;

mod remote;

mod controller;
mod host;

mod interface;

mod chain;
mod result_handler;

mod factory;

#[doc(hidden)]
pub mod __macro;
pub mod testing;

mod export;

pub use abi_stable::std_types::{RArc, RString, RVec};
pub use supervisor_plugin_macros::{FromValue, IntoValue, ctl_plugin, rpc_interface};

#[doc(inline)]
pub use crate::abi::{Fault, Member, MethodInfo, NamespaceObject, Param, Reply, Value};
pub use crate::{
    block_on::block_on,
    byte_size::ByteSize,
    chain::Chain,
    config::Config,
    controller::{Controller, Progress, Proxy},
    event::Event,
    fault::Code,
    host::Host,
    interface::{Methods, namespace},
    level::Level,
    maybe_ready::MaybeReady,
    metrics::{MetricFamily, MetricKind, MetricSample, MetricValue, Metrics},
    panel::{Panel, PanelAction, PanelQuery},
    params::{IntoParams, Params},
    result_handler::{ResultHandler, Verdict},
    seconds::Seconds,
    secret::Secret,
    spin_wait::SpinWait,
    supervisor::{Group, SupervisorInfo, SupervisorState},
    value::{FromValue, IntoAnswer, IntoValue, from_value, pformat, repr, to_value},
};

#[doc(hidden)]
pub use crate::value::find;
