//! Work on the threads of a runtime that may block, also where the system has no thread to give.
//!
//! tokio panics in the middle of `spawn_blocking` then, and keeps the work for a thread that may come some day. Whoever
//! asks here is told instead, and has the work back.

use std::{
    any::Any,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use parking_lot::Mutex;
use tokio::{runtime::Handle, task::JoinError};

/// Work for which no thread was to be had.
pub(crate) struct NoThread<F> {
    /// Reason that the system gave.
    pub(crate) error: io::Error,
    /// The work, which was not begun.
    pub(crate) work: F,
}

/// Run work on a thread of that runtime which may block. Dropping what is returned does not end it.
pub(crate) fn spawn_blocking<F, R>(
    runtime: &Handle,
    work: F,
) -> Result<impl Future<Output = Result<R, JoinError>> + Send + use<F, R>, NoThread<F>>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let place = Arc::new(Mutex::new(Some(work)));
    let of_thread = Arc::clone(&place);
    let begin = move || {
        // Taken first, so that the lock is open meanwhile.
        let work = of_thread.lock().take();
        work.map(|work| work())
    };
    let spawned = catch_unwind(AssertUnwindSafe(|| runtime.spawn_blocking(begin)));
    match (spawned, place) {
        (Ok(running), _) => Ok(async move {
            let done = running.await?;
            Ok(done.expect("nobody but its thread takes the work of which it was said that it was begun"))
        }),
        (Err(panic), place) => {
            let left = place.lock().take();
            let work = left.expect("no thread has taken it, for there is none");
            Err(NoThread { error: io::Error::other(reason(&*panic)), work })
        }
    }
}

/// Find out whether a thread is to be had at this moment.
pub(crate) fn has_thread() -> bool {
    std::thread::Builder::new().name("call".to_owned()).spawn(|| {}).is_ok()
}

/// Read the reason in tokio's message.
fn reason(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map_or("no thread", String::as_str);
    text.rsplit_once("thread: ").map_or(text, |(_, reason)| reason).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_on_another_thread_and_its_panic_is_told() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let here = std::thread::current().id();
        let there = spawn_blocking(runtime.handle(), || std::thread::current().id()).ok().unwrap();
        assert_ne!(runtime.block_on(there).unwrap(), here);
        let panicked = spawn_blocking(runtime.handle(), || panic!("as it is meant")).ok().unwrap();
        assert!(runtime.block_on(panicked).unwrap_err().is_panic());
        assert!(has_thread());
    }

    #[test]
    fn the_reason_is_what_the_system_says() {
        let panic: Box<dyn Any + Send> = Box::new("OS can't spawn worker thread: Cannot allocate memory".to_owned());
        assert_eq!(reason(&*panic), "Cannot allocate memory");
    }
}
