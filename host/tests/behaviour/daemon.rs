//! supervisord as a daemon: its command line, how it leaves the terminal, whom it becomes, and how it starts anew.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::PathBuf,
    process::{Command, Output},
    time::Duration,
};

use crate::common::{Config, Kind, Peers, Sandbox, free_port, http, plugin_path, wait_until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::{Pid, getsid, getuid},
};

/// supervisord, ours or the real one, with nothing but these arguments.
fn command(sandbox: &Sandbox, kind: Kind, arguments: &[&str]) -> Command {
    let mut command = match kind {
        Kind::Ours => sandbox.command(env!("CARGO_BIN_EXE_supervisord")),
        Kind::Real => sandbox.command(Peers::get().program("supervisord")),
    };
    command.args(arguments).env("SUPERVISOR_PLUGIN_PATH", plugin_path()).env_remove("RUST_BACKTRACE");
    command
}

fn run(sandbox: &Sandbox, kind: Kind, arguments: &[&str]) -> Output {
    command(sandbox, kind, arguments).output().expect("supervisord can be run")
}

/// A daemon in a sandbox of its own. The sandbox ends it.
struct Daemon {
    sandbox: Sandbox,
    port: u16,
    pid: Pid,
}

impl Daemon {
    /// Starts one and takes its word that it is ready.
    #[track_caller]
    fn start(sandbox: Sandbox, kind: Kind, config: &Config, arguments: &[&str]) -> Self {
        let port = free_port();
        sandbox.write(config.file(), config.render(sandbox.here(), port));
        let output = run(&sandbox, kind, arguments);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        if kind == Kind::Real {
            wait_until("the pid is written", || sandbox.read("supervisord.pid").ends_with('\n'));
        }
        let pid = sandbox.read("supervisord.pid").trim().parse().expect("a pid");
        Self { sandbox, port, pid: Pid::from_raw(pid) }
    }

    /// Whether it answers a call at this moment: it may be about to start anew.
    fn answers(&self) -> bool {
        let body = http::call("supervisor.getPID", &[]);
        let request = format!("POST /RPC2 HTTP/1.0\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        let mut answer = String::new();
        let asked = TcpStream::connect(("127.0.0.1", self.port)).and_then(|mut stream| {
            stream.write_all(request.as_bytes())?;
            stream.read_to_string(&mut answer)
        });
        asked.is_ok() && answer.contains(&format!("<int>{}</int>", self.pid))
    }

    fn link(&self, name: &str) -> PathBuf {
        fs::read_link(format!("/proc/{}/{name}", self.pid)).expect("it runs")
    }
}

fn background() -> Config {
    Config::new().section("supervisord", "nodaemon=false\numask=027\ndirectory=/usr")
}

#[test]
fn it_leaves_the_terminal_the_session_and_the_directory() {
    for kind in [Kind::Real, Kind::Ours] {
        let daemon = Daemon::start(Sandbox::new(), kind, &background(), &["-c", "supervisord.conf"]);
        wait_until("it answers", || daemon.answers());
        assert_eq!(getsid(Some(daemon.pid)).expect("it runs"), daemon.pid, "{kind:?}");
        for descriptor in 0..3 {
            assert_eq!(daemon.link(&format!("fd/{descriptor}")), PathBuf::from("/dev/null"), "{kind:?} {descriptor}");
        }
        assert_eq!(daemon.link("cwd"), PathBuf::from("/usr"), "{kind:?}");
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid)).expect("it runs");
        assert!(status.contains("Umask:\t0027\n"), "{kind:?}: {status}");
        let pidfile = fs::metadata(daemon.sandbox.join("supervisord.pid")).expect("a pidfile");
        assert_eq!(pidfile.permissions().mode() & 0o777, 0o640, "{kind:?}");
        let has_started = |log: &String| log.contains("supervisord started with pid");
        wait_until("the log is written", || has_started(&daemon.sandbox.read("supervisord.log")));
        let log = daemon.sandbox.read("supervisord.log");
        let order = [
            "INFO RPC interface 'supervisor' initialized",
            "CRIT Server 'unix_http_server' running without any HTTP authentication checking",
            "INFO daemonizing the supervisord process",
            "INFO set current directory: '/usr'",
            "INFO supervisord started with pid",
        ];
        let places = order.map(|line| log.find(line).unwrap_or_else(|| panic!("{kind:?}: no {line:?} in\n{log}")));
        assert!(places.is_sorted(), "{kind:?}: {log}");
    }
}

