//! Capture mode: what a process writes between two tokens becomes an event instead of a part of its log.

const BEGIN: &[u8] = b"<!--XSUPERVISOR:BEGIN-->";
const END: &[u8] = b"<!--XSUPERVISOR:END-->";

/// A part of the stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Ordinary output.
    Plain(Vec<u8>),
    /// Output between the tokens.
    Captured(Vec<u8>),
    /// The closing token: all that stood between the two, or its last `maxbytes`.
    Complete(Vec<u8>),
}

/// Finds the tokens, wherever the pipe cuts them.
#[derive(Debug)]
pub(super) struct Capture {
    maxbytes: usize,
    /// The beginning of what may become a token.
    pending: Vec<u8>,
    captured: Option<Vec<u8>>,
}

impl Capture {
    pub(super) fn new(maxbytes: u64) -> Self {
        Self { maxbytes: usize::try_from(maxbytes).unwrap_or(usize::MAX), pending: Vec::new(), captured: None }
    }

    /// Cuts the stream into its parts.
    pub(super) fn feed(&mut self, data: &[u8]) -> Vec<Part> {
        let mut parts = Vec::new();
        let mut rest = std::mem::take(&mut self.pending);
        rest.extend_from_slice(data);
        loop {
            let token = if self.captured.is_some() { END } else { BEGIN };
            let Some(at) = find(&rest, token) else { break };
            let after = rest.split_off(at + token.len());
            rest.truncate(at);
            self.part(std::mem::replace(&mut rest, after), &mut parts);
            self.captured = match self.captured.take() {
                Some(captured) => {
                    parts.push(Part::Complete(captured));
                    None
                }
                None => Some(Vec::new()),
            };
        }
        let token = if self.captured.is_some() { END } else { BEGIN };
        let kept = (1..token.len().min(rest.len() + 1)).rev().find(|&len| rest.ends_with(&token[..len])).unwrap_or(0);
        self.pending = rest.split_off(rest.len() - kept);
        self.part(rest, &mut parts);
        parts
    }

    /// The stream ended: what looked like the beginning of a token was none.
    pub(super) fn finish(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        let pending = std::mem::take(&mut self.pending);
        self.part(pending, &mut parts);
        parts
    }

    fn part(&mut self, data: Vec<u8>, parts: &mut Vec<Part>) {
        if data.is_empty() {
            return;
        }
        match &mut self.captured {
            None => parts.push(Part::Plain(data)),
            Some(captured) => {
                captured.extend_from_slice(&data);
                captured.drain(..captured.len().saturating_sub(self.maxbytes));
                parts.push(Part::Captured(data));
            }
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Part {
        Part::Plain(text.into())
    }

    fn captured(text: &str) -> Part {
        Part::Captured(text.into())
    }

    #[test]
    fn what_stands_between_the_tokens_is_captured() {
        let mut capture = Capture::new(100);
        assert_eq!(
            capture.feed(b"a<!--XSUPERVISOR:BEGIN-->b<!--XSUPERVISOR:END-->c"),
            [plain("a"), captured("b"), Part::Complete(b"b".to_vec()), plain("c")]
        );
    }

    #[test]
    fn tokens_are_found_across_cuts() {
        let text = b"a<!--XSUPERVISOR:BEGIN-->bc<!--XSUPERVISOR:END-->d<";
        for cut in 0..text.len() {
            let mut capture = Capture::new(100);
            let mut parts = capture.feed(&text[..cut]);
            parts.extend(capture.feed(&text[cut..]));
            parts.extend(capture.finish());
            let (mut outside, mut complete) = (Vec::new(), Vec::new());
            for part in parts {
                match part {
                    Part::Plain(data) => outside.extend(data),
                    Part::Captured(_) => {}
                    Part::Complete(data) => complete.push(data),
                }
            }
            assert_eq!((outside, complete), (b"ad<".to_vec(), vec![b"bc".to_vec()]), "cut at {cut}");
        }
    }

    #[test]
    fn short_output_does_not_wait_for_more() {
        assert_eq!(Capture::new(100).feed(b"hi\n"), [plain("hi\n")]);
    }

    #[test]
    fn only_the_last_maxbytes_are_kept() {
        let mut capture = Capture::new(3);
        capture.feed(b"<!--XSUPERVISOR:BEGIN-->abcd");
        assert_eq!(capture.feed(b"ef<!--XSUPERVISOR:END-->").last(), Some(&Part::Complete(b"def".to_vec())));
    }
}
