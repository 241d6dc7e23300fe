//! The namespace `plugins`: the plugins that are loaded, and figures on how they have been used.
//!
//! A namespace of its own, so that `system.*` has the four methods that clients of Supervisor know, and what is new
//! stands where they are used to see something new: beside the namespaces of extensions. A config that has an extension
//! of this name keeps it, and goes without this.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use plugin_api::{Fault, Value, abi::NamespaceObject, namespace, rpc_interface};

use crate::{
    plugin::LibraryInfo,
    rpc::{registry::RegistryRef, usage::UsageSnapshot},
};

/// Name of the namespace.
pub(crate) const NAME: &str = "plugins";

/// The namespace `plugins`.
pub(crate) struct Plugins {
    registry: RegistryRef,
}

impl Plugins {
    /// Make the object, which tells of the namespaces and result handlers of that registry.
    pub(crate) fn namespace(registry: RegistryRef) -> NamespaceObject {
        namespace(Arc::new(Self { registry }))
    }
}

#[rpc_interface]
impl Plugins {
    /// Tell of all plugin libraries that are loaded.
    ///
    /// # Returns
    /// For each a struct with its name, version, `api_version` (of the plugin API that it was built with), path, its
    /// namespaces and its `result_handlers`; then calls, faults, panics, seconds and running, of all of these together.
    /// Each namespace and handler is a struct with name and the same five. A panic is a fault too, seconds pass from a
    /// call to its answer, and running are the calls that are not answered yet.
    #[rpc(nonblocking, returns = "array")]
    pub fn get_all_plugin_info(&self) -> Result<Vec<Value>, Fault> {
        let registry = self.registry.get()?;
        let handlers = registry.result_handlers();
        let loaded = registry.libraries();
        let libraries: BTreeMap<&Path, &LibraryInfo> = loaded
            .iter()
            .map(|(_, library)| library)
            .chain(handlers.iter().map(|(_, library)| library))
            .map(|library| (library.path.as_path(), library))
            .collect();
        let info_of = |library: &LibraryInfo| {
            let own = loaded.iter().filter(|(_, other)| other.path == library.path);
            let namespaces: Vec<_> = own.map(|(name, _)| (name.as_str(), registry.usage(name))).collect();
            let own = handlers.iter().filter(|(_, other)| other.path == library.path);
            let handlers: Vec<_> = own.map(|(handler, _)| (handler.name(), handler.usage_snapshot())).collect();
            info(library, &namespaces, &handlers)
        };
        Ok(libraries.into_values().map(info_of).collect())
    }
}

/// Make the struct that tells of one library.
fn info(library: &LibraryInfo, namespaces: &[(&str, UsageSnapshot)], handlers: &[(&str, UsageSnapshot)]) -> Value {
    let each = namespaces.iter().chain(handlers).map(|&(_, usage)| usage);
    let all = each.fold(UsageSnapshot::default(), |all, usage| all + usage);
    let parts = |parts: &[(&str, UsageSnapshot)]| {
        Value::array(parts.iter().map(|&(name, usage)| used([("name", name.into())], usage)))
    };
    let members = [
        ("name", library.name.as_str().into()),
        ("version", library.version.as_str().into()),
        ("api_version", library.api_version.as_str().into()),
        ("path", library.path.to_string_lossy().as_ref().into()),
        ("namespaces", parts(namespaces)),
        ("result_handlers", parts(handlers)),
    ];
    used(members, all)
}

/// Make a struct of these members and the figures.
fn used<'a>(members: impl IntoIterator<Item = (&'a str, Value)>, usage: UsageSnapshot) -> Value {
    let counted = [
        ("calls", whole(usage.calls)),
        ("faults", whole(usage.faults)),
        ("panics", whole(usage.panics)),
        ("seconds", Value::Double(usage.time.as_secs_f64())),
        ("running", whole(usage.running)),
    ];
    Value::structure(members.into_iter().chain(counted))
}

/// Make a number an `<int>` for as long as it fits, because few clients know `<i8>`.
pub(super) fn whole(number: u64) -> Value {
    i32::try_from(number).map_or(Value::Int64(i64::try_from(number).unwrap_or(i64::MAX)), Value::Int)
}

#[cfg(test)]
mod tests {
    use plugin_api::{RVec, block_on};

    use super::*;
    use crate::{
        logger::{Level, Logger},
        rpc::{Origin, Registry},
    };

    struct Shelf;

    #[rpc_interface]
    impl Shelf {
        #[rpc(nonblocking)]
        pub fn take(&self, name: String) -> Result<String, Fault> {
            if name == "cup" { Ok(name) } else { Err(Fault::bad_name_with(name)) }
        }

