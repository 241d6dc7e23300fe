//! `Vec` with a layout.

#![allow(unsafe_code)] // Memory of two allocators.

use std::{
    fmt,
    marker::PhantomData,
    mem::{self, ManuallyDrop},
    ops::{Deref, DerefMut},
    ptr::{self, NonNull},
    slice,
};

use crate::layout::{NAMES, UTypeId, WithMetadata, place, type_id};

/// A `Vec` that crosses the boundary. Its memory is of the library that made it.
#[repr(C)]
pub struct RVec<T> {
    buffer: NonNull<T>,
    length: usize,
    capacity: usize,
    vtable: &'static WithMetadata<VecVTable>,
    item: PhantomData<T>,
}

/// Functions of the library that allocated a vector.
#[repr(C)]
struct VecVTable {
    type_id: extern "C" fn() -> UTypeId,
    /// Drop items and memory.
    destructor: unsafe extern "C" fn(*mut ()),
    /// Make room for that many items: for exactly so many if the last number is 0.
    grow_capacity_to: unsafe extern "C" fn(*mut (), usize, u32),
    shrink_to_fit: unsafe extern "C" fn(*mut ()),
}

// SAFETY: it is a `Vec`.
unsafe impl<T: Send> Send for RVec<T> {}
// SAFETY: as above.
unsafe impl<T: Sync> Sync for RVec<T> {}

impl<T> RVec<T> {
    const VTABLE: &'static WithMetadata<VecVTable> = &WithMetadata {
        field_accessibility: 0b1111,
        type_layout: &NAMES[place::VEC_VTABLE],
        value: VecVTable {
            type_id: type_id::<{ place::VEC_VTABLE }>,
            destructor: destructor::<T>,
            grow_capacity_to: grow_capacity_to::<T>,
            shrink_to_fit: shrink_to_fit::<T>,
        },
    };

    /// An empty vector, which has no memory.
    pub const fn new() -> Self {
        let capacity = if size_of::<T>() == 0 { usize::MAX } else { 0 };
        Self { buffer: NonNull::dangling(), length: 0, capacity, vtable: Self::VTABLE, item: PhantomData }
    }

    /// An empty vector with room for that many items.
    pub fn with_capacity(capacity: usize) -> Self {
        Vec::with_capacity(capacity).into()
    }

    /// Number of items for which there is room.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The items.
    pub fn as_slice(&self) -> &[T] {
        self
    }

    /// Put an item at the end.
    pub fn push(&mut self, item: T) {
        if self.length == self.capacity {
            let room = (self.capacity * 2).max(4);
            // SAFETY: the function is of the library that made the vector.
            unsafe { (self.vtable.value.grow_capacity_to)(ptr::from_mut(self).cast(), room, 1) };
        }
        // SAFETY: there is room.
        unsafe { self.buffer.add(self.length).write(item) };
        self.length += 1;
    }

    /// Put an item before the one with that index.
    ///
    /// # Panics
    ///
    /// If the index is beyond the end.
    pub fn insert(&mut self, index: usize, item: T) {
        assert!(index <= self.length, "{index} is beyond the end of {} items", self.length);
        self.push(item);
        self[index..].rotate_right(1);
    }

    /// Take the item at the end.
    pub fn pop(&mut self) -> Option<T> {
        self.length = self.length.checked_sub(1)?;
        // SAFETY: it was within the length, and is no more.
        Some(unsafe { self.buffer.add(self.length).read() })
    }

    /// True if this library made it, so that its allocator has the memory.
    fn is_ours(&self) -> bool {
        ptr::eq(self.vtable, Self::VTABLE) || (self.vtable.value.type_id)() == type_id::<{ place::VEC_VTABLE }>()
    }

    /// The items as a `Vec`, into whose memory those of another library are moved.
    pub fn into_vec(mut self) -> Vec<T> {
        if self.is_ours() {
            let this = ManuallyDrop::new(self);
            // SAFETY: made by `From<Vec>`, or without memory by `new`.
            return unsafe { Vec::from_raw_parts(this.buffer.as_ptr(), this.length, this.capacity) };
        }
        let mut items = Vec::with_capacity(self.length);
        // SAFETY: there is room; and the items are no longer this vector's when it is dropped.
        unsafe {
            ptr::copy_nonoverlapping(self.buffer.as_ptr(), items.as_mut_ptr(), self.length);
            items.set_len(mem::take(&mut self.length));
        }
        items
    }
}

