//! Lines on stderr, also where nobody reads it any more: `eprintln!` panics at a closed pipe.

use std::{fmt, io::Write as _};

/// Write a line to stderr; a stderr that has gone loses it.
pub fn stderr_line(line: impl fmt::Display) {
    // One write, so that the lines of several threads do not mix.
    stderr_text(&format!("{line}\n"));
}

/// Write a text to stderr, such as a question; a stderr that has gone loses it.
pub fn stderr_text(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
