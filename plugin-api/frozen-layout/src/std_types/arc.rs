//! `Arc` with a layout.

#![allow(unsafe_code)] // Memory of two allocators.

use std::{fmt, marker::PhantomData, mem::ManuallyDrop, ops::Deref, sync::Arc};

use crate::{
    layout::{NAMES, UTypeId, WithMetadata, place, type_id},
    result::RResult,
};

/// An `Arc` that crosses the boundary. Its memory is of the library that made it.
#[repr(C)]
pub struct RArc<T: 'static> {
    data: *const T,
    vtable: &'static WithMetadata<ArcVtable<T>>,
    value: PhantomData<T>,
}

/// Functions of the library that allocated the value.
#[repr(C)]
struct ArcVtable<T: 'static> {
    type_id: extern "C" fn() -> UTypeId,
    /// Give back a reference; the value is dropped with the last if the byte is 0, else only its memory is freed.
    destructor: unsafe extern "C" fn(*const T, u8),
    clone: unsafe extern "C" fn(&RArc<T>) -> RArc<T>,
    get_mut: for<'a> unsafe extern "C" fn(&'a mut RArc<T>) -> Option<&'a mut T>,
    try_unwrap: unsafe extern "C" fn(RArc<T>) -> RResult<T, RArc<T>>,
    strong_count: unsafe extern "C" fn(&RArc<T>) -> usize,
    weak_count: unsafe extern "C" fn(&RArc<T>) -> usize,
}

// SAFETY: it is an `Arc`.
unsafe impl<T: Send + Sync> Send for RArc<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for RArc<T> {}

impl<T> RArc<T> {
    const VTABLE: &'static WithMetadata<ArcVtable<T>> = &WithMetadata {
        field_accessibility: 0b111_1111,
        type_layout: &NAMES[place::ARC_VTABLE],
        value: ArcVtable {
            type_id: type_id::<{ place::ARC_VTABLE }>,
            destructor: destructor::<T>,
            clone: clone::<T>,
            get_mut: get_mut::<T>,
            try_unwrap: try_unwrap::<T>,
            strong_count: strong_count::<T>,
            weak_count: weak_count::<T>,
        },
    };

    /// Share a value.
    pub fn new(value: T) -> Self {
        Arc::new(value).into()
    }

    /// Number of references to the value.
    pub fn strong_count(this: &Self) -> usize {
        // SAFETY: the function is of the library that made it.
        unsafe { (this.vtable.value.strong_count)(this) }
    }

    /// The value, if nobody else has it.
    pub fn try_unwrap(this: Self) -> Result<T, Self> {
        // SAFETY: the function is of the library that made it.
        unsafe { (this.vtable.value.try_unwrap)(this) }.into()
    }

    /// Address of the value.
    pub(crate) fn as_ptr(&self) -> *const T {
        self.data
    }

    /// Forget the type of the value. All functions go on as they were.
    pub(crate) fn erase(self) -> RArc<()> {
        let this = ManuallyDrop::new(self);
        // SAFETY: every function takes pointers alone, and is given the value's again; `try_unwrap` gives out a value,
        // and nobody calls it for one without a type.
        let vtable = unsafe { &*std::ptr::from_ref(this.vtable).cast::<WithMetadata<ArcVtable<()>>>() };
        RArc { data: this.data.cast(), vtable, value: PhantomData }
    }

    /// An `Arc` of this library, for as long as `this` is borrowed.
    ///
    /// # Safety
    ///
    /// This library made it.
    unsafe fn borrowed(this: &Self) -> ManuallyDrop<Arc<T>> {
        // SAFETY: as promised; the reference is not given back.
        ManuallyDrop::new(unsafe { Arc::from_raw(this.data) })
    }
}

unsafe extern "C" fn destructor<T>(data: *const T, keep: u8) {
    // SAFETY: called with a reference of this library.
    unsafe { if keep == 0 { drop(Arc::from_raw(data)) } else { drop(Arc::from_raw(data.cast::<ManuallyDrop<T>>())) } }
}

unsafe extern "C" fn clone<T>(this: &RArc<T>) -> RArc<T> {
    // SAFETY: called for one of this library.
    unsafe { Arc::clone(&RArc::borrowed(this)).into() }
}

unsafe extern "C" fn get_mut<T>(this: &mut RArc<T>) -> Option<&mut T> {
    // SAFETY: called for one of this library; if it is the only reference, so is the one given out.
    unsafe { Arc::get_mut(&mut RArc::borrowed(this)).map(|value| &mut *std::ptr::from_mut(value)) }
}

unsafe extern "C" fn try_unwrap<T>(this: RArc<T>) -> RResult<T, RArc<T>> {
    let this = ManuallyDrop::new(this);
    // SAFETY: called for one of this library, which is given up.
    Arc::try_unwrap(unsafe { Arc::from_raw(this.data) }).map_err(RArc::from).into()
}

unsafe extern "C" fn strong_count<T>(this: &RArc<T>) -> usize {
    // SAFETY: called for one of this library.
    unsafe { Arc::strong_count(&RArc::borrowed(this)) }
}

unsafe extern "C" fn weak_count<T>(this: &RArc<T>) -> usize {
    // SAFETY: called for one of this library.
    unsafe { Arc::weak_count(&RArc::borrowed(this)) }
}

impl<T> From<Arc<T>> for RArc<T> {
    fn from(value: Arc<T>) -> Self {
        Self { data: Arc::into_raw(value), vtable: Self::VTABLE, value: PhantomData }
    }
}

impl<T> Drop for RArc<T> {
    fn drop(&mut self) {
        // SAFETY: the function is of the library that made it.
        unsafe { (self.vtable.value.destructor)(self.data, 0) };
    }
}

impl<T> Clone for RArc<T> {
    fn clone(&self) -> Self {
        // SAFETY: the function is of the library that made it.
        unsafe { (self.vtable.value.clone)(self) }
    }
}

impl<T> Deref for RArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: the value lives as long as there is a reference.
        unsafe { &*self.data }
    }
}

impl<T: fmt::Debug> fmt::Debug for RArc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl<T: PartialEq> PartialEq for RArc<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
