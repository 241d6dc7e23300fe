//! Logs of programs, found by their paths.

use std::{collections::HashMap, path::Path, sync::Arc};

use super::{
    completion::Completion,
    log::{Backlog, Destination, Job, Log},
    target::{OutputTarget, Source},
};
use crate::logger::{LogFile, Rotation};

/// Least number of logs at which those that are closed are forgotten.
const MIN_SWEEP: usize = 64;

/// Log files of programs that are open. Two processes with one log share it, and so rotate it once.
pub(super) struct OpenLogs {
    open: HashMap<Arc<Path>, Arc<Log>>,
    /// Number of logs at which those that are closed are forgotten.
    sweep_at: usize,
    backlog: Arc<Backlog>,
}

impl OpenLogs {
    pub(super) fn new(backlog: &Arc<Backlog>) -> Self {
        Self { open: HashMap::new(), sweep_at: MIN_SWEEP, backlog: Arc::clone(backlog) }
    }

    /// Return the log of one output, to be [released](Log::release) by its user.
    pub(super) fn get(&mut self, path: &Path, target: &OutputTarget, source: &Source) -> Arc<Log> {
        let known = self.open.get(path).and_then(|log| Some((Arc::clone(log), log.take_beside()?)));
        let log = match known {
            Some((log, others)) if others > 0 => return log,
            // Nobody uses it any more: it is about to be closed, or was there for a rotation alone, and never opened.
            Some((log, _)) => {
                log.push(Job::Limit(target.rotation()));
                log
            }
            None => {
                let log = self.add(path, LogFile::closed(path, target.rotation()));
                log.take();
                log
            }
        };
        log.push(Job::Open(format!("the {} log of '{}'", source.channel.name(), source.process)));
        log
    }

    fn add(&mut self, path: &Path, file: LogFile) -> Arc<Log> {
        let log = Log::new(path, Destination::File(file), &self.backlog);
        if self.open.len() >= self.sweep_at {
            self.open.retain(|_, log| !log.is_closed());
            self.sweep_at = MIN_SWEEP.max(2 * self.open.len());
        }
        self.open.insert(Arc::clone(log.name()), Arc::clone(&log));
        log
    }

    /// List all of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Log>> {
        self.open.values()
    }

    /// Open every file anew.
    pub(super) fn reopen(&self) {
        for log in self.all().filter(|log| log.take()) {
            log.push(Job::Reopen(None));
            log.release();
        }
    }

    /// Open one anew, if it is open.
    pub(super) fn reopen_one(&self, path: &Path, completion: &Arc<Completion>) {
        if let Some(log) = self.open.get(path).filter(|log| log.take()) {
            log.push(Job::Reopen(Some(Arc::clone(completion))));
            log.release();
        }
    }

    /// Rotate a log, whether its process runs or not.
    pub(super) fn rotate(&mut self, target: &OutputTarget, completion: &Arc<Completion>) {
        let Some(path) = &target.path else { return };
        let open = self.open.get(&**path).filter(|log| log.take()).map(Arc::clone);
        let log = open.unwrap_or_else(|| {
            let log = self.add(path, LogFile::closed(path, target.rotation()));
            log.take();
            log
        });
        log.push(Job::Rotate(Arc::clone(completion)));
        log.release();
    }

    /// Empty a log, whether its process runs or not. One that does not exist is empty.
    pub(super) fn clear(&mut self, path: &Path, completion: &Arc<Completion>) {
        let open = self.open.get(path).filter(|log| log.take()).map(Arc::clone);
        let is_open = open.is_some();
        let log = open.unwrap_or_else(|| {
            let log = self.add(path, LogFile::closed(path, Rotation::default()));
            log.take();
            log
        });
        let job = if is_open { Job::Clear } else { Job::Truncate };
        log.push(job(Arc::clone(completion)));
        log.release();
    }
}
