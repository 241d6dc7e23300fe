//! Small text mechanics that several floors share: words as a shell splits them, Python's way of showing a string.

pub mod getopt;
