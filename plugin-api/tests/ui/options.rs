#![allow(unused)]

use plugin_api::{ctl_plugin, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {
    #[rpc(blocking)]
    pub fn wait(&self) {}

    #[rpc(nonblocking = true)]
    pub fn get_keys(&self) {}

    #[rpc(nonblocking)]
    pub async fn later(&self) {}

    #[rpc(name = get_all)]
    pub fn all(&self) {}

    #[ctl(name = "shelf_count")]
    pub fn count(&self) {}

    pub fn put(&self, #[rpc(optional)] key: String) {}

    #[rpc(refuse_in_shutdown)]
    pub fn clear(&self) {}
}

struct Commands;

#[ctl_plugin]
impl Commands {
    #[ctl(nonblocking)]
    pub fn shelf_get(&self, key: String) {}

    #[rpc(name = "put")]
    pub fn shelf_put(&self, key: String) {}

    #[ctl(complete_with = "a b")]
    pub fn shelf_take(&self, key: String) {}

    #[ctl(complete_with = "nothing")]
    pub fn shelf_look(&self, key: String) {}

    #[ctl(complete = "groups", complete_with = "keys")]
    pub fn shelf_drop(&self, key: String) {}

    fn keys(&self, words: &[String]) -> Vec<String> {
        words.to_vec()
    }
}

fn main() {}
