//! The shell: lines from a terminal, with editing, history and completion; or lines from a pipe.

use std::{
    fs,
    io::{self, IsTerminal, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
    process,
    sync::Arc,
};

use nix::{
    poll::{PollFd, PollFlags, poll},
    sys::termios::{self, FlushArg, LocalFlags, SetArg},
};
use rustyline::{
    CompletionType, Config, Editor,
    error::ReadlineError,
    history::{History, MemHistory},
};

use super::{
    command_line::CommandLine, completion::Completion, controller::Controller, interrupt::on_interrupt,
    prompt::TerminalSettings,
};
use crate::text::stderr_line::stderr_line;

/// Pause that ends a paste, in milliseconds.
const PASTE_PAUSE: u8 = 100;

/// Show the status, then run what is typed until somebody quits.
pub(super) fn run(controller: &mut Controller, prompt: &str, history_file: Option<&Path>) {
    end_at_interrupt(controller);
    controller.run(&CommandLine::typed("status"));
    let prompt = format!("{prompt}> ");
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        // Without plugins there would be nothing to complete of theirs.
        controller.load_all_plugins();
        match TerminalInput::new(controller, history_file) {
            Ok(terminal) => return run_lines(controller, terminal, &prompt),
            Err(error) => stderr_line(format_args!("Error: cannot edit lines on this terminal: {error}")),
        }
    }
    run_lines(controller, PipeInput, &prompt);
}

/// Let ^C end the shell from now on, also in the midst of a command or a question, and leave the terminal as it was.
fn end_at_interrupt(controller: &Controller) {
    let terminal = TerminalSettings::current();
    let session = Arc::clone(controller.session());
    let leave = move || {
        terminal.iter().for_each(TerminalSettings::restore);
        session.end_line_at_once();
        process::exit(0);
    };
    // Without it ^C ends the process as it ends any.
    if let Err(error) = on_interrupt(leave) {
        stderr_line(format_args!("Error: cannot watch for Ctrl-C: {error}"));
    }
}

/// Source of command lines.
trait LineInput {
    /// Read the next line, or the end: there is none, or somebody has had enough.
    fn next(&mut self, controller: &Controller, prompt: &str) -> ShellInput;
}

/// Input of the shell.
enum ShellInput {
    Line(String),
    /// The end, with the cursor behind the prompt.
    End,
    /// The end, with the cursor on a new line.
    EndOnNewLine,
}

fn run_lines(controller: &mut Controller, mut lines: impl LineInput, prompt: &str) {
    while !controller.session().is_finished() && controller.session().can_print() {
        match lines.next(controller, prompt) {
            ShellInput::Line(line) => controller.run(&CommandLine::typed(&line)),
            ShellInput::End => controller.run(&CommandLine::typed("EOF")),
            ShellInput::EndOnNewLine => break,
        }
    }
}

/// Lines from stdin, which is no terminal.
struct PipeInput;

impl LineInput for PipeInput {
    fn next(&mut self, controller: &Controller, prompt: &str) -> ShellInput {
        controller.session().ask(prompt).map_or(ShellInput::End, ShellInput::Line)
    }
}

/// Lines from a terminal, with editing, history and completion.
struct TerminalInput {
    editor: Editor<Completion, MemHistory>,
    history_file: Option<PathBuf>,
}

impl TerminalInput {
    fn new(controller: &Controller, history_file: Option<&Path>) -> rustyline::Result<Self> {
        let config = Config::builder()
            .completion_type(CompletionType::List)
            .history_ignore_dups(true)?
            // Lines that are pasted are commands, as lines that are typed are: each is run.
            .bracketed_paste(false)
            .build();
        let history = MemHistory::with_config(&config);
        let mut editor = Editor::with_history(config, history)?;
        editor.set_helper(Some(controller.completion()));
        for line in history_file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default().lines() {
            editor.history_mut().add(line)?;
        }
        Ok(Self { editor, history_file: history_file.map(Path::to_owned) })
    }

    /// Keep a line in the history, a line of the file as with readline, because both may use the same one. A file that
    /// cannot be written is no reason to disturb anybody.
    fn remember(&mut self, line: &str) {
        let is_new = self.editor.add_history_entry(line).unwrap_or(false);
        let Some(path) = self.history_file.as_deref().filter(|_| is_new) else { return };
        let file = fs::OpenOptions::new().append(true).create(true).mode(0o600).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{line}"));
    }
}

impl LineInput for TerminalInput {
    fn next(&mut self, controller: &Controller, prompt: &str) -> ShellInput {
        controller.session().flush();
        if let Some(completion) = self.editor.helper_mut() {
            completion.forget();
        }
        let line = loop {
            match self.editor.readline(prompt) {
                Err(ReadlineError::Io(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    forget_what_is_typed();
                    stderr_line("*** What was typed is not UTF-8, and is forgotten");
                }
                line => break line,
            }
        };
        match line {
            Ok(line) => {
                self.remember(&line);
                ShellInput::Line(line)
            }
            Err(ReadlineError::Eof) if !is_drawn_on() => ShellInput::End,
            // ^D and ^C: the editor has ended the line already.
            Err(ReadlineError::Eof | ReadlineError::Interrupted) => ShellInput::EndOnNewLine,
            Err(error) => {
                stderr_line(format_args!("Error: cannot read from this terminal: {error}"));
                ShellInput::EndOnNewLine
            }
        }
    }
}

/// Tell whether the editor draws its line on this terminal. On one that can do nothing it reads what the terminal gives
/// it, and ends no line.
fn is_drawn_on() -> bool {
    let term = std::env::var("TERM").unwrap_or_default();
    !["dumb", "cons25", "emacs"].iter().any(|plain| term.eq_ignore_ascii_case(plain))
}

/// Drop what is on its way from the keyboard: the rest of a paste is not to be run as if it were a line of its own.
fn forget_what_is_typed() {
    let stdin = io::stdin();
    let Ok(before) = termios::tcgetattr(&stdin) else { return };
    // Only so does a terminal tell of bytes that end no line.
    let mut raw = before.clone();
    raw.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
    let _ = termios::tcsetattr(&stdin, SetArg::TCSANOW, &raw);
    loop {
        let _ = termios::tcflush(&stdin, FlushArg::TCIFLUSH);
        let mut typed = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        if !matches!(poll(&mut typed, PASTE_PAUSE), Ok(1..)) || typed[0].revents() != Some(PollFlags::POLLIN) {
            break;
        }
    }
    let _ = termios::tcsetattr(&stdin, SetArg::TCSANOW, &before);
}
