//! The signals that supervisord itself listens to.

use nix::sys::signal::{SigSet, Signal};

pub use crate::text::signals::{name, number};

/// What the supervisor listens to.
const HEARD: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGUSR2, Signal::SIGCHLD];

/// Keeps back what the supervisor listens to: on this thread and those that it makes from now on. What comes meanwhile
/// waits, also for a program that this one becomes by exec.
pub fn hold() {
    // It cannot fail for signals that exist.
    let _ = SigSet::from_iter(HEARD).thread_block();
}

/// Lets this thread hear what was kept back.
pub fn listen() {
    let _ = SigSet::from_iter(HEARD).thread_unblock();
}
