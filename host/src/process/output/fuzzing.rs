//! Output of whatever bytes, in pieces and at once.

use std::time::UNIX_EPOCH;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use serde_json::Value;

use super::{
    ansi::AnsiStripper,
    capture::{Capture, Part},
    line_buffer::{LineBuffer, Lines},
    log_lines::{LineFormat, LogLines},
    target::{LineForm, Source},
};
use crate::{events::Channel, logger::Timestamps};

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
        buffer.feed(piece, |lines| out.extend_from_slice(lines.text));
    }
    buffer.finish(|rest| out.extend_from_slice(rest.text));
    out
}

/// Most bytes of a line that is made long.
const MOST_REPEATED: usize = 150_000;
/// Most pieces that output is cut into.
const MOST_PIECES: usize = 1_000;

/// Give output the forms of `stdout_log_format`: cut into pieces of whatever length it comes to the same lines as at
/// once, and nothing of it is lost. The first byte is the length of the pieces, the second, if it is a high one, how
/// often the last line is repeated, so that it becomes longer than one may be; the others stand before and behind it.
pub fn log_lines(data: &[u8]) {
    let [size, times, stream @ ..] = data else { return };
    let (lines, last) = stream.split_at(stream.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1));
    let most = MOST_REPEATED / last.len().max(1);
    let stream = [lines, &last.repeat(most.min(1 << times.saturating_sub(u8::MAX - 17))), lines].concat();
    let size = (usize::from(*size) + 1).max(stream.len() / MOST_PIECES);
    let halves = stream.split_at((size * 300).min(stream.len()));
    for form in [LineForm::Text, LineForm::Json] {
        let whole = formed(form, &[&stream]);
        for pieces in [&stream.chunks(size).collect::<Vec<_>>()[..], &[halves.0, halves.1]] {
            assert!(formed(form, pieces) == whole, "lines do not depend on the pieces");
        }
        assert!(whole.is_empty() || whole.ends_with(b"\n"));
        if form == LineForm::Json {
            assert!(messages(&whole, &stream) == stream, "nothing is lost");
        }
    }
}

fn formed(form: LineForm, pieces: &[&[u8]]) -> Vec<u8> {
    let source = Source { process: "p".to_owned(), group: "g".to_owned(), pid: 1, channel: Channel::Stdout };
    let head = LineFormat::new(form, &source).head(UNIX_EPOCH, &mut Timestamps::default());
    let (mut buffer, mut out) = (LineBuffer::default(), Vec::new());
    let mut each =
        |lines: Lines<'_>| LogLines::new(&head, lines).write(&mut Vec::new(), |lines| out.extend_from_slice(lines));
    for piece in pieces {
        buffer.feed(piece, &mut each);
    }
    buffer.finish(&mut each);
    out
}

/// Read the lines of `stream` from objects that were made of it. An object that stands there itself is kept.
fn messages(formed: &[u8], stream: &[u8]) -> Vec<u8> {
    let mut read = Vec::new();
    for line in formed.split_inclusive(|&byte| byte == b'\n') {
        let rest = &stream[read.len().min(stream.len())..];
        let kept = line.strip_suffix(b"\n").filter(|kept| rest.starts_with(kept) && kept.trim_ascii() != b"");
        if let Some(kept) = kept {
            read.extend_from_slice(kept);
        } else {
            let object: Value = serde_json::from_slice(line).expect("each line is an object");
            match object["message_base64"].as_str() {
                Some(bytes) => read.extend(BASE64.decode(bytes).expect("it is base64")),
                None => read.extend_from_slice(object["message"].as_str().expect("a text").as_bytes()),
            }
            if object["partial"] == true {
                continue;
            }
        }
        // Only the last line may have had no end.
        if read.len() < stream.len() {
            read.push(b'\n');
        }
    }
    read
}
