#![allow(unused)]

use plugin_api::{Config, Controller, Fault, Host, rpc_interface};

pub struct Shelf;

#[rpc_interface]
impl Shelf {
    pub fn put(&self, thing: String) {}
}

fn make_plain(_: Host, _: Config) -> Shelf {
    Shelf
}

fn make_without_config(_: Host) -> Result<Shelf, Fault> {
    Ok(Shelf)
}

fn make_for_ctl(_: Controller, _: Config) -> Result<Shelf, Fault> {
    Ok(Shelf)
}

plugin_api::export!(rpcinterface: make_plain, rpcinterface: make_without_config, rpcinterface: make_for_ctl);

fn main() {}
