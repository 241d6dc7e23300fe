//! `String` with a layout.

#![allow(unsafe_code)] // Bytes that are known to be a text.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    ops::Deref,
    str::{self, Utf8Error},
};

use super::vec::RVec;

/// A `String` that crosses the boundary.
#[repr(C)]
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RString {
    bytes: RVec<u8>,
}

impl RString {
    /// An empty text, which has no memory.
    pub const fn new() -> Self {
        Self { bytes: RVec::new() }
    }

    /// The text of these bytes.
    pub fn from_utf8(bytes: impl Into<RVec<u8>>) -> Result<Self, Utf8Error> {
        let bytes = bytes.into();
        str::from_utf8(&bytes)?;
        Ok(Self { bytes })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // SAFETY: made of a text, here or on the other side.
        unsafe { str::from_utf8_unchecked(&self.bytes) }
    }

    /// The text's bytes.
    pub fn into_bytes(self) -> RVec<u8> {
        self.bytes
    }

    /// The text as a `String`, into whose memory that of another library is copied.
    pub fn into_string(self) -> String {
        // SAFETY: as above.
        unsafe { String::from_utf8_unchecked(self.bytes.into_vec()) }
    }
}

impl From<String> for RString {
    fn from(text: String) -> Self {
        Self { bytes: text.into_bytes().into() }
    }
}

impl From<&str> for RString {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<Cow<'_, str>> for RString {
    fn from(text: Cow<'_, str>) -> Self {
        text.into_owned().into()
    }
}

impl From<RString> for String {
    fn from(text: RString) -> Self {
        text.into_string()
    }
}

impl Deref for RString {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for RString {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for RString {
    fn borrow(&self) -> &str {
        self
    }
}

impl fmt::Debug for RString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for RString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl PartialEq<str> for RString {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for RString {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for RString {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}
