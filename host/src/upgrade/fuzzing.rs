//! Bytes that may be the state of a supervisord, and what is read from them.

use super::state_file;
use crate::rpc::HandedOver;

/// Read bytes as the file that one supervisord leaves to the next. What could be read comes back as it is written.
pub fn upgrade_state(data: &[u8]) {
    let Ok((state, plugins)) = state_file::decode::<HandedOver>(data) else { return };
    // Numbers and names, of which nobody has said that they make sense.
    let _ = (state.descriptors().count(), state.supervisor.alive(), state.supervisor.groups());
    let written = state_file::encode(&plugins, &state).expect("what could be read can be written");
    let (again, plugins) = state_file::decode::<HandedOver>(&written).expect("what is written can be read");
    let twice = state_file::encode(&plugins, &again).expect("what could be read can be written");
    assert_eq!(written, twice, "the state comes back as it went");
}
