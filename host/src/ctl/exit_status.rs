//! Exit statuses that mean more than yes or no; scripts read them.

/// Exit status of a failure that has none of its own.
pub(super) const GENERIC: i32 = 1;
/// Exit status where words are missing, or a group does not exist.
pub(super) const INVALID_ARGS: i32 = 2;
/// Exit status where the server lacks the `supervisor` namespace.
pub(super) const UNIMPLEMENTED_FEATURE: i32 = 3;
/// Exit status where the server refuses the connection.
pub(super) const INSUFFICIENT_PRIVILEGES: i32 = 4;
/// Exit status where the server speaks another version.
pub(super) const NOT_INSTALLED: i32 = 5;
/// Exit status where there is no server, or the process does not run.
pub(super) const NOT_RUNNING: i32 = 7;
/// Exit status of `status` where a process is STOPPED, EXITED, FATAL or UNKNOWN.
pub(super) const STATUS_NOT_RUNNING: i32 = 3;
/// Exit status of `status` where the processes cannot be known.
pub(super) const STATUS_UNKNOWN: i32 = 4;

/// Exit statuses, for manuals.
pub const EXIT_STATUSES: [(i32, &str); 7] = [
    (0, "All is done."),
    (GENERIC, "It has failed, and the output says why."),
    (INVALID_ARGS, "The command line is wrong, words are missing, or there is no such group."),
    (
        STATUS_NOT_RUNNING,
        "status has shown a process that is STOPPED, EXITED, FATAL or UNKNOWN; or the server lacks the namespace.",
    ),
    (STATUS_UNKNOWN, "status was asked for what is not there, or had no answer; or the server refuses the connection."),
    (NOT_INSTALLED, "The server speaks another version of the interface."),
    (NOT_RUNNING, "There is no server, or the process does not run."),
];
