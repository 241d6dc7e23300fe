//! Library that stands between supervisord and libc, and makes chosen calls fail, wait or see another time.
//!
//! `injection.rs` compiles it and has supervisord load it with `LD_PRELOAD`. Both share a file: its first eight bytes
//! are the seconds by which the time of day is wrong, and behind that come rules, each of which a test may write and
//! take back while supervisord runs. In the programs that supervisord starts it does nothing.
//!
//! Whatever it replaces may run in a signal handler or between two locks of others: it takes no lock and no memory.
//!
//! SAFETY of all that is unsafe here: functions of libc are called with the arguments that the caller meant for them,
//! or with buffers of this file's own; the shared file is mapped for good, larger than all that is read from it, and
//! made of atomics and bytes, for which every value is a valid one.

use std::{
    ffi::{CStr, c_char, c_int, c_long, c_uint, c_void},
    mem::transmute,
    ptr::{null, null_mut},
    sync::atomic::{AtomicI64, AtomicPtr, AtomicU32, AtomicUsize, Ordering::SeqCst},
};

/// Bytes of the shared file, and of a rule in it: `injection.rs` has the same.
const FILE_SIZE: usize = 8192;
const RULE_SIZE: usize = 256;
const PATTERN_SIZE: usize = 232;

/// A rule, at every multiple of [`RULE_SIZE`] in the file but the first.
#[repr(C)]
struct Rule {
    /// 1 while it holds.
    armed: AtomicU32,
    /// Index of the call in [`CALLS`].
    call: AtomicU32,
    /// Error with which the call fails; 0 has it wait until the rule holds no more.
    errno: AtomicU32,
    /// Number of calls that are still concerned; `u32::MAX` is all of them.
    left: AtomicU32,
    /// Number of calls that were concerned.
    hits: AtomicU32,
    /// Number of calls that go well before the first that is concerned.
    skipped: AtomicU32,
    /// Text that the path of the call must contain, or the name of the thread where a call has no path; ends with a 0.
    pattern: [u8; PATTERN_SIZE],
}

unsafe extern "C" {
    static program_invocation_short_name: *const c_char;
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn getenv(name: *const c_char) -> *const c_char;
    fn readlink(path: *const c_char, buffer: *mut c_char, size: usize) -> isize;
    fn prctl(option: c_int, ...) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn nanosleep(time: *const Timespec, left: *mut Timespec) -> c_int;
    fn close(fd: c_int) -> c_int;
    fn __errno_location() -> *mut c_int;
}

#[repr(C)]
pub struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

const RTLD_NEXT: *mut c_void = -1isize as *mut c_void;
const PR_GET_NAME: c_int = 16;
const O_RDWR_CLOEXEC: c_int = 0o2000002;
const PROT_READ_WRITE: c_int = 3;
const MAP_SHARED: c_int = 1;
const MAP_FAILED: *mut c_void = -1isize as *mut c_void;

/// The shared file in memory; null in whoever is not supervisord.
static SHARED: AtomicPtr<u8> = AtomicPtr::new(null_mut());

/// Maps the file before anything of supervisord's runs.
extern "C" fn begin() {
    unsafe {
        let name = CStr::from_ptr(program_invocation_short_name);
        let file = getenv(c"SUPERVISOR_TEST_FAULTS".as_ptr());
        if name != c"supervisord" || file.is_null() {
            return;
        }
        let real: extern "C" fn(*const c_char, c_int, c_uint) -> c_int = transmute(next(c"open"));
        let fd = real(file, O_RDWR_CLOEXEC, 0);
        let map: extern "C" fn(*mut c_void, usize, c_int, c_int, c_int, i64) -> *mut c_void = transmute(next(c"mmap"));
        let shared = map(null_mut(), FILE_SIZE, PROT_READ_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        if shared != MAP_FAILED {
            SHARED.store(shared.cast(), SeqCst);
        }
    }
}

#[used]
#[unsafe(link_section = ".init_array")]
static BEGIN: extern "C" fn() = begin;

fn next(name: &CStr) -> *mut c_void {
    unsafe { dlsym(RTLD_NEXT, name.as_ptr()) }
}

/// Returns what libc has under that name, which is looked up once.
fn real(known: &AtomicUsize, name: &CStr) -> *mut c_void {
    let mut found = known.load(SeqCst);
    if found == 0 {
        found = next(name) as usize;
        known.store(found, SeqCst);
    }
    found as *mut c_void
}

/// What a rule may say of the subject of a call.
#[derive(Clone, Copy)]
enum Subject {
    Path(*const c_char),
    Fd(c_int),
    Thread,
    /// Nothing that a rule may concern.
    Nothing,
}

impl Subject {
    /// Whether it contains that text.
    fn contains(self, pattern: &[u8]) -> bool {
        let mut buffer = [0 as c_char; 1024];
        let text = match self {
            Self::Nothing => return false,
            Self::Path(path) if path.is_null() => return pattern.is_empty(),
            Self::Path(path) => unsafe { CStr::from_ptr(path) }.to_bytes(),
            Self::Fd(fd) => {
                let mut link = *b"/proc/self/fd/\0\0\0\0\0\0\0\0\0\0\0\0";
                let (mut at, mut rest) = (24, fd.max(0));
                loop {
                    at -= 1;
                    link[at] = b'0' + (rest % 10) as u8;
                    rest /= 10;
                    if rest == 0 {
                        break;
                    }
                }
                link.copy_within(at..25, 14);
                let size = unsafe { readlink(link.as_ptr().cast(), buffer.as_mut_ptr(), buffer.len()) };
                let size = usize::try_from(size).unwrap_or(0);
                unsafe { std::slice::from_raw_parts(buffer.as_ptr().cast::<u8>(), size) }
            }
            Self::Thread => {
                unsafe { prctl(PR_GET_NAME, buffer.as_mut_ptr()) };
                unsafe { CStr::from_ptr(buffer.as_ptr()) }.to_bytes()
            }
        };
        pattern.is_empty() || text.windows(pattern.len()).any(|part| part == pattern)
    }
}

fn rules() -> impl Iterator<Item = &'static Rule> {
    let shared = SHARED.load(SeqCst);
    let count = if shared.is_null() { 0 } else { FILE_SIZE / RULE_SIZE };
    (1..count).map(move |index| unsafe { &*shared.add(index * RULE_SIZE).cast::<Rule>() })
}

