//! Waiting for a condition.

use std::{
    thread,
    time::{Duration, Instant},
};

/// How long a condition may take to come true on a machine that is busy with other tests.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` holds; panics with `what` where it does not within [`PATIENCE`].
#[track_caller]
pub fn wait_until(what: &str, condition: impl FnMut() -> bool) {
    assert!(comes_true(condition), "waited {PATIENCE:?} in vain until {what}");
}

/// Waits until `condition` holds, and says whether it did within [`PATIENCE`].
pub fn comes_true(mut condition: impl FnMut() -> bool) -> bool {
    let start = Instant::now();
    while !condition() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        thread::sleep(Duration::from_millis(5));
    }
    true
}
