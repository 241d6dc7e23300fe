//! Sections of keys, as both dialects give them: what the user wrote, with its place, and nothing resolved yet.

use std::collections::HashMap;

use abi_stable::std_types::RVec;
use plugin_api::abi::{Member, Value};

use super::error::Place;

/// The text that `[include]` makes Supervisor replace even where it is no expansion.
const HERE: &str = "%(here)s";

/// All sections of a config, in the order in which they first appear.
#[derive(Clone, Debug, Default)]
pub(super) struct Sections {
    all: Vec<Section>,
    index: HashMap<String, usize>,
    /// `[DEFAULT]`: keys that every section has unless it has its own.
    defaults: Vec<(String, Entry)>,
}

/// The name of the section whose keys every other one has.
const DEFAULT: &str = "DEFAULT";

/// A section.
#[derive(Clone, Debug)]
pub(super) struct Section {
    /// Name between the brackets: `program:web`.
    pub(super) name: String,
    /// Place of its first header.
    pub(super) place: Place,
    entries: Vec<(String, Entry)>,
}

/// The value of one key.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Value as it was written.
    pub(super) raw: Raw,
    /// Place of the key.
    pub(super) place: Place,
}

/// Value as it was written: text in INI, text or more in TOML.
#[derive(Clone, Debug)]
pub(super) enum Raw {
    /// Any INI value, or a TOML string.
    Text(String),
    /// A TOML number, boolean or date: as INI would say it, and typed.
    Scalar(String, Value),
    /// A TOML array.
    List(Vec<Raw>),
    /// A TOML table.
    Table(Vec<(String, Raw)>),
}

/// A handle on the section that a reader is filling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionId {
    Defaults,
    Section(usize),
}

impl Sections {
    /// Find the section of that name, or make it.
    pub(super) fn open(&mut self, name: &str, place: &Place) -> SectionId {
        if name == DEFAULT {
            return SectionId::Defaults;
        }
        SectionId::Section(*self.index.entry(name.to_owned()).or_insert_with(|| {
            self.all.push(Section { name: name.to_owned(), place: place.clone(), entries: Vec::new() });
            self.all.len() - 1
        }))
    }

    /// Give a key its value; the last one wins, and the key keeps its first position.
    pub(super) fn set(&mut self, target: SectionId, key: &str, entry: Entry) {
        let entries = match target {
            SectionId::Defaults => &mut self.defaults,
            SectionId::Section(index) => &mut self.all[index].entries,
        };
        put(entries, key, entry);
    }

    /// Iterate over the sections in order, without `[DEFAULT]`.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Section> {
        self.all.iter()
    }

    /// Find the section of that name.
    pub(super) fn get(&self, name: &str) -> Option<&Section> {
        self.index.get(name).map(|&index| &self.all[index])
    }

    /// Iterate over sections whose name begins with `prefix`, which ends in a colon, each with what follows it.
    pub(super) fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a Section)> {
        self.all.iter().filter_map(move |section| Some((section.name.strip_prefix(prefix)?, section)))
    }

    /// Find the value of a key in a section or, failing that, in `[DEFAULT]`.
    pub(super) fn entry<'a>(&'a self, section: &'a Section, key: &str) -> Option<&'a Entry> {
        section.entry(key).or_else(|| find(&self.defaults, key))
    }

    /// Iterate over the keys of a section, its own first, then those of `[DEFAULT]`.
    pub(super) fn entries<'a>(&'a self, section: &'a Section) -> impl Iterator<Item = (&'a str, &'a Entry)> {
        let inherited = self.defaults.iter().filter(|(key, _)| section.entry(key).is_none());
        section.entries.iter().chain(inherited).map(|(key, entry)| (key.as_str(), entry))
    }

    /// Put `here` for every `%(here)s`, to be expanded later. Supervisor does so after it has read the main file and
    /// again after each included one, if there is an `[include]` section; so in an included file it is that file's
    /// directory. It looks at the text alone, and what `%%(here)s` becomes cannot be expanded any more.
    pub(super) fn replace_here(&mut self, here: &str) {
        for section in &mut self.all {
            let inherited: Vec<(String, Entry)> = self
                .defaults
                .iter()
                .filter(|(key, entry)| entry.raw.mentions_here() && find(&section.entries, key).is_none())
                .cloned()
                .collect();
            section.entries.extend(inherited);
            for (_, entry) in &mut section.entries {
                entry.raw.replace_here(here);
            }
        }
    }
}

