//! Capture mode: what a process writes between two tokens becomes an event instead of a part of its log.

use serde::{Deserialize, Serialize};

const BEGIN: &[u8] = b"<!--XSUPERVISOR:BEGIN-->";
const END: &[u8] = b"<!--XSUPERVISOR:END-->";

/// Part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// Ordinary output.
    Plain(&'a [u8]),
    /// Output between the tokens.
    Captured(&'a [u8]),
    /// Closing token: what stood between the two, as far as it was kept.
    Complete(Vec<u8>),
}

/// Parser of one stream, which finds the tokens wherever the pipe cuts them.
///
/// Of what stands between them the end is kept, about `maxbytes` of it. Supervisor's buffer drops as much as comes in
/// once it is full, whatever that leaves, and takes a piece that is longer than `maxbytes` whole: programs may rely on
/// it that a message in one piece arrives in one piece, so the same is done here.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Capture {
    maxbytes: usize,
    /// Beginning of what may become a token.
    #[serde(with = "serde_bytes")]
    pending: Vec<u8>,
    #[serde(with = "serde_bytes")]
    captured: Option<Vec<u8>>,
}

impl Capture {
    pub(super) fn new(maxbytes: u64) -> Self {
        Self { maxbytes: usize::try_from(maxbytes).unwrap_or(usize::MAX), pending: Vec::new(), captured: None }
    }

    /// Cut what comes into its parts.
    pub(super) fn feed(&mut self, data: &[u8], mut each: impl FnMut(Part<'_>)) {
        let mut joined = std::mem::take(&mut self.pending);
        let mut rest = if joined.is_empty() {
            data
        } else {
            joined.extend_from_slice(data);
            &joined
        };
        while let Some((before, after)) = split(rest, self.token()) {
            self.part(before, &mut each);
            self.captured = match self.captured.take() {
                Some(captured) => {
                    each(Part::Complete(captured));
                    None
                }
                None => Some(Vec::new()),
            };
            rest = after;
        }
        let token = self.token();
        let kept = if self.captured.is_some() && rest.len() <= token.len() {
            // As Supervisor does, or its buffer would get other pieces than ours.
            rest.len()
        } else {
            (1..token.len().min(rest.len() + 1)).rev().find(|&len| rest.ends_with(&token[..len])).unwrap_or(0)
        };
        let (now, later) = rest.split_at(rest.len() - kept);
        self.part(now, &mut each);
        self.pending = later.to_vec();
    }

    /// Note that the stream has ended: what looked like the beginning of a token was none.
    pub(super) fn finish(&mut self, mut each: impl FnMut(Part<'_>)) {
        let pending = std::mem::take(&mut self.pending);
        self.part(&pending, &mut each);
    }

    /// Return the token that is looked for.
    fn token(&self) -> &'static [u8] {
        if self.captured.is_some() { END } else { BEGIN }
    }

    fn part(&mut self, data: &[u8], each: &mut impl FnMut(Part<'_>)) {
        if data.is_empty() {
            return;
        }
        match &mut self.captured {
            None => each(Part::Plain(data)),
            Some(captured) => {
                if captured.len() + data.len() > self.maxbytes {
                    captured.drain(..captured.len().min(data.len()));
                }
                captured.extend_from_slice(data);
                each(Part::Captured(data));
            }
        }
    }
}

/// Return what stands before and after the first `token`.
fn split<'a>(data: &'a [u8], token: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let mut from = 0;
    loop {
        from += data[from..].iter().position(|&byte| byte == token[0])?;
        if data[from..].starts_with(token) {
            return Some((&data[..from], &data[from + token.len()..]));
        }
        from += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Take the output of a process, piece by piece, and return it as plain text, captured text and complete messages.
    fn play(maxbytes: u64, pieces: &[&[u8]]) -> (String, String, Vec<String>) {
        let mut capture = Capture::new(maxbytes);
        let (mut plain, mut captured, mut complete) = (Vec::new(), Vec::new(), Vec::new());
        let mut each = |part: Part<'_>| match part {
            Part::Plain(data) => plain.extend_from_slice(data),
            Part::Captured(data) => captured.extend_from_slice(data),
            Part::Complete(data) => complete.push(String::from_utf8(data).unwrap()),
        };
        for piece in pieces {
            capture.feed(piece, &mut each);
        }
        capture.finish(&mut each);
        (String::from_utf8(plain).unwrap(), String::from_utf8(captured).unwrap(), complete)
    }

    fn expect(plain: &str, captured: &str, complete: &[&str]) -> (String, String, Vec<String>) {
        (plain.to_owned(), captured.to_owned(), complete.iter().map(|&text| text.to_owned()).collect())
    }

    #[test]
    fn what_stands_between_the_tokens_is_captured_wherever_it_is_cut() {
        let text = b"a<!--XSUPERVISOR:BEGIN-->bc<!--XSUPERVISOR:END-->d<!--XSUPERVISOR:BEGIN--><!--XSUPERVISOR:END--><";
        let expected = expect("ad<", "bc", &["bc", ""]);
        assert_eq!(play(100, &[text]), expected);
        assert_eq!(play(100, &text.chunks(1).collect::<Vec<_>>()), expected);
        for cut in 0..text.len() {
            assert_eq!(play(100, &[&text[..cut], &text[cut..]]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn short_output_does_not_wait_for_more() {
        let mut parts = 0;
        Capture::new(100).feed(b"hi\n", |part| {
            assert_eq!(part, Part::Plain(b"hi\n"));
            parts += 1;
        });
        assert_eq!(parts, 1);
    }

    #[test]
    fn a_capture_without_end_is_no_message() {
        assert_eq!(play(100, &[b"a<!--XSUPERVISOR:BEGIN-->b"]), expect("a", "b", &[]));
    }

    #[test]
    fn of_a_long_message_what_supervisor_keeps_is_kept() {
        const BEGIN: &[u8] = b"<!--XSUPERVISOR:BEGIN-->";
        const END: &[u8] = b"<!--XSUPERVISOR:END-->";
        let long = [b'a'; 30];
        let complete = |maxbytes, pieces: &[&[u8]]| {
            let pieces: Vec<_> = [BEGIN].into_iter().chain(pieces.iter().copied()).chain([END]).collect();
            play(maxbytes, &pieces).2.remove(0)
        };
        assert_eq!(complete(3, &[b"abcd", b"ef"]), "abcdef", "too short to be looked at by piece");
        assert_eq!(complete(3, &[&long]), "a".repeat(30), "one piece stays whole");
        let other = [b'b'; 25];
        assert_eq!(complete(40, &[&long, &other]), format!("{}{}", "a".repeat(5), "b".repeat(25)));
        assert_eq!(complete(55, &[&long, &other]), format!("{}{}", "a".repeat(30), "b".repeat(25)));
    }
}
