//! Prefix types: structs that are reached through a pointer alone and may grow at their end.

#![allow(unsafe_code)] // Other libraries believe what implements a trait here.

use crate::layout::{NAMES, place};
pub use crate::layout::{PTStructLayout, WithMetadata};

/// The root module: a struct of this library that the other reaches through a pointer.
///
/// # Safety
///
/// The struct is the boundary's `Plugin`, field by field.
pub unsafe trait PrefixTypeTrait: Sized + 'static {
    /// The pointer.
    type PrefixRef: From<&'static WithMetadata<Self>>;

    /// Keep it for ever, and point to it.
    fn leak_into_prefix(self) -> Self::PrefixRef {
        let plugin = WithMetadata { field_accessibility: 0b1_1111, type_layout: &NAMES[place::PLUGIN], value: self };
        Self::PrefixRef::from(Box::leak(Box::new(plugin)))
    }
}
