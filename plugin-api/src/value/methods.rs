//! [`Value`] made comfortable: how it is built, looked into and compared, and what becomes one with `into()`.
//!
//! The type itself stands in [`crate::abi`], because it crosses the boundary.

use abi_stable::std_types::{RArc, RString, RVec};

use crate::abi::{Member, Value};

/// The value of that name among `members`, as [`Value::get`] finds it: also for lists of properties.
pub fn find<'a>(members: &'a [Member], name: &str) -> Option<&'a Value> {
    members.iter().rev().find(|member| member.name == name).map(|member| &member.value)
}

impl Value {
    /// A struct of these members, in this order. Their names may be owned, which saves a copy.
    ///
    /// ```
    /// use plugin_api::Value;
    ///
    /// let info = Value::structure([("name", "cat".into()), ("pid", 4711.into())]);
    /// assert_eq!(info.get("pid"), Some(&Value::Int(4711)));
    /// ```
    pub fn structure<N: Into<RString>>(members: impl IntoIterator<Item = (N, Self)>) -> Self {
        Self::Struct(members.into_iter().map(|(name, value)| Member::new(name, value)).collect())
    }

    /// An array of these values.
    pub fn array(items: impl IntoIterator<Item = Self>) -> Self {
        Self::Array(items.into_iter().collect())
    }

    /// A string that can be given out any number of times without being copied.
    pub fn shared(text: impl Into<RString>) -> Self {
        Self::Shared(RArc::new(text.into()))
    }

    /// Convert to a form that is cheap to clone: a string becomes [`Value::Shared`], all else stays as it is.
    #[must_use]
    pub fn into_shared(self) -> Self {
        match self {
            Self::String(text) => Self::Shared(RArc::new(text)),
            other => other,
        }
    }

    /// The boolean, if it is one. [`is_truthy`](Self::is_truthy) is for what only means one.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Self::Bool(value) => Some(*value),
            _ => None,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            Self::Shared(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is an integer of either size.
    pub fn as_i64(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(i64::from(*number)),
            Self::Int64(number) => Some(*number),
            _ => None,
        }
    }

    /// The number, if it is a double or an integer of either size; of one beyond 2⁵³ the nearest double.
    #[allow(clippy::cast_precision_loss, reason = "who asks for a double takes the nearest")]
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Double(number) => Some(*number),
            _ => self.as_i64().map(|number| number as f64),
        }
    }

    /// The bytes, if it is base64. A string is not: its bytes are those of [`as_str`](Self::as_str).
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Base64(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The items, if it is an array.
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(items) => Some(items),
            _ => None,
        }
    }

    /// The members in their order, if it is a struct. [`get`](Self::get) finds one by its name.
    pub fn as_struct(&self) -> Option<&[Member]> {
        match self {
            Self::Struct(members) => Some(members),
            _ => None,
        }
    }

    /// The member of that name, if this is a struct that has it. Of members of one name the last counts.
    pub fn get(&self, name: &str) -> Option<&Self> {
        find(self.as_struct()?, name)
    }

    /// Return true for what Python would call true: anything but nil, false, zero, and what is empty.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(number) => *number != 0,
            Self::Int64(number) => *number != 0,
            Self::Double(number) => *number != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::Shared(text) => !text.is_empty(),
            Self::DateTime(_) => true,
            Self::Base64(bytes) => !bytes.is_empty(),
            Self::Array(items) => !items.is_empty(),
            Self::Struct(members) => !members.is_empty(),
        }
    }

    /// The name of the XML-RPC type, as signatures name it: `string`, `int`, `array`, …
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Nil => "nil",
            Self::Bool(_) => "boolean",
            Self::Int(_) | Self::Int64(_) => "int",
            Self::Double(_) => "double",
            Self::String(_) | Self::Shared(_) => "string",
            Self::DateTime(_) => "dateTime.iso8601",
            Self::Base64(_) => "base64",
            Self::Array(_) => "array",
            Self::Struct(_) => "struct",
        }
    }
}

