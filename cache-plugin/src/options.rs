//! The options of `[rpcinterface:cache]`.

#[cfg(feature = "engine")]
use std::time::Duration;

use plugin_api::{ByteSize, Config, Fault, Host, Seconds, Secret};
use serde::Deserialize;

#[cfg(feature = "file")]
use crate::store::SyncMode;
#[cfg(feature = "engine")]
use crate::store::{Address, Settings};
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
    store_prefix: Option<String>,
    store_username: Option<String>,
    store_password: Option<Secret>,
    store_password_file: Option<String>,
    store_ca_file: Option<String>,
    store_timeout: Option<Seconds>,
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
    /// `BAD_ARGUMENTS` if there is none of that name, or an option is of no use with it; `FAILED` if there is no
    /// directory for its file.
    pub(crate) fn store(&self, supervisord: &Host) -> Result<Kind, Fault> {
        let store = self.store.as_deref().unwrap_or("memory");
        match store {
            "memory" => {
                self.without_engine(store)?;
                self.without_file("is 'memory'; write 'store' as file, or leave it out")?;
                Ok(Kind::Memory)
            }
            "file" => self.without_engine(store).and_then(|()| self.file(supervisord)),
            url => self.engine(url),
        }
    }

    /// Refuse options of an engine where there is none.
    fn without_engine(&self, store: &str) -> Result<(), Fault> {
        let of_an_engine = [
            ("store_prefix", self.store_prefix.is_some()),
            ("store_username", self.store_username.is_some()),
            ("store_password", self.store_password.is_some()),
            ("store_password_file", self.store_password_file.is_some()),
            ("store_ca_file", self.store_ca_file.is_some()),
            ("store_timeout", self.store_timeout.is_some()),
        ];
        match of_an_engine.iter().find(|(_, is_there)| *is_there) {
            Some((key, _)) => Err(Fault::bad_arguments_with(format_args!(
                "{key}: it is for an engine, and 'store' is '{store}'; write 'store' as a URL such as redis://host, or \
                 leave it out"
            ))),
            None => Ok(()),
        }
    }

    /// Refuse options of a file where there is none. `why` says what `store` is, and what would be right.
    fn without_file(&self, why: &str) -> Result<(), Fault> {
        let of_a_file = [("file", self.file.is_some()), ("sync", self.sync.is_some())];
        match of_a_file.iter().find(|(_, is_there)| *is_there) {
            Some((key, _)) => {
                Err(Fault::bad_arguments_with(format_args!("{key}: it is for the store 'file', and 'store' {why}")))
            }
            None => Ok(()),
        }
    }

    #[cfg(feature = "engine")]
    fn engine(&self, url: &str) -> Result<Kind, Fault> {
        let wrong = |key: &str, what: &str| Err(Fault::bad_arguments_with(format_args!("{key}: {what}")));
        let mut address = match Address::parse(url) {
            Ok(address) => address,
            Err(what) => return wrong("store", &what),
        };
        for (key, is_there) in [("max_keys", self.max_keys > 0), ("max_bytes", self.max_bytes.bytes() > 0)] {
            if is_there {
                // Other machines and programs write there, and entries expire: nobody could count them in one step.
                return wrong(key, "it is for the stores 'memory' and 'file'; limit an engine by its own 'maxmemory'");
            }
        }
        self.without_file("is an engine; leave it out")?;
        if let Some(username) = &self.store_username {
            if address.username.is_some() {
                return wrong("store_username", "the URL of 'store' has a user's name too; write one of them");
            }
            address.username = Some(username.clone());
        }
        let password = match (&self.store_password, &self.store_password_file) {
            (Some(_), Some(_)) => {
                return wrong("store_password_file", "there is 'store_password' too; write one of them");
            }
            (Some(password), None) => Some(("store_password", password.clone())),
            (None, Some(path)) => match Secret::from_file(path) {
                Ok(password) => Some(("store_password_file", password)),
                Err(fault) => return wrong("store_password_file", fault.detail()),
            },
            (None, None) => None,
        };
        if let Some((key, password)) = password {
            if address.password.is_some() {
                return wrong(key, "the URL of 'store' has a password too; write one of them");
            }
            address.password = Some(password);
        }
        if address.username.is_some() && address.password.is_none() {
            return wrong("store_username", "a user needs a password; write 'store_password' or 'store_password_file'");
        }
        let ca = match &self.store_ca_file {
            Some(_) if !address.tls() => {
                return wrong("store_ca_file", "it is for TLS; write 'store' as rediss:// or valkeys://");
            }
            Some(path) => match read_certificates(path) {
                Ok(ca) => Some(ca),
                Err(what) => return wrong("store_ca_file", &what),
            },
            None => None,
        };
        let timeout = self.store_timeout.map_or(TIMEOUT, Seconds::duration);
        if timeout.is_zero() || timeout > MOST_TIMEOUT {
            return wrong("store_timeout", "it has to be more than 0 seconds, and at most 3600");
        }
        let prefix = self.store_prefix.clone().unwrap_or_else(|| "cache:".to_owned());
        Ok(Kind::Engine(Settings { address, ca, prefix, timeout }))
    }

    #[cfg(not(feature = "engine"))]
    #[allow(clippy::unused_self, reason = "as where there are engines")]
    fn engine(&self, url: &str) -> Result<Kind, Fault> {
        let built_without = ["redis", "valkey", "unix"].iter().any(|scheme| url.starts_with(scheme));
        Err(Fault::bad_arguments_with(if built_without {
            "store: this library is built without the feature 'engine'".to_owned()
        } else {
            "store: this is none; known are 'memory' and 'file'".to_owned()
        }))
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

/// Time that an engine has for an answer, if the options do not say.
#[cfg(feature = "engine")]
const TIMEOUT: Duration = Duration::from_secs(2);

/// Longest time that it can be given.
#[cfg(feature = "engine")]
const MOST_TIMEOUT: Duration = Duration::from_hours(1);

/// Read certificates in the form PEM, and see that there is one.
#[cfg(feature = "engine")]
fn read_certificates(path: &str) -> Result<Vec<u8>, String> {
    let pem = std::fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    let begins = b"-----BEGIN CERTIFICATE-----";
    if pem.windows(begins.len()).any(|bytes| bytes == begins) {
        Ok(pem)
    } else {
        Err(format!("{path} has no certificate in the form PEM"))
    }
}

#[cfg(all(test, feature = "engine"))]
mod tests {
    use plugin_api::{Value, testing::FakeHost};

    use super::*;

    fn read<'a>(options: impl IntoIterator<Item = (&'a str, Value)>) -> Result<Kind, String> {
        let read = Options::read(&Config::new(options)).and_then(|options| options.store(&FakeHost::new().host()));
        read.map_err(|fault| fault.text.trim_start_matches("BAD_ARGUMENTS: ").to_owned())
    }

    #[test]
    fn an_engine_is_described() {
        let Ok(Kind::Engine(settings)) = read([("store", "redis://host/3".into())]) else { panic!("no engine") };
        assert_eq!((settings.prefix.as_str(), settings.timeout), ("cache:", Duration::from_secs(2)));
        let options = [
            ("store", "valkey://host".into()),
            ("store_prefix", "x:".into()),
            ("store_username", "u".into()),
            ("store_password", "tiger".into()),
            ("store_timeout", "0.5".into()),
        ];
        let Ok(Kind::Engine(settings)) = read(options) else { panic!("no engine") };
        assert_eq!((settings.prefix.as_str(), settings.timeout), ("x:", Duration::from_millis(500)));
        assert_eq!(settings.address.password.as_ref().map(Secret::expose), Some("tiger"));
        assert!(!format!("{settings:?}").contains("tiger"));
    }

    #[test]
    fn a_password_comes_from_a_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let options = || [("store", "redis://host".into()), ("store_password_file", path.to_str().unwrap().into())];
        let missing = read(options()).unwrap_err();
        assert!(missing.starts_with("store_password_file: cannot read a secret from /"), "{missing}");
        std::fs::write(&path, "tiger\n").unwrap();
        let Ok(Kind::Engine(settings)) = read(options()) else { panic!("no engine") };
        assert_eq!(settings.address.password.as_ref().map(Secret::expose), Some("tiger"));
    }

    #[test]
    fn what_does_not_go_together_is_named() {
        let url = ("store", Value::from("redis://u:tiger@host"));
        for (options, error) in [
            (vec![("store", "reddis://u:tiger@h".into())], "store: 'reddis://' is not known; known are redis://"),
            (vec![("store", "disk".into())], "store: 'disk' is none; known are 'memory', 'file', and URLs"),
            (vec![("store_prefix", "x".into())], "store_prefix: it is for an engine, and 'store' is 'memory'"),
            (vec![("store", "file".into()), ("store_timeout", 1.into())], "store_timeout: it is for an engine"),
            (vec![url.clone(), ("max_keys", 5.into())], "max_keys: it is for the stores 'memory' and 'file'"),
            (vec![url.clone(), ("max_bytes", "1MB".into())], "max_bytes: it is for the stores"),
            (vec![url.clone(), ("file", "x".into())], "file: it is for the store 'file'"),
            (vec![url.clone(), ("sync", "always".into())], "sync: it is for the store 'file'"),
            (vec![("sync", "always".into())], "sync: it is for the store 'file', and 'store' is 'memory'; write"),
            (
                vec![("file", "x".into()), ("store", "memory".into())],
                "file: it is for the store 'file', and 'store' is",
            ),
            (vec![url.clone(), ("store_password", "lion".into())], "store_password: the URL of 'store' has a password"),
            (vec![url.clone(), ("store_username", "x".into())], "store_username: the URL of 'store' has a user's name"),
            (vec![url.clone(), ("store_ca_file", "x".into())], "store_ca_file: it is for TLS"),
            (vec![url.clone(), ("store_timeout", 0.into())], "store_timeout: it has to be more than 0 seconds"),
            (vec![url.clone(), ("store_timeout", "2s".into())], "store_timeout: expected a number of seconds such as"),
            (vec![("store", "redis://u@host".into())], "store_username: a user needs a password"),
            (
                vec![("store", "rediss://host".into()), ("store_ca_file", "/dev/null".into())],
                "store_ca_file: /dev/null has no certificate in the form PEM",
            ),
        ] {
            let told = read(options.clone()).unwrap_err();
            assert!(
                told.starts_with(error) && !told.contains("tiger") && !told.contains("lion"),
                "{options:?}: {told}"
            );
        }
    }
}