fn take(count: &AtomicU32) -> bool {
    count
        .fetch_update(SeqCst, SeqCst, |left| match left {
            0 => None,
            u32::MAX => Some(left),
            left => Some(left - 1),
        })
        .is_ok()
}

/// Whether a call is to fail, and how. Waits where that is asked for.
fn failure(call: &[u8], subject: Subject) -> Option<c_int> {
    let before = unsafe { *__errno_location() };
    let mut failure = None;
    for rule in rules().filter(|rule| rule.armed.load(SeqCst) == 1) {
        let of = CALLS.get(rule.call.load(SeqCst) as usize);
        let pattern = rule.pattern.split(|byte| *byte == 0).next().unwrap_or_default();
        let concerns = of.is_some_and(|name| *name == call) && subject.contains(pattern);
        if !concerns || take(&rule.skipped) || !take(&rule.left) {
            continue;
        }
        rule.hits.fetch_add(1, SeqCst);
        match rule.errno.load(SeqCst) {
            0 => {
                while rule.armed.load(SeqCst) == 1 {
                    unsafe { nanosleep(&Timespec { seconds: 0, nanoseconds: 1_000_000 }, null_mut()) };
                }
            }
            errno => {
                failure = Some(errno as c_int);
                break;
            }
        }
    }
    unsafe { *__errno_location() = before };
    failure
}

/// Names of calls, as `injection.rs` has them, in the same order.
const CALLS: [&[u8]; 18] = [
    b"open",
    b"write",
    b"sync",
    b"truncate",
    b"rename",
    b"unlink",
    b"pipe",
    b"clone",
    b"spawn",
    b"thread",
    b"accept",
    b"watch",
    b"map",
    b"memfd",
    b"socket",
    b"duplicate",
    b"list",
    b"read",
];

/// Defines a function of libc that a rule can make fail.
macro_rules! replace {
    ($($call:literal $name:ident($($argument:ident: $type:ty),*) -> $result:ty, $subject:expr;)*) => {$(
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> $result {
            static REAL: AtomicUsize = AtomicUsize::new(0);
            const NAME: &CStr = match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => panic!(),
            };
            let real = real(&REAL, NAME);
            match failure($call, $subject) {
                Some(errno) => <$result as Outcome>::failed(errno),
                None => unsafe {
                    transmute::<*mut c_void, unsafe extern "C" fn($($type),*) -> $result>(real)($($argument),*)
                },
            }
        }
    )*};
}

/// Result of a call that says that it failed.
trait Outcome {
    fn failed(errno: c_int) -> Self;
}

fn set(errno: c_int) {
    unsafe { *__errno_location() = errno };
}

impl Outcome for c_int {
    fn failed(errno: c_int) -> Self {
        set(errno);
        -1
    }
}

impl Outcome for isize {
    fn failed(errno: c_int) -> Self {
        set(errno);
        -1
    }
}

impl Outcome for *mut c_void {
    fn failed(errno: c_int) -> Self {
        set(errno);
        MAP_FAILED
    }
}

/// Result that is the error itself.
#[repr(transparent)]
pub struct ErrorNumber(c_int);

impl Outcome for ErrorNumber {
    fn failed(errno: c_int) -> Self {
        Self(errno)
    }
}

/// Result that is null where there is none.
#[repr(transparent)]
pub struct Pointer(*const c_void);

impl Outcome for Pointer {
    fn failed(errno: c_int) -> Self {
        set(errno);
        Self(null())
    }
}

type Path = *const c_char;
type Buffer = *mut c_void;
type Arguments = *const *const c_char;

