//! The HTTP servers as clients see them: raw bytes to real sockets, and what comes back.

mod events;
mod harness;
mod isolation;
mod limits;
mod logtail;
mod plain_calls;
mod requests;
mod system;
