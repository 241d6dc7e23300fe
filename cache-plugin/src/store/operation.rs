//! Requests to a store, in words that every store can carry out in one step.

use std::time::Duration;

use plugin_api::Value;

#[cfg(any(feature = "file", feature = "engine"))]
use super::cached::size;
use super::{cached::Cached, clock::Deadline};

/// A request that may change something. It is carried out whole or not at all, and nobody sees a part of it.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// Store a value, for a time if there is one. The answer is true.
    Store { key: Box<str>, value: Value, lifetime: Option<Duration> },
    /// Store several values, of which none has the key of another. The answer is true.
    StoreMany(Vec<(Box<str>, Value)>),
    /// Store a value where there is none. The answer says whether there was none.
    Add { key: Box<str>, value: Value, lifetime: Option<Duration> },
    /// Replace a value that is the expected one, and keep its deadline. The answer says whether it was.
    ReplaceIf { key: Box<str>, expected: Value, value: Value },
    /// Forget a value, if there is one. The answer is true.
    Delete { key: Box<str> },
    /// Forget a value that is the expected one. The answer says whether it was.
    DeleteIf { key: Box<str>, expected: Value },
    /// Add to an integer, and keep its deadline; one that is not there is 0. The answer is the sum.
    Increment { key: Box<str>, by: i64 },
    /// Set the time that an entry has left, or none. The answer says whether there is something to expire.
    Expire { key: Box<str>, lifetime: Option<Duration> },
    /// Forget everything. The answer is true.
    Clear,
}

#[cfg(any(feature = "file", feature = "engine"))]
impl Operation {
    /// Return whether what it does depends on what is there, even where there are no limits.
    #[cfg(feature = "file")]
    pub(super) fn looks(&self) -> bool {
        !matches!(self, Self::Store { .. } | Self::StoreMany(_) | Self::Clear)
    }

    /// Bytes of the keys and values in it, or about as many.
    pub(super) fn bytes(&self) -> usize {
        let bytes = |value: &Value| usize::try_from(size(value)).unwrap_or(usize::MAX);
        match self {
            Self::Store { key, value, .. } | Self::Add { key, value, .. } => key.len() + bytes(value),
            Self::StoreMany(entries) => entries.iter().map(|(key, value)| key.len() + bytes(value)).sum(),
            Self::ReplaceIf { key, expected, value } => key.len() + bytes(expected) + bytes(value),
            Self::DeleteIf { key, expected } => key.len() + bytes(expected),
            Self::Delete { key } | Self::Increment { key, .. } | Self::Expire { key, .. } => key.len(),
            Self::Clear => 0,
        }
    }
}

/// A step by which the entries become others.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// An entry is there from now on, in place of what was there.
    Put { key: Box<str>, cached: Cached },
    /// An entry that was there has another deadline.
    Expire { key: Box<str>, deadline: Option<Deadline> },
    /// An entry is no longer there.
    Remove { key: Box<str> },
    /// None is there any more.
    Clear,
}

impl Change {
    /// The key whose entry changes; none if all do.
    pub(crate) fn key(&self) -> Option<&str> {
        match self {
            Self::Put { key, .. } | Self::Expire { key, .. } | Self::Remove { key } => Some(key),
            Self::Clear => None,
        }
    }

    /// The moment at which an entry expires now, if it does.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Put { cached, .. } => cached.deadline(),
            Self::Expire { deadline, .. } => *deadline,
            Self::Remove { .. } | Self::Clear => None,
        }
    }
}

/// The steps that an operation comes to. As a rule it is one, for which nothing is allocated.
#[derive(Clone, Debug, Default)]
pub(crate) enum Changes {
    /// Everything stays as it is.
    #[default]
    None,
    /// A single step.
    One(Change),
    /// Several steps, to be made at once.
    Many(Vec<Change>),
}

impl Changes {
    /// The steps in their order.
    pub(crate) fn as_slice(&self) -> &[Change] {
        match self {
            Self::None => &[],
            Self::One(change) => std::slice::from_ref(change),
            Self::Many(changes) => changes,
        }
    }

    /// Hand each step over.
    pub(crate) fn for_each(self, mut take: impl FnMut(Change)) {
        match self {
            Self::None => {}
            Self::One(change) => take(change),
            Self::Many(changes) => changes.into_iter().for_each(take),
        }
    }
}
