#![allow(unused)]

plugin_api::export!(make_shelf);

mod empty {
    plugin_api::export!();
}

fn main() {}
