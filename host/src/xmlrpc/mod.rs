//! XML-RPC: bytes to [`Value`](plugin_api::Value)s and back, and the client.
//!
//! Both directions go straight between the text and [`Value`](plugin_api::Value); there is no tree of elements in
//! between, because a call of `cache.fetch` spends a good part of its time here. Reading is as forgiving as Supervisor
//! where its clients rely on that, writing is byte for byte what Python's `xmlrpc.client` writes, so that every client
//! in use can read it.
//!
//! Two things differ from Supervisor on purpose, so that whatever was stored comes back as it was:
//!
//! * A carriage return is kept. XML would read a bare one as a line feed; clients write one because they mean one.
//!   It goes out as `&#13;`.
//! * A string with characters that XML cannot carry goes out as `<base64>` of its UTF-8. Supervisor writes the
//!   character raw, and the client fails on the whole answer. Text that is there to be read, such as a coloured log,
//!   stays a string, made [`readable`].
//!
//! The modules are floors; each imports only from those above it in this list.

mod limits;
mod transport;

mod problem;

mod body;
mod members;
mod scalar;

mod xml;

mod encode;
mod usual;

mod decode;

mod client;

pub(crate) mod fuzzing;

#[cfg(test)]
mod round_trip_tests;

pub use client::{Client, ClientError};
pub use decode::{MethodCall, decode_call, decode_list, decode_response};
pub use encode::{encode_call, encode_fault, encode_response, readable};
pub use limits::{ANSWER_LIMIT, ANSWER_NESTING_LIMIT, NESTING_LIMIT, is_deeper, memory_up_to, size_up_to, too_large};
pub use problem::{DecodeError, Problem};
pub use transport::Stream;
