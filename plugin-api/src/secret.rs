//! Passwords of a config file.

use std::{fmt, fs, path::Path};

use serde::Deserialize;

use crate::abi::Fault;

/// A password, or whatever else nobody is to read in a log. It is printed as `***`.
///
/// ```
/// use plugin_api::{Config, Secret};
///
/// #[derive(Debug, serde::Deserialize)]
/// struct Options {
///     password: Secret,
/// }
///
/// let options: Options = Config::new([("password", "tiger".into())]).read().unwrap();
/// assert_eq!(options.password.expose(), "tiger");
/// assert_eq!(format!("{options:?}"), "Options { password: *** }");
/// ```
///
/// `supervisord --check-config` hides values whose keys have `password`, `passwd`, `secret` or `token` in their names,
/// and passwords in URLs.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// A secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Read a secret from a file: the first line, without its end.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENTS` that names the file, and says why it cannot be read, or that its first line is empty.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, Fault> {
        let path = path.as_ref();
        let cannot = |why: &dyn fmt::Display| {
            Fault::bad_arguments_with(format_args!("cannot read a secret from {}: {why}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|error| cannot(&error))?;
        match text.lines().next() {
            None | Some("") => Err(cannot(&"its first line is empty")),
            Some(line) => Ok(Self::new(line)),
        }
    }

    /// The text, for who has to know it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_first_line_of_its_file() {
        let path = std::env::temp_dir().join(format!("secret-of-{}", std::process::id()));
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Secret::from_file(&path).map(|secret| secret.expose().to_owned()).map_err(|fault| fault.text.to_string())
        };
        assert_eq!(read("tiger\n"), Ok("tiger".to_owned()));
        assert_eq!(read(" ti ger \r\nnext"), Ok(" ti ger ".to_owned()));
        let empty = format!("BAD_ARGUMENTS: cannot read a secret from {}: its first line is empty", path.display());
        assert_eq!(read("\nlion"), Err(empty.clone()));
        assert_eq!(read(""), Err(empty));
        fs::remove_file(&path).unwrap();
        let fault = Secret::from_file(&path).unwrap_err();
        assert!(fault.text.contains("No such file"), "{fault}");
        assert_eq!(format!("{0} {0:?}", Secret::new("tiger")), "*** ***");
    }
}
