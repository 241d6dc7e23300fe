//! A plugin as its clients see it.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use abi_stable::std_types::RResult;
use async_ffi::FfiFuture;

use super::state::State;
use crate::{
    Event, PanelQuery, Reply,
    abi::{Fault, MethodInfo, NamespaceObject, Value},
    block_on::block_on_until,
    interface::{Methods, namespace},
    metrics::Metrics,
    params::IntoParams,
    remote::{RemoteNamespace, read},
    value::{FromValue, IntoValue},
};

/// Real time that a test waits for what another of its threads has to do. Whoever waits longer waits for ever.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A plugin as clients and supervisorctl see it: methods by their published names, which take and give values.
///
/// The plugin is dropped with it, unless an answer is still to come.
pub struct Published {
    plugin: RemoteNamespace,
    /// State of the supervisord that it lives in.
    state: State,
}

impl Published {
    /// Publish what `#[rpc_interface]` or `#[ctl_plugin]` made, without a factory.
    pub fn of<T: Methods>(plugin: T) -> Self {
        Self::new(namespace(Arc::new(plugin)), State::default())
    }

    pub(super) fn new(object: NamespaceObject, state: State) -> Self {
        Self { plugin: RemoteNamespace::new(object), state }
    }

    /// Call a method or a command, and read its answer. The words of a command are strings.
    ///
    /// The fault is what a client would get: `INCORRECT_PARAMETERS`, `FAILED: … panicked: …`, or the plugin's own.
    ///
    /// # Panics
    ///
    /// If an `async fn` has not answered after ten seconds of real time: probably it sleeps, and nobody moves the clock
    /// of the fake host. [`begin`](Self::begin) is for those.
    pub fn call<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        self.begin(method, params).wait()
    }

    /// Call a method, and let the test do something else before the answer is there.
    ///
    /// An `async fn` runs while [`Answer::is_ready`] or [`Answer::wait`] is called, and not in between; any other has
    /// run to its end when this returns.
    pub fn begin<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Answer<T> {
        let params = params.into_params();
        let reply = match self.refused(method, params.len()) {
            Some(fault) => Reply::Failed(fault),
            None => self.plugin.ask(method, params),
        };
        let progress = match reply {
            Reply::Done(value) => Progress::Done(read(method, value)),
            Reply::Failed(fault) => Progress::Done(Err(fault)),
            Reply::Later(future) => Progress::Later(future),
        };
        Answer { method: method.to_owned(), progress }
    }

    /// The fault of a call that supervisord answers itself: it shuts down, and the interface has `refuse_in_shutdown`.
    fn refused(&self, method: &str, params: usize) -> Option<Fault> {
        if !self.state.is_shutdown() {
            return None;
        }
        let info = self.plugin.methods().into_iter().find(|info| info.name == method)?;
        let refuses = info.property("refuse_in_shutdown").and_then(Value::as_bool) == Some(true);
        let fault = if info.takes(params) { Fault::shutdown_state() } else { Fault::incorrect_parameters() };
        refuses.then_some(fault)
    }

    /// Tell the plugin that everything may be called, as supervisord does: call its `on_start` function, if it has
    /// one.
    pub fn start(&self) -> Answer<()> {
        self.hook("_start")
    }

    /// Tell the plugin of an event, as supervisord does: call those of its `on_event` functions that listen to such a
    /// type, and answer how many they are.
    ///
    /// The fault is what supervisord would log: the first, where several fail.
    ///
    /// # Panics
    ///
    /// If an `async fn` among them has not returned after ten seconds of real time: probably it sleeps, and nobody
    /// moves the clock of the fake host. [`begin_event`](Self::begin_event) is for those.
    pub fn event(&self, event: &Event) -> Result<usize, Fault> {
        self.begin_event(event).wait()
    }

    /// Tell the plugin of an event, and let the test do something else before all have heard of it.
    ///
    /// An `async fn` runs while [`Answer::is_ready`] or [`Answer::wait`] is called; any other has run to its end when
    /// this returns.
    pub fn begin_event(&self, event: &Event) -> Answer<usize> {
        let (mut count, mut waiting, mut fault) = (0_usize, Vec::new(), None);
        for hook in self.plugin.methods() {
            let types = hook.property("events").and_then(Value::as_str).unwrap_or_default();
            if types.split(',').any(|name| event.is_a(name.trim())) {
                count += 1;
                match self.plugin.ask(&hook.name, (event.clone(),)) {
                    Reply::Done(_) => {}
                    Reply::Failed(its) => fault = fault.or(Some(its)),
                    Reply::Later(future) => waiting.push(future),
                }
            }
        }
        let all = poll_fn(move |context| {
            waiting.retain_mut(|future| match Pin::new(future).poll(context) {
                Poll::Pending => true,
                Poll::Ready(answer) => {
                    fault = fault.take().or(answer.into_result().err());
                    false
                }
            });
            if !waiting.is_empty() {
                return Poll::Pending;
            }
            Poll::Ready(fault.take().map_or(RResult::ROk(count.into_value()), RResult::RErr))
        });
        Answer { method: event.name().to_owned(), progress: Progress::Later(FfiFuture::new(all)) }
    }

    /// Tell the plugin that the end has come, as supervisord does: call its `on_shutdown` function, if it has one.
    ///
    /// The fault is what supervisord would log.
    pub fn shut_down(&self) -> Result<(), Fault> {
        self.hook("_shutdown").wait()
    }

    /// Ask the plugin for what it hands over in an upgrade, as supervisord does: call its `on_upgrade` function. The
    /// answer is nil if it has none. [`FakeHost::set_handed_over`](super::FakeHost::set_handed_over) gives it to another
    /// instance.
    ///
    /// The fault is what supervisord would log; the other instance starts empty then.
    pub fn hand_over(&self) -> Answer<Value> {
        self.hook("_upgrade")
    }

    /// Look at the panel of that title, as supervisord's page does: call its `panel` function.
    ///
    /// The answer is a struct with `columns`, `rows`, `actions`, `forms`, `note`, `after` and `searches`; it is nil if
    /// there is no such panel.
    pub fn panel(&self, title: &str, query: PanelQuery) -> Answer<Value> {
        let is_it = |hook: &MethodInfo| hook.property("panel").and_then(Value::as_str) == Some(title);
        match self.plugin.methods().into_iter().find(is_it) {
            Some(hook) => self.begin(&hook.name, (query,)),
            None => Answer { method: title.to_owned(), progress: Progress::Done(Ok(Value::Nil)) },
        }
    }

    /// Ask the plugin for its metrics, as supervisord does for `/metrics`: call its `on_metrics` function. There are none
    /// if it has no such function.
    ///
    /// The fault is what supervisord would log.
    pub fn metrics(&self) -> Answer<Metrics> {
        if self.plugin.methods().iter().any(|method| method.name == "_metrics") {
            self.begin("_metrics", ())
        } else {
            Answer { method: "_metrics".to_owned(), progress: Progress::Done(Ok(Metrics::new())) }
        }
    }

    /// Call a function that the host calls of its own accord, if there is one. The answer is nil otherwise.
    fn hook<T: FromValue>(&self, name: &str) -> Answer<T> {
        if self.plugin.methods().iter().any(|method| method.name == name) {
            self.begin(name, ())
        } else {
            Answer { method: name.to_owned(), progress: Progress::Done(T::from_value(Value::Nil)) }
        }
    }

    /// Words that the plugin completes the next word of a command with, after these.
    ///
    /// The fault is `UNKNOWN_METHOD` where the command has no `complete_with`.
    pub fn complete(&self, command: &str, words: &[&str]) -> Result<Vec<String>, Fault> {
        let words: Vec<Value> = words.iter().map(|&word| word.into()).collect();
        self.call("_complete", (command, words))
    }

    /// Descriptions of what is published, from which `system.methodHelp`, signatures and usages are made.
    pub fn methods(&self) -> Vec<MethodInfo> {
        let mut methods = self.plugin.methods();
        methods.retain(|method| !method.name.starts_with('_'));
        methods
    }

    /// The description of that method or command.
    pub fn method(&self, name: &str) -> Option<MethodInfo> {
        self.methods().into_iter().find(|method| method.name == name)
    }
}

