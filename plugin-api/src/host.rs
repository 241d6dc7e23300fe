//! The supervisord that a plugin lives in.

use std::{
    fmt::{self, Display},
    future::{Future, poll_fn},
    path::PathBuf,
    pin::pin,
    task::Poll,
    time::Duration,
};

use crate::{
    abi::{Fault, NamespaceObject, Value},
    level::Level,
    params::IntoParams,
    remote::{RemoteNamespace, answer},
    supervisor::{Group, SupervisorInfo, SupervisorState},
    value::FromValue,
};

/// The supervisord that a plugin lives in. Cloning it is cheap; keep one in the plugin.
#[derive(Clone)]
pub struct Host(RemoteNamespace);

impl Host {
    /// A host that is called through `namespace`. Supervisord and the testing host make it.
    #[doc(hidden)]
    pub fn new(namespace: NamespaceObject) -> Self {
        Self(RemoteNamespace::new(namespace))
    }

    /// The state that the supervisord is in. Never waits.
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

    /// Call a published method, `supervisor.getState` or one of another plugin, and wait for its answer.
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

    /// Call a published method from an `async fn`. Dropping the future cancels a call that has not been answered.
    ///
    /// # Errors
    ///
    /// As of [`call`](Self::call).
    pub async fn call_async<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        let reply = self.0.ask("call", (method, params.into_params()));
        answer(method, reply.answer().await)
    }

    /// Write a line to the activity log, if its level is at least the `loglevel` of `[supervisord]`. Never waits.
    pub fn log(&self, level: Level, message: impl Display) {
        // A host that cannot log has nobody to tell either.
        let _ = self.0.call::<()>("log", (level.name(), message.to_string()));
    }

    /// Tell of a panic that no caller hears of.
    pub(crate) fn panicked(&self, what: &str) {
        // A host that cannot be told is no reason for another panic.
        let _ = self.0.call::<()>("panicked", (what,));
    }

    /// Wait in an `async fn`, or under [`block_on`](crate::block_on) in a thread of the plugin's own. Timers of an
    /// async runtime do not work in a plugin; this does.
    ///
    /// # Errors
    ///
    /// `FAILED` in a `nonblocking` method, which cannot wait for a time to pass; `BAD_ARGUMENTS` for a duration that
    /// the host cannot count.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Fault> {
        self.0.ask("sleep", (duration.as_secs_f64(),)).answer().await.map(drop)
    }

    /// Wait for `future`, but no longer than `limit`: then the answer is `None`, and `future` is dropped where it
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
    /// As of [`sleep`](Self::sleep), unless `future` is ready at once. A fault of `future` is in its output.
    pub async fn timeout<F: Future>(&self, limit: Duration, future: F) -> Result<Option<F::Output>, Fault> {
        let (mut future, mut time) = (pin!(future), pin!(self.sleep(limit)));
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Ok(Some(output))),
            Poll::Pending => time.as_mut().poll(context).map_ok(|()| None),
        })
        .await
    }

    /// Identity of the supervisord, and the name under which this plugin is published. Never waits.
    ///
    /// # Errors
    ///
    /// None of this supervisord.
    pub fn supervisor_info(&self) -> Result<SupervisorInfo, Fault> {
        self.0.call("info", ())
    }

    /// The groups that are active, in the order in which they became so, with the config of their processes. Never
    /// waits.
    ///
    /// # Errors
    ///
    /// None of this supervisord.
    pub fn groups(&self) -> Result<Vec<Group>, Fault> {
        self.0.call("groups", ())
    }

    /// Add a program to an active group. `options` are the keys of what would be `[program:NAME]` in the config:
    /// strings as in INI, `("command", "/bin/cat".into())`, or typed as in TOML. Answers with the names of its
    /// processes, of which `numprocs` says how many there are; they start at once unless `autostart` is false. They are
    /// gone when the group is removed or supervisord ends, and when `supervisorctl update` makes the group again as the
    /// config has it.
    ///
    /// It may wait for a disk, so it is not for `nonblocking` methods. In a factory it works too.
    ///
    /// # Errors
    ///
    /// `BAD_NAME` if no group of that name is active, or it has a process of such a name; `INCORRECT_PARAMETERS` with
    /// what is wrong with the options; `SHUTDOWN_STATE`.
    pub fn add_program<'a>(
        &self,
        group: &str,
        program: &str,
        options: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Vec<String>, Fault> {
        self.0.call("addProgram", (group, program, Value::structure(options)))
    }

    /// Take a process out of its group. It must have stopped.
    ///
    /// # Errors
    ///
    /// `BAD_NAME` if there is no such group or process; `STILL_RUNNING`; `SHUTDOWN_STATE`.
    pub fn remove_process(&self, group: &str, process: &str) -> Result<(), Fault> {
        self.0.call("removeProcess", (group, process))
    }

    /// Publish an event of a type of the plugin's own, for event listeners and other plugins. Never waits.
    ///
    /// `payload` is what they read; by custom it begins with a line of words such as `name:value`.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENTS` unless the type is listed with the factory: `export!(rpcinterface: make_it { events:
    /// ["SHELF_FULL"] })`.
    pub fn emit(&self, name: &str, payload: impl Display) -> Result<(), Fault> {
        self.0.call("emit", (name, payload.to_string()))
    }

    /// Return true if an event listener or a plugin asks now for any of the types of events that are listed with the
    /// factory, or for one above them, such as `SHELF` for `SHELF_FULL`; also if the host is too old to say. `EVENT`,
    /// which is everything, does not count: who asks for that alone is told of what others ask for. Never waits.
    ///
    /// Events that nobody asks for need not be [emitted](Self::emit), nor their payloads be made. To ask costs less than
    /// a tenth of a microsecond.
    pub fn has_listeners(&self) -> bool {
        self.0.call("hasListeners", ()).unwrap_or(true)
    }

    /// A directory for what has to survive a restart. It is this plugin's alone, and made with the mode 0700 when it is
    /// first asked for: `NAMESPACE` below `plugin_data_dir` of `[supervisord]`. Where the config does not say, that is
    /// `/var/lib/supervisor/IDENTIFIER` for root, and `supervisor/IDENTIFIER` in `$XDG_STATE_HOME` or `~/.local/state`
    /// for others.
    ///
    /// # Errors
    ///
    /// `FAILED`, and why, if it is not there and cannot be made, or is not the user's own.
    pub fn data_dir(&self) -> Result<PathBuf, Fault> {
        self.0.call::<String>("dataDir", ()).map(PathBuf::from)
    }

    /// The value that the plugin's `on_upgrade` function returned in the supervisord that this one took the place of;
    /// none at an ordinary start, if there is no such function or it failed, or if it returned nil. Never waits.
    ///
    /// It is there for the factory, and is given out once: it may be large, and whoever has it need not copy it. When
    /// all plugins are made, what was not asked for is dropped, and the log says whose it was.
    ///
    /// The value may be of another version of the plugin, newer or older, since an upgrade exchanges the library as
    /// well; or of another plugin, to which the name of the section belonged. One that makes no sense is best logged
    /// and forgotten: a factory that fails for it keeps supervisord from starting.
    pub fn handed_over(&self) -> Option<Value> {
        // An older host makes no upgrades.
        self.0.call::<Option<Value>>("_handed_over", ()).ok().flatten()
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

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
        assert!(host.has_listeners(), "a host that cannot say may have some");
        assert_eq!(host.handed_over(), None, "a host that makes no upgrades has nothing");
        host.log(Level::Info, "a host without a log is no reason to fail");
    }
}
