//! `cache_*`: a command of supervisorctl for each method of the cache.

use plugin_api::{Config, Controller, Fault, Proxy, Value, ctl_plugin, pformat};

/// Width at which Python prints.
const WIDTH: usize = 80;

/// The cache's commands.
pub struct CacheControllerPlugin {
    ctl: Controller,
    cache: Proxy,
}

#[ctl_plugin]
impl CacheControllerPlugin {
    /// Empty the cache.
    pub fn cache_clear(&self) -> Result<(), Fault> {
        self.cache.call("clear", ())
    }

    /// Say how many items are cached.
    pub fn cache_count(&self) -> Result<(), Fault> {
        let count: usize = self.cache.call("getCount", ())?;
        self.ctl.output_value(count, count);
        Ok(())
    }

    /// Forget what is cached at <key>.
    #[ctl(complete_with = "keys")]
    pub fn cache_delete(&self, key: String) -> Result<(), Fault> {
        self.cache.call("delete", (key,))
    }

    /// Print what is cached at <key>.
    #[ctl(complete_with = "keys")]
    pub fn cache_fetch(&self, key: String) -> Result<(), Fault> {
        let value = self.cache.call("fetch", (key,))?;
        self.pprint(value);
        Ok(())
    }

    /// List all keys that something is cached at.
    pub fn cache_keys(&self) -> Result<(), Fault> {
        let keys = self.cache.call("getKeys", ())?;
        self.pprint(keys);
        Ok(())
    }

    /// Cache <value>, as a string, at <key>.
    pub fn cache_store(&self, key: String, value: String) -> Result<(), Fault> {
        self.cache.call("store", (key, value))
    }

    /// Complete keys, for the tabulator key.
    fn keys(&self, words: &[String]) -> Result<Vec<String>, Fault> {
        if words.is_empty() { self.cache.call("getKeys", ()) } else { Ok(Vec::new()) }
    }

    fn pprint(&self, what: Value) {
        self.ctl.output_value(pformat(&what, WIDTH), what);
    }
}

/// The factory that `supervisor.ctl_factory` names. It has no options.
pub fn make_cache_controllerplugin(controller: Controller, _config: Config) -> Result<CacheControllerPlugin, Fault> {
    let cache = controller.proxy("cache");
    Ok(CacheControllerPlugin { ctl: controller, cache })
}
