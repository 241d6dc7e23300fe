//! How Python reads text: its idea of white space, and of an integer.

use super::repr::repr;

/// Python's `str.isspace` for one character.
pub fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// Python's `str.strip()`.
pub fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// Python's `int(text)`, held within 64 bits: what is beyond them becomes the largest or smallest that is not.
///
/// The error is Python's: `invalid literal for int() with base 10: 'x'`.
pub fn int(text: &str) -> Result<i64, String> {
    int_with_base(text, 10)
}

/// Python's `int(text, base)` for base 8 and 10, held within 64 bits.
pub fn int_with_base(text: &str, base: u32) -> Result<i64, String> {
    parse(strip(text), base).ok_or_else(|| format!("invalid literal for int() with base {base}: {}", repr(text)))
}

fn parse(text: &str, base: u32) -> Option<i64> {
    let (negative, mut digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if base == 8 && (digits.starts_with("0o") || digits.starts_with("0O")) {
        digits = &digits[2..];
        digits = digits.strip_prefix('_').unwrap_or(digits);
    }
    let mut value: i64 = 0;
    let mut after_digit = false;
    for c in digits.chars() {
        // One underscore may stand between two digits.
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = i64::from(c.to_digit(base)?);
        value = value.saturating_mul(i64::from(base));
        value = if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) };
        after_digit = true;
    }
    after_digit.then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_what_python_takes_for_integers() {
        for (text, value) in [("5", 5), (" +5\t", 5), ("-1", -1), ("1_000", 1000), ("007", 7), ("-0", 0)] {
            assert_eq!(int(text), Ok(value), "{text:?}");
        }
        for text in ["", " ", "-", "1.5", "0x10", "1__0", "_1", "1_", "5s", "- 5", "1M"] {
            assert_eq!(int(text), Err(format!("invalid literal for int() with base 10: '{text}'")), "{text:?}");
        }
        assert_eq!(int("99999999999999999999"), Ok(i64::MAX));
        assert_eq!(int("-99999999999999999999"), Ok(i64::MIN));
    }

    #[test]
    fn octal_may_have_a_prefix() {
        for (text, value) in [("022", 0o22), ("0o22", 0o22), ("0O_22", 0o22), ("700", 0o700), ("-7", -7)] {
            assert_eq!(int_with_base(text, 8), Ok(value), "{text:?}");
        }
        for text in ["8", "0o", "0o__1", "0x1"] {
            assert!(int_with_base(text, 8).is_err(), "{text:?}");
        }
    }
}
