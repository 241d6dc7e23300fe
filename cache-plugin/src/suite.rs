//! Every method on every store: the answers are the same.

#![allow(clippy::too_many_lines, reason = "tables")]

mod histories;
mod table;

use plugin_api::{
    Fault, IntoParams, Value,
    testing::{FakeHost, Published},
};

use crate::{
    cache::Cache,
    rpcinterface::methods,
    store::{Clock, Kind, Limits, open},
};

/// A cache in one of the stores, and the time that its entries live by.
struct Subject {
    name: &'static str,
    cache: Option<Published>,
    host: FakeHost,
    clock: Clock,
    limits: Limits,
    /// Where a file lies.
    kind: Kind,
}

impl Subject {
    fn call(&self, method: &str, params: impl IntoParams) -> Result<Value, Fault> {
        self.cache.as_ref().expect("it is open").call(method, params)
    }

    fn open(&mut self) {
        let store = open(self.kind, self.limits, self.clock.clone());
        self.cache = Some(Published::of(methods(self.host.host(), Cache::new(store, self.limits))));
    }
}

/// A cache in each store.
fn subjects(limits: Limits) -> Vec<Subject> {
    let subject = |name, kind| {
        let (host, clock) = (FakeHost::new(), Clock::default());
        let mut subject = Subject { name, cache: None, host, clock, limits, kind };
        subject.open();
        subject
    };
    vec![subject("memory", Kind::Memory)]
}
