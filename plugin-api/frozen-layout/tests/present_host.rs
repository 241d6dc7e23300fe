//! A plugin without `abi_stable` in the host that has it: the loader of supervisord, which compares the layouts.

#[path = "../../loader/tests/abi/play.rs"]
mod play;

use std::{env, path::PathBuf};

/// The library of `frozen-elder`, which Cargo has built beside this test.
fn library() -> PathBuf {
    let test = env::current_exe().unwrap().canonicalize().unwrap();
    test.with_file_name("libfrozen_elder.so")
}

#[test]
fn everything_that_it_does_works() {
    let library = play::open(&library());
    assert_eq!((library.info().name.as_str(), library.info().api_version.as_str()), ("frozen-elder", "1.0.0"));
    play::all(&library);
}
