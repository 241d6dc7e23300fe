//! Stack of a child that shares our memory.

// Memory is mapped, and given back.
#![allow(unsafe_code)]

use std::ptr;

use libc::c_void;
use nix::errno::Errno;

/// Size in bytes. Half of it can be used: the lower one is a guard, as large as the largest page that a kernel may
/// have.
const SIZE: usize = 2 * GUARD;
const GUARD: usize = 64 * 1024;

/// Memory that is taken where it is used.
pub(crate) struct Stack {
    /// The address of its lowest byte.
    bottom: usize,
}

impl Stack {
    pub(crate) fn new() -> Result<Self, Errno> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        // SAFETY: a mapping of its own, wherever there is room; the guard lies within it.
        unsafe {
            let bottom = libc::mmap(ptr::null_mut(), SIZE, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0);
            if bottom == libc::MAP_FAILED {
                return Err(Errno::last());
            }
            let stack = Self { bottom: bottom as usize };
            Errno::result(libc::mprotect(bottom, GUARD, libc::PROT_NONE))?;
            Ok(stack)
        }
    }

    /// Return the address at which it begins: stacks grow downwards.
    pub(crate) fn top(&self) -> *mut c_void {
        (self.bottom + SIZE) as *mut c_void
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and who drops it knows that nobody runs on it.
        unsafe { libc::munmap(self.bottom as *mut c_void, SIZE) };
    }
}
