#![allow(unused)]

use plugin_api::{Config, Fault, Host, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {
    pub fn count(&self) {}
}

fn make_shelf(host: Host, config: Config) -> Result<Shelf, Fault> {
    Ok(Shelf)
}

mod one {
    plugin_api::export!(rpcinterface: make_shelves);
}

mod two {
    use super::make_shelf;
    plugin_api::export!(rpcinterface: make_shelf { event: ["SHELF_FULL"] });
}

fn main() {}
