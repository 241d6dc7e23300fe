//! A directory of its own for each supervisord, and the end of all that was started in it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tempfile::TempDir;

/// Marks every process that was started in a sandbox, so that its end finds them all, orphans included.
const MARK: &str = "SUPERVISOR_TEST_SANDBOX";

/// A temporary directory. Whatever process was started in it through [`Sandbox::command`] is killed when it is dropped.
#[derive(Debug)]
pub struct Sandbox {
    dir: TempDir,
}

impl Sandbox {
    /// An empty one.
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("supervisor-test-").tempdir().expect("a temporary directory");
        Self { dir }
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// A file in it.
    pub fn join(&self, file: impl AsRef<Path>) -> PathBuf {
        self.path().join(file)
    }

    /// Its directory as text for config files.
    pub fn here(&self) -> &str {
        self.path().to_str().expect("temporary directories have plain names")
    }

    /// Writes a file.
    pub fn write(&self, file: impl AsRef<Path>, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(file);
        fs::write(&path, text).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
        path
    }

    /// What stands in a file; nothing where there is none.
    pub fn read(&self, file: impl AsRef<Path>) -> String {
        String::from_utf8_lossy(&fs::read(self.join(file)).unwrap_or_default()).into_owned()
    }

    /// A command that runs in the sandbox, in an environment that does not depend on who runs the tests.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command
            .current_dir(self.path())
            .env(MARK, self.path())
            .env("HOME", self.path())
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("COLUMNS", "80")
            .env_remove("RUST_BACKTRACE")
            .env_remove("PYTHONPATH")
            .env_remove("PYTHONHOME");
        command
    }

    /// The processes that run in it.
    pub fn processes(&self) -> Vec<Pid> {
        let mark = format!("{MARK}={}", self.here());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment.split(|&byte| byte == 0).any(|variable| variable == mark.as_bytes()) {
                found.push(Pid::from_raw(pid));
            }
        }
        found
    }

    /// Kills what runs in it, until nothing does: whoever forks while it is looked at is found in the next round.
    pub fn kill_all(&self) {
        for _ in 0..100 {
            let processes = self.processes();
            if processes.is_empty() {
                return;
            }
            // What has gone meanwhile is what is wanted.
            for pid in processes {
                let _ = kill(pid, Signal::SIGKILL);
            }
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill_all();
    }
}

/// A TCP port that nobody listens on at this moment.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}
