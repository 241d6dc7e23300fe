//! The layout of the boundary as static data: what a library has to carry so that a host with `abi_stable` takes it.
//!
//! What each type has is said in plain words in `layout-1.0.0.txt`.

#![allow(unsafe_code)] // Constants are compared where they lie.

use super::{
    extra_checks::{check_compatibility, clone, combine, keep, nested_type_layouts, own_type, write},
    identity::place,
    macros::types,
    parts::{PTStructLayout, RObjectVtable, WithMetadata},
    types::{ConstGeneric, ConstGenericVTable, ExtraChecks, ExtraChecksVtable, RequiredTraits, TypeLayout},
};
use crate::str::RStr;

/// The types of the boundary. The first is the root module.
#[allow(
    clippy::unreadable_literal,
    clippy::cast_possible_truncation,
    reason = "several numbers in one, of short lists"
)]
pub(super) static TABLE: [TypeLayout; 126] = include!("table.in");

/// Layout of the root module, from which all types of the boundary can be reached.
pub const fn plugin() -> &'static TypeLayout {
    &TABLE[0]
}

/// The layout at that place of the table.
extern "C" fn type_layout<const PLACE: usize>() -> &'static TypeLayout {
    &TABLE[PLACE]
}

/// Names of the types for messages of `abi_stable`, by their places.
pub(crate) static NAMES: [PTStructLayout; TABLE.len()] = {
    let mut names =
        [const { PTStructLayout { generics: RStr::from_str(""), mono_layout: TABLE[0].mono } }; TABLE.len()];
    let mut place = 0;
    while place < names.len() {
        names[place].mono_layout = TABLE[place].mono;
        place += 1;
    }
    names
};

/// A constant among generic arguments.
const fn constant(value: &'static usize) -> ConstGeneric {
    ConstGeneric { ptr: std::ptr::from_ref(value).cast(), vtable: &USIZE }
}

static USIZE: WithMetadata<ConstGenericVTable> = WithMetadata {
    field_accessibility: 0b111,
    // Not among the boundary's types; only a message about a missing field would name it, and none is missing.
    type_layout: &NAMES[place::USIZE],
    value: ConstGenericVTable { layout: &TABLE[place::USIZE], partial_eq: same_number, debug: no_text },
};

unsafe extern "C" fn same_number(one: *const (), other: *const ()) -> bool {
    // SAFETY: both sides' types were compared before, and are `usize`.
    unsafe { *one.cast::<usize>() == *other.cast::<usize>() }
}

/// A text of the constant for an error: none. The formatter's buffer stays empty, and the answer is the byte of `ROk`.
unsafe extern "C" fn no_text(_value: *const (), _mode: u8, _text: *mut ()) -> u8 {
    0
}

/// The check of the boundary's trait objects: their values are `Send` and `Sync`.
static NAMESPACE: ExtraChecks =
    ExtraChecks { vtable: &VTABLE, value: &RequiredTraits { auto_traits: 0b11, regular_traits: 0 } };

// Neither table is of a type among the boundary's; only a message about a missing field would name it.
static VTABLE: WithMetadata<ExtraChecksVtable> = WithMetadata {
    field_accessibility: 0b11_1111,
    type_layout: &NAMES[place::OBJECT_VTABLE],
    value: ExtraChecksVtable {
        object: &OBJECT,
        type_layout: type_of_check,
        check_compatibility,
        nested_type_layouts,
        combine,
    },
};

static OBJECT: WithMetadata<RObjectVtable> = WithMetadata {
    field_accessibility: 0b11_1111,
    type_layout: &NAMES[place::OBJECT_VTABLE],
    value: RObjectVtable {
        type_id: own_type,
        drop: keep,
        clone: Some(clone),
        debug: Some(write),
        display: Some(write),
    },
};

unsafe extern "C" fn type_of_check(_check: *const RequiredTraits) -> &'static TypeLayout {
    &TABLE[place::REQUIRED_TRAITS]
}
