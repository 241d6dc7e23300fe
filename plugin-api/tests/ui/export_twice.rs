#![allow(unused)]

use plugin_api::{Config, Fault, Host, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {}

mod cups {
    use super::*;

    pub fn make(_: Host, _: Config) -> Result<Shelf, Fault> {
        Ok(Shelf)
    }
}

mod plates {
    use super::*;

    pub fn make(_: Host, _: Config) -> Result<Shelf, Fault> {
        Ok(Shelf)
    }
}

plugin_api::export!(rpcinterface: cups::make, rpcinterface: plates::make);

fn main() {}
