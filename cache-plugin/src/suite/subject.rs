//! A cache in one of the stores, whichever it is.

use std::{sync::Arc, time::Duration};

use plugin_api::{
    Fault, IntoParams, Value,
    testing::{FakeHost, Published},
};

use crate::{
    cache::Cache,
    rpcinterface::methods,
    store::{Clock, Kind, Limits, open},
};

#[cfg(feature = "engine")]
use super::shared_engines::{all, next_prefix, pass, settings};
#[cfg(feature = "engine")]
use crate::store::Settings;
#[cfg(feature = "file")]
use crate::store::SyncMode;

/// A cache in one of the stores, and the time that its entries live by.
pub(super) struct Subject {
    pub(super) name: &'static str,
    pub(super) cache: Option<Published>,
    pub(super) host: FakeHost,
    pub(super) clock: Clock,
    pub(super) limits: Limits,
    pub(super) kind: Kind,
    /// The directory that a file lies in.
    _directory: Option<Arc<tempfile::TempDir>>,
}

impl Subject {
    pub(super) fn call(&self, method: &str, params: impl IntoParams) -> Result<Value, Fault> {
        self.cache.as_ref().expect("it is open").call(method, params)
    }

    pub(super) fn open(&mut self) {
        let store = open(self.kind.clone(), self.limits, self.clock.clone(), &self.host.host()).unwrap();
        let cache = Cache::new(store, self.limits);
        self.cache = Some(self.host.make(|supervisord, _| Ok(methods(supervisord, cache)), []).unwrap());
    }

    /// Let time go by.
    pub(super) fn pass(&self, time: Duration) {
        match &self.kind {
            #[cfg(feature = "engine")]
            Kind::Engine(settings) => pass(settings, time),
            _ => self.clock.skip(time),
        }
    }

    /// Return true if it is an engine, whose own clock goes on.
    pub(super) fn is_engine(&self) -> bool {
        !matches!(self.name, "memory" | "file")
    }

    /// The events so far, of which there will be so many. An engine tells of them a little later.
    pub(super) fn events(&self, number: usize) -> Vec<String> {
        if self.is_engine() {
            self.host.wait_until(|host| host.events().len() >= number);
        }
        self.host.events()
    }
}

/// A cache in each store that can have these limits, with a clock of its own.
pub(super) fn subjects(limits: Limits, clock: impl Fn() -> Clock) -> Vec<Subject> {
    #[allow(unused_mut, reason = "engines are a feature")]
    let mut all = local_subjects(limits, clock);
    #[cfg(feature = "engine")]
    if limits.max_keys == 0 && limits.max_bytes == 0 {
        all.extend(engine_subjects(limits));
    }
    all
}

/// A cache in each store that is of this process alone.
pub(super) fn local_subjects(limits: Limits, clock: impl Fn() -> Clock) -> Vec<Subject> {
    let subject = |name, kind| {
        let (host, clock) = (FakeHost::new(), clock());
        let mut subject = Subject { name, cache: None, host, clock, limits, kind, _directory: None };
        subject.open();
        subject
    };
    #[allow(unused_mut, reason = "files are a feature")]
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

/// A cache in each engine, with a prefix of its own.
#[cfg(feature = "engine")]
fn engine_subjects(limits: Limits) -> Vec<Subject> {
    all().iter().map(|(_, engine)| engine_subject(&format!("redis://{}", engine.place()), limits)).collect()
}

/// A cache in the engine of that URL, with a prefix of its own.
#[cfg(feature = "engine")]
pub(super) fn engine_subject(url: &str, limits: Limits) -> Subject {
    subject_with(settings(url, &next_prefix()), limits)
}

/// A cache in an engine.
#[cfg(feature = "engine")]
pub(super) fn subject_with(settings: Settings, limits: Limits) -> Subject {
    let name = settings.address.scheme;
    let (host, clock, kind) = (FakeHost::new(), Clock::default(), Kind::Engine(settings));
    let mut subject = Subject { name, cache: None, host, clock, limits, kind, _directory: None };
    subject.open();
    subject
}
