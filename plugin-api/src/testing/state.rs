//! The state of a fake supervisord.

use std::sync::{
    Arc,
    atomic::{AtomicI32, Ordering::SeqCst},
};

use crate::supervisor::SupervisorState;

/// State of a fake supervisord, by its number. The plugins that live in it share it; `RUNNING` until a test says
/// otherwise.
#[derive(Clone, Debug)]
pub(super) struct State(Arc<AtomicI32>);

impl State {
    pub(super) fn number(&self) -> i32 {
        self.0.load(SeqCst)
    }

    pub(super) fn set(&self, state: SupervisorState) {
        self.0.store(state as i32, SeqCst);
    }

    /// True while calls of an interface with `refuse_in_shutdown` are refused.
    pub(super) fn is_shutdown(&self) -> bool {
        self.number() == SupervisorState::Shutdown as i32
    }
}

impl Default for State {
    fn default() -> Self {
        Self(Arc::new(AtomicI32::new(SupervisorState::Running as i32)))
    }
}
