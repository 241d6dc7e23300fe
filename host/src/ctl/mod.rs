//! `supervisorctl`: commands for a supervisord, once or in a shell.
//!
//! A command prints through the session and sets its exit status there; one that fails returns a fault, which is
//! printed as one line and makes the exit status 1.
//!
//! The modules are floors; each imports only from those above it in this list.

mod colour;
mod command_line;
mod event_frames;
mod exit_status;
mod help;
mod interrupt;
mod json;
mod progress_bar;
mod stdout;

mod document;
mod printer;
mod prompt;

mod session;

mod ctl_host;
mod follow;
mod process_info;

mod follow_events;
mod patterns;

mod commands;
mod completion;

mod controller;

mod reference;
mod shell;

pub mod cli;

pub(crate) mod fuzzing;

pub use exit_status::EXIT_STATUSES;
pub use reference::{CommandReference, reference};