impl fmt::Debug for Published {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.methods().into_iter().map(|method| method.name).collect();
        f.debug_tuple("Published").field(&names).finish()
    }
}

/// The answer of a call, which may be still to come. Dropping it cancels the call, as a client does that goes away.
#[must_use = "dropping the answer cancels the call"]
pub struct Answer<T> {
    method: String,
    progress: Progress<T>,
}

enum Progress<T> {
    Done(Result<T, Fault>),
    Later(FfiFuture<RResult<Value, Fault>>),
}

impl<T: FromValue> Answer<T> {
    /// Let the method go on as far as it can; true if the answer is there.
    pub fn is_ready(&mut self) -> bool {
        let Progress::Later(future) = &mut self.progress else { return true };
        match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => {
                self.progress = Progress::Done(answer.into_result().and_then(|value| read(&self.method, value)));
                true
            }
            Poll::Pending => false,
        }
    }

    /// Wait for the answer.
    ///
    /// # Panics
    ///
    /// If it has not come after ten seconds of real time.
    pub fn wait(self) -> Result<T, Fault> {
        let Self { method, progress } = self;
        match progress {
            Progress::Done(answer) => answer,
            Progress::Later(future) => match block_on_until(future, Some(Instant::now() + ANSWER_TIMEOUT)) {
                Some(answer) => answer.into_result().and_then(|value| read(&method, value)),
                None => panic!(
                    "{method} has not answered for {ANSWER_TIMEOUT:?}; if it sleeps, call it with `begin` and move the clock \
                     with `advance`"
                ),
            },
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ready = matches!(self.progress, Progress::Done(_));
        f.debug_struct("Answer").field("method", &self.method).field("ready", &ready).finish_non_exhaustive()
    }
}
