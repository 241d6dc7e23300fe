//! What the behaviour tests have in common, so that a test is a story of a few lines.
//!
//! * [`Config`] writes a `supervisord.conf` of typical programs into a sandbox of its own;
//! * [`Supervisord::start`] runs our binary on it, [`Supervisord::start_real`] Supervisor 4.3.0,
//!   [`Supervisord::both`] the one after the other, for what holds of both;
//! * a running one is asked through its real clients: [`Supervisord::doctest`] (Python's `xmlrpc.client` and
//!   Supervisor's own transport), [`Supervisord::ctl`] and [`Supervisord::real_ctl`], [`Terminal`], or bytes on a
//!   socket ([`http`]);
//! * [`Browser`] is a person at the status page, where chromium is installed;
//! * [`SteppedClock`] is a wall clock that is set while a program runs on it;
//! * [`wait_until`] waits for a condition, never for a second.
//!
//! Everything here works with many tests, and many test processes, at once.

mod browser;
mod config;
pub mod ctl;
pub mod engines;
pub mod http;
mod newer_libc;
mod nudge;
mod peers;
mod python;
mod random;
mod sandbox;
mod stepped_clock;
mod supervisord;
mod terminal;
mod wait;

pub use browser::Browser;
pub use config::Config;
pub use ctl::Output;
pub use newer_libc::NewerLibc;
pub use peers::Peers;
pub use random::Random;
pub use sandbox::{Sandbox, free_port};
pub use stepped_clock::SteppedClock;
pub use supervisord::{Kind, Running, Supervisord, command_of_shell, plugin_path, run_by, supervisord_command};
pub use terminal::Terminal;
pub use wait::{PATIENCE, comes_true, wait_until};