#[test]
fn what_fails_before_it_is_ready_is_said_on_the_terminal() {
    let sandbox = Sandbox::new();
    let daemon = Daemon::start(Sandbox::new(), Kind::Ours, &background(), &["-c", "supervisord.conf"]);
    for (file, (section, line), text) in [
        ("port.conf", ("inet_http_server", format!("port=127.0.0.1:{}", daemon.port)), "already listening"),
        ("log.conf", ("supervisord", "logfile=/proc/nope".to_owned()), "/proc/nope"),
        (
            "plugin.conf",
            ("rpcinterface:x", "supervisor.rpcinterface_factory=nowhere.x:make".to_owned()),
            "libnowhere.so",
        ),
    ] {
        let config = background().section(section, &line);
        sandbox.write(file, config.render(sandbox.here(), free_port()));
        let output = run(&sandbox, Kind::Ours, &["-c", file]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{file}: {message}");
        assert!(message.starts_with("Error: ") && message.contains(text), "{file}: {message}");
        assert!(!sandbox.join("supervisor.sock").exists(), "{file}");
        assert!(!sandbox.join("supervisord.pid").exists(), "{file}");
    }
    assert!(daemon.answers());
}

/// The config is named relative to a directory that it has left, and the signals come faster than it can start.
#[test]
fn a_storm_of_hups_neither_ends_it_nor_changes_its_pid() {
    let config = background().section("supervisord", "loglevel=debug");
    let daemon = Daemon::start(Sandbox::new(), Kind::Ours, &config, &["-c", "supervisord.conf"]);
    let descriptors = || fs::read_dir(format!("/proc/{}/fd", daemon.pid)).expect("it runs").count();
    let before = descriptors();
    let starts = || daemon.sandbox.read("supervisord.log").matches("supervisord started with pid").count();
    // A busy machine takes many of them for one.
    wait_until("it starts in their midst", || {
        for _ in 0..300 {
            kill(daemon.pid, Signal::SIGHUP).expect("it runs");
            std::thread::sleep(Duration::from_micros(500));
        }
        starts() > 2
    });
    wait_until("the last one is over", || {
        let log = daemon.sandbox.read("supervisord.log");
        let is_over = log.rfind("supervisord started with pid") > log.rfind("indicating restart request");
        // One that was held until now may begin at any moment, and has its own way through these.
        is_over
            && daemon.answers()
            && daemon.link("cwd") == *"/usr"
            && daemon.link("fd/1") == *"/dev/null"
            && descriptors() < before + 10
    });
    let environment = fs::read_to_string(format!("/proc/{}/environ", daemon.pid)).expect("it runs");
    assert_eq!(environment.matches("SUPERVISORD_RESTARTED").count(), 1, "{environment}");
}

/// It has left the directory by then; what its config says of paths was never meant for another.
#[test]
fn relative_paths_mean_the_same_when_the_config_is_read_again() {
    let sandbox = Sandbox::new();
    fs::create_dir(sandbox.join("logs")).expect("a directory");
    let config = background()
        .section("supervisord", "childlogdir=logs")
        .section("program:cat", "command=/bin/cat\nstderr_logfile=logs/cat.err");
    let daemon = Daemon::start(sandbox, Kind::Ours, &config, &["-c", "supervisord.conf"]);
    assert_eq!(daemon.link("cwd"), PathBuf::from("/usr"));
    let answer = http::post(daemon.port, "/RPC2", http::call("supervisor.reloadConfig", &[])).text();
    assert!(!answer.contains("fault") && !answer.contains("cat"), "nothing has changed: {answer}");
    kill(daemon.pid, Signal::SIGHUP).expect("it runs");
    let starts = || daemon.sandbox.read("supervisord.log").matches("supervisord started with pid").count();
    wait_until("it has started anew", || starts() == 2 && daemon.answers());
    assert_eq!(daemon.link("cwd"), PathBuf::from("/usr"));
}

/// Whatever it is doing when it is told to end, it ends.
#[test]
fn an_end_that_comes_during_a_restart_is_an_end() {
    for delay in 0..30 {
        let daemon = Daemon::start(Sandbox::new(), Kind::Ours, &background(), &["-c", "supervisord.conf"]);
        kill(daemon.pid, Signal::SIGHUP).expect("it runs");
        std::thread::sleep(Duration::from_micros(200 * delay));
        kill(daemon.pid, Signal::SIGTERM).expect("it runs");
        wait_until("it is gone", || fs::read(format!("/proc/{}/cmdline", daemon.pid)).unwrap_or_default().is_empty());
        assert!(!daemon.sandbox.join("supervisord.pid").exists());
        assert!(!daemon.sandbox.join("supervisor.sock").exists());
    }
}

#[test]
fn the_command_line_says_what_supervisors_says() {
    let sandbox = Sandbox::new();
    for arguments in [
        &["-w"][..],
        &["--nope"],
        &["--log", "x"],
        &["-c"],
        &["--nodaemon=1"],
        &["-n", "x"],
        &["-n", "-n"],
        &["-c", "a", "-c", "b"],
        &["-m", "9"],
        &["-a", "x"],
        &["-e", "loud"],
        &["-d", "/nonexistent"],
        &["-l", "/nonexistent/x"],
        &["-z", "x"],
        &["-y", "1M"],
        &["-j", "/nonexistent/x"],
        &["-q", "/nonexistent"],
        &["--minprocs", "few"],
        &["-k", "-k"],
        &["-t", "--strip_ansi"],
        &["-s", "-s"],
        &["-c", "/nonexistent.conf"],
    ] {
        let [theirs, ours] = [Kind::Real, Kind::Ours].map(|kind| {
            let output = run(&sandbox, kind, arguments);
            assert_eq!(output.status.code(), Some(2), "{kind:?} {arguments:?}");
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            let (error, help) = text.split_once("\nFor help, use ").expect("a usage error");
            assert!(help.ends_with(" -h\n"), "{help}");
            error.to_owned()
        });
        assert_eq!(theirs, ours, "{arguments:?}");
    }
    let output = run(&sandbox, Kind::Ours, &["--profile_options", "cumulative,calls"]);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2));
    assert!(text.starts_with("Error: --profile_options is not supported: it is for the profiler of Python"), "{text}");
    let output = run(&sandbox, Kind::Ours, &["-v"]);
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), &b"4.3.0\n"[..]));
    let output = run(&sandbox, Kind::Ours, &["-n", "-?", "-c"]);
    assert_eq!(output.status.code(), Some(2), "the whole line is read first");
    let output = run(&sandbox, Kind::Ours, &["-c", "/nonexistent", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("-c/--configuration FILENAME"));
}

