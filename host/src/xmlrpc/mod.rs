//! XML-RPC: bytes to [`Value`]s and back, and the client.
//!
//! Both directions go straight between the text and [`Value`]; there is no tree of elements in between, because a call
//! of `cache.fetch` spends a good part of its time here. Reading is as forgiving as Supervisor where its clients rely
//! on that, writing is byte for byte what Python's `xmlrpc.client` writes, so that every client in use can read it.
//!
//! Two things differ from Supervisor on purpose, so that whatever was stored comes back as it was:
//!
//! * A carriage return is kept. XML would read a bare one as a line feed; clients write one because they mean one.
//!   It goes out as `&#13;`.
//! * A string with characters that XML cannot carry, such as the escape of a coloured log, goes out as `<base64>` of
//!   its UTF-8. Supervisor writes the character raw, and the client fails on the whole answer.

mod client;
mod decode;
mod encode;
mod scalar;
mod transport;
mod xml;

pub use client::{Client, ClientError};
pub use decode::{DecodeError, Problem, decode_call, decode_response};
pub use encode::{encode_call, encode_fault, encode_response};
pub use transport::Stream;

use abi_stable::std_types::RVec;
use plugin_api::abi::Value;

/// A call as it came from a client.
#[derive(Clone, Debug, PartialEq)]
pub struct MethodCall {
    /// The method's name as it was written, blanks and all: `cache.fetch`.
    pub name: String,
    /// The parameters in their order.
    pub params: RVec<Value>,
}

/// How many arrays and structs may stand inside each other in a call. An answer may be half as deep again, because
/// `system.multicall` wraps what a client had stored.
pub const NESTING_LIMIT: usize = 64;
