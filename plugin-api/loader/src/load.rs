//! Libraries and their factories, from a file.

#![allow(unsafe_code)] // Loading a library runs its code, and reading its entry point trusts its name.

use std::{
    collections::HashMap,
    error::Error,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use abi_stable::{
    StableAbi,
    library::{AbiHeader, AbiHeaderRef, LibHeader, LibraryError, ROOT_MODULE_LOADER_NAME_WITH_NUL, RootModule},
    sabi_types::VersionNumber,
    std_types::RVec,
};
use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW};
use parking_lot::Mutex;
use plugin_api::{
    Fault, Member, NamespaceObject, Value,
    abi::{self, PluginRef},
    find,
};

use crate::{PluginError, elf::check_elf, layout, permissions::check_permissions};

/// A plugin library, as it says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LibraryInfo {
    /// File of the library, without symbolic links.
    pub path: PathBuf,
    /// Name of its crate.
    pub name: String,
    /// Version of its crate.
    pub version: String,
    /// Version of the plugin API that it was built against.
    pub api_version: String,
}

/// A factory of a loaded plugin.
#[derive(Clone)]
pub struct Factory {
    entry: abi::Factory,
    library: Arc<LibraryInfo>,
}

impl fmt::Debug for Factory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").field("name", &self.name()).field("library", &self.library).finish_non_exhaustive()
    }
}

impl Factory {
    /// Make a namespace. `options` are the section's further keys.
    pub fn make(&self, host: NamespaceObject, options: RVec<Member>) -> Result<NamespaceObject, Fault> {
        (self.entry.make)(host, options).into()
    }

    /// The name, as the config gives it.
    pub fn name(&self) -> &str {
        &self.entry.name
    }

    /// Value of that property, if the factory has it: `events`.
    pub fn property(&self, name: &str) -> Option<&Value> {
        find(&self.entry.properties, name)
    }

    /// The types of events that what it makes may publish.
    pub fn events(&self) -> Vec<String> {
        let events = self.property("events").and_then(Value::as_array).unwrap_or_default();
        events.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The library that it is of.
    pub fn library(&self) -> &LibraryInfo {
        &self.library
    }
}

/// The library of a path, once it has been opened.
type Opened = Arc<Mutex<Option<Library>>>;

/// A plugin library that has been opened, and stays open.
#[derive(Clone)]
pub struct Library(Arc<Module>);

impl Library {
    /// Open the library at this absolute path, without symbolic links. Once, however often it is asked for.
    pub fn open(path: &Path) -> Result<Self, PluginError> {
        Self::open_once(path, open)
    }

    /// Return the library that has been opened at this path, or have `open` do so.
    fn open_once(path: &Path, open: impl FnOnce(&Path) -> Result<Module, PluginError>) -> Result<Self, PluginError> {
        static LIBRARIES: LazyLock<Mutex<HashMap<PathBuf, Opened>>> = LazyLock::new(Mutex::default);
        let opened = LIBRARIES.lock().entry(path.to_owned()).or_default().clone();
        // Held while the library is opened, so that two who ask at the same time get the same one. It is the lock of
        // this path alone: code of the library runs here, and if that hangs, others can still be opened. Not so the
        // initializers, during which the dynamic linker keeps a lock of its own.
        let mut opened = opened.lock();
        if let Some(library) = &*opened {
            return Ok(library.clone());
        }
        Ok(opened.insert(Self(Arc::new(open(path)?))).clone())
    }

    /// Name, version and file, as the library says.
    pub fn info(&self) -> &LibraryInfo {
        &self.0.info
    }

