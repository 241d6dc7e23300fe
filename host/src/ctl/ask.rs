//! What is read from a person: a line, or a password.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
};

use nix::{
    errno::Errno,
    libc::O_NOCTTY,
    sys::termios::{self, LocalFlags, SetArg, Termios},
};

use super::interrupt::{die, on_interrupt};

/// The terminal that this process belongs to, whatever its stdin and stdout are.
fn terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(O_NOCTTY).open("/dev/tty")
}

/// How the terminal is set, to be set so again.
pub(super) struct Settings(File, Termios);

impl Settings {
    /// Those of now; `None` without a terminal.
    pub(super) fn of_now() -> Option<Self> {
        let stdin = || io::stdin().as_fd().try_clone_to_owned().map(File::from);
        let terminal = terminal().or_else(|_| stdin()).ok()?;
        let settings = termios::tcgetattr(&terminal).ok()?;
        Some(Self(terminal, settings))
    }

    pub(super) fn restore(&self) {
        let _ = termios::tcsetattr(&self.0, SetArg::TCSADRAIN, &self.1);
    }
}

/// A line of stdin without its end; `None` at the end of the input.
pub(super) fn line() -> Option<String> {
    line_of(io::stdin())
}

/// A line that the terminal does not show while it is typed.
///
/// As Python asks for it: on the terminal itself, so that neither the question nor the answer is in what is piped in
/// and out; without one, from stdin, and the question is on stderr.
pub(super) fn password(prompt: &str) -> Option<String> {
    match terminal() {
        Ok(terminal) => hidden(&terminal, &terminal, prompt),
        Err(_) => hidden(io::stdin(), io::stderr(), prompt),
    }
}

fn hidden(input: impl AsFd, mut output: impl Write, prompt: &str) -> Option<String> {
    let before = termios::tcgetattr(&input).ok();
    if let Some(before) = &before {
        // A shell sees to it by itself, and was there first.
        let settings = Settings::of_now();
        let _ = on_interrupt(move || {
            settings.iter().for_each(Settings::restore);
            die();
        });
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        let _ = termios::tcsetattr(&input, SetArg::TCSAFLUSH, &silent);
    }
    let _ = output.write_all(prompt.as_bytes()).and_then(|()| output.flush());
    let line = line_of(&input);
    if let Some(before) = &before {
        let _ = termios::tcsetattr(&input, SetArg::TCSAFLUSH, before);
    }
    if line.is_some() {
        // The one that was typed is not shown either.
        let _ = output.write_all(b"\n").and_then(|()| output.flush());
    }
    line
}

/// It takes no byte more than the line, so that what follows is there for whoever reads it next.
fn line_of(input: impl AsFd) -> Option<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    loop {
        match nix::unistd::read(&input, &mut byte) {
            Err(Errno::EINTR) => {}
            Ok(0) | Err(_) if line.is_empty() => return None,
            Ok(1) if byte[0] != b'\n' => line.push(byte[0]),
            _ => return Some(String::from_utf8_lossy(&line).into_owned()),
        }
    }
}
