//! Files that lie in memory, so that nobody who uses them waits for a disk.

use std::{ffi::CStr, fs::File, os::fd::OwnedFd, path::Path};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        statfs::{TMPFS_MAGIC, statfs},
    },
};

/// Make a file without a path. The name is for those who list descriptors.
pub(crate) fn create(name: &CStr) -> Result<OwnedFd, Errno> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC)
}

/// Make a file without a path that can be [sealed](seal).
pub(crate) fn create_sealable(name: &CStr) -> Result<OwnedFd, Errno> {
    memfd_create(name, MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)
}

/// Keep everybody, also who has it open, from changing a file from now on.
pub(crate) fn seal(file: &File) -> Result<(), Errno> {
    let seals = SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(file, FcntlArg::F_ADD_SEALS(seals)).map(drop)
}

/// Return whether what is made in a directory lies in memory.
pub(crate) fn is_in_memory(directory: &Path) -> Result<bool, Errno> {
    Ok(statfs(directory)?.filesystem_type() == TMPFS_MAGIC)
}
