//! `supervisorctl` as its plugins see it.

use std::sync::Arc;

use plugin_api::{Fault, Value, rpc_interface};

use super::session::Session;

/// Methods that a ctl plugin may call.
pub(super) struct CtlHost(pub(super) Arc<Session>);

#[rpc_interface]
impl CtlHost {
    /// Print a line.
    pub fn output(
        &self,
        /** without its end */
        text: String,
    ) {
        self.0.output(&text);
    }

    /// Print a line that stands for a value; with `--json`, the value.
    pub fn output_value(
        &self,
        /** line for people, without its end */
        text: String,
        value: Value,
    ) {
        self.0.output_value(&text, value);
    }

    /// Tell whether values are printed as JSON.
    pub fn is_json(&self) -> bool {
        self.0.is_json()
    }

    /// Call a method of the server.
    #[rpc(name = "call")]
    pub fn call_server(
        &self,
        /** with its namespace: `cache.fetch` */
        method: String,
        params: Vec<Value>,
    ) -> Result<Value, Fault> {
        Ok(self.0.call(&method, &params)?)
    }

    /// Set the exit status with which `supervisorctl` will end.
    pub fn set_exit_status(&self, status: i32) {
        self.0.set_exit_status(status);
    }

    /// Tell whether a person is there to be asked.
    pub fn is_interactive(&self) -> bool {
        self.0.is_interactive()
    }

    /// Tell whether the server is there; if not, that is said and the exit status set.
    pub fn upcheck(&self) -> Result<bool, Fault> {
        Ok(self.0.upcheck()?)
    }

    /// Ask yes or no; the answer is yes where nobody is there to be asked.
    pub fn confirm(
        &self,
        /** with its blank at the end */
        prompt: String,
    ) -> bool {
        self.0.confirm(&prompt)
    }

    /// Show how far work has come, where stdout is a terminal.
    pub fn progress(
        &self,
        /** what is done */
        what: String,
        /** how many parts of it are */
        done: i64,
        /** of how many; 0 where that is not known */
        total: i64,
    ) {
        self.0.progress(&what, done, total);
    }

    /// Take away what shows the progress.
    pub fn end_progress(&self) {
        self.0.end_progress();
    }
}
