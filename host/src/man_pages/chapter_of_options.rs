//! The chapter "Every option" of the manual, from the table of options.

use std::fmt::Write as _;

use crate::config::{self, OptionReference};

/// Make the chapter, in Markdown.
pub(super) fn options() -> String {
    let mut text = "Every option, its default, and what it takes.\n\n\
        Made from the program's own table; a change here is lost. Options with an asterisk are those that Supervisor \
        4.3.0\ndoes not have. `supervisord -c FILE --check-config text` prints what each is in a config.\n"
        .to_owned();
    for section in config::reference() {
        write!(text, "\n## `{}`\n\n", section.header).expect("memory takes all");
        if section.is_a_program {
            text.push_str("All options of `[program:x]`, and these:\n\n");
        }
        text.push_str("| Option | Default | | Takes |\n|---|---|---|---|\n");
        for option in &section.options {
            let mark = if option.is_ours { " \\*" } else { "" };
            let OptionReference { name, comment, .. } = option;
            let expected = option.expected.unwrap_or_default();
            writeln!(text, "| `{name}`{mark} | {} | {} | {} |", default_of(option), cell(comment), cell(expected))
                .expect("memory takes all");
        }
    }
    text
}

/// Write the default, or an example where there is none.
fn default_of(option: &OptionReference) -> String {
    match (option.default, option.example) {
        (Some("") | None, Some(example)) => format!("e.g. `{example}`"),
        (Some(default), _) if !default.is_empty() => format!("`{default}`"),
        _ => String::new(),
    }
}

/// Escape what means something in a cell of a table.
fn cell(text: &str) -> String {
    let mut cell = String::new();
    for character in text.chars() {
        if "|*_<>[]`\\".contains(character) {
            cell.push('\\');
        }
        cell.push(character);
    }
    cell
}
