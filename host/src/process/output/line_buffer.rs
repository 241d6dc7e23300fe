//! Output as lines, for destinations whose records cannot be continued: a line that the pipe cuts is kept until its end
//! comes.
//!
//! A line longer than 64 KiB goes in parts, which are cut at whole characters. Neither lines nor parts depend on the
//! pieces in which the output comes.

use serde::{Deserialize, Serialize};

use crate::text::utf8::unfinished_character;

/// Greatest number of bytes of a line, without its line feed, that goes as a whole, and of a part of one.
const MOST: usize = 64 * 1024;

/// Lines that are handed over together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lines<'a> {
    /// Whole lines, each with its line feed, but for the last of a stream, which may have none; or one part of a line.
    pub(super) text: &'a [u8],
    /// Part of a line that is longer than one may be, if it is one.
    pub(super) part: Option<LinePart>,
}

/// Part of a long line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LinePart {
    /// Number of the part, from 1.
    pub(super) number: u32,
    /// Set where no part follows.
    pub(super) is_last: bool,
}

/// Beginning of a line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct LineBuffer {
    #[serde(with = "serde_bytes")]
    begun: Vec<u8>,
    /// Number of parts of the line that were handed over before.
    parts: u32,
}

impl LineBuffer {
    /// Hand over whole lines, and parts of long ones.
    pub(super) fn feed(&mut self, data: &[u8], mut each: impl FnMut(Lines<'_>)) {
        let mut rest = data;
        while !rest.is_empty() {
            let is_begun = self.parts > 0 || !self.begun.is_empty();
            // As much as may be the content of a line, and its line feed.
            let window = &rest[..rest.len().min((MOST + 1).saturating_sub(self.begun.len()))];
            let end = if is_begun { first_end(window) } else { last_end(window) };
            let (now, later) = rest.split_at(end.unwrap_or(window.len()));
            rest = later;
            if end.is_some() && !is_begun {
                each(Lines { text: now, part: None });
                continue;
            }
            self.begun.extend_from_slice(now);
            if end.is_some() {
                self.finish(&mut each);
            } else if self.begun.len() > MOST {
                let cut = MOST - unfinished_character(&self.begun[..MOST]);
                self.parts = self.parts.saturating_add(1);
                let part = LinePart { number: self.parts, is_last: false };
                each(Lines { text: &self.begun[..cut], part: Some(part) });
                self.begun.drain(..cut);
            }
        }
    }

    /// Hand over what is left when the stream, or a line, has ended.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Lines<'_>)) {
        let (mut begun, parts) = (std::mem::take(&mut self.begun), std::mem::take(&mut self.parts));
        if !begun.is_empty() {
            let part = (parts > 0).then(|| LinePart { number: parts.saturating_add(1), is_last: true });
            each(Lines { text: &begun, part });
        }
        // It will be wanted again, where lines are cut in two; and one that was long is not kept.
        if begun.capacity() <= MAX_KEPT {
            begun.clear();
            self.begun = begun;
        }
    }
}

/// Bytes of a buffer that is kept for the next line.
const MAX_KEPT: usize = 1024;

/// Find the end of the first line, behind its line feed.
fn first_end(text: &[u8]) -> Option<usize> {
    text.iter().position(|&byte| byte == b'\n').map(|at| at + 1)
}

/// Find the end of the last whole line, behind its line feed.
fn last_end(text: &[u8]) -> Option<usize> {
    text.iter().rposition(|&byte| byte == b'\n').map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Play pieces, and return the lines and the parts, each by itself.
    fn play(pieces: &[&[u8]]) -> Vec<(Vec<u8>, Option<LinePart>)> {
        let (mut lines, mut out) = (LineBuffer::default(), Vec::new());
        let mut each = |lines: Lines<'_>| {
            for line in lines.text.split_inclusive(|&byte| byte == b'\n') {
                out.push((line.to_vec(), lines.part));
            }
        };
        for piece in pieces {
            lines.feed(piece, &mut each);
        }
        lines.finish(&mut each);
        out
    }

    fn whole(pieces: &[&[u8]]) -> Vec<String> {
        let text = |(line, part): (Vec<u8>, _)| {
            assert_eq!(part, None);
            String::from_utf8(line).unwrap()
        };
        play(pieces).into_iter().map(text).collect()
    }

    #[test]
    fn a_line_is_whole_wherever_it_is_cut() {
        assert_eq!(whole(&[b"one\ntwo\nthr", b"ee", b"\nfour"]), ["one\n", "two\n", "three\n", "four"]);
        assert_eq!(whole(&["é\n".as_bytes().split_at(1).0, "é\n".as_bytes().split_at(1).1]), ["é\n"]);
        assert_eq!(whole(&[b"", b"\n", b"", b"\n\n"]), ["\n", "\n", "\n"]);
    }

    #[test]
    fn a_long_line_goes_in_parts_that_are_the_same_however_it_comes() {
        let part = |number, is_last| Some(LinePart { number, is_last });
        for (length, expected) in [
            (MOST - 1, vec![(MOST, None)]),
            (MOST, vec![(MOST + 1, None)]),
            (MOST + 1, vec![(MOST, part(1, false)), (2, part(2, true))]),
            (2 * MOST, vec![(MOST, part(1, false)), (MOST + 1, part(2, true))]),
            (2 * MOST + 3, vec![(MOST, part(1, false)), (MOST, part(2, false)), (4, part(3, true))]),
        ] {
            let text = [b"before\n".to_vec(), vec![b'x'; length], b"\nbehind\n".to_vec()].concat();
            for size in [1, 7, 1000, MOST, MOST + 1, text.len()] {
                let pieces: Vec<_> = text.chunks(size).collect();
                let mut played: Vec<_> = play(&pieces).into_iter().map(|(line, part)| (line.len(), part)).collect();
                assert_eq!((played.remove(0), played.pop()), ((7, None), Some((7, None))), "{length} by {size}");
                assert_eq!(played, expected, "{length} by {size}");
            }
        }
    }

    #[test]
    fn a_part_ends_with_a_whole_character() {
        let text = [b"x".to_vec(), "가".repeat(50_000).into_bytes(), b"\n".to_vec()].concat();
        for size in [1, 64 * 1024, text.len()] {
            let parts = play(&text.chunks(size).collect::<Vec<_>>());
            assert_eq!(parts.len(), 3);
            assert!(parts.iter().all(|(part, _)| std::str::from_utf8(part).is_ok()), "by {size}");
            assert_eq!(parts.concat_text(), text, "by {size}");
        }
        // What is no text is cut all the same.
        assert_eq!(play(&[&vec![0xff; MOST + 1]]).iter().map(|(part, _)| part.len()).collect::<Vec<_>>(), [MOST, 1]);
    }

    #[test]
    fn the_end_of_the_stream_ends_a_long_line() {
        let parts = play(&[&vec![b'x'; MOST + 5]]);
        assert_eq!(parts[1], (b"xxxxx".to_vec(), Some(LinePart { number: 2, is_last: true })));
    }

    trait ConcatText {
        fn concat_text(&self) -> Vec<u8>;
    }

    impl ConcatText for Vec<(Vec<u8>, Option<LinePart>)> {
        fn concat_text(&self) -> Vec<u8> {
            self.iter().flat_map(|(text, _)| text.clone()).collect()
        }
    }
}
