//! `[rpcinterface:x]` and `[ctlplugin:x]`: which factory of which library, and the keys that it gets.

use std::path::PathBuf;

use plugin_api::abi::Member;

use super::{
    error::{Collector, Place},
    expand::Names,
    model::{FactorySpec, Library, PluginSection},
    paths::{absolute, expanduser},
    reader::Reader,
    sections::{Section, Sections},
    types::{Level, Message},
};

/// The library name that stands for what the host has built in.
const BUILT_IN: &str = "supervisor";

/// A kind of plugin section, of which there are two.
#[derive(Clone, Copy)]
pub(super) struct PluginKind {
    /// Beginning of the names of sections.
    pub(super) prefix: &'static str,
    /// The key that names the factory.
    pub(super) factory_key: &'static str,
}

/// `[rpcinterface:x]`.
pub(super) const RPCINTERFACE: PluginKind =
    PluginKind { prefix: "rpcinterface:", factory_key: "supervisor.rpcinterface_factory" };
/// `[ctlplugin:x]`.
pub(super) const CTLPLUGIN: PluginKind = PluginKind { prefix: "ctlplugin:", factory_key: "supervisor.ctl_factory" };

/// Read all plugins of one kind, in the order of the file.
pub(super) fn plugins(kind: PluginKind, sections: &Sections, names: &Names, errors: &Collector) -> Vec<PluginSection> {
    let plugin = |(name, section)| plugin(kind, name, &Reader::new(sections, section, names.clone(), errors), sections);
    sections.with_prefix(kind.prefix).filter_map(plugin).collect()
}

/// Read the plugin of one section.
pub(super) fn plugin(kind: PluginKind, name: &str, reader: &Reader<'_>, sections: &Sections) -> Option<PluginSection> {
    let Section { name: section, place, .. } = reader.section;
    if !reader.has(kind.factory_key) {
        reader.fail_section(format!("section [{section}] does not specify a {}", kind.factory_key));
    }
    let factory = reader.text(kind.factory_key).and_then(|text| {
        let place = &reader.entry(kind.factory_key)?.place;
        let factory = FactorySpec::parse(&text, place);
        if factory.is_none() {
            let message = format!("{text} cannot be resolved within [{section}]");
            reader.fail_with(kind.factory_key, message, Some("LIBRARY:FACTORY"));
        }
        factory
    });
    let (mut options, mut option_places) = (Vec::new(), Vec::new());
    for (key, entry) in sections.entries(reader.section).filter(|&(key, _)| key != kind.factory_key) {
        let mut expand = |text: &str| reader.names.expand(text, &format!("{section}.{key}"));
        if let Some(value) = reader.check(key, entry.raw.to_value(&mut expand)) {
            options.push(Member { name: key.into(), value });
            option_places.push(entry.place.clone());
        }
    }
    let place = format!("[{section}] ({place})");
    Some(PluginSection { name: name.to_owned(), place, factory: factory?, options, option_places })
}

impl PluginSection {
    /// Find the place of the option that this error of the plugin names in quotes, or else that of the section.
    pub fn place_of(&self, error: &str) -> String {
        let is_named = |option: &Member| error.contains(&format!("'{}'", option.name));
        let named = self.options.iter().position(is_named).and_then(|index| self.option_places.get(index));
        let header = self.place.split_inclusive(']').next().unwrap_or_default();
        named.map_or_else(|| self.place.clone(), |place| format!("{header} ({place})"))
    }
}

/// Make a warning for each RPC interface whose name keeps its methods from being called: that of a method is
/// `NAMESPACE.METHOD`, with one dot.
pub(super) fn warnings(plugins: &[PluginSection]) -> impl Iterator<Item = Message> {
    plugins.iter().filter(|plugin| plugin.name.is_empty() || plugin.name.contains('.')).map(|plugin| {
        let text =
            format!("no client can call the methods of {}: its name is to have letters and no dot", plugin.place);
        Message { level: Level::Warn, text }
    })
}

