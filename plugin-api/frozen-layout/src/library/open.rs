//! Opening of a plugin library by the host.

#![allow(unsafe_code)] // Loading a library runs its code, and reading its entry point trusts its name.

use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use super::{
    c_abi::passes_alike,
    header::{AbiHeader, IsLayoutChecked, LibHeader, ROOT_MODULE_LOADER_NAME, RootModule, RootModuleError},
};
use crate::{layout, result::RResult};

/// Open the library, see that it is a plugin of this boundary, and return its root module. The library stays loaded.
///
/// # Errors
///
/// Reason for which it cannot be had, in a line.
pub fn open<M: RootModule>(path: &Path) -> Result<M, String> {
    // SAFETY: the library's initializers run here, as whoever names it wants.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| error.to_string())?;
    // SAFETY: a symbol of this name is a static `LibHeader`.
    let header: *const LibHeader = unsafe { library.get::<*const LibHeader>(ROOT_MODULE_LOADER_NAME.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|_| "it exports no factories".to_owned())?;
    let _ = library.into_raw();
    // SAFETY: the bytes that say by which version of `abi_stable` the rest is laid out are the first.
    let version = unsafe { *header.cast::<AbiHeader>() };
    if version.magic != AbiHeader::VALUE.magic {
        return Err("its entry point is not one".to_owned());
    }
    if version != AbiHeader::VALUE {
        return Err(format!("it was built with abi_stable {}.{}", version.major, version.minor));
    }
    // SAFETY: the version is this one, and the library stays loaded.
    let header = unsafe { &*header };
    if !passes_alike(header.consts.c_abi) {
        return Err("it passes values in another way than this host".to_owned());
    }
    if header.consts.base_name.as_str() != M::BASE_NAME {
        return Err(format!("it is one for '{}'", header.consts.base_name));
    }
    let IsLayoutChecked::Yes(theirs) = header.consts.layout else {
        return Err("it does not say how its types are laid out".to_owned());
    };
    layout::check(layout::plugin(), theirs)
        .map_err(|difference| format!("it was built for {}: {difference}", header.consts.version))?;
    match (header.constructor)() {
        // SAFETY: the library's idea of the root module was compared with ours just now.
        RResult::ROk(module) => Ok(unsafe { M::from_ptr(module) }),
        RResult::RErr(RootModuleError::Unwound) => Err("its entry point panicked".to_owned()),
        RResult::RErr(RootModuleError::Returned(_)) => Err("its entry point failed".to_owned()),
    }
}
