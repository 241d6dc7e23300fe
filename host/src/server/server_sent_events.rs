//! Streams of server-sent events, as browsers read them: frames of text that go on until one side ends that.
//!
//! A client that stops reading is never waited for by anybody but the task that serves it alone: what it has not taken
//! is bounded, and the sweep closes its connection. The end of the servers and an upgrade close all streams, so that
//! their clients come back to whoever is there next.

use std::{
    fmt::Write as _,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use hyper::{
    Response,
    header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue},
};
use tokio::sync::mpsc;

use super::answer::{ResponseBody, StreamBody, X_ACCEL_BUFFERING};

/// Frames that a client may leave unread.
const UNREAD_FRAMES: usize = 64;

/// Bytes of frames that a client may leave unread before the next one, beside the frame that its stream begins with.
const UNREAD_BYTES: usize = 2 << 20;

/// Interval of comments, by which either side notices that the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// First frame of a stream: a browser that lost it tries again after so many milliseconds.
const RETRY: &[u8] = b"retry: 1000\n\n";

/// Frame that says nothing.
const COMMENT: &[u8] = b":\n\n";

/// Encode an event of this name. Line ends of all kinds within the data become line feeds.
pub(super) fn frame(event: &str, id: Option<u64>, data: &str) -> Bytes {
    let mut frame = String::with_capacity(data.len() + 64);
    // Writing to a `String` cannot fail.
    let _ = writeln!(frame, "event: {event}");
    if let Some(id) = id {
        let _ = writeln!(frame, "id: {id}");
    }
    let lines = if data.contains('\r') { data.replace("\r\n", "\n").replace('\r', "\n") } else { data.to_owned() };
    for line in lines.split('\n') {
        let _ = writeln!(frame, "data: {line}");
    }
    frame.push('\n');
    frame.into()
}

/// The sending end of a stream to one client. The stream ends when this is dropped.
#[derive(Debug)]
pub(super) struct FrameSender {
    frames: mpsc::Sender<Bytes>,
    /// Bytes of frames that are counted, and not read yet.
    unread: Arc<AtomicUsize>,
}

/// A frame that is counted for as long as it is there.
struct UnreadFrame {
    bytes: Bytes,
    unread: Arc<AtomicUsize>,
}

impl AsRef<[u8]> for UnreadFrame {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for UnreadFrame {
    fn drop(&mut self) {
        self.unread.fetch_sub(self.bytes.len(), Relaxed);
    }
}

/// Error of a client that has gone, or has left too much unread.
#[derive(Debug)]
pub(super) struct NotTaken;

impl FrameSender {
    /// Send a frame without waiting. After an error the client has missed one: the stream had better end.
    pub(super) fn try_send(&self, frame: Bytes) -> Result<(), NotTaken> {
        if self.unread.load(Relaxed) > UNREAD_BYTES {
            return Err(NotTaken);
        }
        self.unread.fetch_add(frame.len(), Relaxed);
        self.try_send_first(Bytes::from_owner(UnreadFrame { bytes: frame, unread: self.unread.clone() }))
    }

    /// Send the frame that a stream begins with: it may be as large as it is, and what follows may wait behind it.
    pub(super) fn try_send_first(&self, frame: Bytes) -> Result<(), NotTaken> {
        self.frames.try_send(frame).map_err(|_| NotTaken)
    }

    /// Send a frame when the client has room for it: for a task that serves this client alone.
    pub(super) async fn send(&self, frame: Bytes) -> Result<(), NotTaken> {
        self.frames.send(frame).await.map_err(|_| NotTaken)
    }

    /// Wait until the client has gone.
    pub(super) async fn closed(&self) {
        self.frames.closed().await;
    }
}

/// Begin a stream: its sending end, and the answer to give to the client. Must be called on the server's runtime.
pub(super) fn stream() -> (FrameSender, Response<ResponseBody>) {
    stream_kept_alive(KEEP_ALIVE)
}

fn stream_kept_alive(interval: Duration) -> (FrameSender, Response<ResponseBody>) {
    let (sender, frames) = mpsc::channel(UNREAD_FRAMES);
    // There is room for the first.
    let _ = sender.try_send(Bytes::from_static(RETRY));
    tokio::spawn(keep_alive(sender.downgrade(), interval));
    let mut response = Response::new(ResponseBody::Stream(StreamBody::new(frames)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    (FrameSender { frames: sender, unread: Arc::default() }, response)
}

async fn keep_alive(sender: mpsc::WeakSender<Bytes>, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        let Some(sender) = sender.upgrade().filter(|sender| !sender.is_closed()) else { return };
        // One that has others to read has no need of it.
        let _ = sender.try_send(Bytes::from_static(COMMENT));
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[test]
    fn data_of_several_lines_stays_one_event() {
        assert_eq!(frame("TICK_5", Some(7), "{}"), "event: TICK_5\nid: 7\ndata: {}\n\n");
        assert_eq!(frame("x", None, "a\r\nb\rc\n"), "event: x\ndata: a\ndata: b\ndata: c\ndata: \n\n");
        assert_eq!(frame("x", None, ""), "event: x\ndata: \n\n");
    }

    #[tokio::test]
    async fn a_silent_stream_is_kept_alive() {
        let (sender, mut response) = stream_kept_alive(Duration::from_millis(1));
        let mut next = async || response.body_mut().frame().await.map(|frame| frame.unwrap().into_data().unwrap());
        assert_eq!(next().await.as_deref(), Some(RETRY));
        assert_eq!([next().await.as_deref(), next().await.as_deref()], [Some(COMMENT); 2]);
        drop(sender);
        while next().await.is_some() {}
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_not_waited_for() {
        let (sender, mut response) = stream();
        let sent = std::iter::repeat_with(|| sender.try_send(frame("x", None, ""))).take_while(Result::is_ok);
        assert_eq!(sent.count(), UNREAD_FRAMES - 1, "one is the first of all");
        drop(sender);
        let mut left = 0;
        while response.body_mut().frame().await.is_some() {
            left += 1;
        }
        assert_eq!(left, UNREAD_FRAMES);
    }

    #[tokio::test]
    async fn a_large_beginning_is_sent_whole_and_what_follows_is_bounded() {
        let (sender, mut response) = stream();
        let large = Bytes::from(vec![b'x'; 4 * UNREAD_BYTES]);
        sender.try_send_first(large.clone()).expect("it may be larger than what follows");
        sender.try_send(large.clone()).expect("nothing counted is unread");
        assert!(sender.try_send(frame("x", None, "")).is_err());
        let mut read = 0;
        while read < RETRY.len() + 2 * large.len() {
            let piece = response.body_mut().frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(piece.len() <= 64 << 10, "{}", piece.len());
            read += piece.len();
        }
        sender.try_send(frame("x", None, "")).expect("all is read");
    }
}
