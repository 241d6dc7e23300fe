//! Engines that speak the Redis protocol, for as long as a test runs: Valkey, and Redis where it is installed.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use super::peers::Peers;

/// Longest time for anything that an engine is waited for.
const LIMIT: Duration = Duration::from_mins(1);

/// An engine ends with the pipe that this shell reads from, however the test ends.
const UNTIL_CLOSED: &str = r#""$@" >/dev/null 2>&1 & echo $!; read -r _; kill -9 $! 2>/dev/null; wait"#;

/// The programs of the engines that there are, by their names.
pub fn programs() -> Vec<(&'static str, PathBuf)> {
    let path = env::var_os("PATH").unwrap_or_default();
    let installed = env::split_paths(&path).map(|directory| directory.join("redis-server")).find(|path| path.exists());
    let valkey = ("valkey", Peers::get().valkey_server());
    [valkey].into_iter().chain(installed.map(|path| ("redis", path))).collect()
}

/// An engine that runs.
#[derive(Debug)]
pub struct Engine {
    shell: Child,
    pid: String,
    pub port: u16,
    pub directory: tempfile::TempDir,
}

#[allow(dead_code, reason = "not every test does everything with an engine")]
impl Engine {
    /// Start Valkey with these further options.
    pub fn valkey(options: &[&str]) -> Self {
        Self::start(&Peers::get().valkey_server(), options)
    }

    /// Start an engine with these further options, on a port that is free.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn start(program: &Path, options: &[&str]) -> Self {
        Self::start_with(program, |_| options.iter().map(|option| (*option).to_owned()).collect())
    }

    /// Start an engine with options that depend on its directory.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn start_with(program: &Path, options: impl Fn(&Path) -> Vec<String>) -> Self {
        let mut log = String::new();
        // Another process may take the port between the look and the start.
        for _ in 0..10 {
            let engine = Self::begin(program, free_port(), &options);
            if engine.comes_up() {
                return engine;
            }
            log = engine.log();
        }
        panic!("{} does not answer: {log}", program.display());
    }

    /// Start an engine on this port.
    ///
    /// # Panics
    /// Where it does not answer.
    pub fn start_at(program: &Path, port: u16, options: &[&str]) -> Self {
        let engine = Self::begin(program, port, |_| options.iter().map(|option| (*option).to_owned()).collect());
        assert!(engine.comes_up(), "{} does not answer: {}", program.display(), engine.log());
        engine
    }

    fn begin(program: &Path, port: u16, options: impl Fn(&Path) -> Vec<String>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let mut command = Command::new("sh");
        command.args(["-c", UNTIL_CLOSED, "sh"]).arg(program);
        // A file of the config may be the first argument, and only there.
        command.args(options(directory.path()));
        command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--logfile", "log", "--dir"]);
        command.arg(directory.path());
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh can be run");
        let mut pid = String::new();
        BufReader::new(shell.stdout.take().expect("a pipe")).read_line(&mut pid).expect("the pid");
        Self { shell, pid: pid.trim().to_owned(), port, directory }
    }

    fn comes_up(&self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < LIMIT && Path::new("/proc").join(&self.pid).exists() {
            if self.try_ask(&["PING"]).is_some_and(|answer| answer == "PONG" || answer.contains("NOAUTH")) {
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }

    /// What it has written to its log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }

    /// `127.0.0.1:PORT`.
    pub fn place(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Have a command carried out, as another program does. The answer is a text; a list has a line for each item.
    ///
    /// # Panics
    /// Where there is no answer.
    pub fn ask(&self, command: &[&str]) -> String {
        self.try_ask(command).unwrap_or_else(|| panic!("{command:?}: no answer; the log is {}", self.log()))
    }

    fn try_ask(&self, command: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(LIMIT)).ok()?;
        let words: Vec<_> = command.iter().map(|word| format!("${}\r\n{word}\r\n", word.len())).collect();
        let request = format!("*{}\r\n{}", command.len(), words.concat());
        stream.write_all(request.as_bytes()).ok()?;
        answer(&mut BufReader::new(stream))
    }

    /// Ask until the answer is like this.
    ///
    /// # Panics
    /// Where it does not become so.
    pub fn ask_until(&self, command: &[&str], like: impl Fn(&str) -> bool) {
        let begun = Instant::now();
        let mut last = String::new();
        while begun.elapsed() < LIMIT {
            last = self.try_ask(command).unwrap_or_default();
            if like(&last) {
                return;
            }
            sleep(Duration::from_millis(20));
        }
        panic!("{command:?} is still answered by {last:?}");
    }

    /// Send it a signal: `STOP`, `CONT`, `KILL`.
    ///
    /// # Panics
    /// Where it has ended.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args([&format!("-{name}"), &self.pid]).status();
        assert!(status.expect("kill can be run").success(), "the engine {} is there", self.pid);
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Read an answer; nil is an empty text.
fn answer(stream: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let line = line.trim_end();
    let (kind, rest) = line.split_at_checked(1)?;
    match kind {
        "$" => {
            let Ok(length) = rest.parse::<usize>() else { return Some(String::new()) };
            let mut bytes = vec![0; length + 2];
            stream.read_exact(&mut bytes).ok()?;
            Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
        }
        "*" => {
            let items: Option<Vec<_>> = (0..rest.parse().unwrap_or(0)).map(|_| answer(stream)).collect();
            Some(items?.join("\n"))
        }
        _ => Some(rest.to_owned()),
    }
}

/// A port that nobody listens at.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("it is bound").port()
}
