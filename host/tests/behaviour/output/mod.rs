//! What programs write: in their logs, in syslog, in the events that listeners get; beside Supervisor 4.3.0, and where
//! a disk is full or does not answer.

mod compare;
mod descriptors;
mod disk;
mod forms;
mod stall;
mod syslog;
mod wrapped;
