//! The names of an author's own functions and types do not meet those of `export!`.

#![forbid(unsafe_code)]

use plugin_api::{Config, Controller, Event, Fault, Host, Verdict, ctl_plugin, rpc_interface};

struct Library;

#[rpc_interface]
impl Library {}

impl Library {
    fn plugin(_: Host, _: Config) -> Result<Self, Fault> {
        Ok(Library)
    }
}

struct Commands;

#[ctl_plugin]
impl Commands {}

fn make(_: Host, _: Config) -> Result<Library, Fault> {
    Ok(Library)
}

fn factories(_: Host, _: Config) -> Result<Library, Fault> {
    Ok(Library)
}

fn host(_: Host, _: Config) -> Result<Library, Fault> {
    Ok(Library)
}

mod commands {
    use super::*;

    /// Of another kind, so it may be called the same.
    pub(super) fn make(_: Controller, _: Config) -> Result<Commands, Fault> {
        Ok(Commands)
    }
}

fn options(_: &Host, _: &Event, _: &[u8]) -> Result<Verdict, Fault> {
    Ok(Verdict::Accept)
}

plugin_api::export!(
    rpcinterface: make,
    rpcinterface: factories,
    rpcinterface: host,
    rpcinterface: Library::plugin,
    ctl: commands::make,
    result_handler: options,
);

fn main() {}
