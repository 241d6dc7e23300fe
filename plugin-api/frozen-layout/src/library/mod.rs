//! Plugin libraries: their entry point, and how a host opens them.

mod c_abi;

mod header;

mod open;

pub use self::{
    header::{
        __call_root_module_loader, CheckTypeLayout, LibHeader, ROOT_MODULE_LOADER_NAME, RootModule, RootModuleError,
        RootModuleResult,
    },
    open::open,
};
