//! Notices of programs under `ready=notify`: datagrams as those of systemd's `sd_notify`.

/// Number of bytes of a datagram that are read; the rest is cut off.
pub const MAX_DATAGRAM: usize = 4096;
/// Number of characters that are kept of a text that a program says of itself.
const MAX_TEXT: usize = 200;

/// Notice of a program. Variables that are not known are no part of it, `MAINPID=` among them: supervisord knows the
/// pid of what it started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Notice {
    /// `READY=1`.
    pub is_ready: bool,
    /// `STOPPING=1`.
    pub is_stopping: bool,
    /// `WATCHDOG=`.
    pub watchdog: Option<Watchdog>,
    /// `STATUS=`, fit to be shown.
    pub status: Option<String>,
}

/// `WATCHDOG=` of a program. Of several the greatest counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Watchdog {
    /// `1`: the program goes on.
    Alive,
    /// `trigger`: the program has found out by itself that it does not work.
    Trigger,
}

impl Notice {
    /// Read a datagram: variables, one on each line. Of several `STATUS=` the last counts.
    pub fn parse(datagram: &[u8]) -> Self {
        let mut notice = Self::default();
        for line in datagram.split(|byte| *byte == b'\n') {
            match line {
                b"READY=1" => notice.is_ready = true,
                b"STOPPING=1" => notice.is_stopping = true,
                b"WATCHDOG=1" => notice.watchdog = notice.watchdog.max(Some(Watchdog::Alive)),
                b"WATCHDOG=trigger" => notice.watchdog = Some(Watchdog::Trigger),
                _ => {
                    if let Some(status) = line.strip_prefix(b"STATUS=") {
                        notice.status = Some(printable(status));
                    }
                }
            }
        }
        notice
    }

    /// Add a later notice to this one.
    #[must_use]
    pub fn followed_by(self, later: Self) -> Self {
        Self {
            is_ready: self.is_ready | later.is_ready,
            is_stopping: self.is_stopping | later.is_stopping,
            watchdog: self.watchdog.max(later.watchdog),
            status: later.status.or(self.status),
        }
    }
}

/// Make what a program says fit for one line: a blank in place of each control character, and not too long.
pub fn printable(text: &[u8]) -> String {
    // Each character has a byte or more: what is cut is not shown in any case.
    let head = &text[..text.len().min(4 * MAX_TEXT)];
    let text = String::from_utf8_lossy(head);
    let is_shown = |letter: char| if letter.is_control() || is_invisible(letter) { ' ' } else { letter };
    text.chars().map(is_shown).take(MAX_TEXT).collect::<String>().trim().to_owned()
}

/// Tell whether a character changes the direction or the lines of a text.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_has_a_variable_on_each_line() {
        let notice =
            Notice::parse(b"READY=1\nMAINPID=7\nSTATUS=up\x1b[31m and\x07 r\xc3\xa9ady\nSTOPPING=1\nWATCHDOG=1");
        let status = Some("up [31m and  r\u{e9}ady".to_owned());
        let all = Notice { is_ready: true, is_stopping: true, watchdog: Some(Watchdog::Alive), status };
        assert_eq!(notice, all);
        for nothing in ["", "READY=0", "READY=1 ", "XREADY=1", "ready=1", "READY", "WATCHDOG=2\nSTATUS"] {
            assert_eq!(Notice::parse(nothing.as_bytes()), Notice::default(), "{nothing:?}");
        }
        assert_eq!(Notice::parse(b"STATUS=a\nSTATUS=\n").status.as_deref(), Some(""));
        assert_eq!(Notice::parse(b"WATCHDOG=trigger\nWATCHDOG=1").watchdog, Some(Watchdog::Trigger));
    }

    #[test]
    fn a_status_is_bounded_and_has_no_control_characters() {
        let text = Notice::parse(&[b"STATUS=".as_slice(), &[0xff; 4000]].concat()).status.unwrap();
        assert_eq!(text.chars().count(), MAX_TEXT);
        assert_eq!(printable("a\u{202e}b\u{85}c\t".as_bytes()), "a b c");
    }
}
