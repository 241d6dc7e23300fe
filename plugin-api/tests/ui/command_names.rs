#![allow(unused, uncommon_codepoints)]

use plugin_api::ctl_plugin;

struct Commands;

#[ctl_plugin]
impl Commands {
    #[ctl(name = "board-pin")]
    pub fn board_pin(&self) {}

    #[ctl(name = "")]
    pub fn board_tear(&self) {}

    pub fn café(&self) {}

    pub fn _complete(&self) {}

    pub fn help(&self) {}

    #[ctl(name = "2_boards")]
    pub fn board_two(&self) {}
}

fn main() {}
