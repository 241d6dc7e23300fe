//! Questions to a person: reading a line or a password from the terminal or from stdin.

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

/// Open the terminal that this process belongs to, whatever its stdin and stdout are.
fn open_terminal() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).custom_flags(O_NOCTTY).open("/dev/tty")
}

/// Settings of the terminal, to be restored.
pub(super) struct TerminalSettings(File, Termios);

impl TerminalSettings {
    /// The present settings; `None` without a terminal.
    pub(super) fn current() -> Option<Self> {
        let stdin = || io::stdin().as_fd().try_clone_to_owned().map(File::from);
        let terminal = open_terminal().or_else(|_| stdin()).ok()?;
        let settings = termios::tcgetattr(&terminal).ok()?;
        Some(Self(terminal, settings))
    }

    /// Set the terminal as it was.
    pub(super) fn restore(&self) {
        let _ = termios::tcsetattr(&self.0, SetArg::TCSADRAIN, &self.1);
    }
}

/// Read a line of stdin without its end; `None` at the end of the input.
pub(super) fn read_line() -> Option<String> {
    read_line_of(io::stdin())
}

/// Read a line that the terminal does not show while it is typed.
///
/// As in Python, the question is asked on the terminal itself, so that neither it nor the answer is in what is piped in
/// and out; without a terminal the answer comes from stdin, and the question is on stderr.
pub(super) fn read_password(prompt: &str) -> Option<String> {
    match open_terminal() {
        Ok(terminal) => read_hidden(&terminal, &terminal, prompt),
        Err(_) => read_hidden(io::stdin(), io::stderr(), prompt),
    }
}

fn read_hidden(input: impl AsFd, mut output: impl Write, prompt: &str) -> Option<String> {
    let before = termios::tcgetattr(&input).ok();
    if let Some(before) = &before {
        // A shell sees to it by itself, and was there first.
        let settings = TerminalSettings::current();
        let _ = on_interrupt(move || {
            settings.iter().for_each(TerminalSettings::restore);
            die();
        });
        let mut silent = before.clone();
        silent.local_flags.remove(LocalFlags::ECHO);
        let _ = termios::tcsetattr(&input, SetArg::TCSAFLUSH, &silent);
    }
    let _ = output.write_all(prompt.as_bytes()).and_then(|()| output.flush());
    let line = read_line_of(&input);
    if let Some(before) = &before {
        let _ = termios::tcsetattr(&input, SetArg::TCSAFLUSH, before);
    }
    if line.is_some() {
        // The one that was typed is not shown either.
        let _ = output.write_all(b"\n").and_then(|()| output.flush());
    }
    line
}

/// Read a line, and no byte more, so that what follows is there for whoever reads next.
fn read_line_of(input: impl AsFd) -> Option<String> {
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
