//! Python's reading of text: its idea of white space, and of an integer.

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
    match exact_int(text, base) {
        Ok(number) | Err(NotInt::Beyond(number)) => Ok(number),
        Err(NotInt::NoNumber) => Err(format!("invalid literal for int() with base {base}: {}", repr(text))),
    }
}

/// Reason why a text is no integer of 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotInt {
    /// A text that Python would not take either.
    NoNumber,
    /// An integer as Python has them, without end; this is the nearest that 64 bits hold.
    Beyond(i64),
}

/// Python's `int(text, base)` for base 8 and 10, where 64 bits hold it.
pub fn exact_int(text: &str, base: u32) -> Result<i64, NotInt> {
    let text = strip(text);
    let (negative, mut digits) = match text.as_bytes().first().ok_or(NotInt::NoNumber)? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if base == 8 && (digits.starts_with("0o") || digits.starts_with("0O")) {
        digits = &digits[2..];
        digits = digits.strip_prefix('_').unwrap_or(digits);
    }
    let mut value: i64 = 0;
    let mut beyond = false;
    let mut after_digit = false;
    for c in digits.chars() {
        // One underscore may stand between two digits.
        if c == '_' && after_digit {
            after_digit = false;
            continue;
        }
        let digit = i64::from(c.to_digit(base).ok_or(NotInt::NoNumber)?);
        let digit = if negative { -digit } else { digit };
        let longer = value.checked_mul(i64::from(base)).and_then(|value| value.checked_add(digit));
        beyond |= longer.is_none();
        value = longer.unwrap_or(if negative { i64::MIN } else { i64::MAX });
        after_digit = true;
    }
    match (after_digit, beyond) {
        (true, false) => Ok(value),
        (true, true) => Err(NotInt::Beyond(value)),
        (false, _) => Err(NotInt::NoNumber),
    }
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
        assert_eq!(
            int("9223372036854775807000x"),
            Err("invalid literal for int() with base 10: '9223372036854775807000x'".into())
        );
        assert_eq!(exact_int("-9223372036854775808", 10), Ok(i64::MIN));
        assert_eq!(exact_int("9223372036854775808", 10), Err(NotInt::Beyond(i64::MAX)));
        assert_eq!(exact_int("-9_223_372_036_854_775_809", 10), Err(NotInt::Beyond(i64::MIN)));
        assert_eq!(exact_int("9223372036854775808_", 10), Err(NotInt::NoNumber));
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
