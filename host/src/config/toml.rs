//! `supervisord.toml`: the same sections and keys in TOML.
//!
//! `[program.web]` and `["program:web"]` both are INI's `[program:web]`. Values may have TOML's own types: booleans,
//! integers, arrays where INI has a list, and a table for `environment`. `%(name)s` expansions stay as they are in INI.

use std::sync::Arc;

use plugin_api::abi::Value;
use toml::{
    Spanned,
    de::{DeString, DeTable, DeValue},
};

use super::{
    error::{ConfigError, Place},
    sections::{Entry, Raw, Sections},
};

/// Sections whose INI name has a colon, so that a table within them is a section and not a value.
const NAMED: [&str; 8] = [
    "program",
    "group",
    "eventlistener",
    "fcgi-program",
    "rpcinterface",
    "ctlplugin",
    "inet_http_server",
    "unix_http_server",
];

/// Part before the dot of `supervisor.rpcinterface_factory`, which TOML takes for a table when it is not quoted.
const DOTTED_KEYS: &str = "supervisor";

/// Read `text` on top of what `sections` already holds. `file` is the name that messages show.
pub(super) fn read(text: &str, file: &Arc<str>, sections: &mut Sections) -> Result<(), ConfigError> {
    let lines = Lines { text, file };
    let document = DeTable::parse(text).map_err(|error| {
        let place = lines.place(error.span().map_or(0, |span| span.start));
        ConfigError::new(format!("{}: {}", place, error.message().replace('\n', ", "))).at(place)
    })?;

    let mut found = Vec::new();
    for (key, value) in document.get_ref() {
        let DeValue::Table(table) = value.get_ref() else {
            let place = lines.place(key.span().start);
            if is_array_of_tables(value.get_ref()) {
                return Err(array_of_tables(key.get_ref(), place));
            }
            let message = format!("{place}: the key {} stands before the first section", key.get_ref());
            return Err(ConfigError::new(message).at(place));
        };
        for (name, value) in table {
            if NAMED.contains(&key.get_ref().as_ref()) && is_array_of_tables(value.get_ref()) {
                let name = format!("{}.{}", key.get_ref(), name.get_ref());
                return Err(array_of_tables(&name, lines.place(value.span().start)));
            }
        }
        sections_of(key, table, &mut found);
    }
    found.sort_by_key(|section| section.start);

    for section in found {
        let target = sections.open(&section.name, &lines.place(section.start));
        let is_plugin = section.name.starts_with("rpcinterface:") || section.name.starts_with("ctlplugin:");
        let mut entries = Vec::new();
        for (key, value) in section.entries {
            match value.get_ref() {
                DeValue::Table(members) if is_plugin && key.get_ref() == DOTTED_KEYS => {
                    for (rest, value) in members {
                        entries.push((rest.span().start, format!("{DOTTED_KEYS}.{}", rest.get_ref()), value));
                    }
                }
                _ => entries.push((key.span().start, key.get_ref().to_string(), value)),
            }
        }
        entries.sort_by_key(|&(start, ..)| start);
        for (start, key, value) in entries {
            let entry = Entry { raw: raw(value.get_ref()), place: lines.place(start) };
            sections.set(target, &key.to_lowercase(), entry);
        }
    }
    Ok(())
}

fn is_array_of_tables(value: &DeValue<'_>) -> bool {
    matches!(value, DeValue::Array(items) if items.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_))))
}

/// `[[program.web]]`, which is a habit from elsewhere.
fn array_of_tables(name: &str, place: Place) -> ConfigError {
    ConfigError::new(format!("{place}: [[{name}]] is an array of tables; a section is written [{name}]")).at(place)
}

/// A section as TOML has it.
struct TomlSection<'t, 'i> {
    name: String,
    /// Offset of its header, in bytes.
    start: usize,
    entries: Vec<(&'t Spanned<DeString<'i>>, &'t Spanned<DeValue<'i>>)>,
}

/// The sections that one top-level table makes: itself, and one for each table in it if its kind has names.
fn sections_of<'t, 'i>(key: &'t Spanned<DeString<'i>>, table: &'t DeTable<'i>, found: &mut Vec<TomlSection<'t, 'i>>) {
    let kind = key.get_ref().as_ref();
    let has_names = NAMED.contains(&kind);
    let mut own = TomlSection { name: kind.to_owned(), start: key.span().start, entries: Vec::new() };
    let mut named = 0;
    for (name, value) in table {
        match value.get_ref() {
            DeValue::Table(section) if has_names => {
                named += 1;
                let name_of_section = format!("{kind}:{}", name.get_ref());
                found.push(TomlSection {
                    name: name_of_section,
                    start: name.span().start,
                    entries: section.iter().collect(),
                });
            }
            _ => own.entries.push((name, value)),
        }
    }
    if named == 0 || !own.entries.is_empty() {
        found.push(own);
    }
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Integer(integer) => {
            let beyond = if integer.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
            let number = i64::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(beyond);
            // An octal number keeps its prefix: it is meant for a key such as `chmod`, whose digits are octal anyway.
            let text = if integer.radix() == 8 { integer.to_string() } else { number.to_string() };
            Raw::Scalar(text, i32::try_from(number).map_or(Value::Int64(number), Value::Int))
        }
        DeValue::Float(float) => Raw::Scalar(
            float.as_str().to_owned(),
            Value::Double(float.as_str().parse().expect("the TOML parser lets only valid floats through")),
        ),
        DeValue::Boolean(boolean) => Raw::Scalar(boolean.to_string(), Value::Bool(*boolean)),
        DeValue::Datetime(date) => Raw::Scalar(date.to_string(), Value::DateTime(date.to_string().into())),
        DeValue::Array(items) => Raw::List(items.iter().map(|item| raw(item.get_ref())).collect()),
        DeValue::Table(table) => {
            let mut members: Vec<_> = table.iter().collect();
            members.sort_by_key(|(name, _)| name.span().start);
            Raw::Table(
                members.into_iter().map(|(name, value)| (name.get_ref().to_string(), raw(value.get_ref()))).collect(),
            )
        }
    }
}

