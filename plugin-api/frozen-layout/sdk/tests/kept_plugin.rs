//! The plugin that was built against 1.0.0, with `abi_stable`, in a host without it.

// The play speaks of the plugin API and its loader, which these stand in for.
extern crate frozen_sdk as plugin_api;
extern crate self as plugin_loader;

#[path = "../../../loader/tests/abi/play.rs"]
mod play;

use std::path::{Path, PathBuf};

pub use frozen_sdk::loader::Library;

fn kept() -> PathBuf {
    let file = format!("../../loader/tests/elder/built/elder-1.0.0-{}.so", std::env::consts::ARCH);
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

#[test]
#[cfg_attr(not(target_arch = "x86_64"), ignore = "no library is kept for this machine")]
fn everything_that_it_does_works() {
    let library = play::open(&kept());
    assert_eq!(library.info(), ["elder", "1.0.0", "1.0.0"]);
    play::all(&library);
}
