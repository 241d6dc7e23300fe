//! Lines of the log about methods that held a thread which others wait for, and came back: all works, only everything
//! is slow, and nothing else would say why.

use std::time::Duration;

use crate::logger::Logger;

/// Time that nobody needs by computing alone.
pub(super) const LIMIT: Duration = Duration::from_secs(1);

/// Tell the log of a `nonblocking` method that was called on the server's thread and took too long.
#[inline]
pub(crate) fn warn_if_slow(logger: &Logger, method: &str, took: Duration) {
    if took >= LIMIT {
        let seconds = took.as_secs_f64();
        logger.warn(format_args!(
            "{method} is declared nonblocking and took {seconds:.1} seconds, in which no client was answered"
        ));
    }
}

/// Tell the log of an `async fn` whose poll took too long, on the thread of all futures of its plugin.
pub(crate) fn warn_if_slow_poll(logger: &Logger, method: &str, took: Duration) {
    if took >= LIMIT {
        let seconds = took.as_secs_f64();
        logger.warn(format_args!(
            "{method} is an async fn and blocked its thread for {seconds:.1} seconds, in which no other async fn of its \
             plugin went on"
        ));
    }
}