impl Section {
    /// Find the value of one of its own keys.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        find(&self.entries, key)
    }

    /// Iterate over its own keys in order.
    pub(super) fn own_entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.entries.iter().map(|(key, entry)| (key.as_str(), entry))
    }
}

impl Raw {
    /// Name the kind of value, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Scalar(..) => "a number or boolean",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
        }
    }

    /// Make the value that a plugin gets, each string in it passed through `expand`.
    pub(super) fn to_value<E>(&self, expand: &mut impl FnMut(&str) -> Result<String, E>) -> Result<Value, E> {
        Ok(match self {
            Self::Text(text) => Value::String(expand(text)?.into()),
            Self::Scalar(_, value) => value.clone(),
            Self::List(items) => {
                Value::Array(items.iter().map(|item| item.to_value(expand)).collect::<Result<RVec<_>, E>>()?)
            }
            Self::Table(members) => {
                let mut all = RVec::with_capacity(members.len());
                for (name, raw) in members {
                    all.push(Member { name: name.as_str().into(), value: raw.to_value(expand)? });
                }
                Value::Struct(all)
            }
        })
    }

    fn mentions_here(&self) -> bool {
        match self {
            Self::Text(text) => text.contains(HERE),
            Self::Scalar(..) => false,
            Self::List(items) => items.iter().any(Self::mentions_here),
            Self::Table(members) => members.iter().any(|(_, raw)| raw.mentions_here()),
        }
    }

    fn replace_here(&mut self, here: &str) {
        match self {
            Self::Text(text) if text.contains(HERE) => *text = with_here(text, here),
            Self::Text(_) | Self::Scalar(..) => {}
            Self::List(items) => items.iter_mut().for_each(|item| item.replace_here(here)),
            Self::Table(members) => members.iter_mut().for_each(|(_, raw)| raw.replace_here(here)),
        }
    }
}

/// Put `here` for every `%(here)s` whose percent sign is not the second of a `%%`.
fn with_here(text: &str, here: &str) -> String {
    let here = here.replace('%', "%%");
    let mut replaced = String::with_capacity(text.len() + here.len());
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        let (before, from) = rest.split_at(percent);
        replaced.push_str(before);
        rest = if let Some(after) = from.strip_prefix(HERE) {
            replaced.push_str(&here);
            after
        } else {
            let sign = if from.starts_with("%%") { "%%" } else { "%" };
            replaced.push_str(sign);
            &from[sign.len()..]
        };
    }
    replaced + rest
}

fn find<'a>(entries: &'a [(String, Entry)], key: &str) -> Option<&'a Entry> {
    entries.iter().find(|(known, _)| known == key).map(|(_, entry)| entry)
}

fn put(entries: &mut Vec<(String, Entry)>, key: &str, entry: Entry) {
    match entries.iter_mut().find(|(known, _)| known == key) {
        Some((_, old)) => *old = entry,
        None => entries.push((key.to_owned(), entry)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_percent_sign_that_stands_for_itself_is_replaced() {
        for (text, expected) in [
            ("%(here)s/x:%(here)s", "/h/x:/h"),
            ("%%(here)s", "%%(here)s"),
            ("%%%(here)s", "%%/h"),
            ("%%%%(here)s%(here)s", "%%%%(here)s/h"),
            ("100%% of %(ENV_X)s %", "100%% of %(ENV_X)s %"),
            ("", ""),
        ] {
            assert_eq!(with_here(text, "/h"), expected, "{text}");
        }
        assert_eq!(with_here("%(here)s", "/100%"), "/100%%");
    }
}
