//! The HTTP servers: XML-RPC, logs as they grow, and pages for a browser, over TCP and unix sockets.
//!
//! The sockets are bound first, by [`Listeners`]; then one thread, named `server`, serves them all with one runtime. It
//! may hang without harm to the rest of supervisord: nobody waits for it, except for a moment at the end.
//!
//! The modules are floors; each imports only from those above it in this list. A new path is a row of the table in
//! `route`, and a handler. Calls of XML-RPC, as clients of Supervisor send them, do not come so far: `plain_calls`
//! answers them as `rpc2` would, for less than hyper alone costs.
//!
//! # What clients can rely on
//!
//! * HTTP/1.0 and 1.1, keep-alive and pipelining.
//! * A request's body may have 64 MiB (413), its headers 64 KiB (431). It must say how large its body is (411).
//! * The larger requests together may take 256 MiB; one that would take more is answered with 503. An answer larger
//!   than 256 MiB becomes a fault.
//! * A request whose headers do not arrive within 30 seconds is answered with 408, and so is one of whose body less
//!   than 64 KiB come in 30 seconds. A call may take as long as it takes; if its client leaves, it is cancelled.
//! * To each server there may be 4,096 connections, but to all of them together no more than half as many as
//!   supervisord may have files open. Then the one that has waited longest for its next request is closed for a new
//!   one, and if all are busy the new one is answered with 503; or, if many are being told so already, just closed. A
//!   crowd at one server takes no place from another.
//! * What a browser asks for because a page of another site told it to is answered with 403.
//! * When a crowd has left, the memory that it took goes back to the system; so does that of the start.

mod auth;
mod browser_guard;
mod limits;
mod listen;
mod log_files;
mod memory_budget;
mod memory_trim;
mod resource_usage;

mod connection_watch;

mod answer;

mod connection;
mod server_sent_events;

mod event_source;
mod live_feed;

mod context;

mod request;

mod event_stream;
mod health;
mod logtail;
mod metrics;
mod rpc2;
mod web;

mod plain_calls;
mod route;

mod serve;

pub(crate) mod fuzzing;

pub use self::{
    event_source::EventSource,
    limits::Limits,
    listen::{BindError, Listeners, ServerSocket},
    log_files::{LogFiles, LogName, log_files},
    serve::{Handle, PreparedServers},
};
