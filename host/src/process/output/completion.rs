//! Completion of commands that several logs have a part in.

use std::{io, sync::Arc};

use parking_lot::Mutex;

/// Callback for the end of a command.
pub(super) type Done = Box<dyn FnOnce(io::Result<()>) + Send>;

/// Part in a command. When the last one is dropped, [`Done`] is called with the first error.
pub(super) struct Completion(Mutex<(io::Result<()>, Option<Done>)>);

impl Completion {
    /// Make the first part.
    pub(super) fn new(done: Done) -> Arc<Self> {
        Arc::new(Self(Mutex::new((Ok(()), Some(done)))))
    }

    /// Take the result of one part.
    pub(super) fn add(&self, result: io::Result<()>) {
        let mut state = self.0.lock();
        if state.0.is_ok() {
            state.0 = result;
        }
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let (result, done) = self.0.get_mut();
        if let Some(done) = done.take() {
            done(std::mem::replace(result, Ok(())));
        }
    }
}
