//! `cache.*`: the cache itself.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use plugin_api::{Config, Fault, Host, SupervisorState, Value, rpc_interface};

/// The version of this interface, not of the library.
pub const API_VERSION: &str = "0.2";

type Cache = BTreeMap<String, Value>;

/// An RPC interface for keeping arbitrary data in the supervisor.
pub struct CacheNamespaceRPCInterface {
    supervisord: Host,
    /// Sorted as `getKeys` lists it: by code point, which is the order of UTF-8 bytes.
    cache: RwLock<Cache>,
}

#[rpc_interface]
impl CacheNamespaceRPCInterface {
    /// Tell which version of the cache's methods this is.
    ///
    /// # Returns
    /// the version
    #[rpc(name = "getAPIVersion", nonblocking)]
    pub fn get_api_version(&self) -> Result<&'static str, Fault> {
        self.update()?;
        Ok(API_VERSION)
    }

    /// List the keys under which something is cached.
    ///
    /// # Returns
    /// the keys, sorted
    #[rpc(nonblocking)]
    pub fn get_keys(&self) -> Result<Vec<String>, Fault> {
        self.update()?;
        Ok(self.read().keys().cloned().collect())
    }

    /// Count what is cached.
    ///
    /// # Returns
    /// the number of keys
    #[rpc(nonblocking, returns = "integer")]
    pub fn get_count(&self) -> Result<usize, Fault> {
        self.update()?;
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
        self.update()?;
        let key = validate_key(&key)?.to_owned();
        // A string is shared from now on, so that fetching a large one copies nothing.
        let replaced = self.write().insert(key, data.into_shared());
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
        self.update()?;
        let key = validate_key(&key)?;
        self.read().get(key).cloned().ok_or_else(Fault::bad_name)
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
        self.update()?;
        let removed = self.write().remove(validate_key(&key)?);
        drop(removed);
        Ok(true)
    }

    /// Forget everything that is cached.
    ///
    /// # Returns
    /// true
    #[rpc(nonblocking)]
    pub fn clear(&self) -> Result<bool, Fault> {
        self.update()?;
        let removed = std::mem::take(&mut *self.write());
        drop(removed);
        Ok(true)
    }

    /// Refuses to work while the supervisor shuts down.
    fn update(&self) -> Result<(), Fault> {
        match self.supervisord.state()? {
            SupervisorState::Shutdown => Err(Fault::shutdown_state()),
            _ => Ok(()),
        }
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
pub fn make_cache_rpcinterface(supervisord: Host, _config: Config) -> Result<CacheNamespaceRPCInterface, Fault> {
    Ok(CacheNamespaceRPCInterface { supervisord, cache: RwLock::default() })
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    };

    use plugin_api::{IntoParams, Methods, namespace};

    use super::*;

    struct FakeSupervisord(AtomicI32);

    #[rpc_interface]
    impl FakeSupervisord {
        pub fn state(&self) -> i32 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn cache_in(state: SupervisorState) -> (Arc<FakeSupervisord>, Arc<CacheNamespaceRPCInterface>) {
        let fake = Arc::new(FakeSupervisord(AtomicI32::new(state as i32)));
        let host = Host::new(namespace(fake.clone()));
        (fake, Arc::new(make_cache_rpcinterface(host, Config::new([])).unwrap()))
    }

    fn cache() -> Arc<CacheNamespaceRPCInterface> {
        cache_in(SupervisorState::Running).1
    }

    fn call(cache: &Arc<CacheNamespaceRPCInterface>, method: &str, params: impl IntoParams) -> Result<Value, Fault> {
        cache.clone().call(method, params.into_params()).wait()
    }

    #[test]
    fn stores_fetches_and_forgets() {
        let cache = cache();
        assert_eq!(cache.get_api_version(), Ok("0.2"));
        for key in ["b", "a", "é", "Z", " "] {
            assert_eq!(cache.store(key.into(), "v".into()), Ok(true));
        }
        assert_eq!(cache.store("a".into(), Value::array([Value::Nil, 1.into()])), Ok(true));
        assert_eq!(cache.get_keys(), Ok([" ", "Z", "a", "b", "é"].map(String::from).to_vec()));
        assert_eq!(cache.get_count(), Ok(5));
        assert_eq!(cache.fetch("a".into()), Ok(Value::array([Value::Nil, 1.into()])));
        assert_eq!(cache.delete("a".into()), Ok(true));
        assert_eq!(cache.delete("a".into()), Ok(true));
        assert_eq!(cache.fetch("a".into()), Err(Fault::bad_name()));
        assert_eq!(cache.clear(), Ok(true));
        assert_eq!(cache.get_count(), Ok(0));
    }

    #[test]
    fn strings_are_given_out_without_a_copy() {
        let cache = cache();
        cache.store("k".into(), "v".into()).unwrap();
        let address = |value: Result<Value, Fault>| value.unwrap().as_str().unwrap().as_ptr();
        assert_eq!(address(cache.fetch("k".into())), address(cache.fetch("k".into())));
    }

    #[test]
    fn a_key_is_a_string_and_not_empty() {
        let cache = cache();
        for key in [Value::from(""), 1.into(), Value::Nil, Value::array([]), Value::Base64(vec![0xff].into())] {
            let fault = Fault::bad_name_with("Cache key must be a non-empty string");
            assert_eq!(call(&cache, "store", (key.clone(), "v")), Err(fault.clone()));
            assert_eq!(call(&cache, "fetch", (key.clone(),)), Err(fault.clone()));
            assert_eq!(call(&cache, "delete", (key,)), Err(fault));
        }
        assert_eq!(call(&cache, "store", (Value::Base64(b"k".to_vec().into()), "v")), Ok(true.into()));
        assert_eq!(call(&cache, "fetch", ("k",)), Ok("v".into()));
    }

    #[test]
    fn the_number_of_parameters_counts() {
        let cache = cache();
        assert_eq!(call(&cache, "store", ("k",)), Err(Fault::incorrect_parameters()));
        assert_eq!(call(&cache, "clear", ("k",)), Err(Fault::incorrect_parameters()));
        assert_eq!(call(&cache, "validateKey", ("k",)), Err(Fault::unknown_method()));
    }

    #[test]
    fn a_supervisor_that_shuts_down_has_no_cache() {
        let (fake, cache) = cache_in(SupervisorState::Restarting);
        assert_eq!(call(&cache, "store", ("k", "v")), Ok(true.into()));
        fake.0.store(SupervisorState::Shutdown as i32, Ordering::Relaxed);
        for (method, params) in [
            ("getAPIVersion", vec![]),
            ("getKeys", vec![]),
            ("getCount", vec![]),
            ("store", vec!["k".into(), "v".into()]),
            ("fetch", vec!["k".into()]),
            ("delete", vec!["".into()]),
            ("clear", vec![]),
        ] {
            assert_eq!(call(&cache, method, params), Err(Fault::shutdown_state()), "{method}");
        }
    }

    #[test]
    fn signatures_are_those_of_the_original() {
        let signatures: Vec<String> = Methods::methods(&*cache())
            .iter()
            .map(|method| {
                let params: Vec<_> = method.params.iter().map(|param| param.kind.as_str()).collect();
                format!("{} {}({})", method.returns, method.name, params.join(", "))
            })
            .collect();
        let expected = [
            "string getAPIVersion()",
            "array getKeys()",
            "integer getCount()",
            "boolean store(string, string)",
            "string fetch(string)",
            "boolean delete(string)",
            "boolean clear()",
        ];
        assert_eq!(signatures, expected);
    }

    #[test]
    fn a_poisoned_lock_still_opens() {
        let cache = cache();
        cache.store("k".into(), "v".into()).unwrap();
        let poisoner = cache.clone();
        let panicked = std::thread::spawn(move || {
            let _guard = poisoner.write();
            panic!("with the lock held");
        });
        assert!(panicked.join().is_err());
        assert_eq!(cache.fetch("k".into()), Ok("v".into()));
    }
}
