//! Signals of a child, as the program is to find them. No function of libc is called: since glibc 2.41 `sigaction` may
//! wait for a lock.

// A handler is made, by raw system calls.
#![allow(unsafe_code)]

use std::ptr;

use libc::{c_int, c_ulong};
use syscalls::{Sysno, syscall};

/// The size of a set of signals, and with it the number of signals, as the kernel knows them.
const SIGSET_SIZE: usize = 8;

/// Action of a signal as the kernel takes it, on the architectures that have a restorer and on those that have none.
#[repr(C)]
struct KernelSigaction {
    handler: usize,
    flags: c_ulong,
    #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
    restorer: usize,
    /// Signals that it blocks: one set of 64 bits, in words that lie as close on 32 bits as the kernel has them.
    mask: [u32; 2],
}

#[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
const SA_RESTORER: c_ulong = 0x0400_0000;

impl KernelSigaction {
    const DEFAULT: Self = Self {
        handler: libc::SIG_DFL,
        flags: 0,
        #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
        restorer: 0,
        mask: [0; 2],
    };

    /// Action that ends the process, and never returns, so that any address will do for what restores what was before.
    fn die() -> Self {
        Self {
            handler: die as *const () as usize,
            #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
            flags: SA_RESTORER,
            #[cfg(not(any(target_arch = "riscv64", target_arch = "riscv32", target_arch = "loongarch64")))]
            restorer: die as *const () as usize,
            ..Self::DEFAULT
        }
    }
}

/// The signals whose default is to dump core.
const CORE_DUMPING: [c_int; 10] = [
    libc::SIGQUIT,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGABRT,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGSEGV,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGSYS,
];

/// Take back what we do with signals, and block none: the program must not inherit our habits. Exec does so itself
/// with those that are caught, but from here on none may run a handler of ours. Rust ignores SIGPIPE.
///
/// Those that would dump core only kill, until exec makes them what they are: before Linux 5.16 a core dump ends all
/// who share the memory.
///
/// # Safety
/// Only in a process that is about to exec.
pub(crate) unsafe fn reset_signals() {
    let (default, die) = (KernelSigaction::DEFAULT, KernelSigaction::die());
    // SAFETY: the actions and the set have the kernel's layout. It fails for SIGKILL and SIGSTOP, as it should.
    unsafe {
        for signal in 1..=c_int::try_from(8 * SIGSET_SIZE).unwrap_or(64) {
            let action = if CORE_DUMPING.contains(&signal) { &raw const die } else { &raw const default };
            let _ = syscall!(Sysno::rt_sigaction, signal, action, 0, SIGSET_SIZE);
        }
        let none = 0_u64;
        let _ = syscall!(Sysno::rt_sigprocmask, libc::SIG_SETMASK, &raw const none, ptr::null::<u64>(), SIGSET_SIZE);
    }
}

extern "C" fn die(_signal: c_int) {
    // SAFETY: a plain system call, to ourselves.
    let _ = unsafe { syscall!(Sysno::getpid).and_then(|pid| syscall!(Sysno::kill, pid, libc::SIGKILL)) };
}
