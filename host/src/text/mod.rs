//! Small text mechanics that several floors share: words as a shell splits them, Python's way of reading a command line
//! and of reading and showing a string or a value, names of processes and signals, the nearest of several names,
//! columns, percent signs in URLs, complaints.

pub mod complain;
pub mod getopt;
pub mod namespec;
pub mod nearest;
pub mod pad;
pub mod python;
pub mod repr;
pub mod shlex;
pub mod signals;
pub mod utf8;
pub mod value;
