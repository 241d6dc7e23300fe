#![allow(unused)]

use plugin_api::{ctl_plugin, rpc_interface};

#[rpc_interface]
struct Shelf;

#[ctl_plugin]
impl Default for Shelf {
    fn default() -> Self {
        Shelf
    }
}

#[rpc_interface(nonblocking)]
impl Shelf {}

#[rpc_interface(refuse_in_shutdown = true)]
impl Shelf {}

#[ctl_plugin(refuse_in_shutdown)]
impl Shelf {}

fn main() {}
