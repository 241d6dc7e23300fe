//! `supervisorctl`: commands for a supervisord, once or in a shell.
//!
//! A command prints through the session and sets its exit status there; one that fails returns a fault, which is
//! printed as one line and makes the exit status 1.
//!
//! The modules are floors; each imports only from those above it in this list.

mod command_line;
mod exit_status;
mod help;
mod interrupt;
mod progress_bar;
mod stdout;

mod printer;
mod prompt;

mod session;

mod ctl_host;
mod follow;
mod process_info;

mod patterns;

mod commands;
mod completion;

mod controller;

mod shell;

pub mod cli;

pub(crate) mod fuzzing;
