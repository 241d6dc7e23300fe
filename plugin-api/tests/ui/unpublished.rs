#![allow(unused)]

use plugin_api::{ctl_plugin, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {
    fn get_keys(&self) {}

    pub(crate) fn get_count(&self) {}
}

struct Commands;

#[ctl_plugin]
impl Commands {
    fn shelf_put(&self, key: String) {}
}

fn main() {}
