//! Trait objects that cross the boundary: what all of them have, whatever their trait.

#![allow(unsafe_code)] // A pointer whose type only the other library knows.

use std::{mem::ManuallyDrop, ptr};

use crate::{
    layout::{MaybeCmp, NAMES, RObjectVtable, WithMetadata, place},
    std_types::RArc,
};

/// Choice of an object that is not to be cast back to its type. There is no other here.
#[derive(Clone, Copy, Debug)]
#[allow(non_camel_case_types, reason = "the name of `abi_stable`")]
pub struct TD_Opaque;

/// A reference whose type is forgotten, and the functions of its trait: `V` begins with [`BaseVtable`].
#[repr(C)]
pub struct RObject<V: 'static> {
    vtable: &'static WithMetadata<V>,
    pointer: ManuallyDrop<RArc<()>>,
}

/// Functions that every object has, before those of its trait.
#[repr(C)]
pub struct BaseVtable(&'static WithMetadata<RObjectVtable>);

impl BaseVtable {
    /// The functions of an object of this library.
    pub const NEW: Self = Self(&WithMetadata {
        field_accessibility: 0b11_1111,
        type_layout: &NAMES[place::OBJECT_VTABLE],
        value: RObjectVtable { type_id: opaque, drop: drop_pointer, clone: None, debug: None, display: None },
    });
}

extern "C" fn opaque() -> MaybeCmp {
    MaybeCmp::Nothing
}

unsafe extern "C" fn drop_pointer(pointer: *mut ()) {
    // SAFETY: called once for an object of this library. Which type it had, its own functions know.
    unsafe { ptr::drop_in_place(pointer.cast::<RArc<()>>()) };
}

impl<V> RObject<V> {
    /// Make an object of a value, with the functions of its trait.
    ///
    /// # Safety
    ///
    /// `V` begins with [`BaseVtable`], is `repr(C)`, and its functions take a pointer to a `T`.
    pub unsafe fn new<T: Send + Sync>(value: RArc<T>, vtable: &'static WithMetadata<V>) -> Self {
        Self { vtable, pointer: ManuallyDrop::new(value.erase()) }
    }

    /// The functions of its trait.
    pub fn vtable(&self) -> &'static V {
        &self.vtable.value
    }

    /// The pointer that the functions are given.
    pub fn as_ptr(&self) -> *const () {
        self.pointer.as_ptr()
    }
}

// SAFETY: made of values that are both; so are those of the other side, whose trait says so.
unsafe impl<V> Send for RObject<V> {}
// SAFETY: as above.
unsafe impl<V> Sync for RObject<V> {}

impl<V> Drop for RObject<V> {
    fn drop(&mut self) {
        // SAFETY: `V` begins so; the function is of the library that made the object, whose pointer is not used again.
        unsafe {
            let base = &*ptr::from_ref(&self.vtable.value).cast::<BaseVtable>();
            (base.0.value.drop)((&raw mut *self.pointer).cast());
        }
    }
}

/// The names of a trait's functions, for the table of an object of the boundary's trait.
pub const fn namespace_vtable<V>(value: V) -> WithMetadata<V> {
    WithMetadata { field_accessibility: 0b1111, type_layout: &NAMES[place::NAMESPACE_VTABLE], value }
}
