#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| supervisor_host::fuzzing::log_lines(data));
