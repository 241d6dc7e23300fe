//! Small text mechanics that several rooms share.
//!
//! Words as a shell splits them, Python's way of reading a command line and of reading and showing a string or a value,
//! names of processes and signals, the nearest of several names, columns, the parts of a URL, lines on stderr.
//!
//! The modules are floors; each imports only from those above it in this list.

pub mod namespec;
pub mod nearest;
pub mod pad;
pub mod repr;
pub mod stderr_line;
pub mod url;
pub mod utf8;

pub mod getopt;
pub mod python;
pub mod value;

pub mod shlex;
pub mod signals;
