//! What a plugin may ask of the supervisord that it lives in.

use std::{
    fmt::{self, Display},
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use crate::{
    abi::{Fault, MethodInfo, NamespaceObject, Reply, Value},
    fault::Code,
    params::IntoParams,
    value::convert::FromValue,
};

/// What a supervisord is doing, by Supervisor's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum SupervisorState {
    /// It is going down, and answers no more calls.
    Shutdown = -1,
    /// It is about to start anew.
    Restarting = 0,
    /// All is well.
    Running = 1,
    /// It cannot go on.
    Fatal = 2,
}

impl SupervisorState {
    /// The state of that number.
    pub fn from_number(number: i32) -> Option<Self> {
        [Self::Shutdown, Self::Restarting, Self::Running, Self::Fatal].into_iter().find(|state| *state as i32 == number)
    }

    /// As `supervisor.getState` spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shutdown => "SHUTDOWN",
            Self::Restarting => "RESTARTING",
            Self::Running => "RUNNING",
            Self::Fatal => "FATAL",
        }
    }
}

/// Levels of the activity log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `BLAT`: everything.
    Blather,
    /// `TRAC`.
    Trace,
    /// `DEBG`.
    Debug,
    /// `INFO`: what an operator wants to know.
    Info,
    /// `WARN`: what an operator should look at.
    Warn,
    /// `ERRO`.
    Error,
    /// `CRIT`.
    Critical,
}

impl Level {
    /// All of them, the least first.
    pub const ALL: [Self; 7] =
        [Self::Blather, Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Critical];

    /// Label of that level in lines of the log, which is Supervisor's word for it: `INFO`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Blather => "BLAT",
            Self::Trace => "TRAC",
            Self::Debug => "DEBG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERRO",
            Self::Critical => "CRIT",
        }
    }

    /// Supervisor's number for it: 20 for `INFO`.
    pub fn number(self) -> i32 {
        match self {
            Self::Blather => 3,
            Self::Trace => 5,
            Self::Debug => 10,
            Self::Info => 20,
            Self::Warn => 30,
            Self::Error => 40,
            Self::Critical => 50,
        }
    }

    /// The level of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }

    /// As the config and the boundary spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Blather => "blather",
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

/// The supervisord that a plugin lives in. Cloning it is cheap; keep one in the plugin.
#[derive(Clone)]
pub struct Host(Line);

impl Host {
    /// The plugin's end of the line to the host. The host makes one, and a test may.
    pub fn new(namespace: NamespaceObject) -> Self {
        Self(Line::new(namespace))
    }

    /// What the supervisord is doing. It never waits.
    ///
    /// # Errors
    ///
    /// `FAILED` if a newer supervisord is in a state that this crate does not know.
    pub fn state(&self) -> Result<SupervisorState, Fault> {
        let number = self.0.call("state", ())?;
        SupervisorState::from_number(number).ok_or_else(|| {
            Fault::failed_with(format_args!("the host is in state {number}, which this plugin does not know"))
        })
    }

    /// Calls a published method, `supervisor.getState` or one of another plugin, and waits for its answer.
    ///
    /// It waits on this very thread, so it is not for an `async fn`, which has [`call_async`](Self::call_async). A
    /// `nonblocking` method cannot wait: it may call what answers at once, such as `supervisor.getState`.
    ///
    /// # Errors
    ///
    /// The method's own fault; `UNKNOWN_METHOD` if there is none of that name; `FAILED` if the answer cannot be read
    /// into `T`, if supervisord is still starting, as it is while a factory runs, if plugins call each other too
    /// deeply, or if a `nonblocking` method would have to wait for the answer.
    pub fn call<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        answer(method, self.0.ask("call", (method, params.into_params())).wait())
    }

    /// Calls a published method from an `async fn`. Dropping the future cancels a call that has not been answered.
    ///
    /// # Errors
    ///
    /// As of [`call`](Self::call).
    pub async fn call_async<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        let reply = self.0.ask("call", (method, params.into_params()));
        answer(method, reply.answer().await)
    }

    /// Writes a line to the activity log, if its level is at least the `loglevel` of `[supervisord]`. It never waits.
    pub fn log(&self, level: Level, message: impl Display) {
        // A host that cannot log has nobody to tell either.
        let _ = self.0.call::<()>("log", (level.name(), message.to_string()));
    }

    /// Tells of a panic that no caller hears of.
    pub(crate) fn panicked(&self, what: &str) {
        // An older host does not know this, and a panic is no reason for another.
        let _ = self.0.call::<()>("panicked", (what,));
    }

    /// Waits in an `async fn`, or under [`block_on`](crate::block_on) in a thread of the plugin's own. Timers of an
    /// async runtime do not work in a plugin; this does.
    ///
    /// # Errors
    ///
    /// None of this supervisord; a host may refuse a duration that it cannot count.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Fault> {
        self.0.ask("sleep", (duration.as_secs_f64(),)).answer().await.map(drop)
    }

    /// Waits for `future`, but no longer than `limit`: then the answer is `None`, and `future` is dropped where it
    /// waits.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use plugin_api::{Fault, Host};
    /// # async fn stop(supervisord: Host) -> Result<(), Fault> {
    /// let stopped = supervisord.call_async::<bool>("supervisor.stopProcess", ("cat",));
    /// match supervisord.timeout(Duration::from_secs(5), stopped).await? {
    ///     Some(stopped) => stopped.map(drop),
    ///     None => Err(Fault::failed_with("the cat does not want to")),
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As of [`sleep`](Self::sleep).
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Result<Option<F::Output>, Fault> {
        let (mut future, mut time) = (pin!(future), pin!(self.sleep(limit)));
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(Some(output))),
            Poll::Pending => time.as_mut().poll(context).map_ok(|()| None),
        })
        .await
    }
}

