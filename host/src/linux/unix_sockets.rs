//! Unix sockets with names that are no files.

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{AsFd, AsRawFd as _},
        linux::net::SocketAddrExt as _,
        unix::{
            ffi::OsStrExt as _,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

use nix::{
    errno::Errno,
    sys::socket::{UnixAddr, bind, setsockopt, sockopt},
};

/// Return the address that a name means, as `NOTIFY_SOCKET` has it: a path, or a name without a file behind an `@`.
pub(crate) fn address(name: &[u8]) -> io::Result<SocketAddr> {
    match name.strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(OsStr::from_bytes(name)),
    }
}

/// Give the socket a name without a file, which the kernel chooses. Return it, with an `@` before it.
pub(crate) fn bind_without_file(socket: &UnixDatagram) -> Result<Vec<u8>, Errno> {
    bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
    let address = socket.local_addr().map_err(|_| Errno::last())?;
    Ok([b"@", address.as_abstract_name().ok_or(Errno::EADDRNOTAVAIL)?].concat())
}

/// Have each datagram come with its sender's pid, which [`receive`](super::credentials::receive) reads.
pub(crate) fn pass_credentials(socket: &impl AsFd) -> Result<(), Errno> {
    setsockopt(socket, sockopt::PassCred, &true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_may_have_a_name_without_a_file() {
        let [ours, sender] = [(); 2].map(|()| UnixDatagram::unbound().unwrap());
        let name = bind_without_file(&ours).unwrap();
        sender.connect_addr(&address(&name).unwrap()).unwrap();
        sender.send(b"READY=1").unwrap();
        assert_eq!(ours.recv(&mut [0; 16]).unwrap(), 7);
    }
}
