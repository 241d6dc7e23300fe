//! Filters on the way of one output, with what they keep back of it: beginnings whose ends have not come yet.

use serde::{Deserialize, Serialize};

use super::{ansi::AnsiStripper, capture::Capture, line_buffer::LineBuffer, target::OutputTarget};

/// Filters of one output.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Filters {
    /// Filter of escape sequences, where `strip_ansi` is set.
    pub(super) ansi: Option<AnsiStripper>,
    /// Parser of captured output. Boxed, for few programs have one.
    pub(super) capture: Option<Box<Capture>>,
    /// Buffer that makes whole lines for syslog.
    pub(super) lines: Option<LineBuffer>,
    /// Buffer that makes whole lines for a log file whose lines have a form.
    pub(super) log_lines: Option<LineBuffer>,
    /// Beginning of a character whose end has not come yet; only for the activity log.
    #[serde(with = "serde_bytes")]
    pub(super) cut: Vec<u8>,
}

impl Filters {
    /// Make the filters that a target asks for.
    pub(super) fn new(target: &OutputTarget, strip_ansi: bool) -> Self {
        Self {
            ansi: strip_ansi.then(AnsiStripper::default),
            capture: (target.capture_maxbytes > 0).then(|| Box::new(Capture::new(target.capture_maxbytes))),
            lines: target.syslog.then(LineBuffer::default),
            log_lines: target.line_form().map(|_| LineBuffer::default()),
            cut: Vec::new(),
        }
    }

    /// Return them with the filter of escape sequences, or without it, and with the buffer that the target asks for.
    pub(super) fn with_options(self, target: &OutputTarget, strip_ansi: bool) -> Self {
        Self {
            ansi: strip_ansi.then(|| self.ansi.unwrap_or_default()),
            log_lines: target.line_form().map(|_| self.log_lines.unwrap_or_default()),
            ..self
        }
    }
}
