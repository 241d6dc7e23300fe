//! Depth to which calls may be nested on one thread, so that a plugin that goes round in circles does not end the
//! process by a stack that overflows.

use std::cell::Cell;

use plugin_api::Fault;

/// Number of calls that may be nested on one thread.
pub(super) const DEPTH_LIMIT: u32 = 16;

thread_local! {
    /// Number of calls of methods that may block which this thread is inside of.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Number of calls that may block which this thread is inside of.
pub(super) fn depth() -> u32 {
    DEPTH.get()
}

/// Make a call that may block, one deeper than `depth`.
pub(super) fn nested<R>(depth: u32, call: impl FnOnce() -> R) -> R {
    DEPTH.set(depth + 1);
    let answer = call();
    DEPTH.set(depth);
    answer
}

/// Fault for a call that would be nested too deep.
pub(super) fn too_deep() -> Fault {
    Fault::failed_with(format_args!("calls are nested more than {DEPTH_LIMIT} deep"))
}