#[test]
fn the_command_line_stands_above_the_config() {
    for kind in [Kind::Real, Kind::Ours] {
        let sandbox = Sandbox::new();
        let elsewhere = sandbox.join("elsewhere.log");
        let arguments = ["-c", "supervisord.conf", "-i", "other", "-l", elsewhere.to_str().expect("a plain path")];
        let daemon = Daemon::start(sandbox, kind, &background(), &arguments);
        wait_until("it answers", || daemon.answers());
        assert!(!daemon.sandbox.join("supervisord.log").exists(), "{kind:?}");
        wait_until("the log is written", || {
            daemon.sandbox.read("elsewhere.log").contains("supervisord started with pid")
        });
        let answer = http::post(daemon.port, "/RPC2", http::call("supervisor.getIdentification", &[])).text();
        assert!(answer.contains("<string>other</string>"), "{kind:?}: {answer}");
    }
}

#[test]
fn it_becomes_another_user() {
    if !getuid().is_root() {
        eprintln!("skipped: only root can become another user");
        return;
    }
    let sandbox = Sandbox::new();
    fs::set_permissions(sandbox.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    // The plugins lie where nobody else can look.
    let config = background().without("rpcinterface:cache").section("supervisord", "user=nobody\nminfds=2048");
    let daemon = Daemon::start(sandbox, Kind::Ours, &config, &["-c", "supervisord.conf"]);
    wait_until("it answers", || daemon.answers());
    let nobody = nix::unistd::User::from_name("nobody").expect("accounts").expect("nobody");
    let process = fs::metadata(format!("/proc/{}", daemon.pid)).expect("it runs");
    assert_eq!((process.uid(), process.gid()), (nobody.uid.as_raw(), nobody.gid.as_raw()));
    let socket = fs::metadata(daemon.sandbox.join("supervisor.sock")).expect("a socket");
    assert_eq!(socket.uid(), nobody.uid.as_raw());
    wait_until("the log is written", || daemon.sandbox.read("supervisord.log").contains("Set uid"));
    let log = daemon.sandbox.read("supervisord.log");
    assert!(log.contains(&format!("INFO Set uid to user {} succeeded\n", nobody.uid)), "{log}");
    assert!(!log.contains("running as root"), "{log}");
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.pid)).expect("it runs");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let soft: u64 = files.split_whitespace().nth(3).expect("a number").parse().expect("a number");
    assert!(soft >= 2048, "{files}");
}
