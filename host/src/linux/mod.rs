//! All that ties supervisord to Linux: the rest of the crate is POSIX, and what BSD and macOS have as well.
//!
//! A file here is a few small functions, named after what they do and not after the call that does it. Another system
//! needs a folder like this one, with the same functions:
//!
//! | File | On Linux | FreeBSD | macOS |
//! |---|---|---|---|
//! | `cgroup` | cgroups of version 2 | `procctl(PROC_REAP_KILL)`; or none may be made, and orphans are looked for | none may be made |
//! | `child_signals` | `rt_sigaction` past libc | `sigaction` of libc, for a child that shares no memory | as FreeBSD |
//! | `closed_stdout` | a function in `.init_array` | the same | a function in `__DATA,__mod_init_func` |
//! | `code_trim` | `dl_iterate_phdr`, and `MADV_DONTNEED`, which has clean pages of a file read again | nothing: code stays resident | as FreeBSD |
//! | `credentials` | `SCM_CREDENTIALS` | `LOCAL_CREDS_PERSISTENT` | a pid by `LOCAL_PEERPID` of connected sockets alone: `ready=notify` is refused |
//! | `descriptors` | `/proc/self/fd`, `close_range` | `/dev/fd` with fdescfs, `close_range` | `/dev/fd`, a loop of `fcntl` |
//! | `executable` | `/proc/self/exe`, `execveat` | `sysctl(KERN_PROC_PATHNAME)`, `fexecve` | `proc_pidpath`; no way to execute what was replaced, so an upgrade has no way back |
//! | `in_memory` | `memfd_create` with seals, tmpfs | `memfd_create` with seals, tmpfs | `shm_open` and an unlink, without seals; no tmpfs |
//! | `process_table` | `/proc/PID/{stat,comm,environ}` | `sysctl(KERN_PROC)`, `KERN_PROC_ENV` | `proc_pidinfo`, `sysctl(KERN_PROCARGS2)` |
//! | `process_usage` | `/proc/PID/{statm,fd}` | `sysctl(KERN_PROC)`, `KERN_PROC_NFDS` | `proc_pid_rusage`, `proc_pidinfo(PROC_PIDLISTFDS)` |
//! | `raw_calls`, `sharing`, `stack` | `clone` with shared memory and descriptors, futexes | `fork`, or `rfork(RFMEM)` of descriptors alone | `fork` |
//! | `this_process` | `prctl`, `unshare(CLONE_FS)`, capabilities, `malloc_trim` | `procctl`, no directory of a thread's own, root or not | `pthread_chdir_np`, root or not |
//! | `unix_sockets` | names without a file | a path | a path |
//!
//! Outside of this folder FreeBSD and macOS lack a few signals' names (`text/signals.rs`), and macOS the calls that make
//! a descriptor and mark it in one step (`pipe2`, `dup3`, `SOCK_CLOEXEC`); the loader of plugins compares machines by
//! their ELF headers (`plugin-api/loader/src/elf.rs`).

pub(crate) mod cgroup;
pub(crate) mod child_signals;
pub(crate) mod closed_stdout;
pub(crate) mod code_trim;
pub(crate) mod credentials;
pub(crate) mod descriptors;
pub(crate) mod executable;
pub(crate) mod in_memory;
pub(crate) mod process_table;
pub(crate) mod process_usage;
pub(crate) mod raw_calls;
pub(crate) mod stack;
pub(crate) mod this_process;
pub(crate) mod unix_sockets;

pub(crate) mod sharing;
