//! What programs write: in their logs, in syslog, in the events that listeners get; beside Supervisor 4.3.0, and where
//! a disk is full.

// Nothing of a test is reachable from outside, so `pub` can say what its parts offer each other.
#![allow(unreachable_pub)]

mod compare;
mod disk;
mod syslog;
mod wrapped;

#[path = "../common/mod.rs"]
mod common;
