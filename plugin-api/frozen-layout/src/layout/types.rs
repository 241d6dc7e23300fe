//! The records in which `abi_stable` 0.11 keeps what it knows of a type, field by field as it lays them out.
//!
//! A library carries a graph of them, which hangs from its header; both sides read the other's.

#![allow(unsafe_code)] // Raw pointers that are shared between threads.

use std::{slice, str};

use super::parts::{GenericTLData, MonoSharedVars, MonoTypeLayout, RObjectVtable, UTypeId, WithMetadata, Write};
use crate::result::RResult;

/// Function that gives the layout of a type. Layouts refer to each other by these, so that a type may contain itself.
pub(crate) type GetTypeLayout = extern "C" fn() -> &'static TypeLayout;

/// Layout of a type, with the generic arguments that it was given.
#[repr(C)]
pub struct TypeLayout {
    /// Lists that the rest refers into.
    pub(crate) shared_vars: &'static SharedVars,
    /// Whatever is the same for all generic arguments.
    pub(crate) mono: &'static MonoTypeLayout,
    /// True if the type is never all zeros, so that an `Option` of it has the same size.
    pub(crate) is_nonzero: bool,
    /// Alignment, as the power of two.
    pub(crate) alignment_power_of_two: u8,
    /// Size in bytes.
    pub(crate) size: usize,
    /// Further facts that have to agree. None of the boundary's types has any.
    pub(crate) tag: Option<&'static ()>,
    /// The rest of the data that [`MonoTypeLayout::data`] begins.
    pub(crate) data: GenericTLData,
    /// Object with a check of its own: the trait objects have one.
    pub(crate) extra_checks: Option<&'static ExtraChecks>,
    /// Identity of the type.
    pub(crate) type_id: extern "C" fn() -> UTypeId,
}

/// Lists that a [`TypeLayout`] refers into.
#[repr(C)]
pub(crate) struct SharedVars {
    /// Lists that are the same for all generic arguments.
    pub(crate) mono: &'static MonoSharedVars,
    /// Types of fields, parameters and results.
    pub(crate) type_layouts: *const GetTypeLayout,
    /// Constants among the generic arguments.
    pub(crate) constants: *const ConstGeneric,
    /// Length of `type_layouts`.
    pub(crate) type_layouts_len: u16,
    /// Length of `constants`.
    pub(crate) constants_len: u16,
}

/// A constant among generic arguments.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct ConstGeneric {
    /// The value.
    pub(crate) ptr: *const (),
    /// Functions of its type.
    pub(crate) vtable: &'static WithMetadata<ConstGenericVTable>,
}

/// Functions of the type of a constant.
#[repr(C)]
pub(crate) struct ConstGenericVTable {
    /// Layout of the type.
    pub(crate) layout: &'static TypeLayout,
    /// Comparison of two values.
    pub(crate) partial_eq: unsafe extern "C" fn(*const (), *const ()) -> bool,
    /// Text of a value, for errors: the value, a mode, the buffer, and the byte of an `RResult<(), ()>`.
    pub(crate) debug: Write,
}

/// A check, of whatever library it is: the object that a layout points to.
#[repr(C)]
pub(crate) struct ExtraChecks {
    pub(super) vtable: &'static WithMetadata<ExtraChecksVtable>,
    pub(super) value: *const RequiredTraits,
}

// SAFETY: it is never written.
unsafe impl Sync for ExtraChecks {}

/// Traits that a trait object asks of its values, by the bits of `abi_stable`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RequiredTraits {
    /// Bit 0 for `Send`, bit 1 for `Sync`, bit 2 for `Unpin`.
    pub(super) auto_traits: u16,
    /// Those that have functions: none of the boundary's.
    pub(super) regular_traits: u64,
}

/// Functions of a check.
#[repr(C)]
pub(super) struct ExtraChecksVtable {
    pub(super) object: &'static WithMetadata<RObjectVtable>,
    pub(super) type_layout: unsafe extern "C" fn(*const RequiredTraits) -> &'static TypeLayout,
    pub(super) check_compatibility: unsafe extern "C" fn(
        *const RequiredTraits,
        &'static TypeLayout,
        &'static TypeLayout,
        TypeChecker,
    ) -> RResult<(), ExtraChecksError>,
    pub(super) nested_type_layouts: unsafe extern "C" fn(*const RequiredTraits) -> Layouts,
    pub(super) combine:
        unsafe extern "C" fn(*const RequiredTraits, ExtraChecks, TypeChecker) -> RResult<Combined, ExtraChecksError>,
}

/// The object by which a check has types compared, which ours has no need of.
#[repr(C)]
pub(super) struct TypeChecker([*const (); 2]);

/// Reason for which a check fails.
#[repr(u8)]
#[allow(dead_code, reason = "the others have to be there for their numbers, and for their size")]
pub(super) enum ExtraChecksError {
    /// Types were compared, and the comparison has said why.
    TypeChecker,
    TypeCheckerErrors([usize; 3]),
    NoneExtraChecks,
    ExtraChecks([usize; 3]),
}

/// A list of layouts that is lent. It has room for one that is owned.
#[repr(C)]
pub(super) struct Layouts {
    /// 0 for one that is lent.
    pub(super) is_owned: u32,
    pub(super) start: *const &'static TypeLayout,
    pub(super) length: usize,
    pub(super) of_owned: [usize; 2],
}

/// A check made of two, which is not needed where both are equal.
#[repr(u8)]
#[allow(dead_code, reason = "other libraries write it")]
pub(super) enum Combined {
    Check([usize; 3]),
    None,
}

// SAFETY: all that it points to is never written.
unsafe impl Sync for TypeLayout {}

// SAFETY: all that it points to is never written.
unsafe impl Sync for SharedVars {}

// SAFETY: all that it points to is never written.
unsafe impl Sync for ConstGeneric {}

/// The slice of that start and length; an empty one may have any start.
///
/// # Safety
///
/// That many values lie there, for ever.
pub(super) unsafe fn list<T>(start: *const T, length: usize) -> &'static [T] {
    if length == 0 {
        return &[];
    }
    // SAFETY: as promised by the caller.
    unsafe { slice::from_raw_parts(start, length) }
}

/// The text of that start and length.
///
/// # Safety
///
/// That many bytes lie there, for ever. Those that are no UTF-8 give an empty text.
pub(super) unsafe fn text(start: *const u8, length: usize) -> &'static str {
    // SAFETY: as promised by the caller.
    str::from_utf8(unsafe { list(start, length) }).unwrap_or_default()
}
