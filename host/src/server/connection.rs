//! Service of one connection: plain calls are answered first; from the first request on that is none, hyper reads
//! requests and writes answers. Around both, what they do not do: a request that does not end is answered with 408, a
//! client that left while its call is still being worked on is noticed, and a client that is still sending may read why
//! its request was refused.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{Arc, atomic::Ordering::Relaxed},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use hyper::{body::Incoming, server::conn::http1, service::HttpService};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf},
    net::{TcpStream, UnixStream},
};

use super::{
    answer::ResponseBody,
    connection_watch::{Admission, ConnectionWatch, Order, Phase},
};

/// Time for which a refused client may go on sending before it is cut off, answer read or not.
const LINGER: Duration = Duration::from_secs(2);

/// Answer to a client that was too slow to ask.
const REQUEST_TIMEOUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Answer of a full server.
const UNAVAILABLE: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/// Socket of a client.
#[derive(Debug)]
pub(super) enum ClientStream {
    Inet(TcpStream),
    Unix(UnixStream),
}

/// Reason why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The connection is done, or broken.
    Over,
    /// The client was too slow to ask.
    TimedOut,
}

/// Serve a connection to its end. `calls` answers plain calls until the connection is over, or until it has received
/// something else: that it gives back, and hyper serves it, with all that follows.
pub(super) async fn serve<C, S>(stream: ClientStream, place: Admission, calls: C, builder: &http1::Builder, service: S)
where
    C: AsyncFnOnce(&mut WatchedStream) -> Option<Bytes>,
    S: HttpService<Incoming, ResBody = ResponseBody>,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let watch = &*place.watch;
    let mut link = WatchedStream { stream, watch: place.watch.clone(), received: Bytes::new() };
    let called = {
        let mut calls = pin!(calls(&mut link));
        obey(watch, |cx, _| calls.as_mut().poll(cx)).await
    };
    let (end, stream) = match called {
        Ok(None) => (End::Over, link.stream),
        Err(end) => (end, link.stream),
        Ok(Some(received)) => {
            link.received = received;
            let mut http = builder.serve_connection(TokioIo::new(link), service);
            let served = obey(watch, |cx, is_last| {
                if is_last {
                    Pin::new(&mut http).graceful_shutdown();
                }
                Pin::new(&mut http).poll(cx).map(drop)
            });
            let end = served.await.err().unwrap_or(End::Over);
            (end, http.into_parts().io.into_inner().stream)
        }
    };
    if end == End::Over && !watch.unread.load(Relaxed) {
        return;
    }
    // It keeps its place, since it keeps its file descriptor, until that is needed for another.
    watch.enter(Phase::Lingering);
    let mut lingering = pin!(async move {
        let mut stream = stream;
        if end == End::TimedOut {
            // The client that does not read this either has had its chance.
            let _ = tokio::time::timeout(LINGER, stream.write_all(REQUEST_TIMEOUT)).await;
        }
        linger(stream).await;
    });
    poll_fn(|cx| match watch.order() {
        Order::Close | Order::Finish | Order::Drain => Poll::Ready(()),
        Order::None | Order::TimedOut => lingering.as_mut().poll(cx),
    })
    .await;
}

