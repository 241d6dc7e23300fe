//! A wall clock that a test steps back and forth, for whatever program runs on it.
//!
//! The program is run with a small library before libc, which adds so many seconds to the wall clock as stand in a file
//! at that moment. Only the wall clock is another, as where somebody sets it: time goes on for whoever measures it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::Sandbox;

/// Name of the file in the environment.
const VARIABLE: &str = "STEPPED_CLOCK";

/// Source of the library.
const SOURCE: &str = r#"
use std::{ffi::{c_char, c_int, c_long, c_void}, ptr::null_mut, sync::atomic::{AtomicPtr, AtomicI64, Ordering::Relaxed}};

#[repr(C)]
pub struct Timespec { seconds: i64, nanoseconds: c_long }

#[repr(C)]
pub struct Timeval { seconds: i64, microseconds: c_long }

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn getenv(name: *const c_char) -> *const c_char;
    fn open(path: *const c_char, flags: c_int, ...) -> c_int;
    fn close(fd: c_int) -> c_int;
    fn mmap(at: *mut c_void, length: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut c_void;
}

const CLOCK_GETTIME: c_long = if cfg!(target_arch = "x86_64") { 228 } else { 113 };
const WALL_CLOCKS: [c_int; 2] = [0, 5];
const READ: c_int = 1;
const SHARED: c_int = 1;
const CLOSE_ON_EXEC: c_int = 0o2000000;

static NONE: AtomicI64 = AtomicI64::new(0);

/// The first eight bytes of the file, as they are at the moment.
fn offset() -> i64 {
    static MAPPED: AtomicPtr<AtomicI64> = AtomicPtr::new(null_mut());
    let mut mapped = MAPPED.load(Relaxed);
    if mapped.is_null() {
        mapped = (&raw const NONE).cast_mut();
        unsafe {
            let path = getenv(c"STEPPED_CLOCK".as_ptr());
            let fd = if path.is_null() { -1 } else { open(path, CLOSE_ON_EXEC) };
            if fd >= 0 {
                let at = mmap(null_mut(), 8, READ, SHARED, fd, 0);
                close(fd);
                if at as isize != -1 {
                    mapped = at.cast();
                }
            }
        }
        MAPPED.store(mapped, Relaxed);
    }
    unsafe { &*mapped }.load(Relaxed)
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Timespec) -> c_int {
    let result = unsafe { syscall(CLOCK_GETTIME, clock, time) };
    if result == 0 && WALL_CLOCKS.contains(&clock) {
        unsafe { (*time).seconds += offset() };
    }
    result as c_int
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Timeval, _zone: *mut c_void) -> c_int {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(0, &mut now) };
    if !time.is_null() {
        unsafe { *time = Timeval { seconds: now.seconds, microseconds: now.nanoseconds / 1000 } };
    }
    0
}

#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(time: *mut i64) -> i64 {
    let mut now = Timespec { seconds: 0, nanoseconds: 0 };
    unsafe { clock_gettime(0, &mut now) };
    if !time.is_null() {
        unsafe { *time = now.seconds };
    }
    now.seconds
}
"#;

/// Wall clock of the programs of a sandbox.
#[derive(Debug)]
pub struct SteppedClock {
    file: PathBuf,
}

impl SteppedClock {
    /// Make one that shows the time.
    pub fn new(sandbox: &Sandbox) -> Self {
        Self { file: sandbox.write("clock", 0_i64.to_ne_bytes()) }
    }

    /// Have a command run on it, and whatever that runs.
    pub fn run(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", library()).env(VARIABLE, &self.file);
        command
    }

    /// Have it show the time that is so many seconds ahead of the true one, or behind it.
    pub fn set(&self, seconds: i64) {
        use std::os::unix::fs::FileExt as _;
        let file = fs::File::options().write(true).open(&self.file).expect("it was made");
        file.write_all_at(&seconds.to_ne_bytes(), 0).expect("it can be written");
    }
}

/// The library, which is made once.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let (source, made) = (directory.path().join("stepped_clock.rs"), directory.path().join("made.so"));
        fs::write(&source, SOURCE).expect("a file");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition=2024", "--crate-type=cdylib", "-Copt-level=2", "-Cpanic=abort", "-o"]);
        let status = rustc.arg(&made).arg(&source).status().expect("rustc can be run");
        assert!(status.success(), "the library of the clock could not be compiled");
        // Other processes may make the same one at this moment.
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("libstepped_clock.so");
        fs::rename(&made, &library).expect("it lies in the same directory");
        library
    })
}
