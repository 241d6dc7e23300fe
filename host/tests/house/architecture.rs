//! `host/ARCHITECTURE.md` names files and functions; each is there.

use std::{fs, path::Path};

use crate::source::{self, CRATES};

/// The pieces of a text between single backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).map(str::trim).filter(|piece| !piece.is_empty())
}

#[test]
fn every_path_and_name_in_it_exists() {
    let workspace = source::workspace();
    let text = fs::read_to_string(workspace.join("host/ARCHITECTURE.md")).expect("it stands beside host/src");
    let files = CRATES.iter().flat_map(|root| source::files(&workspace.join(root)));
    let code: String = files.map(|file| fs::read_to_string(file).expect("it was listed")).collect();
    let is_in_code = |name: &str| {
        let starts = ["fn ", "struct ", "enum ", "trait ", "type ", "const ", "static ", "macro_rules! ", "mod "];
        let ends = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
        starts.iter().any(|start| code.split(&format!("{start}{name}")).skip(1).any(ends))
    };
    let (mut names, mut missing) = (0, Vec::new());
    for piece in quoted(&text) {
        names += 1;
        let there = if piece.contains('/') || Path::new(piece).extension().is_some_and(|it| it == "rs") {
            ["", "host/src"].iter().any(|root| workspace.join(root).join(piece).exists())
        } else if piece.contains(' ') {
            continue;
        } else {
            piece.trim_end_matches("()").split("::").all(&is_in_code)
        };
        if !there {
            missing.push(piece);
        }
    }
    assert!(names > 50, "it names what it talks of, between backquotes");
    assert!(missing.is_empty(), "not there: {missing:#?}");
}