/// Poll what serves a connection, under the orders of the sweep. It is told once when the request that is being
/// answered is to be the last. `Err` where the connection ends before it is done.
async fn obey<T>(watch: &ConnectionWatch, mut poll: impl FnMut(&mut Context<'_>, bool) -> Poll<T>) -> Result<T, End> {
    let mut finishing = false;
    poll_fn(|cx| {
        watch.set_waker(cx.waker());
        let mut is_last = false;
        match (watch.order(), watch.phase()) {
            (Order::TimedOut, Phase::Head | Phase::Body) => return Poll::Ready(Err(End::TimedOut)),
            (Order::Close, _) | (Order::Finish, Phase::Idle | Phase::Head | Phase::Stream) => {
                return Poll::Ready(Err(End::Over));
            }
            (Order::Drain, Phase::Stream) => return Poll::Ready(Err(End::Over)),
            (Order::Finish | Order::Drain, Phase::Body | Phase::Call | Phase::Answer) if !finishing => {
                finishing = true;
                is_last = true;
            }
            // A client that was late may have gone on in the moment since that was seen.
            (Order::None | Order::TimedOut | Order::Finish | Order::Drain, _) => {}
        }
        if let Poll::Ready(done) = poll(cx, is_last) {
            return Poll::Ready(Ok(done));
        }
        if watch.phase() == Phase::Answer && !watch.blocked.load(Relaxed) {
            watch.note_answer();
        }
        let over = match watch.phase() {
            // What is still to come will not.
            Phase::Body | Phase::Stream => watch.ended.load(Relaxed),
            Phase::Idle => watch.ended.load(Relaxed) || finishing || watch.is_drained(),
            _ => false,
        };
        if over { Poll::Ready(Err(End::Over)) } else { Poll::Pending }
    })
    .await
}

/// Tell a client that the server is full.
pub(super) async fn turn_away(mut stream: ClientStream) {
    if let Ok(Ok(())) = tokio::time::timeout(LINGER, stream.write_all(UNAVAILABLE)).await {
        linger(stream).await;
    }
}

/// Wait until the client has read that it was refused: closing a socket that holds unread bytes resets the connection,
/// and the reset overtakes the answer.
async fn linger(mut stream: ClientStream) {
    let _ = tokio::time::timeout(LINGER, async {
        stream.shutdown().await?;
        let mut discarded = [0; 4096];
        while stream.read(&mut discarded).await? > 0 {}
        io::Result::Ok(())
    })
    .await;
}

/// A stream that notes in the watch what comes and goes.
#[derive(Debug)]
pub(super) struct WatchedStream {
    stream: ClientStream,
    watch: Arc<ConnectionWatch>,
    /// Bytes that were received before, and are to be read first.
    received: Bytes,
}

impl AsyncRead for WatchedStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.received.is_empty() {
            let count = this.received.len().min(buffer.remaining());
            buffer.put_slice(&this.received.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let poll = Pin::new(&mut this.stream).poll_read(cx, buffer);
        if matches!(poll, Poll::Ready(Ok(()))) {
            let phase = this.watch.phase();
            let count = buffer.filled().len() - before;
            if count > 0 {
                match phase {
                    Phase::Idle => this.watch.enter(Phase::Head),
                    Phase::Body => this.watch.body_arrived(count),
                    _ => {}
                }
            } else {
                this.watch.ended.store(true, Relaxed);
                // One that has asked and will send no more may still be waiting for its answer, so hyper, which would
                // break off, is not told.
                if !matches!(phase, Phase::Idle | Phase::Head) {
                    this.watch.touch();
                    return Poll::Pending;
                }
            }
        }
        poll
    }
}

impl WatchedStream {
    /// Note whether the client takes what is written.
    fn note_write<T>(&self, poll: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let blocked = poll.is_pending();
        if self.watch.blocked.load(Relaxed) != blocked {
            self.watch.blocked.store(blocked, Relaxed);
            self.watch.touch();
        }
        poll
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.note_write(poll)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let poll = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.note_write(poll)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Sockets have no buffer of their own on this side.
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Done by `serve`, which may have more to say.
        Poll::Ready(Ok(()))
    }
}

/// Call a method of whichever socket it is.
macro_rules! either {
    ($self:ident, $stream:ident => $call:expr) => {
        match $self.get_mut() {
            ClientStream::Inet($stream) => $call,
            ClientStream::Unix($stream) => $call,
        }
    };
}

impl AsyncRead for ClientStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_read(cx, buffer))
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Pin::new(stream).poll_write_vectored(cx, slices))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Pin::new(stream).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use hyper::{Response, service::service_fn};

    use super::{
        super::{answer::StreamBody, connection_watch::ConnectionTable, limits::Limits},
        *,
    };

    async fn no_calls(_: &mut WatchedStream) -> Option<Bytes> {
        Some(Bytes::new())
    }

    #[tokio::test]
    async fn who_is_sent_away_keeps_his_place_until_it_is_needed() {
        let limits =
            Limits { connections: 1, request: Duration::ZERO, tick: Duration::from_millis(1), ..Limits::default() };
        let list = ConnectionTable::new(limits);
        let (ours, mut client) = UnixStream::pair().unwrap();
        let place = list.admit().unwrap();
        let served = tokio::spawn(async move {
            let service = service_fn(|_| async { Ok::<_, Infallible>(Response::new(ResponseBody::Whole("".into()))) });
            serve(ClientStream::Unix(ours), place, no_calls, &http1::Builder::new(), service).await;
        });
        client.write_all(b"POST /RPC2 HT").await.unwrap();
        let swept = async {
            loop {
                tokio::time::sleep(Duration::from_millis(1)).await;
                list.sweep();
            }
        };
        let mut answer = Vec::new();
        tokio::select! {
            () = swept => {}
            read = client.read_to_end(&mut answer) => assert_eq!(read.unwrap(), REQUEST_TIMEOUT.len()),
        }
        assert_eq!(list.len(), 1, "the client has not closed, and the server still waits for that");
        let _next = list.admit().expect("it makes room");
        tokio::time::timeout(LINGER / 2, served).await.expect("at once").unwrap();
        assert_eq!(list.len(), 1);
    }

    #[tokio::test]
    async fn a_connection_whose_stream_has_ended_waits_for_its_next_request() {
        let list = ConnectionTable::new(Limits { connections: 1, ..Limits::default() });
        let (ours, mut client) = UnixStream::pair().unwrap();
        let place = list.admit().unwrap();
        let watch = place.watch.clone();
        let (parts, receiver) = tokio::sync::mpsc::channel(1);
        let begun = std::sync::Mutex::new(Some((StreamBody::new(receiver), watch.clone())));
        let served = tokio::spawn(async move {
            let service = service_fn(move |_| {
                let (mut body, watch) = begun.lock().unwrap().take().expect("one request");
                body.begin(watch);
                async { Ok::<_, Infallible>(Response::new(ResponseBody::Stream(body))) }
            });
            serve(ClientStream::Unix(ours), place, no_calls, &http1::Builder::new(), service).await;
        });
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        parts.send("part".into()).await.unwrap();
        let mut answer = Vec::new();
        let mut read_until = async |end: &[u8]| {
            while !answer.ends_with(end) {
                assert!(client.read_buf(&mut answer).await.unwrap() > 0);
            }
        };
        read_until(b"part\r\n").await;
        assert_eq!(watch.phase(), Phase::Stream);
        assert!(list.admit().is_err(), "a stream makes no room");
        drop(parts);
        read_until(b"\r\n0\r\n\r\n").await;
        while watch.phase() != Phase::Idle {
            tokio::task::yield_now().await;
        }
        let _next = list.admit().expect("it makes room");
        served.await.unwrap();
    }
}
