//! The object of a namespace for as long as somebody holds it, and its end.
//!
//! A plugin's object is dropped on a thread of its own, since that is its author's code and may take as long as it
//! likes. Whoever ends supervisord waits for it, but not for ever.

use std::{
    ops::Deref,
    sync::{Arc, OnceLock, mpsc},
    thread,
    time::{Duration, Instant},
};

use abi_stable::std_types::{RStr, RVec};
use plugin_api::{Fault, Reply, Value, abi::NamespaceObject};

use crate::logger::Logger;
use crate::rpc::execution::value_depth;
use crate::rpc::registry::Origin;

/// The object of one namespace. Those who call it hold it too.
#[derive(Clone)]
pub(crate) struct Guest(Arc<Stay>);

struct Stay {
    /// `None` while it is dropped.
    object: Option<NamespaceObject>,
    origin: Origin,
    /// Nothing is ever sent: that it is gone says that the object is. `None` as above.
    alive: Option<mpsc::Sender<()>>,
}

impl Guest {
    /// The guest, and what tells of its end.
    pub(crate) fn new(object: NamespaceObject, origin: Origin) -> (Self, mpsc::Receiver<()>) {
        let (alive, gone) = mpsc::channel();
        (Self(Arc::new(Stay { object: Some(object), origin, alive: Some(alive) })), gone)
    }

    /// Calls a method. What a plugin answers at once is no deeper nested than it may be; of what it answers later,
    /// [`Guest::answer`] sees to it.
    #[inline]
    pub(crate) fn call(&self, method: RStr<'_>, params: RVec<Value>) -> Reply {
        let reply = NamespaceObject::call(self, method, params);
        if self.0.origin == Origin::Plugin { value_depth::reply(reply) } else { reply }
    }

    /// What a plugin answers, now or later.
    pub(crate) async fn answer(reply: Reply) -> Result<Value, Fault> {
        match reply {
            Reply::Later(future) => value_depth::answer(Result::from(future.await)?),
            reply => reply.answer().await,
        }
    }
}

impl Deref for Guest {
    type Target = NamespaceObject;

    fn deref(&self) -> &NamespaceObject {
        self.0.object.as_ref().expect("it is taken by the drop alone")
    }
}

impl Drop for Stay {
    fn drop(&mut self) {
        if self.origin == Origin::Plugin {
            let (object, alive) = (self.object.take(), self.alive.take());
            let leaves = move || {
                drop(object);
                drop(alive);
            };
            // Without a thread to spare it is dropped right here.
            let _ = thread::Builder::new().name("farewell".to_owned()).spawn(leaves);
        }
    }
}

/// The plugins of a registry, to be waited for when it is gone.
#[derive(Debug, Default)]
pub struct Farewell {
    pub(crate) plugins: Vec<(String, mpsc::Receiver<()>)>,
    pub(crate) holder: Holder,
}

/// Which method kept the server's thread at the end, by its full name, if one did. That thread holds all plugins, and
/// none of them can end before it does.
pub(crate) type Holder = Arc<OnceLock<String>>;

impl Farewell {
    /// Waits until the object of every plugin is dropped, all in all no longer than `patience`. The log names those
    /// that are not.
    pub fn wait(self, patience: Duration, logger: &Logger) {
        let end = Instant::now() + patience;
        let holder = self.holder.get().map(|method| method.split('.').next().unwrap_or_default());
        for (name, gone) in self.plugins {
            let left = end.saturating_duration_since(Instant::now());
            let is_late = gone.recv_timeout(left) == Err(mpsc::RecvTimeoutError::Timeout);
            if is_late && holder.is_none_or(|holder| holder == name) {
                let seconds = patience.as_secs_f32();
                logger.warn(format_args!(
                    "the plugin '{name}' has not ended after {seconds} seconds; not waiting for it"
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use parking_lot::Mutex;
    use plugin_api::{namespace, rpc_interface};

    use super::*;
    use crate::{logger::Level, rpc::Registry};

    struct Slow(mpsc::Receiver<()>);

    #[expect(dead_code, reason = "it is there to be dropped")]
    struct Shared(Mutex<Slow>);

    #[rpc_interface]
    impl Shared {}

    impl Drop for Slow {
        fn drop(&mut self) {
            let _ = self.0.recv();
        }
    }

    #[test]
    fn the_end_of_a_plugin_is_waited_for_with_patience() {
        let (sender, heard) = mpsc::channel();
        let sender = Mutex::new(sender);
        let logger = Logger::new(Level::Warn, move |line| drop(sender.lock().send(line.message)));
        let slow = |origin| {
            let (release, held) = mpsc::channel();
            let registry =
                Registry::of(vec![("slow".to_owned(), namespace(Arc::new(Shared(Mutex::new(Slow(held))))), origin)]);
            (release, registry)
        };

        let (release, registry) = slow(Origin::Plugin);
        let farewell = registry.farewell();
        drop(registry);
        farewell.wait(Duration::from_millis(500), &logger);
        assert_eq!(heard.recv().unwrap(), "the plugin 'slow' has not ended after 0.5 seconds; not waiting for it");
        drop(release);

        let (release, registry) = slow(Origin::Plugin);
        let farewell = registry.farewell();
        drop(registry);
        drop(release);
        farewell.wait(Duration::from_mins(1), &logger);
        assert!(heard.try_recv().is_err());
    }
}
