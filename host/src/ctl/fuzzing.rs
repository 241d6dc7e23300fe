//! Command lines of whatever text, and streams of whatever server.

use super::{
    command_line::CommandLine,
    event_frames::{Frame, FrameReader},
};
use crate::text::shlex;

/// Read bytes as a stream of server-sent events: in pieces, the size of which is the first byte, it is the same.
pub fn event_frames(data: &[u8]) {
    let [size, stream @ ..] = data else { return };
    let read = |size: usize| {
        let (mut reader, mut frames): (_, Vec<Frame>) = (FrameReader::default(), Vec::new());
        for piece in stream.chunks(size.max(1)) {
            reader.read(piece, |frame| {
                frames.push(frame);
                true
            });
        }
        frames
    };
    let whole = read(stream.len());
    assert_eq!(whole, read(usize::from(*size)));
    assert!(whole.iter().all(|frame| !frame.event.contains('\n')));
    // Each byte that is no UTF-8 may become three.
    assert!(whole.iter().map(|frame| frame.data.len()).sum::<usize>() <= 3 * stream.len(), "nothing is added");
}

/// Read a text as a line of the shell, and its lines as the arguments of `supervisorctl`. A word that is quoted is one
/// word again.
pub fn command_line(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    assert_eq!(shlex::split(&shlex::quote(text)).as_deref(), Ok(&[text.to_owned()][..]), "one word stays one");
    if let Ok(words) = shlex::split(text) {
        let quoted: Vec<_> = words.iter().map(|word| shlex::quote(word)).collect();
        assert_eq!(shlex::split(&quoted.join(" ")).as_ref(), Ok(&words), "words stay words");
    }
    for further in ["", "/.+-():"] {
        if let Ok(words) = shlex::words(text, further) {
            let length: usize = words.iter().map(String::len).sum();
            assert!(length <= text.len(), "nothing is added");
        }
    }
    let arguments: Vec<String> = text.split('\n').map(str::to_owned).collect();
    for line in [CommandLine::typed(text), CommandLine::arguments(&arguments)] {
        assert!(line.text().starts_with(line.name()));
        assert!(line.text().ends_with(line.rest()));
        assert!(line.plain_words().iter().all(|word| !word.is_empty()));
        let _ = line.shell_words();
    }
    if text.starts_with('\'') || arguments.len() < 2 {
        return;
    }
    // An argument of a plugin's command that holds white space and nothing that quotes stays whole.
    let word = text.replace(['\'', '"', '\\'], " ") + " ";
    let line = CommandLine::arguments(&["cache_store".to_owned(), word.clone()]);
    assert_eq!(line.shell_words(), Ok(vec![word]));
}
