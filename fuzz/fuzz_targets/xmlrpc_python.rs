#![no_main]
#[path = "../python/mod.rs"]
mod python;

/// The Python of the tests, unless `SUPERVISOR_PYTHON` names another one that has Supervisor.
fn interpreter() -> std::path::PathBuf {
    let usual = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/peers/supervisor-4.3.0/bin/python");
    std::env::var_os("SUPERVISOR_PYTHON").unwrap_or_else(|| usual.into()).into()
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| python::compare(interpreter, data));
