//! A value as it lies in memory.

use plugin_api::Value;

use super::clock::Deadline;

/// Length up to which a text is copied with each fetch, in bytes. One that is shared instead takes 64 bytes more.
pub(crate) const SHORT: usize = 1024;

/// Bytes that count for each entry beside its key and its value.
pub(crate) const ENTRY: u64 = 64;

/// A value that takes no more memory than it needs: most of what people cache is short and stays.
#[derive(Clone, Debug)]
pub(crate) enum Cached {
    /// A short string that stays.
    Short(Box<str>),
    /// Any other value.
    Other(Box<Kept>),
}

/// A value that is long, no string, or there for a time.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    /// A long string is shared, so that fetching it copies nothing.
    value: Value,
    deadline: Option<Deadline>,
}

impl Cached {
    pub(crate) fn new(value: Value, deadline: Option<Deadline>) -> Self {
        match value.as_str() {
            Some(text) if text.len() > SHORT => Self::Other(Box::new(Kept { value: value.into_shared(), deadline })),
            Some(text) if deadline.is_none() => Self::Short(text.into()),
            _ => Self::Other(Box::new(Kept { value, deadline })),
        }
    }

    /// A string that stays.
    pub(crate) fn from_text(text: &str) -> Self {
        if text.len() > SHORT { Self::new(Value::from(text), None) } else { Self::Short(text.into()) }
    }

    /// The value, as it was stored.
    pub(crate) fn value(&self) -> Value {
        match self {
            Self::Short(text) => Value::from(&**text),
            Self::Other(kept) => kept.value.clone(),
        }
    }

    /// Look at the value where it lies; only a short text is copied.
    pub(crate) fn peek<R>(&self, look: impl FnOnce(&Value) -> R) -> R {
        match self {
            Self::Short(text) => look(&Value::from(&**text)),
            Self::Other(kept) => look(&kept.value),
        }
    }

    /// The moment at which it expires, if it does.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        match self {
            Self::Short(_) => None,
            Self::Other(kept) => kept.deadline,
        }
    }

    /// This value with another deadline.
    pub(crate) fn with_deadline(self, deadline: Option<Deadline>) -> Self {
        match self {
            Self::Short(text) if deadline.is_none() => Self::Short(text),
            Self::Short(text) => Self::new(String::from(text).into(), deadline),
            Self::Other(kept) => Self::new(kept.value, deadline),
        }
    }

    /// Return true if its value is this one.
    pub(crate) fn is(&self, value: &Value) -> bool {
        match self {
            Self::Short(text) => value.as_str() == Some(text),
            Self::Other(kept) => kept.value == *value,
        }
    }

    /// The number, if it is an integer.
    pub(crate) fn as_int(&self) -> Option<i64> {
        match self {
            Self::Short(_) => None,
            Self::Other(kept) => kept.value.as_i64(),
        }
    }

    /// Bytes that the value counts for: see [`size`].
    pub(crate) fn size(&self) -> u64 {
        match self {
            Self::Short(text) => text.len() as u64,
            Self::Other(kept) => size(&kept.value),
        }
    }
}

/// Bytes that an entry counts for: 64, its key's, and its value's.
pub(crate) fn entry_size(key: &str, value: u64) -> u64 {
    ENTRY + key.len() as u64 + value
}

/// Bytes that a value counts for, which is about what it takes in memory: a string, a date or base64 its bytes; a
/// number, a boolean or nil 8; an array 40 for each item and what the items count for; a struct 72 for each member, the
/// bytes of its name and what its value counts for.
pub(crate) fn size(value: &Value) -> u64 {
    match value {
        Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Int64(_) | Value::Double(_) => 8,
        Value::String(text) | Value::DateTime(text) => text.len() as u64,
        Value::Shared(text) => text.len() as u64,
        Value::Base64(bytes) => bytes.len() as u64,
        Value::Array(items) => items.iter().map(|item| 40 + size(item)).sum(),
        Value::Struct(members) => {
            members.iter().map(|member| 72 + member.name.len() as u64 + size(&member.value)).sum()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_stays_small() {
        assert_eq!(size_of::<(Box<str>, Cached)>(), 32);
    }

    #[test]
    fn sizes_follow_the_rule() {
        let deep = Value::array([Value::structure([("name", "four".into())]), 1.into()]);
        for (value, expected) in [
            (Value::Nil, 8),
            (0.5.into(), 8),
            ("äb".into(), 3),
            (Value::shared("xyz"), 3),
            (Value::Base64(vec![0, 1].into()), 2),
            (Value::DateTime("20240101T00:00:00".into()), 17),
            (Value::array([]), 0),
            (deep, 40 + (72 + 4 + 4) + 40 + 8),
        ] {
            assert_eq!(size(&value), expected, "{value:?}");
            assert_eq!(Cached::new(value, None).size(), expected);
        }
        assert_eq!(entry_size("key", 3), 70);
    }

    #[test]
    fn a_deadline_changes_nothing_else() {
        let deadline = Deadline::new(7);
        for value in [Value::from("short"), "x".repeat(SHORT + 1).into(), Value::Int64(7), Value::Nil] {
            let cached = Cached::new(value.clone(), None).with_deadline(deadline);
            assert_eq!((cached.value(), cached.deadline()), (value.clone(), deadline));
            let cached = cached.with_deadline(None);
            assert_eq!((cached.value(), cached.deadline()), (value.clone(), None));
            assert!(cached.is(&value) && !cached.is(&"other".into()));
        }
    }
}
