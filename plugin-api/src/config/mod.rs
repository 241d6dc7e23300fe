//! The options of a plugin: all further keys of its section in the config file.

mod de;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use serde::Deserialize;

use crate::{
    abi::{Fault, Member, Value},
    value::find,
};

/// The further keys of a plugin's section.
///
/// ```
/// # use plugin_api::{Config, Fault};
/// #[derive(serde::Deserialize)]
/// struct Options {
///     #[serde(default)]
///     max_items: Option<usize>,
///     whitelist: Vec<String>,
/// }
///
/// fn read(config: &Config) -> Result<Options, Fault> {
///     config.read()
/// }
/// # let config = Config::new([("whitelist", "cat, dog".into())]);
/// # assert_eq!(read(&config).unwrap().whitelist, ["cat", "dog"]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Config {
    options: Arc<[Member]>,
    /// Set when somebody looked at the options. Those that nobody looks at are mistakes in the config file.
    read: Arc<AtomicBool>,
}

impl Config {
    /// The keys as the host gives them; for tests.
    pub fn new<'a>(options: impl IntoIterator<Item = (&'a str, Value)>) -> Self {
        options.into_iter().map(|(name, value)| Member::new(name, value)).collect()
    }

    /// Read the keys into a struct of the plugin's.
    ///
    /// What stands in an INI file is text, and becomes what the field is: a number, a bool in Supervisor's words
    /// (`true`, `yes`, `on`, `1`), a list separated by commas, the name of an enum's variant. TOML brings its own
    /// types.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENTS` with what is wrong: a key that the struct does not have, with those that it has; a key that is
    /// missing, unless its field is an `Option` or has a default; a value that does not fit, with its key. Returned
    /// from the factory, it is what supervisord or supervisorctl prints.
    pub fn read<'de, T: Deserialize<'de>>(&'de self) -> Result<T, Fault> {
        self.read.store(true, Ordering::Relaxed);
        de::read(&self.options).map_err(Fault::bad_arguments_with)
    }

    /// The value of a key as it came, for what serde cannot say: a string from an INI file. It counts as having looked
    /// at the keys.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.read.store(true, Ordering::Relaxed);
        find(&self.options, key)
    }

    /// Return true if the section has no further keys.
    pub fn is_empty(&self) -> bool {
        self.options.is_empty()
    }

    /// The error of a factory that was given options and never looked at them.
    pub(crate) fn check_was_read(&self) -> Result<(), Fault> {
        if self.read.load(Ordering::Relaxed) || self.is_empty() {
            return Ok(());
        }
        let keys: Vec<_> = self.options.iter().map(|option| format!("'{}'", option.name)).collect();
        let (noun, list) = (if keys.len() == 1 { "key" } else { "keys" }, keys.join(", "));
        Err(Fault::bad_arguments_with(format_args!("unknown {noun} {list}: this plugin has no options")))
    }
}

impl FromIterator<Member> for Config {
    fn from_iter<I: IntoIterator<Item = Member>>(options: I) -> Self {
        Self { options: options.into_iter().collect(), read: Arc::default() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Mode {
        Slow,
        Fast,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Options {
        max_items: usize,
        ratio: Option<f64>,
        #[serde(default)]
        verbose: bool,
        #[serde(default)]
        names: Vec<String>,
        mode: Option<Mode>,
        #[serde(default)]
        table: BTreeMap<String, i64>,
    }

    fn fault<'a>(options: impl IntoIterator<Item = (&'a str, Value)>) -> String {
        Config::new(options).read::<Options>().unwrap_err().text.into()
    }

    #[test]
    fn text_becomes_what_the_field_is() {
        let options = Config::new([
            ("max_items", " 12 ".into()),
            ("ratio", "0.5".into()),
            ("verbose", "Yes".into()),
            ("names", "cat, dog,\nbird".into()),
            ("mode", "fast".into()),
        ]);
        let expected = Options {
            max_items: 12,
            ratio: Some(0.5),
            verbose: true,
            names: vec!["cat".into(), "dog".into(), "bird".into()],
            mode: Some(Mode::Fast),
            table: BTreeMap::new(),
        };
        assert_eq!(options.read::<Options>(), Ok(expected));
    }

    #[test]
    fn typed_values_stay_as_they_are() {
        let options = Config::new([
            ("max_items", 12.into()),
            ("ratio", 2.into()),
            ("verbose", true.into()),
            ("names", Value::array(["a,b".into()])),
            ("table", Value::structure([("a", 1.into())])),
        ]);
        let options: Options = options.read().unwrap();
        assert_eq!((options.ratio, options.verbose, options.names), (Some(2.0), true, vec!["a,b".to_owned()]));
        assert_eq!(options.table["a"], 1);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(
            fault([("max_itmes", "1".into())]),
            "BAD_ARGUMENTS: unknown key 'max_itmes'; known are 'max_items', 'ratio', 'verbose', 'names', 'mode', 'table'"
        );
        assert_eq!(
            fault([("max_items", "many".into())]),
            "BAD_ARGUMENTS: max_items: expected a whole number, not 'many'"
        );
        assert_eq!(fault([("max_items", "-1".into())]), "BAD_ARGUMENTS: max_items: -1 is out of range");
        assert_eq!(
            fault([("max_items", "1".into()), ("verbose", "maybe".into())]),
            "BAD_ARGUMENTS: verbose: expected true or false, not 'maybe'"
        );
        assert_eq!(
            fault([("max_items", "1".into()), ("mode", "brisk".into())]),
            "BAD_ARGUMENTS: mode: unknown variant `brisk`, expected `slow` or `fast`"
        );
        assert_eq!(fault([]), "BAD_ARGUMENTS: 'max_items' is missing");
        assert_eq!(
            fault([("max_items", Value::array([]))]),
            "BAD_ARGUMENTS: max_items: invalid type: sequence, expected usize"
        );
    }

    #[test]
    fn options_that_nobody_reads_are_a_mistake() {
        assert_eq!(Config::new([]).check_was_read(), Ok(()));
        let config = Config::new([("size", "1".into()), ("color", "red".into())]);
        let fault = config.check_was_read().unwrap_err();
        assert_eq!(fault.text, "BAD_ARGUMENTS: unknown keys 'size', 'color': this plugin has no options");
        assert_eq!(config.get("size"), Some(&"1".into()));
        assert_eq!(config.check_was_read(), Ok(()));
    }
}
