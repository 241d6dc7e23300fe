//! Probes as the main thread knows them: tasks on another thread, and the children that commands are.

use std::{os::fd::OwnedFd, sync::Arc};

use tokio::{sync::oneshot, task::AbortHandle};

use crate::process::{command::Command, exits::Exit, launch::Launch, spawn::SpawnError};

/// Task on the thread of the probes. It ends with this.
#[derive(Debug)]
pub(super) struct ProbeTask(AbortHandle);

impl ProbeTask {
    pub(super) fn new(task: AbortHandle) -> Self {
        Self(task)
    }
}

impl Drop for ProbeTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Wish that the main thread, which alone makes and reaps children, make one for a probe.
pub(super) struct ProbeSpawn {
    pub(super) launch: Arc<Launch>,
    pub(super) command: Command,
    /// Way of the result. Where nobody waits for it any more, no child is made, or it is ended.
    pub(super) started: oneshot::Sender<Result<ProbeChild, SpawnError>>,
}

/// Child that runs the command of a probe. Where it has not ended before this is dropped, it is abandoned.
pub(super) struct ProbeChild {
    /// Reading end of its output.
    output: Option<OwnedFd>,
    /// End of it, once it was reaped.
    exit: oneshot::Receiver<Exit>,
    has_ended: bool,
    /// Called where it is abandoned.
    on_abandoned: Box<dyn Fn() + Send>,
}

impl ProbeChild {
    pub(super) fn new(
        output: OwnedFd,
        exit: oneshot::Receiver<Exit>,
        on_abandoned: impl Fn() + Send + 'static,
    ) -> Self {
        Self { output: Some(output), exit, has_ended: false, on_abandoned: Box::new(on_abandoned) }
    }

    /// Take the reading end of its output, the first time.
    pub(super) fn take_output(&mut self) -> Option<OwnedFd> {
        self.output.take()
    }

    /// Wait until it has ended. `None` is that nobody will know.
    pub(super) async fn exit(&mut self) -> Option<Exit> {
        let exit = (&mut self.exit).await.ok();
        self.has_ended = true;
        exit
    }
}

impl Drop for ProbeChild {
    fn drop(&mut self) {
        if !self.has_ended {
            self.exit.close();
            (self.on_abandoned)();
        }
    }
}