unsafe extern "C" fn destructor<T>(this: *mut ()) {
    // SAFETY: called for a vector of this library, in its drop.
    unsafe {
        let this = &*this.cast::<RVec<T>>();
        drop(Vec::from_raw_parts(this.buffer.as_ptr(), this.length, this.capacity));
    }
}

unsafe extern "C" fn grow_capacity_to<T>(this: *mut (), room: usize, exactness: u32) {
    // SAFETY: called for a vector of this library.
    let this = unsafe { &mut *this.cast::<RVec<T>>() };
    this.with_vec(|items| {
        let additional = room.saturating_sub(items.len());
        if exactness == 0 { items.reserve_exact(additional) } else { items.reserve(additional) }
    });
}

unsafe extern "C" fn shrink_to_fit<T>(this: *mut ()) {
    // SAFETY: called for a vector of this library.
    let this = unsafe { &mut *this.cast::<RVec<T>>() };
    this.with_vec(Vec::shrink_to_fit);
}

impl<T> RVec<T> {
    fn with_vec(&mut self, work: impl FnOnce(&mut Vec<T>)) {
        let mut items = mem::take(self).into_vec();
        work(&mut items);
        *self = items.into();
    }
}

impl<T> Drop for RVec<T> {
    fn drop(&mut self) {
        // SAFETY: the function is of the library that made the vector.
        unsafe { (self.vtable.value.destructor)(ptr::from_mut(self).cast()) };
    }
}

impl<T> From<Vec<T>> for RVec<T> {
    fn from(items: Vec<T>) -> Self {
        let mut items = ManuallyDrop::new(items);
        let (length, capacity) = (items.len(), items.capacity());
        let buffer = NonNull::new(items.as_mut_ptr()).expect("a vector's pointer is never null");
        Self { buffer, length, capacity, vtable: Self::VTABLE, item: PhantomData }
    }
}

impl<T> From<RVec<T>> for Vec<T> {
    fn from(items: RVec<T>) -> Self {
        items.into_vec()
    }
}

impl<T: Clone> From<&[T]> for RVec<T> {
    fn from(items: &[T]) -> Self {
        items.to_vec().into()
    }
}

impl<T> Default for RVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for RVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // SAFETY: so many items lie there.
        unsafe { slice::from_raw_parts(self.buffer.as_ptr(), self.length) }
    }
}

impl<T> DerefMut for RVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: so many items lie there.
        unsafe { slice::from_raw_parts_mut(self.buffer.as_ptr(), self.length) }
    }
}

impl<T: Clone> Clone for RVec<T> {
    fn clone(&self) -> Self {
        self.to_vec().into()
    }
}

impl<T: fmt::Debug> fmt::Debug for RVec<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<T: PartialEq> PartialEq for RVec<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: Eq> Eq for RVec<T> {}

impl<T> FromIterator<T> for RVec<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        items.into_iter().collect::<Vec<T>>().into()
    }
}

impl<T> Extend<T> for RVec<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

impl<'a, T> IntoIterator for &'a RVec<T> {
    type Item = &'a T;
    type IntoIter = slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl<T> IntoIterator for RVec<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(mut self) -> IntoIter<T> {
        let end = mem::take(&mut self.length);
        IntoIter { memory: self, next: 0, end }
    }
}

/// The items of a vector, one after the other, from where they lie.
pub struct IntoIter<T> {
    /// The vector, of which the items are no longer a part.
    memory: RVec<T>,
    next: usize,
    end: usize,
}

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        // SAFETY: it lies there, and is given out once.
        Some(unsafe { self.memory.buffer.add(self.next - 1).read() })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.end - self.next, Some(self.end - self.next))
    }
}

impl<T> ExactSizeIterator for IntoIter<T> {}

impl<T> Drop for IntoIter<T> {
    fn drop(&mut self) {
        self.for_each(drop);
    }
}

impl<T> fmt::Debug for IntoIter<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntoIter").field("left", &self.len()).finish_non_exhaustive()
    }
}
