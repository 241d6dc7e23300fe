//! The supervisorctl that a ctl plugin lives in.

use std::fmt::{self, Display};

use crate::{
    abi::{Fault, NamespaceObject},
    fault::Code,
    params::IntoParams,
    remote::{RemoteNamespace, answer},
    value::{FromValue, IntoValue},
};

/// The supervisorctl that a ctl plugin lives in. Cloning it is cheap; keep one in the plugin.
#[derive(Clone)]
pub struct Controller(RemoteNamespace);

impl Controller {
    /// A controller that is called through `namespace`. Supervisorctl and the testing controller make it.
    #[doc(hidden)]
    pub fn new(namespace: NamespaceObject) -> Self {
        Self(RemoteNamespace::new(namespace))
    }

    /// Print `text` and end the line.
    pub fn output(&self, text: impl Display) {
        // Whoever closed the output does not want it.
        let _ = self.0.call::<()>("output", (text.to_string(),));
    }

    /// Print `text` and end the line; under `--json`, give `value` in its place, as the member `value` of the object that
    /// the command prints. What is printed by [`output`](Self::output) becomes its member `output`. Of several values
    /// there is an array, `values`: give a list at once where [`is_json`](Self::is_json), so that its form does not
    /// depend on how many there are.
    pub fn output_value(&self, text: impl Display, value: impl IntoValue) {
        let text = text.to_string();
        match self.0.call::<()>("outputValue", (text.as_str(), value.into_value())) {
            // A supervisorctl that is older than `--json`.
            Err(fault) if fault.is(Code::UnknownMethod) => self.output(text),
            // Whoever closed the output does not want it.
            Ok(()) | Err(_) => {}
        }
    }

    /// Return true under `--json`: values are printed in place of texts.
    pub fn is_json(&self) -> bool {
        self.0.call("isJson", ()).unwrap_or(false)
    }

    /// The server's methods of one namespace: `controller.proxy("cache")`.
    pub fn proxy(&self, namespace: &str) -> Proxy {
        Proxy { controller: self.clone(), namespace: namespace.to_owned() }
    }

    /// Call a method of the server by its full name, `supervisor.startProcess`, and wait for the answer.
    ///
    /// # Errors
    ///
    /// The method's own fault; `FAILED` if the answer cannot be read into `T`; a fault with the number -32300 and a
    /// text for people if the server cannot be reached. Returned from a command, each is printed and gives the exit
    /// status 1.
    pub fn call<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        answer(method, self.0.ask("call", (method, params.into_params())).wait())
    }

    /// Set the status with which supervisorctl exits, unless it is used as a shell: a byte, 0 for success.
    pub fn set_exit_status(&self, status: i32) {
        let _ = self.0.call::<()>("setExitStatus", (status,));
    }

    /// Return true if a person sits at a prompt: supervisorctl was started as a shell, or with `-i`.
    pub fn is_interactive(&self) -> bool {
        self.0.call("isInteractive", ()).unwrap_or(false)
    }

    /// Check that the server is there and of the right version. If not, that has been printed and the exit status set.
    pub fn upcheck(&self) -> bool {
        self.0.call("upcheck", ()).unwrap_or(false)
    }

    /// Begin work that takes a while, `what` of `total` parts: `ctl.progress("copying", 200)`. On a terminal a bar is
    /// shown until the answer is dropped; elsewhere nothing is printed, so that scripts need not know of it. A total of
    /// 0 means that nobody knows it.
    pub fn progress(&self, what: &str, total: u64) -> Progress {
        let mut progress = Progress { controller: self.clone(), what: what.to_owned(), total, done: 0 };
        progress.set(0);
        progress
    }

    /// Ask a question, `"Really? y/N? "`, that is answered with `y` or anything else. Without a person at the prompt
    /// it is a yes.
    pub fn confirm(&self, prompt: &str) -> bool {
        self.0.call("confirm", (prompt,)).unwrap_or(false)
    }
}

/// The bar of long work, made by [`Controller::progress`]. It goes away when this is dropped.
#[derive(Debug)]
#[must_use = "the bar goes away when this is dropped"]
pub struct Progress {
    controller: Controller,
    what: String,
    total: u64,
    done: u64,
}

impl Progress {
    /// Set how much of the total is done.
    pub fn set(&mut self, done: u64) {
        self.done = done;
        // A bar that cannot be shown is no reason to stop the work.
        let _ = self.controller.0.call::<()>("progress", (self.what.as_str(), whole(done), whole(self.total)));
    }

    /// Add to how much of the total is done.
    pub fn advance(&mut self, by: u64) {
        self.set(self.done.saturating_add(by));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        let _ = self.controller.0.call::<()>("endProgress", ());
    }
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

impl fmt::Debug for Controller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Controller").finish_non_exhaustive()
    }
}

/// The server's methods of one namespace. It holds no connection: each call uses the one that supervisorctl has then.
#[derive(Clone, Debug)]
pub struct Proxy {
    controller: Controller,
    namespace: String,
}

impl Proxy {
    /// Call a method of this namespace, `startProcess`, and wait for the answer. Read into `()`, it is done and
    /// forgotten.
    ///
    /// # Errors
    ///
    /// As of [`Controller::call`].
    pub fn call<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        self.controller.call(&format!("{}.{method}", self.namespace), params)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::{RVec, Value, namespace, rpc_interface};

    #[derive(Default)]
    struct FakeController(Mutex<Vec<String>>);

    #[rpc_interface]
    impl FakeController {
        pub fn output(&self, text: String) {
            self.0.lock().unwrap().push(text);
        }

        pub fn call(&self, method: String, params: RVec<Value>) -> String {
            format!("{method}/{}", params.len())
        }

        pub fn confirm(&self, prompt: String) -> bool {
            prompt.ends_with("y/N? ")
        }
    }

    #[test]
    fn a_controller_is_called_by_name() {
        let fake = Arc::new(FakeController::default());
        let controller = Controller::new(namespace(fake.clone()));
        controller.output("hello");
        // It does not know of values, as the first supervisorctl did not.
        controller.output_value("two", 2);
        assert!(!controller.is_json());
        assert_eq!(*fake.0.lock().unwrap(), ["hello", "two"]);
        assert_eq!(controller.proxy("cache").call("store", ("a", "b")), Ok("cache.store/2".to_owned()));
        assert_eq!(controller.proxy("cache").call("clear", ()), Ok(()));
        assert!(controller.confirm("Really? y/N? "));
        assert!(!controller.is_interactive() && !controller.upcheck());
    }
}