impl FactorySpec {
    /// Parse `LIBRARY[.MODULE…]:FACTORY`. With a `/` the library is a path, relative to the file of `place`.
    pub(super) fn parse(text: &str, place: &Place) -> Option<Self> {
        let (library, factory) = text.rsplit_once(':')?;
        let (library, factory) = (library.trim(), factory.trim());
        if library.is_empty() || factory.is_empty() || factory.contains('/') {
            return None;
        }
        let library = if library.contains('/') {
            let path = place.directory().join(expanduser(library));
            Library::Path(PathBuf::from(absolute(&path.to_string_lossy())))
        } else {
            match library.split('.').next()? {
                "" => return None,
                BUILT_IN => Library::BuiltIn,
                name => Library::Named(name.to_owned()),
            }
        };
        Some(Self { text: text.to_owned(), library, factory: factory.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::Files;

    #[test]
    fn factory_specs() {
        let place = Place { file: "/etc/sup/supervisord.conf".into(), line: 1 };
        let parse = |text: &str| FactorySpec::parse(text, &place).map(|spec| (spec.library, spec.factory));
        let named = |name: &str, factory: &str| Some((Library::Named(name.into()), factory.to_owned()));
        let path = |path: &str, factory: &str| Some((Library::Path(path.into()), factory.to_owned()));
        assert_eq!(
            parse("supervisor_cache.rpcinterface:make_cache_rpcinterface"),
            named("supervisor_cache", "make_cache_rpcinterface")
        );
        assert_eq!(parse("hello:make"), named("hello", "make"));
        assert_eq!(
            parse("supervisor.rpcinterface:make_main_rpcinterface"),
            Some((Library::BuiltIn, "make_main_rpcinterface".into()))
        );
        assert_eq!(parse("./libx.so:make"), path("/etc/sup/libx.so", "make"));
        assert_eq!(parse("../libx.so:make"), path("/etc/libx.so", "make"));
        assert_eq!(parse("/opt/a:b/libx.so:make"), path("/opt/a:b/libx.so", "make"));
        for bad in ["", "x", ":make", "x:", ".y:make", "/opt/x:y/z"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_section_gives_factory_options_and_place() {
        let files = Files::with(
            "[rpcinterface:supervisor]\nsupervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n\
             [rpcinterface:cache]\nsupervisor.rpcinterface_factory = supervisor_cache.rpcinterface:make_cache_rpcinterface\n\
             Path=%(here)s/%(ENV_X)s\nshare=100%%\n",
        );
        let config = files.load();
        let [main, cache] = config.rpcinterfaces.as_slice() else { panic!("two sections, two interfaces") };
        assert_eq!((main.name.as_str(), &main.factory.library), ("supervisor", &Library::BuiltIn));
        assert_eq!(cache.factory.text, "supervisor_cache.rpcinterface:make_cache_rpcinterface");
        assert_eq!(cache.place, format!("[rpcinterface:cache] ({}, line 4)", files.path("main.conf").display()));
        let options: Vec<String> = cache.options.iter().map(|m| format!("{}={:?}", m.name, m.value)).collect();
        assert_eq!(options, [format!("path=String(\"{}/x\")", files.here()), "share=String(\"100%\")".to_owned()]);
        let named = cache.place_of("unknown key 'share': known is 'path_of'");
        assert_eq!(named, format!("[rpcinterface:cache] ({}, line 7)", files.path("main.conf").display()));
        assert_eq!(cache.place_of("no room"), cache.place);
    }

    #[test]
    fn a_name_that_no_client_can_use_is_a_warning() {
        for (name, count) in [("a", 0), ("a-b", 0), ("a.b", 1), ("", 1)] {
            let text = format!("[rpcinterface:{name}]\nsupervisor.rpcinterface_factory=x:make\n");
            let messages = Files::with(&text).load().messages;
            let said = messages.iter().filter(|it| it.text.starts_with("no client can call the methods of ")).count();
            assert_eq!(said, count, "{name}: {messages:?}");
        }
    }

    #[test]
    fn a_section_without_a_usable_factory_is_refused() {
        assert_eq!(
            Files::with("[rpcinterface:x]\n").error(),
            "section [rpcinterface:x] does not specify a supervisor.rpcinterface_factory"
        );
        for name in ["nothing", "", ":x", "x:"] {
            assert_eq!(
                Files::with(&format!("[rpcinterface:x]\nsupervisor.rpcinterface_factory={name}\n")).report(),
                format!(
                    "{name} cannot be resolved within [rpcinterface:x]\n  at HERE/main.conf, line 3: \
                     supervisor.rpcinterface_factory takes LIBRARY:FACTORY\n"
                )
            );
        }
    }

    #[test]
    fn toml_options_keep_their_types() {
        let files = Files::toml(
            "[supervisord]\n[rpcinterface.x]\nsupervisor.rpcinterface_factory = 'x:make'\nsize = 5\non = true\n\
             list = ['%(ENV_X)s', 1.5]\ntable = { B = '%%', a = 2 }\n",
        );
        let options: Vec<String> =
            files.load().rpcinterfaces[0].options.iter().map(|m| format!("{}={:?}", m.name, m.value)).collect();
        let member = |name: &str, value: &str| format!("Member {{ name: \"{name}\", value: {value} }}");
        assert_eq!(
            options,
            [
                "size=Int(5)".to_owned(),
                "on=Bool(true)".to_owned(),
                "list=Array([String(\"x\"), Double(1.5)])".to_owned(),
                format!("table=Struct([{}, {}])", member("B", "String(\"%\")"), member("a", "Int(2)")),
            ]
        );
    }
}
