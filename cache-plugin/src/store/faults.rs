//! Codes of the faults that stores answer.

/// Fault 241, of an operation that a store could not carry out.
#[cfg(any(feature = "file", feature = "engine"))]
pub(super) const STORE_FAILED: i32 = 241;

/// Fault 240, of an operation that a limit is in the way of.
pub(super) const QUOTA_EXCEEDED: i32 = 240;
