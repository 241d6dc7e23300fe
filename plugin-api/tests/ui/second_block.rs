#![allow(unused)]

use plugin_api::rpc_interface;

struct Board;

#[rpc_interface]
impl Board {
    pub fn pin(&self) {}
}

#[rpc_interface]
impl Board {
    pub fn take_off(&self) {}
}

fn main() {}
