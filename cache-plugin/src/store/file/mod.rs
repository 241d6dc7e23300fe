//! The store that outlives its supervisord: a log of what changes, with all entries mirrored in memory.
//!
//! A file begins with a header, and then comes one frame after the other. A frame holds the steps that were written at
//! once, with a checksum over all of them: it counts whole or not at all. It also says up to which frame all is known
//! to be on the disk. So a frame that is not whole tells by those that follow whether it never was, as after a power
//! cut, or has become so, which is damage.
//!
//! A thread of its own carries operations out. Those that have come while the disk was busy are one frame, evaluated
//! one after the other on top of what is in memory; memory changes when the frame is written, and only then. When half
//! of the file is of no use any more, the entries are written to a new one that takes its place.
//!
//! The modules are floors; each imports only from those above it in this list.

mod frame;
mod requests;

mod lock;
mod log;
mod overlay;

mod writer;

mod fuzzing;

pub use self::fuzzing::cache_file;
pub(crate) use self::{fuzzing::records, log::SyncMode, writer::open};

#[cfg(test)]
mod tests;