impl Member {
    /// A member, or a property, of that name.
    pub fn new(name: impl Into<RString>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

/// Values are equal when a client could not tell them apart; whether a string is shared does not count.
impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Nil, Self::Nil) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Int64(a), Self::Int64(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a == b,
            (Self::DateTime(a), Self::DateTime(b)) => a == b,
            (Self::Base64(a), Self::Base64(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Struct(a), Self::Struct(b)) => a == b,
            _ => matches!((self.as_str(), other.as_str()), (Some(a), Some(b)) if a == b),
        }
    }
}

impl PartialEq<str> for Value {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == Some(other)
    }
}

impl PartialEq<&str> for Value {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == Some(*other)
    }
}

/// Nil, for a member that may be missing.
#[allow(clippy::derivable_impls, reason = "the type's own file is frozen")]
impl Default for Value {
    fn default() -> Self {
        Self::Nil
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        /// An `<int>` where it fits in 32 bits, which every client reads, else an `<i8>`; a double where even 64 bits
        /// do not hold it.
        #[allow(clippy::cast_precision_loss, clippy::cast_lossless, reason = "only where nothing better exists")]
        impl From<$type> for Value {
            fn from(number: $type) -> Self {
                match (i32::try_from(number), i64::try_from(number)) {
                    (Ok(number), _) => Self::Int(number),
                    (_, Ok(number)) => Self::Int64(number),
                    _ => Self::Double(number as f64),
                }
            }
        }
    )* };
}

integers! { i8 i16 i32 i64 isize u8 u16 u32 u64 usize }

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Double(number)
    }
}

impl From<Vec<Value>> for Value {
    fn from(items: Vec<Value>) -> Self {
        Self::Array(items.into())
    }
}

impl From<RVec<Value>> for Value {
    fn from(items: RVec<Value>) -> Self {
        Self::Array(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_equals_string() {
        assert_eq!(Value::shared("a"), Value::from("a"));
        assert_ne!(Value::shared("a"), Value::from("b"));
        assert_ne!(Value::from("1"), Value::from(1));
        assert_eq!(Value::from("a").into_shared(), "a");
    }

    #[test]
    fn the_last_member_of_a_name_counts() {
        let value = Value::structure([("a", 1.into()), ("a", 2.into())]);
        assert_eq!(value.get("a"), Some(&Value::Int(2)));
        assert_eq!(value.get("b"), None);
        assert_eq!(Value::Nil.get("a"), None);
    }

    #[test]
    fn a_value_is_looked_into_by_its_type() {
        assert_eq!((Value::from(true).as_bool(), Value::from(1).as_bool()), (Some(true), None));
        let numbers = [Value::from(0.5), 2.into(), Value::Int64(1 << 40), true.into(), "1".into()];
        assert_eq!(numbers.map(|it| it.as_f64()), [Some(0.5), Some(2.0), Some(1_099_511_627_776.0), None, None]);
        let bytes = Value::Base64(vec![0, 255].into());
        assert_eq!((bytes.as_bytes(), bytes.as_str()), (Some([0, 255].as_slice()), None));
        assert_eq!(Value::from("text").as_bytes(), None);
        let value = Value::structure([("b", 1.into()), ("a", 2.into())]);
        assert_eq!(value.as_struct(), Some([Member::new("b", 1), Member::new("a", 2)].as_slice()));
        assert_eq!(Value::array([]).as_struct(), None);
    }

    #[test]
    fn integers_take_the_smallest_type() {
        assert!(matches!(Value::from(5_i64), Value::Int(5)));
        assert!(matches!(Value::from(1_i64 << 40), Value::Int64(_)));
    }

    #[test]
    fn a_value_stays_small() {
        assert_eq!(size_of::<Value>(), 40);
    }
}
