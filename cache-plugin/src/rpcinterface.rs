//! `cache.*`: the methods of the original. Those that came later stand in [`further_methods`](crate::further_methods).

use std::sync::Arc;

use plugin_api::{Chain, Config, Fault, Host, MaybeReady, Value, rpc_interface};

use crate::{
    cache::{Cache, validate_key},
    further_methods::FurtherMethods,
    options::Options,
    store::{Clock, Operation, Page, open},
};

/// The version of this interface, not of the library.
pub const API_VERSION: &str = "0.2";

/// An RPC interface for keeping arbitrary data in the supervisor.
pub struct CacheNamespaceRPCInterface {
    cache: Arc<Cache>,
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
    pub fn get_keys(&self) -> Result<MaybeReady<Vec<String>>, Fault> {
        Ok(self.cache.store.list(Page::default()))
    }

    /// Count what is cached.
    ///
    /// # Returns
    /// the number of keys
    #[rpc(nonblocking, returns = "integer")]
    pub fn get_count(&self) -> Result<MaybeReady<usize>, Fault> {
        Ok(self.cache.store.count())
    }

    /// Cache a value under a key. What was there before is replaced.
    ///
    /// # Returns
    /// true
    #[rpc(nonblocking, returns = "boolean")]
    pub fn store(
        &self,
        /// any string but the empty one
        #[rpc(kind = "string")]
        key: Value,
        /// a string, or any other value
        #[rpc(kind = "string")]
        data: Value,
    ) -> Result<MaybeReady<Value>, Fault> {
        let key = validate_key(&key)?.into();
        Ok(self.cache.store.write(Operation::Store { key, value: data, lifetime: None }))
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
    ) -> Result<MaybeReady<Value>, Fault> {
        let (value, usage) = (self.cache.store.fetch(validate_key(&key)?), self.cache.usage());
        Ok(value.and_then(move |value| {
            usage.note_fetch(value.is_some());
            value.ok_or_else(Fault::bad_name)
        }))
    }

    /// Forget what is cached under a key, if anything is.
    ///
    /// # Returns
    /// true
    #[rpc(nonblocking, returns = "boolean")]
    pub fn delete(
        &self,
        /// the key it was stored under
        #[rpc(kind = "string")]
        key: Value,
    ) -> Result<MaybeReady<Value>, Fault> {
        let key = validate_key(&key)?.into();
        Ok(self.cache.store.write(Operation::Delete { key }))
    }

    /// Forget everything that is cached.
    ///
    /// # Returns
    /// true
    #[rpc(returns = "boolean")]
    pub fn clear(&self) -> Result<MaybeReady<Value>, Fault> {
        Ok(self.cache.store.write(Operation::Clear))
    }

    /// Hand over what is cached to the cache of the supervisord that takes this one's place.
    #[rpc(on_upgrade)]
    fn hand_over(&self) -> Value {
        self.cache.hand_over()
    }
}

/// The methods of the cache: those of the original, and those that came later.
pub type CacheMethods = Chain<CacheNamespaceRPCInterface, FurtherMethods>;

/// The factory that `supervisor.rpcinterface_factory` names. Its options stand in the README.
#[allow(clippy::needless_pass_by_value, reason = "the form of a factory is given")]
pub fn make_cache_rpcinterface(supervisord: Host, config: Config) -> Result<CacheMethods, Fault> {
    let options = Options::read(&config)?;
    let store = open(options.store(&supervisord)?, options.limits(), Clock::default(), &supervisord)?;
    let cache = Cache::new(store, options.limits());
    cache.take_over(&supervisord);
    let methods = methods(supervisord, cache);
    // A client of today's config finds what it always found.
    Ok(if config.is_empty() { methods.unlisted() } else { methods })
}

/// The methods of this cache.
pub(crate) fn methods(supervisord: Host, cache: Cache) -> CacheMethods {
    let cache = Arc::new(cache);
    let original = CacheNamespaceRPCInterface { cache: Arc::clone(&cache) };
    Chain::new(original, FurtherMethods::new(supervisord, cache))
}