replace! {
    b"open" open(path: Path, flags: c_int, mode: c_uint) -> c_int, Subject::Path(path);
    b"open" open64(path: Path, flags: c_int, mode: c_uint) -> c_int, Subject::Path(path);
    b"open" openat(at: c_int, path: Path, flags: c_int, mode: c_uint) -> c_int, Subject::Path(path);
    b"open" openat64(at: c_int, path: Path, flags: c_int, mode: c_uint) -> c_int, Subject::Path(path);
    b"write" write(fd: c_int, buffer: Buffer, size: usize) -> isize, Subject::Fd(fd);
    b"write" writev(fd: c_int, pieces: Buffer, count: c_int) -> isize, Subject::Fd(fd);
    b"write" pwrite(fd: c_int, buffer: Buffer, size: usize, at: i64) -> isize, Subject::Fd(fd);
    b"write" pwrite64(fd: c_int, buffer: Buffer, size: usize, at: i64) -> isize, Subject::Fd(fd);
    b"read" read(fd: c_int, buffer: Buffer, size: usize) -> isize, Subject::Fd(fd);
    b"read" pread(fd: c_int, buffer: Buffer, size: usize, at: i64) -> isize, Subject::Fd(fd);
    b"read" pread64(fd: c_int, buffer: Buffer, size: usize, at: i64) -> isize, Subject::Fd(fd);
    b"sync" fsync(fd: c_int) -> c_int, Subject::Fd(fd);
    b"sync" fdatasync(fd: c_int) -> c_int, Subject::Fd(fd);
    b"truncate" ftruncate(fd: c_int, size: i64) -> c_int, Subject::Fd(fd);
    b"truncate" ftruncate64(fd: c_int, size: i64) -> c_int, Subject::Fd(fd);
    b"rename" rename(from: Path, to: Path) -> c_int, Subject::Path(from);
    b"unlink" unlink(path: Path) -> c_int, Subject::Path(path);
    b"pipe" pipe2(fds: *mut c_int, flags: c_int) -> c_int, Subject::Thread;
    b"clone" clone(
        begin: Buffer, stack: Buffer, flags: c_int, argument: Buffer, parent: Buffer, tls: Buffer, child: Buffer
    ) -> c_int, Subject::Thread;
    b"spawn" fork() -> c_int, Subject::Thread;
    b"spawn" posix_spawn(
        pid: *mut c_int, path: Path, actions: Buffer, attributes: Buffer, words: Arguments, environment: Arguments
    ) -> ErrorNumber, Subject::Path(path);
    b"spawn" posix_spawnp(
        pid: *mut c_int, path: Path, actions: Buffer, attributes: Buffer, words: Arguments, environment: Arguments
    ) -> ErrorNumber, Subject::Path(path);
    b"thread" pthread_create(thread: Buffer, attributes: Buffer, begin: Buffer, argument: Buffer) -> ErrorNumber,
        Subject::Thread;
    b"accept" accept4(fd: c_int, address: Buffer, size: Buffer, flags: c_int) -> c_int, Subject::Thread;
    b"watch" epoll_ctl(epoll: c_int, operation: c_int, fd: c_int, event: Buffer) -> c_int, Subject::Thread;
    b"map" mmap(at: Buffer, size: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> Buffer,
        Subject::Thread;
    b"map" mmap64(at: Buffer, size: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> Buffer,
        Subject::Thread;
    b"memfd" memfd_create(name: Path, flags: c_uint) -> c_int, Subject::Path(name);
    b"socket" socket(domain: c_int, kind: c_int, protocol: c_int) -> c_int, Subject::Thread;
    b"socket" socketpair(domain: c_int, kind: c_int, protocol: c_int, fds: *mut c_int) -> c_int, Subject::Thread;
    b"duplicate" fcntl(fd: c_int, command: c_int, argument: usize) -> c_int, duplicated(fd, command);
    b"duplicate" fcntl64(fd: c_int, command: c_int, argument: usize) -> c_int, duplicated(fd, command);
    b"list" opendir(path: Path) -> Pointer, Subject::Path(path);
}

/// The subject of `fcntl` where that makes a descriptor; nothing else of it is made to fail.
fn duplicated(fd: c_int, command: c_int) -> Subject {
    const F_DUPFD: c_int = 0;
    const F_DUPFD_CLOEXEC: c_int = 1030;
    if [F_DUPFD, F_DUPFD_CLOEXEC].contains(&command) { Subject::Fd(fd) } else { Subject::Nothing }
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    const CLOCK_REALTIME: c_int = 0;
    #[cfg(target_arch = "x86_64")]
    const SYS_CLOCK_GETTIME: c_long = 228;
    #[cfg(target_arch = "aarch64")]
    const SYS_CLOCK_GETTIME: c_long = 113;
    let result = unsafe { syscall(SYS_CLOCK_GETTIME, clock, time) } as c_int;
    let shared = SHARED.load(SeqCst);
    if result == 0 && clock == CLOCK_REALTIME && !shared.is_null() {
        unsafe { (*time).seconds += (*shared.cast::<AtomicI64>()).load(SeqCst) };
    }
    result
}
