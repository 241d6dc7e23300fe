//! `&str` with a layout.

#![allow(unsafe_code)] // A pointer and a length are a text again.

use std::{fmt, marker::PhantomData, ops::Deref, slice, str};

/// A `&str` that crosses the boundary.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RStr<'a> {
    start: *const u8,
    length: usize,
    text: PhantomData<&'a str>,
}

impl<'a> RStr<'a> {
    /// Lend a text.
    pub const fn from_str(text: &'a str) -> Self {
        Self { start: text.as_ptr(), length: text.len(), text: PhantomData }
    }

    /// The text.
    pub const fn as_str(&self) -> &'a str {
        // SAFETY: made of a text, here or on the other side.
        unsafe { str::from_utf8_unchecked(slice::from_raw_parts(self.start, self.length)) }
    }
}

// SAFETY: it is a `&str`.
unsafe impl Send for RStr<'_> {}
// SAFETY: as above.
unsafe impl Sync for RStr<'_> {}

impl<'a> From<&'a str> for RStr<'a> {
    fn from(text: &'a str) -> Self {
        Self::from_str(text)
    }
}

impl Deref for RStr<'_> {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Debug for RStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for RStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}
