//! Frames of server-sent events, read as they come.

/// An event of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Frame {
    /// Name of the event; empty where it has none.
    pub(super) event: String,
    /// Lines of its data.
    pub(super) data: String,
}

/// Reader of a stream that comes in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct FrameReader {
    /// Bytes of a line that has not come to its end.
    line: Vec<u8>,
    frame: Frame,
    has_data: bool,
}

impl FrameReader {
    /// Read a piece, and hand each frame that is whole to `take`, until that is false.
    pub(super) fn read(&mut self, piece: &[u8], mut take: impl FnMut(Frame) -> bool) -> bool {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                if let Some(frame) = self.take_line(&String::from_utf8_lossy(&line))
                    && !take(frame)
                {
                    return false;
                }
            }
        }
        true
    }

    fn take_line(&mut self, line: &str) -> Option<Frame> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            // A frame without data is none.
            let frame = std::mem::take(&mut self.frame);
            return std::mem::take(&mut self.has_data).then_some(frame);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.frame.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.frame.data.push('\n');
                }
                self.frame.data.push_str(value);
            }
            // A comment, the id, or what is not known.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_read_whatever_the_pieces() {
        let text = "retry: 1000\n\n:\n\nevent: A\nid: 1\ndata: {\"é\":1}\n\nevent: B\r\ndata:x\ndata\ndata:  y\r\n\r\n\
                    data: z\n";
        let frame = |event: &str, data: &str| Frame { event: event.to_owned(), data: data.to_owned() };
        for size in 1..text.len() {
            let (mut reader, mut frames) = (FrameReader::default(), Vec::new());
            for piece in text.as_bytes().chunks(size) {
                assert!(reader.read(piece, |frame| {
                    frames.push(frame);
                    true
                }));
            }
            assert_eq!(frames, [frame("A", "{\"é\":1}"), frame("B", "x\n\n y")], "pieces of {size}");
        }
        assert!(!FrameReader::default().read(b"data: a\n\ndata: b\n\n", |_| false));
    }
}
