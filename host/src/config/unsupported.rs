//! What a config may say, and what is checked, but not done yet: refused, so that nothing is ignored in silence.
//!
//! As each of these comes to work, its line here goes.

use super::reader::Reader;

/// Refuses a whole section.
pub(super) fn section(reader: &Reader<'_>) {
    let (name, place) = (&reader.section.name, &reader.section.place);
    reader.fail_section(format!("[{name}] ({place}) is not supported yet"));
}
