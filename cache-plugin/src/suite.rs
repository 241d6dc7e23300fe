//! Every method on every store: the answers are the same.

#![allow(clippy::too_many_lines, reason = "tables")]

#[cfg(feature = "engine")]
#[allow(unreachable_pub, reason = "it is shared with the behaviour tests")]
#[path = "../../host/tests/behaviour/common/peers.rs"]
mod peers;

#[cfg(feature = "engine")]
#[allow(unreachable_pub, reason = "it is shared with the behaviour tests")]
#[path = "../../host/tests/behaviour/common/engines.rs"]
mod engines;

#[cfg(feature = "engine")]
mod shared_engines;

mod subject;

#[cfg(feature = "engine")]
mod engine;
mod events;
mod histories;
mod table;
