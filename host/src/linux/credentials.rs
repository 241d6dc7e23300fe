//! Datagrams with the pid of their sender, as the kernel vouches for it.

// nix gives up the credentials where descriptors come along that have no room, and others keep such descriptors open.
#![allow(unsafe_code)]

use std::{
    mem,
    os::fd::{AsRawFd as _, BorrowedFd},
};

use nix::errno::Errno;

/// Room for the credentials in words, and for nothing else: descriptors that are sent are closed by the kernel, and
/// never come to be ours.
const CONTROL_WORDS: usize = 4;

/// Read a datagram from a socket with `SO_PASSCRED`. Return its length, cut to that of `bytes`, and the pid of the
/// sender: 0 of one that this process may not see. Never waits.
pub(crate) fn receive(socket: BorrowedFd<'_>, bytes: &mut [u8]) -> Result<(usize, i32), Errno> {
    let mut iov = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    let mut control = [0_u64; CONTROL_WORDS];
    // SAFETY: a plain number.
    let space = unsafe { libc::CMSG_SPACE(mem::size_of::<libc::ucred>().try_into().unwrap_or(0)) };
    // SAFETY: all zeros are a valid header.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut iov;
    header.msg_iovlen = 1;
    header.msg_control = control.as_mut_ptr().cast();
    #[allow(clippy::useless_conversion, reason = "the type differs between libraries")]
    let room = mem::size_of_val(&control).min(usize::try_from(space).unwrap_or(0)).try_into();
    header.msg_controllen = room.unwrap_or(0);
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points to memory that is valid for the lengths in it.
    let length = Errno::result(unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) })?;
    // SAFETY: the header was filled in by the kernel.
    let first = unsafe { libc::CMSG_FIRSTHDR(&raw const header) };
    let mut pid = 0;
    if !first.is_null() {
        // SAFETY: it lies in `control`, which is aligned for it.
        let message = unsafe { first.read() };
        let is_credentials = (message.cmsg_level, message.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_CREDENTIALS);
        // SAFETY: a plain number.
        let least = unsafe { libc::CMSG_LEN(mem::size_of::<libc::ucred>().try_into().unwrap_or(0)) };
        #[allow(clippy::useless_conversion, reason = "the type differs between libraries")]
        let length = usize::try_from(message.cmsg_len).unwrap_or(0);
        if is_credentials && length >= usize::try_from(least).unwrap_or(usize::MAX) {
            // SAFETY: the kernel has written credentials there, in whole.
            pid = unsafe { libc::CMSG_DATA(first).cast::<libc::ucred>().read_unaligned().pid };
        }
    }
    Ok((usize::try_from(length).unwrap_or(0), pid))
}
