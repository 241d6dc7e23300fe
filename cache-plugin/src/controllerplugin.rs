//! `cache_*`: a command of supervisorctl for each method of the cache.

use plugin_api::{Config, Controller, Fault, Proxy, Value, ctl_plugin, pformat};

/// As wide as Python prints.
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
        self.ctl.output(&count.to_string());
        Ok(())
    }

    /// Forget what is cached at <key>.
    pub fn cache_delete(&self, key: String) -> Result<(), Fault> {
        self.cache.call("delete", (key,))
    }

    /// Print what is cached at <key>.
    pub fn cache_fetch(&self, key: String) -> Result<(), Fault> {
        let value = self.cache.call("fetch", (key,))?;
        self.pprint(&value);
        Ok(())
    }

    /// List all keys that something is cached at.
    pub fn cache_keys(&self) -> Result<(), Fault> {
        let keys = self.cache.call("getKeys", ())?;
        self.pprint(&keys);
        Ok(())
    }

    /// Cache <value>, as a string, at <key>.
    pub fn cache_store(&self, key: String, value: String) -> Result<(), Fault> {
        self.cache.call("store", (key, value))
    }

    fn pprint(&self, what: &Value) {
        self.ctl.output(&pformat(what, WIDTH));
    }
}

/// The factory that `supervisor.ctl_factory` names. It has no options.
pub fn make_cache_controllerplugin(controller: Controller, _config: Config) -> Result<CacheControllerPlugin, Fault> {
    let cache = controller.proxy("cache");
    Ok(CacheControllerPlugin { ctl: controller, cache })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use plugin_api::{IntoParams, Methods, RVec, find, namespace, rpc_interface};

    use super::*;

    /// A supervisorctl that keeps what is printed and called.
    #[derive(Default)]
    struct FakeController(Mutex<Vec<String>>);

    #[rpc_interface]
    impl FakeController {
        pub fn output(&self, text: String) {
            self.0.lock().unwrap().push(text);
        }

        pub fn call(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
            let call = format!("{method} {}", plugin_api::repr(&Value::Array(params)));
            self.0.lock().unwrap().push(call);
            match method.as_str() {
                "cache.getCount" => Ok(2.into()),
                "cache.getKeys" => Ok(Value::array(["foo".into(), "it's".into()])),
                "cache.fetch" => Ok("bar baz".into()),
                "cache.delete" => Err(Fault::shutdown_state()),
                _ => Ok(true.into()),
            }
        }
    }

    fn run(command: &str, words: impl IntoParams) -> (Result<Value, Fault>, Vec<String>) {
        let fake = Arc::new(FakeController::default());
        let controller = Controller::new(namespace(fake.clone()));
        let plugin = Arc::new(make_cache_controllerplugin(controller, Config::new([])).unwrap());
        let answer = plugin.call(command, words.into_params()).wait();
        let done = std::mem::take(&mut *fake.0.lock().unwrap());
        (answer, done)
    }

    #[test]
    fn each_command_is_one_call() {
        let silent = Ok(Value::Nil);
        assert_eq!(run("cache_clear", ()), (silent.clone(), vec!["cache.clear []".to_owned()]));
        let stored = vec!["cache.store ['foo', 'bar baz']".to_owned()];
        assert_eq!(run("cache_store", ("foo", "bar baz")), (silent.clone(), stored));
        assert_eq!(run("cache_count", ()).1, ["cache.getCount []", "2"]);
        assert_eq!(run("cache_fetch", ("foo",)).1, ["cache.fetch ['foo']", "'bar baz'"]);
        assert_eq!(run("cache_keys", ()).1, ["cache.getKeys []", "['foo', \"it's\"]"]);
        assert_eq!(run("cache_delete", ("foo",)).0, Err(Fault::shutdown_state()));
        assert_eq!(run("cache_store", ("foo",)), (Err(Fault::incorrect_parameters()), vec![]));
    }

    #[test]
    fn usages_are_those_of_the_original() {
        let controller = Controller::new(namespace(Arc::new(FakeController::default())));
        let plugin = make_cache_controllerplugin(controller, Config::new([])).unwrap();
        let usages: Vec<_> =
            plugin.methods().iter().map(|command| find(&command.properties, "usage").cloned().unwrap()).collect();
        let expected = [
            "cache_clear",
            "cache_count",
            "cache_delete <key>",
            "cache_fetch <key>",
            "cache_keys",
            "cache_store <key> <value>",
        ];
        assert_eq!(usages, expected);
    }
}
