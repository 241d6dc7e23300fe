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
/// Exit status of `status` where a process is down.
pub(super) const STATUS_NOT_RUNNING: i32 = 3;
/// Exit status of `status` where the processes cannot be known.
pub(super) const STATUS_UNKNOWN: i32 = 4;

/// Exit statuses, for manuals.
pub const EXIT_STATUSES: [(&str, &str); 7] = [
    ("0", "All is done."),
    ("1", "It has failed, and the output says why."),
    ("2", "The command line is wrong, words are missing, or there is no such group."),
    ("3", "status has shown a process that is not running; or the server has no namespace that is needed."),
    ("4", "status was asked for what is not there, or of a server that is not; or the server refuses the connection."),
    ("5", "The server speaks another version of the interface."),
    ("7", "There is no server, or the process of pid or status does not run."),
];
