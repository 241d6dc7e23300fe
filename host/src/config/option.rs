//! A key of a section, as the table in [`options`](super::options) has it.

use super::value_type::ValueType;

/// A key of a section, with all that reading and showing it needs.
#[derive(Clone, Copy)]
pub(super) struct Opt<T: 'static> {
    /// Spelling in the file.
    pub(super) key: &'static str,
    /// Text that stands for an absent key; `None` where absence means something of its own.
    pub(super) default: Option<&'static str>,
    /// Way from the text to the value and back.
    pub(super) value_type: ValueType<T>,
}

impl<T> Opt<T> {
    /// Convert the default, which the table must have.
    pub(super) fn default_value(&self) -> T {
        let default = self.default.expect("an option that is read with its default has one");
        (self.value_type.read)(default).unwrap_or_else(|error| panic!("the default of {} is valid: {error}", self.key))
    }
}

/// A key of a section without its type, for lists of all keys.
#[derive(Clone, Copy)]
pub(super) struct Key {
    /// Spelling in the file.
    pub(super) name: &'static str,
    /// Text that stands for an absent key.
    pub(super) default: Option<&'static str>,
    /// Value that the sample shows in place of a default.
    pub(super) example: Option<&'static str>,
    /// Explanation in the sample; empty for a key that explains itself.
    pub(super) comment: &'static str,
    /// Description of what would be right; none where anything goes.
    pub(super) expected: Option<&'static str>,
}

/// Moment at which an option of a section is read. Which of several errors comes first depends on it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Beginning, once for the section: the rule.
    First,
    /// End, once for the section, after the options that are read [`Apart`](Self::Apart).
    Last,
    /// Turn of each process that the section makes, knowing its number.
    Each,
    /// Apart from the others, by code of its own, since more than the text of the key matters.
    Apart,
}
