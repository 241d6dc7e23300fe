//! Handover of the output from one supervisord to the next: the loop that stands still, and the one that takes over.

use std::{
    os::fd::AsRawFd as _,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    handover::{AdoptedOutput, Freeze, OutputState, PipeState},
    log::Log,
    output_loop::{OutputLoop, PipeWay},
};
use crate::{config::Level, handed_fds};

/// Time until the next look at logs that are being written by another thread.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl OutputLoop {
    /// Stand still, if all that was read is in the logs, until whoever asked for it lets go. Nothing may wait in the
    /// queue but what came this very moment. Return whether to go on.
    pub(super) fn try_freeze(&mut self) -> bool {
        let Some(freeze) = self.freeze.take() else { return true };
        if let Some(until) = freeze.logs_until
            && let Some(log) = self.busy_log()
        {
            if Instant::now() < until {
                self.freeze = Some(freeze);
                // Meanwhile the next turn of this thread, or another thread, writes them.
                self.poll(Some(LOOK_AGAIN));
            } else {
                let why = format!("the log {} does not take what is written to it", log.name().display());
                let _ = freeze.answer.send(Err(why));
            }
            return true;
        }
        if !self.queue.is_empty() {
            self.freeze = Some(freeze);
            return true;
        }
        let Freeze { answer, go_on, .. } = freeze;
        if answer.send(Ok(self.state())).is_ok() {
            // Closed where this process goes on after all.
            let _ = go_on.recv();
        }
        true
    }

    /// Find a log that is not written yet.
    fn busy_log(&self) -> Option<&Arc<Log>> {
        let all = self.context.activity.all().chain([&self.context.syslog]).chain(self.logs.all());
        all.into_iter().find(|log| !log.is_idle())
    }

    fn state(&self) -> OutputState {
        let mut tokens: Vec<_> = self.pipes.keys().copied().collect();
        tokens.sort_unstable();
        let state = |token| {
            let pipe = &self.pipes[&token];
            let (source, target, filters) = pipe.sink.state();
            PipeState {
                fd: pipe.receiver.as_raw_fd(),
                run: pipe.run,
                source: source.clone(),
                target: target.clone(),
                filters: filters.clone(),
                is_conversation: pipe.pools.is_some(),
            }
        };
        OutputState { pipes: tokens.into_iter().map(state).collect(), pools: self.queue.pools.pools.lock().state() }
    }

    /// Take over what another supervisord had.
    pub(super) fn adopt(&mut self, output: AdoptedOutput) {
        let AdoptedOutput { state, handlers, listeners, log_counters, stdins } = output;
        self.queue.change_pools(|pools| {
            pools.adopt(state.pools, |name, _| {
                handlers.get(name).cloned().unwrap_or_else(|| Arc::new(crate::process::event_pool::DefaultHandler))
            });
            Vec::new()
        });
        self.listeners.extend(listeners);
        for PipeState { fd, run, source, target, filters, is_conversation } in state.pipes {
            let log_counter = log_counters.get(&run).map(|of_process| Arc::clone(&of_process[source.channel as usize]));
            let log_counter = log_counter.unwrap_or_default();
            let filters = Some(filters);
            match handed_fds::take(fd) {
                Ok(fd) => {
                    self.add_pipe(fd, PipeWay { run, source, target, filters, is_conversation, log_counter });
                }
                Err(error) => self.context.activity.log(Level::Critical, format!("lost an output: {error}")),
            }
        }
        for (run, stdin) in stdins {
            self.watch_stdin(run, stdin);
        }
        // All others have taken theirs before.
        handed_fds::close_rest();
    }
}
