//! A running supervisord, ours or the real one.

use std::{
    ffi::{OsStr, OsString},
    fs::{self, File},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{
    Config, Output, Peers, Sandbox, Terminal, ctl,
    http::{self, Response},
    nudge::Nudge,
    python,
    sandbox::free_port,
    wait_until,
};

/// Whose supervisord it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The binary under test.
    Ours,
    /// Supervisor 4.3.0.
    Real,
}

/// A supervisord that runs until this is dropped. A test that fails shows its log.
#[derive(Debug)]
pub struct Supervisord {
    pub kind: Kind,
    pub port: u16,
    pub sandbox: Sandbox,
    config: PathBuf,
    child: Child,
    nudge: Option<Nudge>,
}

impl Supervisord {
    /// Starts ours and waits until it accepts on both servers.
    #[track_caller]
    pub fn start(config: &Config) -> Self {
        Self::start_in(Sandbox::new(), Kind::Ours, config)
    }

    /// Starts ours and waits for nothing.
    pub fn begin(config: &Config) -> Self {
        let (sandbox, port) = (Sandbox::new(), free_port());
        let file = sandbox.write(config.file(), config.render(sandbox.here(), port));
        let child = supervisord_command(&sandbox, Kind::Ours, &file).spawn().expect("supervisord can be run");
        Self { kind: Kind::Ours, port, sandbox, config: file, child, nudge: None }
    }

    /// Starts Supervisor 4.3.0 and waits until it accepts on both servers.
    #[track_caller]
    pub fn start_real(config: &Config) -> Self {
        Self::start_in(Sandbox::new(), Kind::Real, config)
    }

    /// The real one, then ours: for a story that holds of both.
    pub fn both(config: &Config) -> impl Iterator<Item = Self> {
        [Kind::Real, Kind::Ours].into_iter().map(|kind| Self::start_in(Sandbox::new(), kind, config))
    }

    /// Starts one in a sandbox that holds files already.
    #[track_caller]
    pub fn start_in(sandbox: Sandbox, kind: Kind, config: &Config) -> Self {
        Self::start_with(sandbox, kind, config, &[])
    }

    /// The same with further words on its command line.
    #[track_caller]
    pub fn start_with(sandbox: Sandbox, kind: Kind, config: &Config, arguments: &[&str]) -> Self {
        Self::start_as(sandbox, kind, config, |mut command| {
            command.args(arguments);
            command
        })
    }

    /// The same where `change` makes another command of the usual one.
    #[track_caller]
    pub fn start_as(mut sandbox: Sandbox, kind: Kind, config: &Config, change: impl Fn(Command) -> Command) -> Self {
        // Another process may take the port between the look and the bind: then another one is tried.
        for _ in 0..10 {
            match Self::try_start(sandbox, kind, config, &change) {
                Ok(supervisord) => return supervisord,
                Err((back, output)) if output.contains("already listening") => sandbox = back,
                Err((_, output)) => panic!("{kind:?} supervisord did not start:\n{output}"),
            }
        }
        panic!("no free port for supervisord in ten attempts");
    }

    fn try_start(
        sandbox: Sandbox,
        kind: Kind,
        config: &Config,
        change: impl Fn(Command) -> Command,
    ) -> Result<Self, (Sandbox, String)> {
        let port = free_port();
        let file = sandbox.write(config.file(), config.render(sandbox.here(), port));
        let mut command = change(supervisord_command(&sandbox, kind, &file));
        write_to(&sandbox, &mut command);
        let child = command.spawn().expect("supervisord can be run");
        let mut supervisord = Self { kind, port, sandbox, config: file, child, nudge: None };
        let mut ended = None;
        wait_until("supervisord accepts", || {
            ended = supervisord.child.try_wait().expect("supervisord is our child");
            ended.is_some() || supervisord.accepts()
        });
        match ended {
            None => Ok(supervisord),
            Some(status) => {
                let output = format!("{status}\n{}", supervisord.log());
                Err((std::mem::replace(&mut supervisord.sandbox, Sandbox::new()), output))
            }
        }
    }

    /// Keeps the real one from sleeping, where a story would wait for it again and again.
    pub fn nudged(mut self) -> Self {
        self.nudge = (self.kind == Kind::Real).then(|| Nudge::start(self.port));
        self
    }

    fn accepts(&self) -> bool {
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
            && UnixStream::connect(self.sandbox.join("supervisor.sock")).is_ok()
    }

    /// Runs supervisord on a config that makes it end by itself.
    pub fn run(kind: Kind, config: &Config) -> Output {
        Self::run_in(&Sandbox::new(), kind, config)
    }

