//! The plugin API over types of our own: its modules are those of `plugin-api`, but for [`abi`].

// The macros write `::plugin_api::…`, also where this crate uses them itself.
extern crate self as plugin_api;
// The types stand in for those of both crates.
extern crate abi_stable as async_ffi;

pub mod abi;
#[path = "../../../src/block_on.rs"]
mod block_on;
#[path = "../../../src/byte_size.rs"]
mod byte_size;
#[path = "../../../src/seconds.rs"]
mod seconds;

#[path = "../../../src/fault.rs"]
mod fault;

#[path = "../../../src/secret.rs"]
mod secret;

#[path = "../../../src/value/mod.rs"]
mod value;

#[path = "../../../src/config/mod.rs"]
mod config;
#[path = "../../../src/describe.rs"]
mod describe;
#[path = "../../../src/event.rs"]
mod event;
#[path = "../../../src/guard.rs"]
mod guard;
#[path = "../../../src/level.rs"]
mod level;
#[path = "../../../src/maybe_ready.rs"]
mod maybe_ready;
#[path = "../../../src/metrics.rs"]
mod metrics;
#[path = "../../../src/panel.rs"]
mod panel;
#[path = "../../../src/params.rs"]
mod params;
#[path = "../../../src/supervisor.rs"]
mod supervisor;

#[path = "../../../src/remote.rs"]
mod remote;

#[path = "../../../src/controller.rs"]
mod controller;
#[path = "../../../src/host.rs"]
mod host;

#[path = "../../../src/interface.rs"]
mod interface;

#[path = "../../../src/chain.rs"]
mod chain;
#[path = "../../../src/result_handler.rs"]
mod result_handler;

#[path = "../../../src/factory.rs"]
mod factory;

#[doc(hidden)]
#[path = "../../../src/__macro.rs"]
pub mod __macro;
#[path = "../../../src/testing/mod.rs"]
pub mod testing;

#[path = "../../../src/export.rs"]
mod export;

pub mod loader;

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
    supervisor::{Group, SupervisorInfo, SupervisorState},
    value::{FromValue, IntoAnswer, IntoValue, from_value, pformat, repr, to_value},
};

#[doc(hidden)]
pub use crate::value::find;
