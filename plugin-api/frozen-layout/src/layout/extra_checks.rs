//! The check of its own that `abi_stable` has a trait object bring along: which traits its values have.
//!
//! It is a trait object itself, which both sides call while they compare layouts. A host refuses an object without one
//! where it compares in the direction of a plugin that is newer than itself; so a library has to offer it.

#![allow(unsafe_code)] // A trait object of whatever library made it.

use super::{
    identity::{place, type_id},
    parts::MaybeCmp,
    types::{Combined, ExtraChecks, ExtraChecksError, Layouts, RequiredTraits, TypeChecker, TypeLayout},
};
use crate::result::RResult;

pub(super) extern "C" fn own_type() -> MaybeCmp {
    MaybeCmp::Just(type_id::<{ place::REQUIRED_TRAITS }>())
}

/// Drop a reference, which is nothing.
pub(super) unsafe extern "C" fn keep(_reference: *mut ()) {}

pub(super) unsafe extern "C" fn clone(reference: *const *const ()) -> *const () {
    // SAFETY: called for a reference to a check of this library.
    unsafe { *reference }
}

/// Write the check for an error message. The answer is the byte of `ROk`.
pub(super) unsafe extern "C" fn write(_check: *const (), _mode: u8, _text: *mut ()) -> u8 {
    0
}

pub(super) unsafe extern "C" fn check_compatibility(
    _check: *const RequiredTraits,
    own: &'static TypeLayout,
    other: &'static TypeLayout,
    _checker: TypeChecker,
) -> RResult<(), ExtraChecksError> {
    match (own.required_traits(), other.required_traits()) {
        (_, None) => RResult::RErr(ExtraChecksError::NoneExtraChecks),
        (own, other) if own == other => RResult::ROk(()),
        _ => RResult::RErr(ExtraChecksError::TypeChecker),
    }
}

pub(super) unsafe extern "C" fn nested_type_layouts(_check: *const RequiredTraits) -> Layouts {
    Layouts { is_owned: 0, start: std::ptr::dangling(), length: 0, of_owned: [0; 2] }
}

pub(super) unsafe extern "C" fn combine(
    _check: *const RequiredTraits,
    _other: ExtraChecks,
    _checker: TypeChecker,
) -> RResult<Combined, ExtraChecksError> {
    RResult::ROk(Combined::None)
}
