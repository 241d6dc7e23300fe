//! The thread that polls the futures of one plugin.
//!
//! A future that does not give it back holds up the plugin's others: the log says so once, and those that have not even
//! begun are told in the end. One that has begun and waits may wait as long as it likes.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io,
    pin::{Pin, pin},
    sync::{Arc, mpsc},
    task,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use plugin_api::{Fault, Value};
use tokio::{
    runtime::{self, Handle},
    sync::oneshot,
    task::JoinHandle,
    time::{Timeout, timeout},
};

use super::{
    call_depth::{DEPTH_LIMIT, too_deep},
    slots::{MAX_WAITING, WAIT_TIMEOUTS, WaitTimeouts},
};
use crate::{
    logger::Logger,
    rpc::watchdog::{InFlight, Kind, StuckNotice, warn_if_slow_poll},
};

thread_local! {
    /// Id of the [`AsyncThread`] that this one is, and the number of its futures that it is inside of.
    static CURRENT: Cell<(usize, u32)> = const { Cell::new((0, 0)) };
}

/// Outcome of a future of a plugin.
type CallResult = Result<Value, Fault>;

/// A thread for the futures of one plugin, made when it is first needed.
#[derive(Debug)]
pub(super) struct AsyncThread {
    /// Name of the plugin's namespace, which the thread has too and which stands in messages.
    name: String,
    /// Handle on its runtime, once there is one.
    handle: Mutex<Option<Handle>>,
    timeouts: WaitTimeouts,
    notice: StuckNotice,
}

impl AsyncThread {
    /// A thread of that name, not yet made.
    pub(super) fn new(name: &str, notice: StuckNotice) -> Self {
        Self { name: name.to_owned(), handle: Mutex::new(None), timeouts: WAIT_TIMEOUTS, notice }
    }

    /// Run a future here. Dropping the answer drops the future. `server` has the timers, once it runs. `None` says that
    /// the thread is gone.
    pub(super) async fn run<F>(&self, server: Option<&Handle>, future: F) -> Option<CallResult>
    where
        F: Future<Output = CallResult> + Send + 'static,
    {
        if CURRENT.get().0 == self.id() {
            // To wait here for another task of this thread would be to wait for ever, should the caller block.
            return Some(Nested { thread: self.id(), future: Box::pin(future) }.await);
        }
        let thread = match self.handle() {
            Ok(thread) => thread,
            Err(error) => {
                return Some(Err(Fault::failed_with(format_args!("cannot make a thread for {}: {error}", self.name))));
            }
        };
        let (tell, begun) = oneshot::channel();
        let mut task = AbortOnDrop(thread.spawn(async move {
            // Who gave up waiting for this has dropped the task, too.
            let _ = tell.send(());
            future.await
        }));
        if let Some(server) = server
            && let Err(fault) = self.wait_for(server, begun).await
        {
            return Some(Err(fault));
        }
        (&mut task.0).await.ok()
    }

    /// Wait until a task has begun, but neither for ever nor with more than [`MAX_WAITING`] others.
    async fn wait_for(&self, server: &Handle, mut begun: oneshot::Receiver<()>) -> Result<(), Fault> {
        let _waiting = self.notice.wait();
        if self.notice.is_reported() && self.notice.waiting() > MAX_WAITING {
            return Err(self.busy());
        }
        if timeout_by(server, self.timeouts.notice, &mut begun).await.is_err() {
            self.notice.report(|| {
                let (name, seconds) = (&self.name, self.timeouts.all().as_secs());
                format!(
                    "an async method of {name}.* keeps the thread of all of them; further ones wait, and fail after \
                     {seconds} seconds"
                )
            });
            // An error of the channel says that the thread is gone, as the task will.
            let _ = timeout_by(server, self.timeouts.rest, &mut begun).await.map_err(|_| self.busy())?;
        }
        self.notice.report_end();
        Ok(())
    }

    /// Fault for a future that waits in vain for the thread.
    fn busy(&self) -> Fault {
        let name = &self.name;
        Fault::failed_with(format_args!("{name} is busy: an async method of {name}.* keeps its thread"))
    }

