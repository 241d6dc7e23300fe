#![allow(unused)]

use plugin_api::rpc_interface;

struct Shelf;

#[rpc_interface]
impl Shelf {
    pub fn put<T: Into<String>>(&self, thing: T) {}

    pub fn put_all(&self, things: impl Iterator<Item = String>) {}

    pub fn list(&self) -> impl Iterator<Item = String> {
        std::iter::empty()
    }
}

fn main() {}
