#![allow(unused)]

use std::cell::RefCell;

use plugin_api::rpc_interface;

struct Shelf {
    things: RefCell<Vec<String>>,
}

#[rpc_interface]
impl Shelf {
    pub fn put(&self, thing: String) {
        self.things.borrow_mut().push(thing);
    }
}

fn main() {}
