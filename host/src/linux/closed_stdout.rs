//! Look at stdout before the Rust runtime puts `/dev/null` in the place of a closed one.

// What runs before `main` is named in a section of the binary, and asks the C library.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

/// Set when this process was started without a stdout.
static WAS_CLOSED: AtomicBool = AtomicBool::new(false);

// SAFETY: the section lists functions that are called once before `main`, with arguments that a C function may leave
// alone; this is one.
#[used]
#[unsafe(link_section = ".init_array")]
static BEFORE_MAIN: extern "C" fn() = note_closed_stdout;

extern "C" fn note_closed_stdout() {
    // SAFETY: it reads the flags of a file descriptor, which need not be open.
    if unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } == -1 {
        WAS_CLOSED.store(true, Ordering::Relaxed);
    }
}

/// Return whether this process was started without a stdout.
pub(crate) fn was_closed() -> bool {
    WAS_CLOSED.load(Ordering::Relaxed)
}
