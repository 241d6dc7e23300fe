#![allow(unused)]

use plugin_api::rpc_interface;

struct Thing;

struct Shelf;

#[rpc_interface]
impl Shelf {
    pub fn put(&self, thing: Thing) {}

    pub fn get(&self) -> Thing {
        Thing
    }

    pub fn open(&self) -> Result<bool, std::io::Error> {
        Ok(true)
    }
}

fn main() {}
