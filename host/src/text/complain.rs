//! What is said on stderr, also where nobody reads it any more: `eprintln!` panics at a closed pipe.

use std::{fmt, io::Write as _};

/// Writes a line to stderr; a stderr that has gone loses it.
pub fn complain(line: impl fmt::Display) {
    // One write, so that the lines of several threads do not mix.
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}