        #[rpc(nonblocking)]
        pub fn fall(&self) {
            panic!("over")
        }
    }

    #[test]
    fn calls_faults_and_panics_are_counted() {
        let library = |path: &str| LibraryInfo {
            path: path.into(),
            name: "shelf".into(),
            version: "1.2.3".into(),
            api_version: "1.0.0".into(),
        };
        let own = RegistryRef::default();
        let loaded = [("oak", "/b.so"), ("ash", "/b.so"), ("elm", "/a.so")];
        let loaded: Vec<_> = loaded.into_iter().map(|(name, path)| (name.to_owned(), library(path))).collect();
        let shelves = loaded.iter().map(|(name, _)| (name.clone(), namespace(Arc::new(Shelf)), Origin::Plugin));
        let mut namespaces: Vec<_> = shelves.collect();
        namespaces.push((NAME.to_owned(), Plugins::namespace(own.clone()), Origin::Host));
        let registry = Registry::with_system(&own, namespaces, Logger::new(Level::Critical, |_| {}));
        registry.set_libraries(loaded);
        let handler = |name, path| registry.add_result_handler(name, namespace(Arc::new(Shelf)), library(path));
        handler("oak:judge", "/b.so").usage().count_fault(true);
        handler("fir:judge", "/c.so");
        let call = |method: &str, params: &[&str]| {
            let params: RVec<Value> = params.iter().map(|&param| Value::from(param)).collect();
            block_on(registry.call(method, params))
        };
        for (method, params) in
            [("oak.take", &["cup"][..]), ("oak.take", &["jug"]), ("oak.take", &[]), ("ash.fall", &[]), ("oak.no", &[])]
        {
            let _ = call(method, params);
        }
        let Ok(Value::Array(infos)) = call("plugins.getAllPluginInfo", &[]) else { panic!("an array") };
        let counts = |value: &Value| {
            ["calls", "faults", "panics"].map(|member| match value.get(member) {
                Some(&Value::Int(count)) => count,
                other => panic!("{other:?}"),
            })
        };
        let text = |value: &Value, member: &str| value.get(member).and_then(Value::as_str).map(str::to_owned);
        assert_eq!(infos.len(), 3);
        assert_eq!(text(&infos[0], "path").as_deref(), Some("/a.so"));
        assert_eq!(counts(&infos[0]), [0, 0, 0]);
        assert_eq!(counts(&infos[1]), [4, 4, 2]);
        for (info, handler, counted) in [(&infos[1], "oak:judge", [0, 1, 1]), (&infos[2], "fir:judge", [0, 0, 0])] {
            let Some(Value::Array(handlers)) = info.get("result_handlers") else { panic!("an array") };
            assert_eq!((text(&handlers[0], "name").as_deref(), counts(&handlers[0])), (Some(handler), counted));
        }
        assert_eq!(text(&infos[1], "version").as_deref(), Some("1.2.3"));
        let Some(Value::Array(namespaces)) = infos[1].get("namespaces") else { panic!("an array") };
        assert_eq!(text(&namespaces[0], "name").as_deref(), Some("oak"));
        assert_eq!([counts(&namespaces[0]), counts(&namespaces[1])], [[3, 2, 0], [1, 1, 1]]);
        assert!(matches!(namespaces[0].get("seconds"), Some(&Value::Double(seconds)) if seconds > 0.0));
    }

    #[test]
    fn an_answer_that_nobody_waits_for_has_taken_its_time() {
        struct Slow;
        #[rpc_interface]
        impl Slow {
            pub async fn wait(&self) {
                std::future::pending::<()>().await;
            }
        }
        let own = RegistryRef::default();
        let slow = vec![("slow".to_owned(), namespace(Arc::new(Slow)), Origin::Host)];
        let registry = Registry::with_system(&own, slow, Logger::new(Level::Critical, |_| {}));
        let mut call = Box::pin(registry.call("slow.wait", RVec::new()));
        let polled = call.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop()));
        let count = registry.usage("slow");
        assert!(polled.is_pending() && count.time.is_zero() && count.running == 1, "{count:?}");
        drop(call);
        let count = registry.usage("slow");
        assert!(count.calls == 1 && count.running == 0 && count.faults == 0 && !count.time.is_zero(), "{count:?}");
    }

    #[test]
    fn large_counts_stay_whole() {
        assert_eq!(whole(5), Value::Int(5));
        assert_eq!(whole(5_000_000_000), Value::Int64(5_000_000_000));
    }
}
