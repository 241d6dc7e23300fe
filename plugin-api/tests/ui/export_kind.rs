#![allow(unused)]

use plugin_api::{Config, Fault, Host};

pub struct Shelf;

fn make_shelf(_: Host, _: Config) -> Result<Shelf, Fault> {
    Ok(Shelf)
}

plugin_api::export!(rpcinterfaces: make_shelf);

fn main() {}
