//! Output of a session: lines, and on a terminal the progress of long work below them.

use std::io::{self, BufWriter, Write};

use super::progress_bar::ProgressBar;

/// Bytes that are gathered before they are written: as many as a pipe holds, so that the lines of a thousand processes
/// are two writes.
const BUFFER: usize = 64 << 10;

/// Buffered standard output. After the first error nothing is written any more.
pub(super) struct Printer {
    writer: BufWriter<Box<dyn Write + Send>>,
    /// Progress bar; `None` where stdout is no terminal.
    bar: Option<ProgressBar>,
    /// The error that ended the output.
    error: Option<io::Error>,
}

impl Printer {
    /// Print to `output`; `bar` shows progress there.
    pub(super) fn new(output: Box<dyn Write + Send>, bar: Option<ProgressBar>) -> Self {
        Self { writer: BufWriter::with_capacity(BUFFER, output), bar, error: None }
    }

    /// Write bytes in place of a progress bar that is shown.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let erase = self.bar.as_mut().map_or("", ProgressBar::erase);
        if self.error.is_none() {
            self.error = self.writer.write_all(erase.as_bytes()).and_then(|()| self.writer.write_all(bytes)).err();
        }
    }

    /// Hand on what was written; a progress bar stays.
    pub(super) fn flush(&mut self) {
        if self.error.is_none() {
            self.error = self.writer.flush().err();
        }
    }

    /// Show the progress of work, on a terminal: `done` of `total` parts.
    pub(super) fn draw_progress(&mut self, what: &str, done: i64, total: i64) {
        let Some(drawn) = self.bar.as_mut().and_then(|bar| bar.draw(what, done, total)) else { return };
        if self.error.is_none() {
            self.error = self.writer.write_all(drawn.as_bytes()).err();
        }
        self.flush();
    }

    /// The error that ended the output, if one did.
    pub(super) fn error(&self) -> Option<&io::Error> {
        self.error.as_ref()
    }

    /// The error that ended the output; afterwards it counts as told.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}
