#![allow(unused)]

use plugin_api::{ctl_plugin, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {
    pub unsafe fn fall(&self) {}

    pub extern "C" fn call(&self) {}

    pub fn pair(&self, (left, right): (String, String)) {}

    pub fn find(&self, name: &str) {}

    pub fn list(&self, from: Option<i32>, to: i32) {}
}

struct Commands;

#[ctl_plugin]
impl Commands {
    pub fn shelf_put(&self, things: Vec<String>, place: String) {}
}

fn main() {}
