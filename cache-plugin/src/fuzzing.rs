//! Functions that take whatever bytes and check what must be true of them. `fuzz/` plays random bytes to them, and a
//! test its corpora. They are no part of what the cache does, and nothing else is to use them.

use crate::json_lines::{self, Entry};
#[cfg(feature = "file")]
pub use crate::store::cache_file;
#[cfg(feature = "engine")]
pub use crate::store::engine_values;

/// A function and its name, which is that of its corpus.
pub type Target = (&'static str, fn(&[u8]));

/// All functions.
pub const TARGETS: &[Target] = &[
    ("json_lines", json_lines),
    #[cfg(feature = "file")]
    ("cache_file", cache_file),
    #[cfg(feature = "file")]
    ("cache_records", cache_records),
    #[cfg(feature = "engine")]
    ("engine_values", engine_values),
];

/// Read a text as a line of JSON. An entry comes back as it was.
pub fn json_lines(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(entry) = json_lines::read(text) {
        comes_back(&entry);
    }
}

/// Read bytes as the steps of a frame in the cache's file. They are written as they were, and their values as lines of
/// JSON come back.
#[cfg(feature = "file")]
pub fn cache_records(data: &[u8]) {
    /// Most arrays and structs that a client can have stored inside each other.
    const DEPTH: usize = 64;
    for value in crate::store::records(data) {
        if depth(&value) <= DEPTH {
            comes_back(&Entry { key: "k".to_owned(), value, seconds: 1.5 });
        }
    }
}

/// Check that an entry is the same when it is written and read. Not a number is not the same as itself, so lines are
/// compared too.
fn comes_back(entry: &Entry) {
    // No time at all is none that is left.
    let entry = &Entry { seconds: entry.seconds.max(0.0), ..entry.clone() };
    let line = json_lines::write(entry);
    assert!(!line.contains('\n'), "an entry is one line");
    let again = json_lines::read(&line).expect("what is written can be read");
    assert_eq!(json_lines::write(&again), line, "an entry comes back as it was");
    assert!(again == *entry || line.contains("NaN"), "{entry:?} comes back as {again:?}");
}

/// Number of arrays and structs inside each other.
#[cfg(feature = "file")]
fn depth(value: &plugin_api::Value) -> usize {
    use plugin_api::Value;
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Struct(members) => 1 + members.iter().map(|member| depth(&member.value)).max().unwrap_or(0),
        _ => 0,
    }
}
