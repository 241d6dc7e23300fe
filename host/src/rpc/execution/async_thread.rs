//! The thread that polls the futures of one plugin.
//!
//! A future that does not give it back holds up the plugin's others: the log says so once, and those that have not even
//! begun are told in the end. One that has begun and waits may wait as long as it likes.

use std::{cell::Cell, future::Future, io, pin::Pin, sync::mpsc, task};

use parking_lot::Mutex;
use plugin_api::{Fault, Value};
use tokio::{
    runtime::{self, Handle},
    sync::oneshot,
    task::JoinHandle,
    time::{Timeout, timeout},
};

use crate::rpc::execution::executor::{DEPTH_LIMIT, too_deep};
use crate::rpc::execution::slots::{PATIENCE, Patience, QUEUE, Trouble};

thread_local! {
    /// Whose futures this thread polls, and how many of them it is inside of.
    static LANE: Cell<(usize, u32)> = const { Cell::new((0, 0)) };
}

/// What a future of a plugin comes to.
type Answer = Result<Value, Fault>;

/// The thread, made when it is first needed.
#[derive(Debug)]
pub(crate) struct Lane {
    /// Names the thread, and stands in messages.
    name: String,
    thread: Mutex<Option<Handle>>,
    patience: Patience,
    trouble: Trouble,
}

impl Lane {
    pub(crate) fn new(name: &str, trouble: Trouble) -> Self {
        Self { name: name.to_owned(), thread: Mutex::new(None), patience: PATIENCE, trouble }
    }

    /// Runs a future here. Dropping the answer drops the future. `server` has the timers, once it runs.
    pub(crate) async fn run<F>(&self, server: Option<&Handle>, future: F) -> Option<Answer>
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        if LANE.get().0 == self.id() {
            // To wait here for another task of this thread would be to wait for ever, should the caller block.
            return Some(Inner { lane: self.id(), future: Box::pin(future) }.await);
        }
        let thread = match self.thread() {
            Ok(thread) => thread,
            Err(error) => {
                return Some(Err(Fault::failed_with(format_args!("cannot make a thread for {}: {error}", self.name))));
            }
        };
        let (tell, begun) = oneshot::channel();
        let mut task = Task(thread.spawn(async move {
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

    /// Waits until a task has begun, but not for ever and not with everybody.
    async fn wait_for(&self, server: &Handle, mut begun: oneshot::Receiver<()>) -> Result<(), Fault> {
        let _waiting = self.trouble.wait();
        if self.trouble.is_known() && self.trouble.waiting() > QUEUE {
            return Err(self.busy());
        }
        if limited(server, self.patience.notice, &mut begun).await.is_err() {
            self.trouble.note(|| {
                let (name, seconds) = (&self.name, self.patience.all().as_secs());
                format!(
                    "an async method of {name}.* keeps the thread of all of them; further ones wait, and fail after \
                     {seconds} seconds"
                )
            });
            // An error of the channel says that the thread is gone, as the task will.
            let _ = limited(server, self.patience.rest, &mut begun).await.map_err(|_| self.busy())?;
        }
        self.trouble.note_end();
        Ok(())
    }

    fn busy(&self) -> Fault {
        let name = &self.name;
        Fault::failed_with(format_args!("{name} is busy: an async method of {name}.* keeps its thread"))
    }

    /// Tells lanes apart; never 0.
    fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn thread(&self) -> io::Result<Handle> {
        let mut thread = self.thread.lock();
        if let Some(handle) = &*thread {
            return Ok(handle.clone());
        }
        let (sender, receiver) = mpsc::sync_channel(1);
        let id = self.id();
        // It ends with the process: nobody waits for a plugin's code.
        std::thread::Builder::new().name(self.name.clone()).spawn(
            move || match runtime::Builder::new_current_thread().enable_time().build() {
                Ok(runtime) => {
                    LANE.set((id, 0));
                    let _ = sender.send(Ok(runtime.handle().clone()));
                    runtime.block_on(std::future::pending::<()>());
                }
                Err(error) => {
                    let _ = sender.send(Err(error));
                }
            },
        )?;
        let handle = receiver.recv().map_err(io::Error::other)??;
        *thread = Some(handle.clone());
        Ok(handle)
    }
}

/// A timeout by the timers of `server`: whoever waits need not be one of its threads.
fn limited<F: Future>(server: &Handle, patience: std::time::Duration, future: F) -> Timeout<F> {
    let _timers = server.enter();
    timeout(patience, future)
}

/// Aborted when dropped.
pub(crate) struct Task(pub(crate) JoinHandle<Answer>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A future of a plugin that is polled inside another one of the same plugin.
struct Inner<F> {
    lane: usize,
    future: Pin<Box<F>>,
}

impl<F: Future<Output = Answer>> Future for Inner<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> task::Poll<F::Output> {
        let (lane, depth) = LANE.get();
        if depth >= DEPTH_LIMIT {
            return task::Poll::Ready(Err(too_deep()));
        }
        debug_assert_eq!(lane, self.lane, "a future changed its thread");
        LANE.set((lane, depth + 1));
        let poll = self.future.as_mut().poll(cx);
        LANE.set((lane, depth));
        poll
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use super::*;
    use crate::logger::{Level, Logger};

    #[tokio::test]
    async fn who_waits_for_a_future_that_spins_is_told_and_so_is_the_log() {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = lines.clone();
        let logger = Logger::new(Level::Info, move |line| log.lock().push(line.message));
        // Long for a future that waits in no queue, on a machine that has much else to do.
        let patience = Patience { notice: Duration::from_millis(400), rest: Duration::from_millis(5) };
        let lane = Arc::new(Lane {
            patience,
            ..Lane::new("sick", Trouble::new("RPC interface 'sick'", "answers async calls", logger))
        });
        let server = Handle::current();

        // One that waits keeps nothing.
        let patient = tokio::spawn({
            let (lane, server) = (lane.clone(), server.clone());
            async move { lane.run(Some(&server), std::future::pending()).await }
        });
        let (release, held) = mpsc::channel::<()>();
        let (tell, begun) = oneshot::channel();
        let spinning = tokio::spawn({
            let (lane, server) = (lane.clone(), server.clone());
            async move {
                let blocks = async move {
                    let _ = tell.send(());
                    let _ = held.recv();
                    Ok(Value::Bool(true))
                };
                lane.run(Some(&server), blocks).await
            }
        });
        begun.await.unwrap();
        for _ in 0..2 {
            let fault = lane.run(Some(&server), async { Ok(Value::Nil) }).await.unwrap().unwrap_err();
            assert_eq!(fault.text, "FAILED: sick is busy: an async method of sick.* keeps its thread");
        }
        let news = "RPC interface 'sick' is stuck: an async method of sick.* keeps the thread of all of them; further \
                    ones wait, and fail after 0 seconds";
        assert_eq!(*lines.lock(), [news], "said once");
        drop(release);
        assert_eq!(spinning.await.unwrap(), Some(Ok(Value::Bool(true))));
        assert!(!patient.is_finished());
        while lane.run(Some(&server), async { Ok(Value::Nil) }).await != Some(Ok(Value::Nil)) {}
        assert_eq!(lines.lock().last().map(String::as_str), Some("RPC interface 'sick' answers async calls again"));
        patient.abort();
    }
}
