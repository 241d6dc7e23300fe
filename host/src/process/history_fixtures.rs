//! Length of the random histories that are played to what has states.

use proptest::test_runner::Config as ProptestConfig;

/// Steps of the random histories of one test, unless the environment has another number in `HISTORY_STEPS`.
const HISTORY_STEPS: u32 = 20_000;

/// Number of histories, of 1 to 99 steps each, that come to so many.
pub(crate) fn histories() -> ProptestConfig {
    let steps = std::env::var("HISTORY_STEPS").map_or(HISTORY_STEPS, |steps| steps.parse().expect("a number"));
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(steps.div_ceil(50)) }
}
