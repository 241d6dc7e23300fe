//! The thread that speaks with the engine, and the store as the others see it.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use plugin_api::{Fault, Host, MaybeReady, Value};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
    time::timeout,
};

use super::{
    core::Core,
    link::Link,
    listen::{listen, poll},
    settings::Settings,
};
use crate::store::{
    contract::{Info, Limits, Page, Store, TimeLeft},
    events::Events,
    faults::STORE_FAILED,
    operation::Operation,
    usage::Usage,
};

/// Longest time that what is under way at the end is waited for: a little less than the two seconds that a plugin's end
/// is waited for.
const FLUSH: Duration = Duration::from_millis(1800);

/// Names that may be looked up at once.
const NAMES: usize = 4;

/// Open the store in an engine. It is not waited for: where it is not there, each call says so.
///
/// # Errors
///
/// `STORE_FAILED` if there can be no thread.
pub(crate) fn open(settings: Settings, limits: Limits, events: Events, host: &Host) -> Result<impl Store, Fault> {
    if settings.address.tls() {
        // It is there already if another store has TLS too.
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    let mut builder = Builder::new_current_thread();
    // Names are looked up on further threads, which may hang.
    builder.enable_all().thread_name("cache-engine").max_blocking_threads(NAMES);
    let runtime = builder.build().map_err(|error| no_thread(&error))?;
    let handle = runtime.handle().clone();
    let core = Arc::new(Core::new(Link::new(settings, host.clone()), limits, events));
    let (end, ended) = oneshot::channel::<()>();
    let its_core = Arc::clone(&core);
    let thread = thread::Builder::new()
        .name("cache-engine".to_owned())
        .spawn(move || {
            let core = its_core;
            runtime.block_on(async {
                let work = async { tokio::join!(core.link.keep(), listen(&core), poll(&core)) };
                let end = async {
                    let _ = ended.await;
                    let _ = timeout(FLUSH, core.budget.emptied()).await;
                };
                tokio::select! {
                    _ = work => {}
                    () = end => {}
                }
            });
            // A name that is being looked up on one of its threads is not waited for.
            runtime.shutdown_background();
        })
        .map_err(|error| no_thread(&error))?;
    Ok(Engine { asker: Asker { core, runtime: handle }, end: Some(end), thread: Some(thread) })
}

fn no_thread(error: &std::io::Error) -> Fault {
    Fault::new(STORE_FAILED, format!("STORE_FAILED: cannot make a thread: {error}"))
}

/// Hand requests to the thread.
struct Engine {
    asker: Asker,
    /// There until the end.
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The way to the thread.
#[derive(Clone)]
struct Asker {
    core: Arc<Core>,
    runtime: Handle,
}

impl Asker {
    /// Have something done on the thread. It is done also if nobody waits for the answer any more.
    fn ask<T, F>(&self, bytes: usize, work: impl FnOnce(Arc<Core>) -> F) -> MaybeReady<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let Some(permit) = self.core.budget.begin(bytes) else {
            return Err(self.core.link.failed("too many requests wait for it")).into();
        };
        let work = work(Arc::clone(&self.core));
        let task = self.runtime.spawn(async move {
            let answer = work.await;
            drop(permit);
            answer
        });
        let core = Arc::clone(&self.core);
        MaybeReady::later(async move { task.await.unwrap_or_else(|_| Err(core.link.failed("the store has ended"))) })
    }
}

impl Store for Engine {
    fn fetch(&self, key: &str) -> MaybeReady<Option<Value>> {
        let key: Box<str> = key.into();
        self.asker.ask(key.len(), |core| async move { core.fetch(&key).await })
    }

    fn fetch_many(&self, keys: Vec<Box<str>>) -> MaybeReady<Vec<(Box<str>, Value)>> {
        let bytes = keys.iter().map(|key| key.len()).sum();
        self.asker.ask(bytes, |core| async move { core.fetch_many(keys).await })
    }

    fn count(&self) -> MaybeReady<usize> {
        self.asker.ask(0, |core| async move { core.count().await })
    }

    fn list(&self, page: Page) -> MaybeReady<Vec<String>> {
        self.asker.ask(page.prefix.len(), |core| async move { core.list(page).await })
    }

    fn time_left(&self, key: &str) -> MaybeReady<Option<TimeLeft>> {
        let key: Box<str> = key.into();
        self.asker.ask(key.len(), |core| async move { core.time_left(&key).await })
    }

    fn write(&self, operation: Operation) -> MaybeReady<Value> {
        self.asker.ask(operation.bytes(), |core| async move {
            let answer = core.write(operation).await;
            core.usage.note_refused(&answer);
            answer
        })
    }

    fn wait(&self, key: Box<str>, known: Value) -> Pin<Box<dyn Future<Output = Result<Value, Fault>> + Send>> {
        let asker = self.asker.clone();
        Box::pin(async move {
            let mut watch = asker.core.watched.watch(key.clone());
            let first = asker.ask(key.len(), |core| async move {
                let deadline = core.deadline();
                core.subscribed(deadline).await;
                core.see(&key, deadline).await
            });
            let first = first.result().await?;
            let value = first.value?;
            if value != known {
                return Ok(value);
            }
            // What others have seen before is older.
            let later = watch.seen.wait_for(|seen| {
                let later = seen.as_ref().filter(|seen| seen.number > first.number);
                later.is_some_and(|seen| !matches!(&seen.value, Ok(value) if *value == known))
            });
            match later.await.as_deref() {
                Ok(Some(seen)) => seen.value.clone(),
                _ => Err(asker.core.link.failed("the store has ended")),
            }
        })
    }

    fn usage(&self) -> &Arc<Usage> {
        &self.asker.core.usage
    }

    fn info(&self) -> MaybeReady<Info> {
        self.asker.ask(0, |core| async move { Ok(core.info().await) })
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
