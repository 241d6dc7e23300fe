//! Limits of the servers.

use std::time::Duration;

use nix::sys::resource::Resource;

use crate::{limits, xmlrpc::ANSWER_LIMIT};

/// Sizes and times that clients may take.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest body of a request, in bytes; a larger one is answered with 413.
    pub body: usize,
    /// Bytes of all larger requests' bodies together; a request that comes when they are this many is answered with
    /// 503.
    pub requests: usize,
    /// Bytes of all larger answers together that clients have not yet read. Further ones wait as long as a request may
    /// take, and then become a fault. At least one answer of the largest size must fit.
    pub answers: usize,
    /// Largest line and headers of a request together, in bytes; larger ones are answered with 431.
    pub head: usize,
    /// Most connections that may be open to each server. At the limit one that was refused already is closed, or the
    /// one that has waited longest for its next request; if there is none, the new one is answered with 503.
    pub connections: usize,
    /// Time that a request's headers may take, and in which its body must bring 64 KiB, before the answer is 408.
    pub request: Duration,
    /// Time for which a client may leave its answer unread before it is given up.
    pub answer: Duration,
    /// Time for which a connection may wait for its next request. Clients such as event listeners keep theirs for hours
    /// and do not expect to lose it.
    pub idle: Duration,
    /// Time for which a call goes on when its client will send no more. It may have left; or it may only have said all
    /// that it has to say, and still be waiting for the answer. There is no telling, until the answer is written.
    pub half_closed: Duration,
    /// Time for which answers in flight may delay the end of the server.
    pub shutdown: Duration,
    /// Interval at which the times above are looked at.
    pub tick: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 64 << 20,
            requests: 256 << 20,
            answers: 2 * ANSWER_LIMIT,
            head: 64 << 10,
            connections: 4096,
            request: Duration::from_secs(30),
            answer: Duration::from_mins(1),
            idle: Duration::from_hours(24),
            half_closed: Duration::from_secs(1),
            shutdown: Duration::from_millis(500),
            tick: Duration::from_secs(1),
        }
    }
}

impl Limits {
    /// The usual limits, but to so many servers together no more connections than leave half of the files that may be
    /// open to everything else.
    pub fn of_this_process(servers: usize) -> Self {
        let usual = Self::default();
        let files = limits::get(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft);
        let half = usize::try_from(files / 2).unwrap_or(usize::MAX);
        Self { connections: usual.connections.min(half / servers.max(1)), ..usual }
    }
}
