#![allow(unused)]

use plugin_api::{Config, Fault, Host, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {}

fn make<const SIZE: usize>(_: Host, _: Config) -> Result<Shelf, Fault> {
    Ok(Shelf)
}

plugin_api::export!(rpcinterface: make::<5>);

fn main() {}
