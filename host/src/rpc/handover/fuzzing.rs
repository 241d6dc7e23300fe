//! Bytes that may be what plugins handed over, and what is read from them.

use super::handed_over::HandedOver;

/// Read bytes as the values of plugins. What could be read comes back as it is written.
pub fn handover(data: &[u8]) {
    let Ok(read) = rmp_serde::from_slice::<HandedOver>(data) else { return };
    let written = rmp_serde::to_vec_named(&read).expect("what could be read can be written");
    let again: HandedOver = rmp_serde::from_slice(&written).expect("what is written can be read");
    // Not a number is not the same as itself, so what is written is compared.
    let twice = rmp_serde::to_vec_named(&again).expect("what could be read can be written");
    assert_eq!(written, twice, "values come back as they went");
}
