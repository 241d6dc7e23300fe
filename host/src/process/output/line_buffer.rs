//! Output as lines for syslog, whose records cannot be continued: a line that the pipe cuts is kept until its end
//! comes.

use serde::{Deserialize, Serialize};

/// Length from which on a line is sent in parts.
const MOST: usize = 64 * 1024;

/// Beginning of a line.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct LineBuffer {
    #[serde(with = "serde_bytes")]
    begun: Vec<u8>,
}

impl LineBuffer {
    /// Hand over whole lines.
    pub(super) fn feed(&mut self, data: &[u8], mut each: impl FnMut(&[u8])) {
        let mut rest = data;
        if let Some(end) = data.iter().rposition(|&byte| byte == b'\n') {
            let (whole, begun) = data.split_at(end + 1);
            if self.begun.is_empty() {
                each(whole);
            } else {
                let mut joined = std::mem::take(&mut self.begun);
                joined.extend_from_slice(whole);
                each(&joined);
            }
            rest = begun;
        }
        self.begun.extend_from_slice(rest);
        while self.begun.len() > MOST {
            let later = self.begun.split_off(MOST);
            each(&std::mem::replace(&mut self.begun, later));
        }
    }

    /// Hand over what is left when the stream has ended.
    pub(super) fn finish(&mut self, each: impl FnOnce(&[u8])) {
        let begun = std::mem::take(&mut self.begun);
        if !begun.is_empty() {
            each(&begun);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn play(pieces: &[&[u8]]) -> Vec<String> {
        let (mut lines, mut out) = (LineBuffer::default(), Vec::new());
        let mut each = |data: &[u8]| out.push(String::from_utf8(data.to_vec()).unwrap());
        for piece in pieces {
            lines.feed(piece, &mut each);
        }
        lines.finish(&mut each);
        out
    }

    #[test]
    fn a_line_is_whole_wherever_it_is_cut() {
        assert_eq!(play(&[b"one\ntwo\nthr", b"ee", b"\nfour"]), ["one\ntwo\n", "three\n", "four"]);
        assert_eq!(play(&["é\n".as_bytes().split_at(1).0, "é\n".as_bytes().split_at(1).1]), ["é\n"]);
    }

    #[test]
    fn a_line_without_end_goes_in_parts() {
        let long = vec![b'x'; 2 * MOST + 3];
        let lengths: Vec<_> = play(&[&long]).iter().map(String::len).collect();
        assert_eq!(lengths, [MOST, MOST, 3]);
    }
}
