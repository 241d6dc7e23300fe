//! Faults on demand: a library between supervisord and libc, and the rules by which it lets calls fail.
//!
//! `preload.rs` is its source. It needs no privilege, concerns supervisord alone and none of its programs, and stays
//! where it is over an upgrade.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::common::{Config, Kind, Sandbox, Supervisord, wait_until};

const SOURCE: &str = include_str!("preload.rs");

/// Bytes of the shared file, and of a rule in it: `preload.rs` has the same.
const FILE_SIZE: u64 = 8192;
const RULE_SIZE: u64 = 256;
const PATTERN_SIZE: usize = 232;

/// Calls that can be made to fail. A rule's pattern is part of the path that a call is about, or where it is about
/// none, of the name of the thread that makes it.
#[derive(Clone, Copy, Debug)]
pub enum Call {
    /// `open` and its kin, of a path.
    Open,
    /// `write`, `pwrite`, `writev`, to the file of a path.
    Write,
    /// `fsync` and `fdatasync` of the file of a path.
    Sync,
    /// `ftruncate` of the file of a path.
    Truncate,
    /// `rename` from a path.
    Rename,
    /// `unlink` of a path.
    Unlink,
    /// `pipe2`, on a thread.
    Pipe,
    /// `clone`, on a thread: what makes programs.
    Clone,
    /// `posix_spawn` of a path, and `fork` on a thread: what makes all other processes.
    Spawn,
    /// `pthread_create`, on a thread.
    Thread,
    /// `accept4`, on a thread.
    Accept,
    /// `epoll_ctl`, on a thread.
    Watch,
    /// `mmap`, on a thread.
    Map,
    /// `memfd_create`, of a name.
    Memfd,
    /// `socket` and `socketpair`, on a thread.
    Socket,
    /// `fcntl` where it makes a second descriptor of the file of a path.
    Duplicate,
    /// `opendir` of a path.
    List,
    /// `read` and `pread`, from the file of a path.
    Read,
}

/// A file of rules in a sandbox, and the supervisord there that abides by them.
pub struct Injection {
    file: File,
    path: PathBuf,
    /// Places in the file at which no rule is.
    free: Mutex<Vec<u64>>,
}

/// A rule, which holds until this is dropped.
pub struct Fault<'a> {
    injection: &'a Injection,
    /// Its place in the file.
    at: u64,
}

impl Injection {
    /// Has no rule yet.
    pub fn new(sandbox: &Sandbox) -> Self {
        let path = sandbox.join("faults");
        let file = File::options().read(true).write(true).create_new(true).open(&path).expect("a file in the sandbox");
        file.set_len(FILE_SIZE).expect("a file in the sandbox");
        let free = (1..FILE_SIZE / RULE_SIZE).rev().map(|index| index * RULE_SIZE).collect();
        Self { file, path, free: Mutex::new(free) }
    }

    /// The same command, in an environment that has it loaded.
    pub fn load(&self, mut command: Command) -> Command {
        command.env("LD_PRELOAD", library()).env("SUPERVISOR_TEST_FAULTS", &self.path);
        command
    }

    /// Starts ours with the library.
    #[track_caller]
    pub fn start(&self, sandbox: Sandbox, config: &Config) -> Supervisord {
        Supervisord::start_as(sandbox, Kind::Ours, config, |command| self.load(command))
    }

    /// Has such calls fail, all of them.
    pub fn fail(&self, call: Call, pattern: &str, errno: Errno) -> Fault<'_> {
        self.fail_some(call, pattern, errno, 0, u32::MAX)
    }

    /// Has such calls fail: not the first `skipped`, and then so many.
    pub fn fail_some(&self, call: Call, pattern: &str, errno: Errno, skipped: u32, count: u32) -> Fault<'_> {
        self.rule(call, pattern, (errno as i32).cast_unsigned(), skipped, count)
    }

    /// Has such calls wait until the rule holds no more.
    pub fn hang(&self, call: Call, pattern: &str) -> Fault<'_> {
        self.rule(call, pattern, 0, 0, u32::MAX)
    }

    fn rule(&self, call: Call, pattern: &str, errno: u32, skipped: u32, count: u32) -> Fault<'_> {
        assert!(pattern.len() < PATTERN_SIZE, "{pattern}");
        let at =
            self.free.lock().expect("no test panics with it").pop().expect("no more rules at once than there is room");
        let fault = Fault { injection: self, at };
        for (number, value) in [(1, call as u32), (2, errno), (3, count), (4, 0), (5, skipped)] {
            fault.put(number, value);
        }
        let mut text = [0; PATTERN_SIZE];
        text[..pattern.len()].copy_from_slice(pattern.as_bytes());
        self.put(at + 24, &text);
        fault.put(0, 1);
        fault
    }

    /// Sets the time of day that supervisord sees, in seconds from the real one.
    pub fn set_clock(&self, seconds: i64) {
        self.put(0, &seconds.to_ne_bytes());
    }

    fn put(&self, at: u64, bytes: &[u8]) {
        self.file.write_all_at(bytes, at).expect("the rules can be written");
    }
}

