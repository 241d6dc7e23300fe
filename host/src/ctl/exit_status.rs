//! Exit statuses that mean more than yes or no; scripts read them.

/// Something went wrong.
pub(super) const GENERIC: i32 = 1;
/// Words are missing, or a group does not exist.
pub(super) const INVALID_ARGS: i32 = 2;
/// The server lacks the `supervisor` namespace.
pub(super) const UNIMPLEMENTED_FEATURE: i32 = 3;
/// The server refuses the connection.
pub(super) const INSUFFICIENT_PRIVILEGES: i32 = 4;
/// The server speaks another version.
pub(super) const NOT_INSTALLED: i32 = 5;
/// There is no server, or the process does not run.
pub(super) const NOT_RUNNING: i32 = 7;
/// Of `status`: a process is down.
pub(super) const STATUS_NOT_RUNNING: i32 = 3;
/// Of `status`: it cannot be known.
pub(super) const STATUS_UNKNOWN: i32 = 4;
