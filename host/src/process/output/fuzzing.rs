//! Output of whatever bytes, in pieces and at once.

use super::{
    ansi::AnsiStripper,
    capture::{Capture, Part},
    line_buffer::LineBuffer,
};

/// Outcome of a stream for capture mode: its plain output, what was captured, and the messages.
type Captured = (Vec<u8>, Vec<u8>, Vec<Vec<u8>>);

/// Read output as it is read under `capture_maxbytes`, under `strip_ansi` and for syslog: cut into pieces of whatever
/// length it comes to the same as at once. The first byte is the length of the pieces.
pub fn output(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else { return };
    let size = usize::from(*size) + 1;
    let cuts = [size, 1].map(|size| stream.chunks(size).collect::<Vec<_>>());
    let halves = stream.split_at(size.min(stream.len()));
    for pieces in [&cuts[0][..], &cuts[1], &[halves.0, halves.1]] {
        // What is dropped of a long message hangs on the pieces, as with Supervisor; here all of it is kept.
        assert_eq!(captured(pieces, u64::MAX), captured(&[stream], u64::MAX));
        let (plain, inside, messages) = captured(pieces, 8);
        assert!(plain.len() + inside.len() <= stream.len());
        assert!(messages.iter().map(Vec::len).sum::<usize>() <= inside.len());
        assert_eq!(stripped(pieces), stripped(&[stream]));
        assert_eq!(lines(pieces), stream);
    }
}

fn captured(pieces: &[&[u8]], maxbytes: u64) -> Captured {
    let mut capture = Capture::new(maxbytes);
    let (mut plain, mut inside, mut messages) = Captured::default();
    let mut each = |part: Part<'_>| match part {
        Part::Plain(data) => plain.extend_from_slice(data),
        Part::Captured(data) => inside.extend_from_slice(data),
        Part::Complete(data) => messages.push(data),
    };
    for piece in pieces {
        capture.feed(piece, &mut each);
    }
    capture.finish(&mut each);
    (plain, inside, messages)
}

fn stripped(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut stripper, mut out) = (AnsiStripper::default(), Vec::new());
    for piece in pieces {
        if stripper.passes(piece) {
            out.extend_from_slice(piece);
        } else {
            stripper.strip(piece, &mut out);
        }
    }
    stripper.finish(&mut out);
    out
}

fn lines(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut buffer, mut out) = (LineBuffer::default(), Vec::new());
    for piece in pieces {
        buffer.feed(piece, |lines| out.extend_from_slice(lines));
    }
    buffer.finish(|rest| out.extend_from_slice(rest));
    out
}
