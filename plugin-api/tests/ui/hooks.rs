#![allow(unused)]

use plugin_api::{Event, ctl_plugin, rpc_interface};

struct Shelf;

#[rpc_interface]
impl Shelf {
    #[rpc(on_start)]
    pub fn begin(&self) {}

    #[rpc(on_start)]
    fn begin_twice(&self, event: Event) {}

    #[rpc(on_start)]
    fn one(&self) {}

    #[rpc(on_start)]
    fn another(&self) {}

    #[rpc(on_event)]
    fn of_no_type(&self, event: Event) {}

    #[rpc(on_event = "process state")]
    fn of_a_wrong_type(&self, event: Event) {}

    #[rpc(on_event = "TICK_5")]
    fn without_event(&self) {}

    #[rpc(on_shutdown, name = "bye")]
    fn end(&self) {}

    #[rpc(on_upgrade)]
    pub fn give(&self) -> i32 {
        0
    }

    #[rpc(on_upgrade)]
    fn give_to(&self, other: String) -> i32 {
        0
    }

    #[rpc(on_upgrade)]
    fn give_nothing(&self) {}

    #[rpc(on_upgrade = "later")]
    fn give_later(&self) -> i32 {
        0
    }

    #[rpc(on_upgrade, returns = "int")]
    fn give_a_number(&self) -> i32 {
        0
    }

    #[rpc(on_upgrade)]
    fn give_one(&self) -> i32 {
        0
    }

    #[rpc(on_upgrade)]
    async fn give_another(&self) -> i32 {
        0
    }
}

struct Notes;

#[rpc_interface]
impl Notes {
    #[rpc(panel = "Notes")]
    pub fn public(&self, query: plugin_api::PanelQuery) -> plugin_api::Panel {
        plugin_api::Panel::new(["Note"])
    }

    #[rpc(panel = "")]
    fn untitled(&self, query: plugin_api::PanelQuery) -> plugin_api::Panel {
        plugin_api::Panel::new(["Note"])
    }

    #[rpc(panel)]
    fn nameless(&self, query: plugin_api::PanelQuery) -> plugin_api::Panel {
        plugin_api::Panel::new(["Note"])
    }

    #[rpc(panel = "Notes")]
    fn without_query(&self) -> plugin_api::Panel {
        plugin_api::Panel::new(["Note"])
    }

    #[rpc(panel = "Notes")]
    fn without_table(&self, query: plugin_api::PanelQuery) {}
}

struct Commands;

#[ctl_plugin]
impl Commands {
    #[ctl(on_start)]
    fn begin(&self) {}

    #[ctl(on_upgrade)]
    fn give(&self) -> i32 {
        0
    }

    pub fn shelf_get(&self, key: String) {}
}

struct Told;

#[rpc_interface]
impl Told {
    #[rpc(on_metrics)]
    pub fn shown(&self) -> plugin_api::Metrics {
        plugin_api::Metrics::new()
    }

    #[rpc(on_metrics)]
    fn asked(&self, what: String) -> plugin_api::Metrics {
        plugin_api::Metrics::new()
    }

    #[rpc(on_metrics)]
    fn nothing(&self) {}
}

fn main() {}