    /// The same in a sandbox that holds files already.
    pub fn run_in(sandbox: &Sandbox, kind: Kind, config: &Config) -> Output {
        let file = sandbox.write(config.file(), config.render(sandbox.here(), free_port()));
        let mut command = supervisord_command(sandbox, kind, &file);
        let mut child = command.spawn().expect("supervisord can be run");
        let mut status = None;
        wait_until("supervisord ends", || {
            status = child.try_wait().expect("supervisord is our child");
            status.is_some()
        });
        let status = status.and_then(|status| status.code()).unwrap_or(-1);
        Output { status, stdout: sandbox.read("stdout.txt"), stderr: sandbox.read("stderr.txt") }
    }

    /// What it has logged, and what it has written to stderr.
    pub fn log(&self) -> String {
        self.sandbox.read("supervisord.log") + &self.sandbox.read("stderr.txt")
    }

    /// The texts of its log lines, without date and time: `INFO spawned: 'cat' with pid 5`.
    pub fn log_lines(&self) -> Vec<String> {
        let log = self.sandbox.read("supervisord.log");
        log.lines().map(|line| line.get(24..).unwrap_or(line).to_owned()).collect()
    }

    /// Number of lines of the log that contain `text`.
    pub fn count_in_log(&self, text: &str) -> usize {
        self.log_lines().iter().filter(|line| line.contains(text)).count()
    }

    /// What the log says of a program, in order, with `N` for its pids.
    pub fn story_of(&self, program: &str) -> Vec<String> {
        let about = |line: &String| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == program);
        self.log_lines().into_iter().filter(about).map(|line| without_pid(&line)).collect()
    }

    /// Waits until a line of the log contains `text`, and gives that line without date and time.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        let mut found = None;
        wait_until(&format!("the log says {text:?}"), || {
            found = self.log_lines().into_iter().find(|line| line.contains(text));
            found.is_some()
        });
        found.expect("it was waited for")
    }

    /// Plays a transcript with `>>>` prompts through Python's `doctest`; `s` and `inet` are proxies over inet, `unix`
    /// is one with Supervisor's own transport over the unix socket. `{here}` and `{port}` are replaced.
    #[track_caller]
    pub fn doctest(&self, session: &str) {
        if let Err(report) = python::doctest(&self.sandbox, self.port, session) {
            panic!("{:?} supervisord departs from the transcript:\n{report}", self.kind);
        }
    }

    /// Runs a Python script with the same names at hand, and gives its stdout.
    #[track_caller]
    pub fn python(&self, script: &str) -> String {
        python::script(&self.sandbox, self.port, script).text().to_owned()
    }

    /// Runs our supervisorctl.
    pub fn ctl(&self, arguments: &[&str]) -> Output {
        self.ctl_with_input(Kind::Ours, arguments, "")
    }

    /// Runs Supervisor's supervisorctl.
    pub fn real_ctl(&self, arguments: &[&str]) -> Output {
        self.ctl_with_input(Kind::Real, arguments, "")
    }

    /// Runs either supervisorctl with something on its stdin.
    pub fn ctl_with_input(&self, kind: Kind, arguments: &[&str], input: &str) -> Output {
        self.settle();
        ctl::run(&mut self.ctl_command(kind, arguments), input)
    }

    /// Waits until the children of the real one are their programs: before that they lose the signals that they are
    /// sent.
    pub fn settle(&self) {
        let command = |pid: &str| fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let own = self.child.id().to_string();
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        if self.kind == Kind::Real {
            wait_until("the children of Supervisor are their programs", || {
                let supervisor = command(&own);
                supervisor.is_empty() || children.split_whitespace().all(|child| command(child) != supervisor)
            });
        }
    }

    /// Our supervisorctl in a terminal.
    pub fn shell(&self, arguments: &[&str]) -> Terminal {
        Terminal::spawn(&self.ctl_command(Kind::Ours, arguments))
    }

    /// Supervisor's supervisorctl in a terminal.
    pub fn real_shell(&self, arguments: &[&str]) -> Terminal {
        Terminal::spawn(&self.ctl_command(Kind::Real, arguments))
    }

    /// Either supervisorctl with this one's config, not yet run.
    pub fn ctl_command(&self, kind: Kind, arguments: &[&str]) -> Command {
        let mut command = match kind {
            Kind::Ours => ctl::ours(&self.sandbox),
            Kind::Real => ctl::real(&self.sandbox),
        };
        ctl::arguments(&mut command, &self.config, arguments);
        command
    }

    /// Posts a body to its inet server.
    #[track_caller]
    pub fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Response {
        http::post(self.port, path, body)
    }

    /// Calls a method with strings over inet, and gives the XML of the answer.
    #[track_caller]
    pub fn call(&self, method: &str, params: &[&str]) -> String {
        self.post("/RPC2", http::call(method, params)).text()
    }

    /// The state of a process as `supervisor.getProcessInfo` names it; nothing where there is no such process.
    #[track_caller]
    pub fn statename(&self, process: &str) -> String {
        self.info(process, "statename")
    }

    /// The pid of a process; 0 where it does not run.
    #[track_caller]
    pub fn pid_of(&self, process: &str) -> i32 {
        self.info(process, "pid").parse().unwrap_or(0)
    }

    /// One member of what `supervisor.getProcessInfo` says, as text.
    #[track_caller]
    pub fn info(&self, process: &str, member: &str) -> String {
        let answer = self.call("supervisor.getProcessInfo", &[process]);
        let value = answer.split_once(&format!("<name>{member}</name>")).map_or("", |(_, rest)| rest);
        let value = value.split_once("</value>").map_or("", |(value, _)| value);
        value.split('>').nth(2).and_then(|text| text.split('<').next()).unwrap_or_default().trim().to_owned()
    }

    /// Waits until a process is in that state.
    #[track_caller]
    pub fn wait_for_state(&self, process: &str, state: &str) {
        wait_until(&format!("{process} is {state}"), || self.statename(process) == state);
    }

    /// Its own pid.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a pid is positive"))
    }

    /// The file that it was started with.
    pub fn config_file(&self) -> &Path {
        &self.config
    }

    /// Sends it a signal.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("supervisord is there");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("supervisord ends", || {
            status = self.child.try_wait().expect("supervisord is our child");
            status.is_some()
        });
        status.expect("it was waited for")
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap_or(0) * 1024
    }
}

