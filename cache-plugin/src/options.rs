//! The options of `[rpcinterface:cache]`.

use plugin_api::{ByteSize, Config, Fault};
use serde::Deserialize;

use crate::store::{Kind, Limits};

/// Keys of the section, as the config spells them. None of them has to be there.
#[derive(Debug, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    max_keys: u64,
    max_bytes: ByteSize,
    max_value_bytes: ByteSize,
    store: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_keys: 0,
            max_bytes: ByteSize::default(),
            max_value_bytes: ByteSize::default(),
            store: "memory".to_owned(),
        }
    }
}

impl Options {
    /// Reads the options.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENTS` that names the key and what would have been right.
    pub(crate) fn read(config: &Config) -> Result<Self, Fault> {
        config.read()
    }

    /// The limits that they set.
    pub(crate) fn limits(&self) -> Limits {
        Limits {
            max_keys: self.max_keys,
            max_bytes: self.max_bytes.bytes(),
            max_value_bytes: self.max_value_bytes.bytes(),
        }
    }

    /// The store that they name.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENTS` if there is none of that name.
    pub(crate) fn store(&self) -> Result<Kind, Fault> {
        match self.store.as_str() {
            "memory" => Ok(Kind::Memory),
            other => Err(Fault::bad_arguments_with(format_args!("store: '{other}' is none; known are memory"))),
        }
    }
}
