//! Every method on every store: the answers are the same.

#![allow(clippy::too_many_lines, reason = "tables")]

mod events;
mod histories;
mod table;

use std::sync::Arc;

use plugin_api::{
    Fault, IntoParams, Value,
    testing::{FakeHost, Published},
};

use crate::{
    cache::Cache,
    rpcinterface::methods,
    store::{Clock, Kind, Limits, open},
};

#[cfg(feature = "file")]
use crate::store::SyncMode;

/// A cache in one of the stores, and the time that its entries live by.
struct Subject {
    name: &'static str,
    cache: Option<Published>,
    host: FakeHost,
    clock: Clock,
    limits: Limits,
    kind: Kind,
    /// The directory that a file lies in.
    _directory: Option<Arc<tempfile::TempDir>>,
}

impl Subject {
    fn call(&self, method: &str, params: impl IntoParams) -> Result<Value, Fault> {
        self.cache.as_ref().expect("it is open").call(method, params)
    }

    fn open(&mut self) {
        let store = open(self.kind.clone(), self.limits, self.clock.clone(), &self.host.host()).unwrap();
        let cache = Cache::new(store, self.limits);
        self.cache = Some(self.host.make(|supervisord, _| Ok(methods(supervisord, cache)), []).unwrap());
    }
}

/// A cache in each store, with a clock of its own.
fn subjects(limits: Limits, clock: impl Fn() -> Clock) -> Vec<Subject> {
    let subject = |name, kind| {
        let (host, clock) = (FakeHost::new(), clock());
        let mut subject = Subject { name, cache: None, host, clock, limits, kind, _directory: None };
        subject.open();
        subject
    };
    let mut all = vec![subject("memory", Kind::Memory)];
    #[cfg(feature = "file")]
    for sync in [SyncMode::Always, SyncMode::EverySecond] {
        // In memory where that can be: what a disk does is tested elsewhere.
        let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let directory = Arc::new(directory.unwrap());
        let kind = Kind::File { path: directory.path().join("cache"), sync };
        all.push(Subject { _directory: Some(directory), ..subject("file", kind) });
    }
    all
}