impl Drop for Supervisord {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of {:?} supervisord in {}\n{}---", self.kind, self.sandbox.here(), self.log());
        }
        // The sandbox ends its programs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// supervisord in the foreground, its output in files of the sandbox.
pub fn supervisord_command(sandbox: &Sandbox, kind: Kind, config: &Path) -> Command {
    let mut command = match kind {
        Kind::Ours => sandbox.command(env!("CARGO_BIN_EXE_supervisord")),
        Kind::Real => sandbox.command(Peers::get().program("supervisord")),
    };
    if kind == Kind::Ours {
        command.env("SUPERVISOR_PLUGIN_PATH", plugin_path());
    }
    command.arg("-n").arg("-c").arg(config);
    write_to(sandbox, &mut command);
    command
}

/// Has a command read nothing, and write into the sandbox.
fn write_to(sandbox: &Sandbox, command: &mut Command) {
    let file = |name| File::create(sandbox.join(name)).expect("a file in the sandbox");
    command.stdin(Stdio::null()).stdout(file("stdout.txt")).stderr(file("stderr.txt"));
}

/// The same command, run by another program: its loader, or one that takes something from it first.
pub fn run_by(command: &Command, program: &Path, arguments: &[&OsStr]) -> Command {
    let mut outer = Command::new(program);
    outer.args(arguments).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer
}

/// supervisord as a shell script starts it with `exec "$@"`, on this config and a free port.
pub fn command_of_shell(sandbox: &Sandbox, kind: Kind, config: &Config, script: &str) -> Command {
    let file = sandbox.write(config.file(), config.render(sandbox.here(), free_port()));
    let supervisord = supervisord_command(sandbox, kind, &file);
    let mut shell = sandbox.command("/bin/sh");
    shell.args(["-c", script, "sh"]).arg(supervisord.get_program()).args(supervisord.get_args());
    shell.env("SUPERVISOR_PLUGIN_PATH", plugin_path());
    write_to(sandbox, &mut shell);
    shell
}

/// A child that is killed when this is dropped; what it has started is its sandbox's to end.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Runs a command.
    pub fn start(mut command: Command) -> Self {
        Self(command.spawn().unwrap_or_else(|error| panic!("{command:?} can be run: {error}")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where cargo leaves the plugin libraries: `deps` has those that were built as dependencies of the tests, however the
/// tests were started.
pub fn plugin_path() -> OsString {
    let directory = Path::new(env!("CARGO_BIN_EXE_supervisord")).parent().expect("a binary lies in a directory");
    std::env::join_paths([directory.join("deps"), directory.to_owned()]).expect("no colon in the target directory")
}

/// `killing 'cat' (417) with SIGKILL`: the number becomes `N`, and so does the one that follows `pid`.
fn without_pid(line: &str) -> String {
    let word = |word: &str| -> String {
        let number = word.trim_start_matches('(').trim_end_matches(')');
        let is_pid = number.parse::<u32>().is_ok() && number.len() < word.len();
        if is_pid { "(N)".into() } else { word.into() }
    };
    let words: Vec<_> = line.split(' ').map(word).collect();
    let line = words.join(" ");
    match line.rsplit_once("with pid ") {
        Some((start, _)) => format!("{start}with pid N"),
        None => line,
    }
}