/// Text of a file, in which the offset of a byte gives the number of its line.
struct Lines<'a> {
    text: &'a str,
    file: &'a Arc<str>,
}

impl Lines<'_> {
    fn place(&self, offset: usize) -> Place {
        let before = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line = before.split(|&byte| byte == b'\n').count();
        Place { file: Arc::clone(self.file), line }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sections(text: &str) -> Result<Sections, ConfigError> {
        let mut sections = Sections::default();
        read(text, &"x.toml".into(), &mut sections).map(|()| sections)
    }

    fn names(text: &str) -> Vec<String> {
        sections(text).unwrap().iter().map(|section| section.name.clone()).collect()
    }

    #[test]
    fn sections_with_names_are_spelt_with_a_dot_or_a_colon() {
        let text = "[supervisord]\n[program.web]\n[group.g]\n[\"program:cat\"]\n[program.a]\n[inet_http_server]\nport = 1\n\
                    [inet_http_server.x]\n[unix_http_server]\n[rpcinterface.\"x.y\"]\n[foo]\n";
        let expected = [
            "supervisord",
            "program:web",
            "group:g",
            "program:cat",
            "program:a",
            "inet_http_server",
            "inet_http_server:x",
            "unix_http_server",
            "rpcinterface:x.y",
            "foo",
        ];
        assert_eq!(names(text), expected);
    }

    #[test]
    fn values_keep_their_type_and_have_ini_text() {
        let text = "[supervisord]\nnodaemon = true\nminfds = 1_024\numask = 0o22\nBig = 0xffffffffff\nf = 1.5\nlow = -99999999999999999999\n\
                    l = ['a', 2]\n[supervisord.environment]\nB = '1'\nA = 2\n";
        let sections = sections(text).unwrap();
        let entry = |key: &str| sections.get("supervisord").unwrap().entry(key).unwrap();
        let scalar = |key| match &entry(key).raw {
            Raw::Scalar(text, value) => format!("{text} {value:?}"),
            other => panic!("{other:?}"),
        };
        assert_eq!(scalar("nodaemon"), "true Bool(true)");
        assert_eq!(scalar("minfds"), "1024 Int(1024)");
        assert_eq!(scalar("umask"), "0o22 Int(18)");
        assert_eq!(scalar("big"), "1099511627775 Int64(1099511627775)");
        assert_eq!(scalar("f"), "1.5 Double(1.5)");
        assert_eq!(scalar("low"), format!("{} Int64({0})", i64::MIN));
        assert_eq!(entry("f").place.to_string(), "x.toml, line 6");
        let Raw::Table(environment) = &entry("environment").raw else { panic!("a table is a table") };
        assert_eq!(environment.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["B", "A"]);
    }

    #[test]
    fn the_factory_key_needs_no_quotes() {
        for key in ["supervisor.rpcinterface_factory", "\"supervisor.rpcinterface_factory\""] {
            let sections = sections(&format!("[rpcinterface.cache]\nx.y = 1\n{key} = 'a:b'\n")).unwrap();
            let keys: Vec<_> = sections.get("rpcinterface:cache").unwrap().own_entries().map(|(key, _)| key).collect();
            assert_eq!(keys, ["x", "supervisor.rpcinterface_factory"]);
        }
    }

    #[test]
    fn errors_name_file_and_line() {
        let error = |text: &str| sections(text).unwrap_err();
        assert_eq!(error("[supervisord]\nx = \n").place.unwrap().line, 2);
        assert!(error("[supervisord]\nx = \n").message.starts_with("x.toml, line 2: "));
        assert_eq!(error("\nx = 1").message, "x.toml, line 2: the key x stands before the first section");
        assert_eq!(
            error("[supervisord]\n[[program.x]]\ncommand = 'a'\n").message,
            "x.toml, line 2: [[program.x]] is an array of tables; a section is written [program.x]"
        );
        assert_eq!(
            error("[[supervisord]]\nnodaemon = true\n").message,
            "x.toml, line 1: [[supervisord]] is an array of tables; a section is written [supervisord]"
        );
        assert!(error("[a]\nk = 1\nk = 2\n").message.starts_with("x.toml, line 3: duplicate key"));
    }
}