    /// Number that no other such thread has; never 0.
    fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Handle on the runtime of the thread, which is made if there is none yet.
    fn handle(&self) -> io::Result<Handle> {
        let mut known = self.handle.lock();
        if let Some(handle) = &*known {
            return Ok(handle.clone());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let id = self.id();
        // It ends with the process: nobody waits for a plugin's code.
        std::thread::Builder::new().name(self.name.clone()).spawn(
            move || match runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => {
                    CURRENT.set((id, 0));
                    let _ = sender.send(Ok(runtime.handle().clone()));
                    runtime.block_on(std::future::pending::<()>());
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            },
        )?;
        let handle = receiver.recv().map_err(io::Error::other)??;
        *known = Some(handle.clone());
        Ok(handle)
    }
}

/// Poll the future of an `async fn` so that the watchdog sees each poll, and the log is told of those that took long.
pub(super) async fn watched<F: Future>(logger: Logger, in_flight: InFlight, method: Arc<str>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        let begun = Instant::now();
        let entered = in_flight.begin(Kind::Poll, method.clone());
        let poll = future.as_mut().poll(cx);
        drop(entered);
        warn_if_slow_poll(&logger, &method, begun.elapsed());
        poll
    })
    .await
}

/// A timeout by the timers of `server`: whoever waits need not be one of its threads.
fn timeout_by<F: Future>(server: &Handle, duration: Duration, future: F) -> Timeout<F> {
    let _timers = server.enter();
    timeout(duration, future)
}

/// A task that is aborted when this is dropped.
pub(super) struct AbortOnDrop(pub(super) JoinHandle<CallResult>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A future of a plugin that is polled inside another one of the same plugin.
struct Nested<F> {
    /// Id of their thread.
    thread: usize,
    future: Pin<Box<F>>,
}

impl<F: Future<Output = CallResult>> Future for Nested<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<F::Output> {
        let (thread, depth) = CURRENT.get();
        if depth >= DEPTH_LIMIT {
            return task::Poll::Ready(Err(too_deep()));
        }
        debug_assert_eq!(thread, self.thread, "a future changed its thread");
        CURRENT.set((thread, depth + 1));
        let poll = self.future.as_mut().poll(cx);
        CURRENT.set((thread, depth));
        poll
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logger::Level;

    #[tokio::test]
    async fn who_waits_for_a_future_that_spins_is_told_and_so_is_the_log() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = lines.clone();
        let logger = Logger::new(Level::Info, move |line| log.lock().push(line.message));
        // Long for a future that waits in no queue, on a machine that has much else to do.
        let timeouts = WaitTimeouts { notice: Duration::from_millis(400), rest: Duration::from_millis(5) };
        let thread = Arc::new(AsyncThread {
            timeouts,
            ..AsyncThread::new("sick", StuckNotice::new("RPC interface 'sick'", "answers async calls", logger))
        });
        let server = Handle::current();

        // One that waits keeps nothing.
        let patient = tokio::spawn({
            let (thread, server) = (thread.clone(), server.clone());
            async move { thread.run(Some(&server), std::future::pending()).await }
        });
        let (release, held) = mpsc::channel::<()>();
        let (tell, begun) = oneshot::channel();
        let spinning = tokio::spawn({
            let (thread, server) = (thread.clone(), server.clone());
            async move {
                let blocks = async move {
                    let _ = tell.send(());
                    let _ = held.recv();
                    Ok(Value::Bool(true))
                };
                thread.run(Some(&server), blocks).await
            }
        });
        begun.await.unwrap();
        for _ in 0..2 {
            let fault = thread.run(Some(&server), async { Ok(Value::Nil) }).await.unwrap().unwrap_err();
            assert_eq!(fault.text, "FAILED: sick is busy: an async method of sick.* keeps its thread");
        }
        let news = "RPC interface 'sick' is stuck: an async method of sick.* keeps the thread of all of them; further \
                    ones wait, and fail after 0 seconds";
        assert_eq!(*lines.lock(), [news], "said once");
        drop(release);
        assert_eq!(spinning.await.unwrap(), Some(Ok(Value::Bool(true))));
        assert!(!patient.is_finished());
        while thread.run(Some(&server), async { Ok(Value::Nil) }).await != Some(Ok(Value::Nil)) {}
        assert_eq!(lines.lock().last().map(String::as_str), Some("RPC interface 'sick' answers async calls again"));
        patient.abort();
    }
}