impl Fault<'_> {
    fn put(&self, number: u64, value: u32) {
        self.injection.put(self.at + 4 * number, &value.to_ne_bytes());
    }

    /// The number of calls that it has concerned.
    pub fn hits(&self) -> u32 {
        let mut hits = [0; 4];
        self.injection.file.read_exact_at(&mut hits, self.at + 16).expect("the rules can be read");
        u32::from_ne_bytes(hits)
    }

    /// Waits until it has concerned so many calls.
    #[track_caller]
    pub fn wait_for_hits(&self, count: u32) {
        wait_until(&format!("{count} calls are concerned"), || self.hits() >= count);
    }
}

impl Drop for Fault<'_> {
    fn drop(&mut self) {
        self.put(0, 0);
        // Who waits looks once in a millisecond whether it holds: so it is the last one to be used again.
        self.injection.free.lock().expect("no test panics with it").insert(0, self.at);
    }
}

/// The library, compiled once for all tests.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults");
        fs::create_dir_all(&directory).expect("a directory below target");
        let lock = File::create(directory.join("lock")).expect("a lock file");
        lock.lock().expect("the lock on the library");
        let (library, source) = (directory.join("libfaults.so"), directory.join("preload.rs"));
        if !library.exists() || fs::read_to_string(&source).unwrap_or_default() != SOURCE {
            // The old one may be loaded somewhere: the new one takes its name and not its place.
            let (new, new_source) = (directory.join("libfaults.new"), directory.join("preload.new.rs"));
            fs::write(&new_source, SOURCE).expect("a file below target");
            let mut rustc = Command::new("rustc");
            rustc.args(["--edition=2024", "--crate-type=cdylib", "--crate-name=faults", "-Cpanic=abort"]);
            rustc.args(["-Copt-level=1", "-Dwarnings", "-o"]).arg(&new).arg(&new_source);
            assert!(rustc.status().expect("rustc can be run").success(), "preload.rs could not be compiled");
            fs::rename(new, &library).expect("a rename");
            fs::rename(new_source, &source).expect("a rename");
        }
        library
    })
}

/// Sends a signal to a program that runs, and gives its pid.
#[track_caller]
pub fn signal(supervisord: &Supervisord, program: &str, signal: Signal) -> Pid {
    let pid = supervisord.pid_of(program);
    // 0 would be our own process group.
    assert!(pid > 0, "{program} does not run");
    kill(Pid::from_raw(pid), signal).expect("it runs");
    Pid::from_raw(pid)
}

/// The descriptors that supervisord has open at this moment.
pub fn descriptors(supervisord: &Supervisord) -> usize {
    fs::read_dir(format!("/proc/{}/fd", supervisord.pid())).map_or(0, Iterator::count)
}

/// Those that it has open when nobody asks for more or gives some back.
pub fn descriptors_at_rest(supervisord: &Supervisord) -> usize {
    let (mut count, mut since) = (descriptors(supervisord), Instant::now());
    wait_until("descriptors are neither opened nor closed", || {
        let now = descriptors(supervisord);
        if now != count {
            (count, since) = (now, Instant::now());
        }
        since.elapsed() > A_WHILE
    });
    count
}

/// Waits until supervisord has no more descriptors open than it had.
#[track_caller]
pub fn nothing_leaks(supervisord: &Supervisord, before: usize) {
    let mut now = 0;
    let has_given_back = || {
        now = descriptors(supervisord);
        now <= before
    };
    assert!(crate::common::comes_true(has_given_back), "{now} descriptors are open, and there were {before}");
}

/// Time for which somebody is given the chance to do what should not happen.
pub const A_WHILE: Duration = Duration::from_millis(300);
