//! A program in a pseudo-terminal, as a person at a keyboard sees it.

use std::{
    fs::File,
    io::{Read, Write},
    process::{Child, Command},
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    pty::{OpenptyResult, Winsize, openpty},
};

use super::wait::{comes_true, wait_until};

/// A program that runs in a terminal of 80 columns.
#[derive(Debug)]
pub struct Terminal {
    keyboard: File,
    screen: Arc<Mutex<Vec<u8>>>,
    seen: usize,
    child: Child,
    reader: JoinHandle<()>,
}

impl Terminal {
    /// Starts a program with the terminal as its stdin, stdout and stderr, and as its controlling terminal.
    pub fn spawn(command: &Command) -> Self {
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let OpenptyResult { master, slave } = openpty(Some(&size), None).expect("a pseudo-terminal");
        // Other tests start programs at the same time, and one that got an end of this would keep it open.
        for end in [&master, &slave] {
            fcntl(end, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).expect("a flag of a descriptor");
        }
        let stdio = || slave.try_clone().expect("the terminal's other end");
        // setsid(1) makes the terminal the controlling one, without which ^C is no signal. Where the tests themselves run
        // behind a script's `&`, it is ignored, and would be here.
        let mut in_terminal = Command::new("setsid");
        in_terminal
            .args(["--ctty", "--wait", "env", "--default-signal=INT,QUIT"])
            .arg(command.get_program())
            .args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => in_terminal.env(name, value),
                None => in_terminal.env_remove(name),
            };
        }
        if let Some(directory) = command.get_current_dir() {
            in_terminal.current_dir(directory);
        }
        in_terminal.stdin(stdio()).stdout(stdio()).stderr(stdio());
        let child = in_terminal.spawn().unwrap_or_else(|error| panic!("cannot run {in_terminal:?}: {error}"));
        let keyboard = File::from(master);
        let mut master = keyboard.try_clone().expect("the terminal's own end");
        let screen = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&screen);
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = master.read(&mut buffer) {
                shared.lock().expect("nobody panics with the screen").extend_from_slice(&buffer[..count]);
            }
        });
        Self { keyboard, screen, seen: 0, child, reader }
    }

    /// Types a text; `\r` is the return key, `\t` the tabulator, `\x03` is ^C, `\x04` is ^D.
    pub fn send(&mut self, text: impl AsRef<[u8]>) {
        self.keyboard.write_all(text.as_ref()).expect("the terminal takes what is typed");
    }

    /// Waits until `text` appears after what was expected last, and gives what stood between, without control
    /// sequences.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        let start = self.seen;
        let mut found = None;
        let appeared = comes_true(|| {
            let screen = self.text();
            found = screen[start..].find(text).map(|at| screen[start..start + at].to_owned());
            found.is_some()
        });
        assert!(appeared, "{text:?} did not appear on the terminal after:\n{:?}", &self.text()[start..]);
        let between = found.expect("it was waited for");
        self.seen = start + between.len() + text.len();
        between
    }

    /// Waits for the end of the program, and for all that it has shown, and gives its exit status.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let mut status = None;
        wait_until("the program in the terminal ends", || {
            status = self.child.try_wait().expect("the program is our child");
            status.is_some()
        });
        wait_until("all that it has written is read", || self.reader.is_finished());
        status.and_then(|status| status.code()).unwrap_or(-1)
    }

    /// Whether it was sent these bytes, control sequences and all.
    pub fn was_sent(&self, bytes: &[u8]) -> bool {
        let screen = self.screen.lock().expect("nobody panics with the screen");
        screen.windows(bytes.len()).any(|window| window == bytes)
    }

    /// Everything that was shown, as text: control sequences left out, `\r\n` as `\n`.
    pub fn text(&self) -> String {
        plain(&self.screen.lock().expect("nobody panics with the screen"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // The one that setsid started goes with its sandbox.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Leaves out the control sequences of a terminal, also one that has not come to its end yet.
fn plain(bytes: &[u8]) -> String {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            0x1b if bytes.next_if_eq(&b'[').is_some() => drop(bytes.find(|byte| (0x40..=0x7e).contains(byte))),
            0x1b => drop(bytes.next()),
            b'\r' | 0x07 => {}
            byte => plain.push(byte),
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}
