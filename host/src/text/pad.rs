//! Columns of any width: Rust's own padding panics beyond 65,535 characters, and names may be longer.

/// Put blanks behind `text`, up to so many characters.
pub fn pad(text: &str, width: usize) -> String {
    let blanks = width.saturating_sub(text.chars().count());
    [text, &" ".repeat(blanks)].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_any_width() {
        assert_eq!(pad("é", 3), "é  ");
        assert_eq!(pad("long", 3), "long");
        assert_eq!(pad("x", 100_000).len(), 100_000);
    }
}
