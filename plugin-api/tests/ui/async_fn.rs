#![allow(unused)]

use std::{rc::Rc, sync::Mutex};

use plugin_api::{Fault, Host, rpc_interface};

struct Shelf {
    host: Host,
    things: Mutex<Vec<String>>,
}

#[rpc_interface]
impl Shelf {
    pub async fn put(&mut self, thing: String) {}
}

struct Locked {
    host: Host,
    things: Mutex<Vec<String>>,
}

#[rpc_interface]
impl Locked {
    pub async fn put(&self, thing: String) -> Result<(), Fault> {
        let mut things = self.things.lock().unwrap();
        self.host.sleep(std::time::Duration::from_secs(1)).await?;
        things.push(thing);
        Ok(())
    }
}

fn main() {}
