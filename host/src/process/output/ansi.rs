//! Removal of ANSI escape sequences from a stream: what begins with `ESC [` and ends with one of a few letters.

use serde::{Deserialize, Serialize};

const ENDS: &[u8] = b"HfABCDRsuJKhlpm";

/// Position in the stream: in a sequence, before it, or outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Position {
    #[default]
    Text,
    /// Position after an `ESC` that may begin a sequence.
    Escape,
    Sequence,
}

/// Filter of one stream. A sequence may be cut anywhere by the pipe.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct AnsiStripper {
    position: Position,
}

impl AnsiStripper {
    /// Return whether nothing of `data` would be taken out.
    pub(super) fn passes(&self, data: &[u8]) -> bool {
        self.position == Position::Text && !data.contains(&0x1b)
    }

    /// Append `data` without escape sequences to `out`.
    pub(super) fn strip(&mut self, data: &[u8], out: &mut Vec<u8>) {
        for &byte in data {
            self.position = match (self.position, byte) {
                (Position::Text, 0x1b) => Position::Escape,
                (Position::Text, _) => {
                    out.push(byte);
                    Position::Text
                }
                (Position::Escape, b'[') => Position::Sequence,
                (Position::Escape, 0x1b) => {
                    out.push(0x1b);
                    Position::Escape
                }
                (Position::Escape, _) => {
                    out.extend([0x1b, byte]);
                    Position::Text
                }
                (Position::Sequence, _) if ENDS.contains(&byte) => Position::Text,
                (Position::Sequence, _) => Position::Sequence,
            };
        }
    }

    /// Append what is left when the stream has ended.
    pub(super) fn finish(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.position) == Position::Escape {
            out.push(0x1b);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strip(chunks: &[&str]) -> String {
        let mut stripper = AnsiStripper::default();
        let mut out = Vec::new();
        for chunk in chunks {
            let before = out.len();
            let passes = stripper.passes(chunk.as_bytes());
            stripper.strip(chunk.as_bytes(), &mut out);
            assert!(!passes || out[before..] == *chunk.as_bytes(), "{chunk:?}");
        }
        stripper.finish(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn sequences_go_wherever_they_are_cut() {
        assert_eq!(strip(&["a\x1b[31;1mred\x1b[0m b"]), "ared b");
        assert_eq!(strip(&["a\x1b", "[3", "1mred\x1b[", "0m b"]), "ared b");
        assert_eq!(strip(&["\x1b[2J\x1b[Hx", "y", "\x1b[", "0m", "z"]), "xyz");
    }

    #[test]
    fn other_escapes_stay() {
        assert_eq!(strip(&["a\x1bMb\x1b"]), "a\x1bMb\x1b");
        assert_eq!(strip(&["a\x1b", "\x1b[mb"]), "a\x1bb");
    }
}
