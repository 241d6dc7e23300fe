#![allow(unused)]

use plugin_api::{FromValue, IntoValue, rpc_interface};

#[derive(FromValue)]
struct Order {
    name: String,
}

#[derive(IntoValue)]
struct Bill {
    total: f64,
}

#[derive(serde::Deserialize, FromValue)]
struct Borrowed<'a> {
    name: &'a str,
}

fn main() {}
