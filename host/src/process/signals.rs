//! Signals that supervisord itself listens to.

use nix::sys::signal::{SigSet, Signal};

pub use crate::text::signals::{name, number};

/// Signals that the main thread catches.
const CAUGHT: [Signal; 6] =
    [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGUSR2, Signal::SIGCHLD];

/// Block the signals that are caught, on this thread and those that it makes from now on. Those that come meanwhile
/// wait, also for a program that this one becomes by exec.
pub fn hold() {
    // It cannot fail for signals that exist.
    let _ = SigSet::from_iter(CAUGHT).thread_block();
}

/// Unblock those signals on this thread.
pub fn listen() {
    let _ = SigSet::from_iter(CAUGHT).thread_unblock();
}
