//! A supervisord that is started by way of a shell script: with limits, or in a view of the file system of its own.

use std::process::{Child, Command};

use crate::common::{Config, Kind, PATIENCE, Sandbox, free_port, http, supervisord_command, wait_until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

/// Ended when it is dropped.
pub struct Wrapped {
    pub sandbox: Sandbox,
    port: u16,
    child: Child,
}

/// Whether this system lets us have mounts of our own; tests that need them say that they were left out.
pub fn can_mount() -> bool {
    let can = Command::new("unshare").args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"]).status();
    let can = can.is_ok_and(|status| status.success());
    if !can {
        eprintln!("left out: this system allows no mounts of our own");
    }
    can
}

impl Wrapped {
    /// `words` run a program with what follows them as its arguments; that program is to become supervisord.
    pub fn start(sandbox: Sandbox, kind: Kind, words: &[&str], config: &Config) -> Self {
        let port = free_port();
        let file = sandbox.write(config.file(), config.render(sandbox.here(), port));
        // Makes the files of its stdout and stderr, too.
        let bare = supervisord_command(&sandbox, kind, &file);
        let mut command = sandbox.command(words[0]);
        command.args(&words[1..]).arg(bare.get_program()).args(bare.get_args());
        for (name, value) in bare.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let open = |name| std::fs::File::create(sandbox.join(name)).expect("a file in the sandbox");
        command.stdin(std::process::Stdio::null()).stdout(open("stdout.txt")).stderr(open("stderr.txt"));
        let child = command.spawn().expect("the wrapper can be run");
        Self { sandbox, port, child }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().expect("a pid is positive"))
    }

    /// Calls a method with strings, and gives the XML of the answer.
    #[track_caller]
    pub fn call(&self, method: &str, params: &[&str]) -> String {
        wait_until("the server accepts", || std::net::TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        http::post(self.port, "/RPC2", http::call(method, params)).text()
    }

    /// A line for the stdin of a program, sent as soon as it runs.
    #[track_caller]
    pub fn say(&self, program: &str, line: &str) {
        wait_until(&format!("{program} takes {line:?}"), || {
            self.call("supervisor.sendProcessStdin", &[program, &format!("{line}\n")]).contains("<boolean>1</boolean>")
        });
    }

    /// Waits until the activity log contains that text.
    #[track_caller]
    pub fn wait_for_log(&self, text: &str) -> String {
        wait_until(&format!("the log says {text:?}"), || self.sandbox.read("supervisord.log").contains(text));
        let log = self.sandbox.read("supervisord.log");
        log.lines().find(|line| line.contains(text)).and_then(|line| line.get(24..)).unwrap_or_default().to_owned()
    }

    /// Sends it SIGTERM and waits for its end.
    #[track_caller]
    pub fn end(&mut self) {
        kill(self.pid(), Signal::SIGTERM).expect("it is there");
        wait_until("it ends", || self.child.try_wait().expect("it is our child").is_some());
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let read = |name| self.sandbox.read(name);
            eprintln!("--- log within {PATIENCE:?}\n{}{}---", read("supervisord.log"), read("stderr.txt"));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
