//! The options of `[rpcinterface:cache]`.

use plugin_api::{ByteSize, Config, Fault, Host};
use serde::Deserialize;

#[cfg(feature = "file")]
use crate::store::SyncMode;
use crate::store::{Kind, Limits};

/// Keys of the section, as the config spells them. None of them has to be there.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Options {
    max_keys: u64,
    max_bytes: ByteSize,
    max_value_bytes: ByteSize,
    store: Option<String>,
    file: Option<String>,
    sync: Option<String>,
}

impl Options {
    /// Read the options.
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
    /// `BAD_ARGUMENTS` if there is none of that name; `FAILED` if there is no directory for its file.
    pub(crate) fn store(&self, supervisord: &Host) -> Result<Kind, Fault> {
        match self.store.as_deref().unwrap_or("memory") {
            "memory" => Ok(Kind::Memory),
            "file" => self.file(supervisord),
            other => Err(Fault::bad_arguments_with(format_args!("store: '{other}' is none; known are {KNOWN}"))),
        }
    }

    #[cfg(feature = "file")]
    fn file(&self, supervisord: &Host) -> Result<Kind, Fault> {
        let sync = match self.sync.as_deref().unwrap_or("always") {
            "always" => SyncMode::Always,
            "everysec" => SyncMode::EverySecond,
            other => {
                let message = format!("sync: '{other}' is not known; known are 'always' and 'everysec'");
                return Err(Fault::bad_arguments_with(message));
            }
        };
        let path = match self.file.as_deref() {
            Some("") => return Err(Fault::bad_arguments_with("file: it is empty; write the path of a file")),
            // The working directory becomes another when supervisord becomes a daemon.
            Some(path) => std::path::absolute(path).map_err(Fault::failed_with)?,
            None => supervisord.data_dir()?.join("cache"),
        };
        Ok(Kind::File { path, sync })
    }

    #[cfg(not(feature = "file"))]
    fn file(&self, _: &Host) -> Result<Kind, Fault> {
        let _ = (&self.file, &self.sync);
        Err(Fault::bad_arguments_with("store: this library is built without the feature 'file'"))
    }
}

/// The stores that there are, for people.
const KNOWN: &str = "'memory' and 'file'";