impl Host {
    /// A power that never needs to wait for another thread.
    pub(crate) fn ask<T: FromValue>(&self, power: &str, params: impl IntoParams) -> Result<T, Fault> {
        self.0.call(power, params)
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

/// A namespace of the other side, and how it is called.
#[derive(Clone)]
pub(crate) struct Line(Arc<NamespaceObject>);

impl Line {
    pub(crate) fn new(namespace: NamespaceObject) -> Self {
        Self(Arc::new(namespace))
    }

    /// What is published there.
    pub(crate) fn methods(&self) -> Vec<MethodInfo> {
        self.0.methods().into()
    }

    /// The reply as it comes.
    pub(crate) fn ask(&self, method: &str, params: impl IntoParams) -> Reply {
        self.0.call(method.into(), params.into_params())
    }

    /// The answer, read into what the caller wants.
    pub(crate) fn call<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        read(method, self.ask(method, params).wait()?)
    }
}

/// The answer of a method that a plugin called by its name. Who reads of a method that is not there reads which one.
pub(crate) fn answer<T: FromValue>(method: &str, answer: Result<Value, Fault>) -> Result<T, Fault> {
    match answer {
        Ok(value) => read(method, value),
        Err(fault) if fault == Fault::unknown_method() => Err(Fault::unknown_method_with(method)),
        Err(fault) => Err(fault),
    }
}

/// An answer that does not fit is the failure of `method`, not a fault of who calls the plugin.
pub(crate) fn read<T: FromValue>(method: &str, answer: Value) -> Result<T, Fault> {
    T::from_value(answer)
        .map_err(|fault| Fault::of(Code::Failed, format_args!("answer of {method}: {}", fault.detail())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RVec, namespace, rpc_interface};

    struct FakeHost;

    #[rpc_interface]
    impl FakeHost {
        pub fn state(&self) -> i32 {
            -1
        }

        pub async fn call(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
            if method == "supervisor.nope" { Err(Fault::unknown_method()) } else { Ok(Value::Array(params)) }
        }

        pub async fn sleep(&self, seconds: f64) -> Result<(), Fault> {
            if seconds < 60.0 { Ok(()) } else { Err(Fault::bad_arguments()) }
        }
    }

    #[test]
    fn a_host_is_called_by_name() {
        let host = Host::new(namespace(Arc::new(FakeHost)));
        assert_eq!(host.state(), Ok(SupervisorState::Shutdown));
        assert_eq!(host.call("a.b", ("x", true)), Ok(Value::array(["x".into(), true.into()])));
        assert_eq!(host.call::<Value>("supervisor.nope", ()), Err(Fault::unknown_method_with("supervisor.nope")));
        let fault = host.call::<String>("a.b", ()).unwrap_err();
        assert_eq!(fault.text, "FAILED: answer of a.b: expected a string, not an array");
        assert_eq!(crate::block_on(host.call_async("a.b", ("x",))), Ok(vec!["x".to_owned()]));
        assert_eq!(crate::block_on(host.sleep(Duration::from_millis(1))), Ok(()));
        host.log(Level::Info, "a host without a log is no reason to fail");
    }
}
