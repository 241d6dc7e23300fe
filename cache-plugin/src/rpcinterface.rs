//! `cache.*`: the cache itself.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use plugin_api::{Config, Fault, Host, Value, rpc_interface};

/// The version of this interface, not of the library.
pub const API_VERSION: &str = "0.2";

type Cache = BTreeMap<Box<str>, Cached>;

/// Length in bytes of a text up to which each fetch copies it. A longer one is shared and takes 64 bytes more.
const SHORT: usize = 1024;

/// A value that takes no more memory than it needs: most of what people cache is short.
enum Cached {
    Short(Box<str>),
    /// A long string is shared, so that fetching it copies nothing.
    Other(Box<Value>),
}

impl From<Value> for Cached {
    fn from(value: Value) -> Self {
        match value.as_str() {
            Some(text) if text.len() <= SHORT => Self::Short(text.into()),
            _ => Self::Other(Box::new(value.into_shared())),
        }
    }
}

impl From<&Cached> for Value {
    fn from(cached: &Cached) -> Self {
        match cached {
            Cached::Short(text) => Self::from(&**text),
            Cached::Other(value) => (**value).clone(),
        }
    }
}

/// An RPC interface for keeping arbitrary data in the supervisor.
pub struct CacheNamespaceRPCInterface {
    /// Sorted as `getKeys` lists it: by code point, which is the order of UTF-8 bytes.
    cache: RwLock<Cache>,
}

#[rpc_interface(refuse_in_shutdown)]
impl CacheNamespaceRPCInterface {
    /// Tell which version of the cache's methods this is.
    ///
    /// # Returns
    /// the version
    #[rpc(name = "getAPIVersion", nonblocking)]
    pub fn get_api_version(&self) -> Result<&'static str, Fault> {
        Ok(API_VERSION)
    }

    /// List the keys under which something is cached.
    ///
    /// # Returns
    /// the keys, sorted
    // Not `nonblocking`, as `clear` is not: a million keys take their time, and other clients need not wait for that.
    pub fn get_keys(&self) -> Result<Vec<String>, Fault> {
        Ok(self.read().keys().map(ToString::to_string).collect())
    }

    /// Count what is cached.
    ///
    /// # Returns
    /// the number of keys
    #[rpc(nonblocking, returns = "integer")]
    pub fn get_count(&self) -> Result<usize, Fault> {
        Ok(self.read().len())
    }

    /// Cache a value under a key. What was there before is replaced.
    ///
    /// # Returns
    /// true
    #[rpc(nonblocking)]
    pub fn store(
        &self,
        /// any string but the empty one
        #[rpc(kind = "string")]
        key: Value,
        /// a string, or any other value
        #[rpc(kind = "string")]
        data: Value,
    ) -> Result<bool, Fault> {
        let (key, data) = (validate_key(&key)?.into(), data.into());
        let replaced = self.write().insert(key, data);
        // Freed here, after the lock is given back.
        drop(replaced);
        Ok(true)
    }

    /// Get what is cached under a key.
    ///
    /// # Returns
    /// the value, as it was stored
    #[rpc(nonblocking, returns = "string")]
    pub fn fetch(
        &self,
        /// the key it was stored under
        #[rpc(kind = "string")]
        key: Value,
    ) -> Result<Value, Fault> {
        let key = validate_key(&key)?;
        self.read().get(key).map(Value::from).ok_or_else(Fault::bad_name)
    }

    /// Forget what is cached under a key, if anything is.
    ///
    /// # Returns
    /// true
    #[rpc(nonblocking)]
    pub fn delete(
        &self,
        /// the key it was stored under
        #[rpc(kind = "string")]
        key: Value,
    ) -> Result<bool, Fault> {
        let removed = self.write().remove(validate_key(&key)?);
        drop(removed);
        Ok(true)
    }

    /// Forget everything that is cached.
    ///
    /// # Returns
    /// true
    pub fn clear(&self) -> Result<bool, Fault> {
        let removed = std::mem::take(&mut *self.write());
        drop(removed);
        Ok(true)
    }

    // A panic while the lock is held leaves the map whole, so poisoning has nothing to say.

    fn read(&self) -> RwLockReadGuard<'_, Cache> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Cache> {
        self.cache.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text of a key that can be used.
fn validate_key(key: &Value) -> Result<&str, Fault> {
    match key {
        Value::Base64(bytes) => std::str::from_utf8(bytes).ok(),
        key => key.as_str(),
    }
    .filter(|key| !key.is_empty())
    .ok_or_else(|| Fault::bad_name_with("Cache key must be a non-empty string"))
}

/// The factory that `supervisor.rpcinterface_factory` names. The cache has no options.
pub fn make_cache_rpcinterface(_supervisord: Host, _config: Config) -> Result<CacheNamespaceRPCInterface, Fault> {
    Ok(CacheNamespaceRPCInterface { cache: RwLock::default() })
}

#[cfg(test)]
mod tests;
