//! Three descriptors at the bottom of the table, through which a child gets its stdin, stdout and stderr.
//!
//! A child that shares our descriptors asks for a table of its own, and for a copy of only those below the
//! [end](StdioSlots::end) of these three: so that it costs the same with ten programs and with ten thousand.

use std::{
    fs::File,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd, RawFd},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, fcntl},
};

/// Descriptors that each child is lent in turn, until it has copied them.
pub(super) struct StdioSlots {
    all: [OwnedFd; 3],
    /// `/dev/null`, which lies in them while no child needs them.
    nothing: OwnedFd,
    are_lent: bool,
}

impl StdioSlots {
    pub(super) fn new() -> io::Result<Self> {
        let nothing = OwnedFd::from(File::open("/dev/null")?);
        let slot = || -> Result<OwnedFd, Errno> {
            let fd = fcntl(&nothing, FcntlArg::F_DUPFD_CLOEXEC(3))?;
            // SAFETY: it has just been made for us.
            Ok(unsafe { OwnedFd::from_raw_fd(fd) })
        };
        let all = [slot()?, slot()?, slot()?];
        Ok(Self { all, nothing, are_lent: false })
    }

    /// Return the first descriptor above them.
    pub(super) fn end(&self) -> RawFd {
        self.all.iter().map(|slot| slot.as_raw_fd() + 1).max().unwrap_or(3)
    }

    pub(super) fn are_free(&self) -> bool {
        !self.are_lent
    }

    /// Put three open files into them, for one child; return where they lie.
    pub(super) fn lend(&mut self, stdio: [RawFd; 3]) -> Result<[RawFd; 3], Errno> {
        self.are_lent = true;
        let lent = stdio.into_iter().zip(&self.all).try_for_each(|(fd, slot)| put(fd, slot));
        if lent.is_err() {
            self.take_back();
        }
        lent.map(|()| self.all.each_ref().map(OwnedFd::as_raw_fd))
    }

    /// Close what lies in them: who reads from the child's pipes is to see their end.
    pub(super) fn take_back(&mut self) {
        for slot in &self.all {
            // There is nothing that it could fail for: both are open, and no new descriptor is made.
            let _ = put(self.nothing.as_raw_fd(), slot);
        }
        self.are_lent = false;
    }
}

fn put(fd: RawFd, slot: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: the slot is ours, and stays open.
    let put = unsafe { libc::dup3(fd, slot.as_raw_fd(), libc::O_CLOEXEC) };
    Errno::result(put).map(drop)
}
