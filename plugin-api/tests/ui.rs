//! The mistakes that authors of plugins make, each in a file of its own in `ui/` with the message that it gets.
//!
//! After a change of a message: `TRYBUILD=overwrite cargo test -p supervisor-plugin-api --test ui`, and read the diff.

#[test]
fn mistakes_are_explained() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

/// What could be taken for a mistake and is none.
#[test]
fn what_is_right_compiles() {
    trybuild::TestCases::new().pass("tests/ui/right/*.rs");
}
