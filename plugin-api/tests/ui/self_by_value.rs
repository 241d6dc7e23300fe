#![allow(unused)]

use plugin_api::{Fault, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {
    pub fn take(self) {}

    pub fn put(&mut self) {}

    pub fn new() -> Self {
        Shelf
    }

    pub fn fine(&self) -> Result<bool, Fault> {
        Ok(true)
    }
}

fn main() {}
