//! The controller as plugins see it.

use std::sync::Arc;

use plugin_api::{Fault, Value, rpc_interface};

use super::session::Session;

/// What a ctl plugin may ask of `supervisorctl`.
pub(super) struct PluginHost {
    ctl: Arc<Session>,
}

impl PluginHost {
    pub(super) fn new(ctl: Arc<Session>) -> Self {
        Self { ctl }
    }
}

#[rpc_interface]
impl PluginHost {
    /// Print a line.
    pub fn output(
        &self,
        /** without its end */
        text: String,
    ) {
        self.ctl.output(&text);
    }

    /// Call a method of the server.
    #[rpc(name = "call")]
    pub fn call_server(
        &self,
        /** with its namespace: `cache.fetch` */
        method: String,
        params: Vec<Value>,
    ) -> Result<Value, Fault> {
        Ok(self.ctl.call(&method, &params)?)
    }

    /// Set the exit status with which `supervisorctl` will end.
    pub fn set_exit_status(&self, status: i32) {
        self.ctl.set_exit_status(status);
    }

    /// Whether a person is there to be asked.
    pub fn is_interactive(&self) -> bool {
        self.ctl.is_interactive()
    }

    /// Whether the server is there; if not, that is said and the exit status set.
    pub fn upcheck(&self) -> Result<bool, Fault> {
        Ok(self.ctl.upcheck()?)
    }

    /// Ask yes or no; the answer is yes where nobody is there to be asked.
    pub fn confirm(
        &self,
        /** with its blank at the end */
        prompt: String,
    ) -> bool {
        self.ctl.confirm(&prompt)
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
        self.ctl.progress(&what, done, total);
    }

    /// Take away what shows the progress.
    pub fn end_progress(&self) {
        self.ctl.end_progress();
    }
}
