#![allow(unused)]

use plugin_api::{Event, rpc_interface};

struct Nurse;

#[rpc_interface]
impl Nurse {
    #[rpc(on_event = "PROCESS_STATE_FATAL, PROCESS_STATE_FATALL")]
    fn revive(&self, event: Event) {}

    #[rpc(on_event = "REMOTE_COMMUNICATION_STDOUT")]
    fn listen(&self, event: Event) {}

    #[rpc(on_event = "5_TICKS")]
    fn count(&self, event: Event) {}

    // Another plugin may have such events.
    #[rpc(on_event = "PROCES_STATE, EVENT, TICK_5")]
    fn look(&self, event: Event) {}
}

fn main() {}
