//! Each doc comment can be read alone, as an editor shows it: it begins with what the thing is or does.

use std::fs;

use crate::source::{self, CRATES};

/// First words of a sentence that needs the line above it.
const DEPENDENT: [&str; 20] = [
    "What", "Whether", "How", "Which", "Who", "Whose", "Where", "It", "Its", "They", "Their", "That", "The same", "By",
    "Told", "As", "From", "For", "Because", "Also",
];

#[test]
fn every_doc_comment_begins_with_what_it_is_about() {
    let mut faults = Vec::new();
    for file in CRATES.iter().flat_map(|root| source::files(&source::workspace().join(root))) {
        let text = fs::read_to_string(&file).expect("it was listed");
        let mut is_first = true;
        for (number, line) in text.lines().enumerate() {
            let doc = ["///", "//!"].iter().find_map(|marker| line.trim_start().strip_prefix(marker));
            if let Some(doc) = doc.filter(|_| is_first) {
                let begins_with =
                    |words: &&str| doc.trim().strip_prefix(*words).is_some_and(|rest| rest.starts_with(' '));
                if DEPENDENT.iter().any(begins_with) {
                    let file = file.strip_prefix(source::workspace()).expect("it lies there");
                    faults.push(format!("{}:{}:{doc}", file.display(), number + 1));
                }
            }
            is_first = doc.is_none();
        }
    }
    assert!(faults.is_empty(), "{} cannot be understood alone:\n{}", faults.len(), faults.join("\n"));
}