    /// The factory of that name and kind.
    pub fn factory(&self, name: &str, kind: &str) -> Result<Factory, PluginError> {
        let of_that_name = || self.0.factories.iter().filter(|factory| factory.name == name);
        if let Some(entry) = of_that_name().find(|factory| factory.kind == kind) {
            return Ok(Factory { entry: entry.clone(), library: self.0.info.clone() });
        }
        let (path, factory, kind) = (self.0.info.path.clone(), name.to_owned(), kind.to_owned());
        if let Some(other) = of_that_name().next() {
            return Err(PluginError::WrongKind { path, factory, kind, actual: other.kind.to_string() });
        }
        let of_that_kind = self.0.factories.iter().filter(|factory| factory.kind == kind);
        let factories = of_that_kind.map(|factory| factory.name.to_string()).collect();
        Err(PluginError::NoFactory { path, factory, kind, factories })
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Library").field(&self.0.info).finish()
    }
}

/// Check that the library at this path is whole and may be loaded, without loading it.
pub fn check(path: &Path) -> Result<(), PluginError> {
    check_permissions(path)?;
    check_elf(path)
}

/// A loaded library: what it said of itself. The library itself is never given back.
struct Module {
    info: Arc<LibraryInfo>,
    factories: RVec<abi::Factory>,
}

fn open(path: &Path) -> Result<Module, PluginError> {
    check(path)?;
    let header = header(path)?;
    let consts = header.root_mod_consts();
    if consts.base_name().as_str() != PluginRef::BASE_NAME {
        let reason = format!("it is one for '{}'", consts.base_name());
        return Err(PluginError::NotAPlugin { path: path.to_owned(), reason });
    }
    check_layout(path, header)?;
    // SAFETY: the layout of the root module was compared with ours just now.
    let plugin = unsafe { header.unchecked_layout::<PluginRef>() }
        .map_err(|error| PluginError::Broken { path: path.to_owned(), reason: one_line(&error.to_string()) })?;
    if !plugin.unwinds() {
        return Err(PluginError::PanicsAbort { path: path.to_owned() });
    }
    let info = LibraryInfo {
        path: path.to_owned(),
        name: plugin.name().to_string(),
        version: plugin.version().to_string(),
        api_version: plugin.api_version().to_string(),
    };
    Ok(Module { info: Arc::new(info), factories: plugin.factories()() })
}

/// Open the library, and find the entry point that `export!` wrote.
fn header(path: &Path) -> Result<&'static LibHeader, PluginError> {
    let not_a_plugin = |reason: String| PluginError::NotAPlugin { path: path.to_owned(), reason };
    // Everything is resolved now, so that nothing can be missing later; and its symbols are nobody else's.
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: the library's initializers run here. Only root and the running user could have written them.
    let library = unsafe { Handle::open(Some(path), flags) }
        .map_err(|error| PluginError::NotALibrary { path: path.to_owned(), reason: reason(&error, path) })?;
    // SAFETY: a symbol of this name is a static `LibHeader`, to which `AbiHeaderRef` is a reference; its first bytes
    // say so, and `upgrade` reads them before it believes anything.
    let header: AbiHeaderRef = unsafe { library.get::<AbiHeaderRef>(ROOT_MODULE_LOADER_NAME_WITH_NUL) }
        .map(|symbol| *symbol)
        .map_err(|_| not_a_plugin("it exports no factories; its source ends in `plugin_api::export!(…)`".to_owned()))?;
    // The library is loaded for good, whatever becomes of it.
    let _ = library.into_raw();
    header.upgrade().map_err(|error| match error {
        LibraryError::InvalidAbiHeader(found) if found.magic_string == AbiHeader::VALUE.magic_string => {
            let (theirs, ours) = (found, AbiHeader::VALUE);
            not_a_plugin(format!(
                "it was built with abi_stable {}.{}, and this host with {}.{}",
                theirs.abi_major, theirs.abi_minor, ours.abi_major, ours.abi_minor
            ))
        }
        LibraryError::InvalidAbiHeader(_) => not_a_plugin("its entry point is not one".to_owned()),
        LibraryError::InvalidCAbi { .. } => not_a_plugin("it passes values in another way than this host".to_owned()),
        other => not_a_plugin(one_line(&other.to_string())),
    })
}

fn check_layout(path: &Path, header: &LibHeader) -> Result<(), PluginError> {
    let difference = match header.layout() {
        Some(plugin) => layout::check(PluginRef::LAYOUT, plugin),
        None => Err("it does not say how its types are laid out".to_owned()),
    };
    difference.map_err(|difference| {
        let version =
            |strings| VersionNumber::new(strings).map_or_else(|_| "?".to_owned(), |number| number.to_string());
        PluginError::OtherApi {
            path: path.to_owned(),
            plugin: version(header.version_strings()),
            host: version(PluginRef::VERSION_STRINGS),
            difference,
        }
    })
}

/// Text of the dynamic linker's error, without the path that it puts before it.
fn reason(error: &libloading::Error, path: &Path) -> String {
    let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let said = one_line(&said);
    said.strip_prefix(&format!("{}: ", path.display())).map(str::to_owned).unwrap_or(said)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::{sync::mpsc, thread};

    use super::*;

    #[test]
    fn a_library_that_hangs_holds_up_no_other() {
        let module = |path: &Path| {
            let info = LibraryInfo {
                path: path.to_owned(),
                name: "cat".to_owned(),
                version: "1.0.0".to_owned(),
                api_version: "1.0.0".to_owned(),
            };
            Ok(Module { info: Arc::new(info), factories: RVec::new() })
        };
        let (begun, has_begun) = mpsc::channel();
        let (go_on, may_go_on) = mpsc::channel();
        let hanging = thread::spawn(move || {
            Library::open_once(Path::new("/hangs.so"), |path| {
                begun.send(()).unwrap();
                may_go_on.recv().unwrap();
                module(path)
            })
        });
        has_begun.recv().unwrap();
        assert!(Library::open_once(Path::new("/cat.so"), module).is_ok());
        go_on.send(()).unwrap();
        let library = hanging.join().unwrap().unwrap();
        let again = Library::open_once(Path::new("/hangs.so"), |_| unreachable!("it is open")).unwrap();
        assert!(Arc::ptr_eq(&library.0, &again.0));
    }
}
