//! Search for the library of a plugin.

use std::{
    env,
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fs,
    path::{Path, PathBuf},
};

use plugin_loader::PluginError;

use super::python;
use crate::{
    config::{FactorySpec, Library},
    text::nearest::nearest,
};

/// Directories that are searched for plugins, in order.
#[derive(Clone, Debug)]
pub struct SearchPath {
    directories: Vec<PathBuf>,
}

impl SearchPath {
    /// Places of the search, for manuals.
    pub(crate) const PLACES: [(&str, &str); 4] = [
        ("plugin_path", "directories of [supervisord], or for actions of supervisorctl of [supervisorctl]"),
        ("SUPERVISOR_PLUGIN_PATH", "directories of the environment, between colons"),
        ("the directory of the program", "where Cargo leaves both side by side"),
        ("../lib/supervisor", "from there: /usr/lib/supervisor for /usr/bin/supervisord"),
    ];

    /// The directories of `plugin_path` in the config; then `SUPERVISOR_PLUGIN_PATH`, whose directories are separated by colons; then the
    /// executable's own directory; then `../lib/supervisor` from that.
    pub fn new(plugin_path: &[PathBuf]) -> Self {
        let mut directories = plugin_path.to_vec();
        if let Some(list) = env::var_os("SUPERVISOR_PLUGIN_PATH") {
            directories.extend(env::split_paths(&list).filter(|directory| !directory.as_os_str().is_empty()));
        }
        if let Some(beside) = env::current_exe().ok().as_deref().and_then(Path::parent) {
            directories.push(beside.to_owned());
            if let Some(prefix) = beside.parent() {
                directories.push(prefix.join("lib/supervisor"));
            }
        }
        Self { directories }
    }

    /// Find the library's file. Its path is absolute and without symbolic links.
    pub(super) fn find(&self, spec: &FactorySpec) -> Result<PathBuf, PluginError> {
        let found = match &spec.library {
            Library::BuiltIn => return Err(PluginError::BuiltIn { spec: spec.text.clone() }),
            Library::Path(path) => path.clone(),
            Library::Named(name) => {
                let file = format!("{DLL_PREFIX}{name}{DLL_SUFFIX}");
                let candidates = self.directories.iter().map(|directory| directory.join(&file));
                let found = candidates.into_iter().find(|path| path.exists());
                found.ok_or_else(|| self.missing(spec, name, file))?
            }
        };
        found.canonicalize().map_err(|error| PluginError::Unreachable { path: found, reason: error.to_string() })
    }

    /// Make the error for a library that is not there.
    fn missing(&self, spec: &FactorySpec, name: &str, file: String) -> PluginError {
        let spec = spec.text.clone();
        match python::instead_of(name) {
            Some(instead) => PluginError::Python { spec, file, instead },
            None => PluginError::Missing { spec, file, near: self.near(name), searched: self.directories.clone() },
        }
    }

    /// Find the library that is there and that `name` is probably a slip of: Cargo's name of the package, with its hyphens;
    /// the name of the file; or one with a letter wrong.
    fn near(&self, name: &str) -> Option<String> {
        let files = self.directories.iter().filter_map(|directory| fs::read_dir(directory).ok()).flatten().flatten();
        let names: Vec<String> = files
            .filter_map(|file| {
                let file = file.file_name().into_string().ok()?;
                Some(file.strip_prefix(DLL_PREFIX)?.strip_suffix(DLL_SUFFIX)?.to_owned())
            })
            .collect();
        let plain = name.strip_prefix(DLL_PREFIX).unwrap_or(name).replace('-', "_");
        nearest(&plain, names.iter().map(String::as_str)).map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(library: Library) -> FactorySpec {
        FactorySpec { text: "shelf:make_shelf".into(), library, factory: "make_shelf".into() }
    }

    #[test]
    fn the_first_directory_wins() {
        let [first, second] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let file = format!("{DLL_PREFIX}shelf{DLL_SUFFIX}");
        fs::write(second.path().join(&file), "").unwrap();
        let search = SearchPath::new(&[first.path().to_owned(), second.path().to_owned()]);
        let find = || search.find(&spec(Library::Named("shelf".into()))).unwrap();
        assert_eq!(find(), second.path().join(&file).canonicalize().unwrap());
        fs::write(first.path().join(&file), "").unwrap();
        assert_eq!(find(), first.path().join(&file).canonicalize().unwrap());
    }

    #[test]
    fn what_was_meant_is_said() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(format!("{DLL_PREFIX}my_shelf{DLL_SUFFIX}")), "").unwrap();
        let search = SearchPath { directories: vec![directory.path().to_owned()] };
        for slip in ["my-shelf", "libmy_shelf", "my_shelv"] {
            let error = search.find(&spec(Library::Named(slip.into()))).unwrap_err().to_string();
            let first = format!("no file {DLL_PREFIX}{slip}{DLL_SUFFIX} for the plugin 'shelf:make_shelf'");
            assert_eq!(error.lines().next(), Some(&*format!("{first}; did you mean 'my_shelf'?")));
        }
        let error = search.find(&spec(Library::Named("board".into()))).unwrap_err().to_string();
        assert!(!error.contains("did you mean"), "{error}");
    }

    #[test]
    fn an_extension_in_python_is_told_from_a_plugin() {
        let search = SearchPath { directories: vec!["/nonexistent".into()] };
        let error = search.find(&spec(Library::Named("supervisorwildcards".into()))).unwrap_err().to_string();
        assert_eq!(
            error,
            "'shelf:make_shelf' is an extension in Python, and plugins here are native libraries: leave the section out; \
             supervisorctl takes patterns by itself, as in start 'web_*'\n\
             a plugin of that name would be libsupervisorwildcards.so; `plugin_path` says where it is looked for"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let search = SearchPath { directories: vec!["/nonexistent/a".into(), "/nonexistent/b".into()] };
        let error = search.find(&spec(Library::Named("shelf".into()))).unwrap_err().to_string();
        assert_eq!(
            error,
            "no file libshelf.so for the plugin 'shelf:make_shelf'\n\
             looked in /nonexistent/a, /nonexistent/b; \
             `plugin_path` in [supervisord], and in [supervisorctl] for ctl plugins, adds a directory"
        );
        let error = search.find(&spec(Library::Path("/nonexistent/x.so".into()))).unwrap_err().to_string();
        assert_eq!(error, "cannot open the plugin /nonexistent/x.so: No such file or directory (os error 2)");
        let error = search.find(&spec(Library::BuiltIn)).unwrap_err().to_string();
        assert_eq!(error, "'shelf:make_shelf' is not a plugin, and there is no such factory in supervisor itself");
    }
}
