//! Sizes in a config file.

use std::fmt;

use serde::{Deserialize, Deserializer, de};

/// A number of bytes, written as Supervisor writes sizes: `1024`, `10KB`, `1MB`, `2GB`, in either case. A KB is 1,024
/// bytes.
///
/// ```
/// use plugin_api::{ByteSize, Config};
///
/// #[derive(serde::Deserialize)]
/// struct Options {
///     max_bytes: ByteSize,
/// }
///
/// let options: Options = Config::new([("max_bytes", "10MB".into())]).read().unwrap();
/// assert_eq!(options.max_bytes.bytes(), 10 << 20);
/// let fault = Config::new([("max_bytes", "10 cats".into())]).read::<Options>().err().unwrap();
/// assert_eq!(fault.text, "BAD_ARGUMENTS: max_bytes: expected a size such as 1024, 500KB, 10MB or 2GB, not '10 cats'");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(u64);

/// The suffixes, and by how many bits each moves the number.
const SUFFIXES: [(&str, u32); 3] = [("kb", 10), ("mb", 20), ("gb", 30)];

impl ByteSize {
    /// A size of that many bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The size that `text` says, if it says one that 64 bits hold.
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().to_ascii_lowercase();
        let suffix = SUFFIXES.into_iter().find_map(|(suffix, bits)| Some((text.strip_suffix(suffix)?, bits)));
        let (digits, bits) = suffix.unwrap_or((&text, 0));
        let number: u64 = digits.trim().parse().ok()?;
        number.checked_mul(1 << bits).map(Self)
    }
}

impl<'de> Deserialize<'de> for ByteSize {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

/// Read a size from text, as INI has it, or from a number of TOML.
struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = ByteSize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a size such as 1024, 500KB, 10MB or 2GB")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<ByteSize, E> {
        let unlike = || E::custom(format_args!("expected a size such as 1024, 500KB, 10MB or 2GB, not '{text}'"));
        ByteSize::parse(text).ok_or_else(unlike)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<ByteSize, E> {
        u64::try_from(number).map(ByteSize).map_err(|_| E::custom(format_args!("{number} is out of range")))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<ByteSize, E> {
        Ok(ByteSize(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Config, Value};

    #[derive(Deserialize)]
    struct Options {
        size: ByteSize,
    }

    fn read(size: impl Into<Value>) -> Result<u64, String> {
        let config = Config::new([("size", size.into())]);
        config.read::<Options>().map(|options| options.size.bytes()).map_err(|fault| fault.detail().to_owned())
    }

    #[test]
    fn sizes_are_those_of_supervisor() {
        for (text, bytes) in [("0", 0), (" 12 ", 12), ("1kb", 1024), ("10MB", 10 << 20), ("2 Gb", 2 << 30)] {
            assert_eq!(read(text), Ok(bytes), "{text}");
        }
        assert_eq!(read(7), Ok(7));
        assert_eq!(read(Value::Int64(1 << 40)), Ok(1 << 40));
    }

    #[test]
    fn what_is_no_size_is_named() {
        for text in ["", "MB", "-1", "1.5MB", "1TB", "18446744073709551615KB"] {
            let expected = format!("size: expected a size such as 1024, 500KB, 10MB or 2GB, not '{text}'");
            assert_eq!(read(text), Err(expected));
        }
        assert_eq!(read(-1), Err("size: -1 is out of range".to_owned()));
    }
}
