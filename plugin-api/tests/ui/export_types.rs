#![allow(unused)]

use plugin_api::{Config, Fault, Host};

pub struct Shelf;

fn make_shelf(_: Host, _: Config) -> Result<Shelf, Fault> {
    Ok(Shelf)
}

plugin_api::export!(rpcinterface: make_shelf, ctl: make_shelf, rpcinterface: make_nothing);

fn main() {}
