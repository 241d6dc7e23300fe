//! A runtime for tests of what may block.

use std::ops::Deref;

use tokio::runtime::{Builder, Runtime};

/// A runtime that waits for none of its threads when it is dropped: a test that fails must end.
pub(crate) struct TestRuntime(Option<Runtime>);

impl TestRuntime {
    pub(crate) fn new() -> Self {
        Self(Some(Builder::new_current_thread().enable_all().build().unwrap()))
    }
}

impl Deref for TestRuntime {
    type Target = Runtime;

    fn deref(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken by the drop alone")
    }
}

impl Drop for TestRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
