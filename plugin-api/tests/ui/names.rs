#![allow(unused)]

use plugin_api::{ctl_plugin, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {
    pub fn get_keys(&self) {}

    #[rpc(name = "getKeys")]
    pub fn keys(&self) {}

    #[rpc(name = "shelf.keys")]
    pub fn more_keys(&self) {}

    #[rpc(alias = "getKeys")]
    pub fn other_keys(&self) {}

    #[rpc(alias = "sameKeys")]
    pub fn same_keys(&self) {}

    #[rpc(nonblocking)]
    fn private(&self) {}
}

struct Commands;

#[ctl_plugin]
impl Commands {
    #[ctl(complete = "keys")]
    pub fn shelf_put(&self, key: String) {}
}

fn main() {}
