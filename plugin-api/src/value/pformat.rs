//! Values as Python 3.11 writes them: [`repr`] on one line, [`pformat`] broken into lines as `pprint.pformat` breaks
//! them.
//!
//! People read the output of `cache_fetch`, and scripts evaluate it as a Python literal; so it is Python's to the
//! letter, with its shortest floats, its quotes and escapes, and the way in which it cuts a long string into lines.
//! Two kinds of values have no literal in Python. Base64 is shown as `bytes`, a date as `<DateTime
//! '20240101T00:00:00'>`.

use std::fmt::Write;

use super::unprintable::is_printable;
use crate::abi::{Member, Value};

/// `value` as Python's `repr()` writes it.
pub fn repr(value: &Value) -> String {
    let mut out = String::new();
    write_repr(value, Order::AsGiven, &mut out);
    out
}

/// `value` as `pprint.pformat(value, width=width)` writes it. Python's own width is 80.
///
/// ```
/// use plugin_api::{Value, pformat};
///
/// assert_eq!(pformat(&Value::array(["foo".into(), true.into()]), 80), "['foo', True]");
/// ```
pub fn pformat(value: &Value, width: usize) -> String {
    // Where Python comes below nothing it goes on with negative numbers, and so do we.
    let width = isize::try_from(width).unwrap_or(isize::MAX);
    let mut printer = Printer { out: String::new(), width };
    printer.format(value, 0, 0, 0);
    printer.out
}

/// The order of a dictionary's items.
#[derive(Clone, Copy)]
enum Order {
    AsGiven,
    Sorted,
}

/// The members of a struct as the items of a dictionary: of members of one name, the first gives the place and the last
/// the value.
fn items(members: &[Member], order: Order) -> Vec<(&str, &Value)> {
    let mut items: Vec<(&str, &Value)> = members.iter().map(|member| (member.name.as_str(), &member.value)).collect();
    match order {
        Order::Sorted => {
            // The sort is stable, so of equals the last one stands last.
            items.sort_by_key(|(name, _)| *name);
            items.dedup_by(|later, first| {
                later.0 == first.0 && {
                    first.1 = later.1;
                    true
                }
            });
        }
        Order::AsGiven => {
            let mut places = std::collections::HashMap::new();
            let mut kept: Vec<(&str, &Value)> = Vec::with_capacity(items.len());
            for (name, value) in items {
                let place = *places.entry(name).or_insert(kept.len());
                if place == kept.len() { kept.push((name, value)) } else { kept[place].1 = value }
            }
            items = kept;
        }
    }
    items
}

fn write_repr(value: &Value, order: Order, out: &mut String) {
    match value {
        Value::Nil => out.push_str("None"),
        Value::Bool(true) => out.push_str("True"),
        Value::Bool(false) => out.push_str("False"),
        Value::Int(number) => push(out, number),
        Value::Int64(number) => push(out, number),
        Value::Double(number) => write_float(*number, out),
        Value::String(text) => write_str(text, out),
        Value::Shared(text) => write_str(text, out),
        Value::DateTime(text) => {
            out.push_str("<DateTime ");
            write_str(text, out);
            out.push('>');
        }
        Value::Base64(bytes) => write_bytes(bytes, out),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_repr(value, order, out);
            }
            out.push(']');
        }
        Value::Struct(members) => {
            out.push('{');
            for (index, (name, value)) in items(members, order).into_iter().enumerate() {
                out.push_str(if index > 0 { ", " } else { "" });
                write_str(name, out);
                out.push_str(": ");
                write_repr(value, order, out);
            }
            out.push('}');
        }
    }
}

fn push(out: &mut String, value: impl std::fmt::Display) {
    write!(out, "{value}").expect("a string can be written to");
}

/// The shortest digits that give the number back; with an exponent below 1e-4 and from 1e16 on.
fn write_float(number: f64, out: &mut String) {
    if !number.is_finite() {
        out.push_str(match number {
            _ if number.is_nan() => "nan",
            _ if number > 0.0 => "inf",
            _ => "-inf",
        });
        return;
    }
    let scientific = shortest(number);
    let (mantissa, exponent) = scientific.split_once('e').expect("scientific notation has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent of a double fits");
    if (-4..16).contains(&exponent) {
        let digits = mantissa.bytes().filter(u8::is_ascii_digit).count();
        let decimals = i32::try_from(digits).map_or(1, |digits| (digits - 1 - exponent).max(1)).unsigned_abs();
        // Just as many decimals as those digits need, and at least one.
        push(out, format_args!("{number:.*}", decimals as usize));
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        push(out, format_args!("{mantissa}e{sign}{:02}", exponent.unsigned_abs()));
    }
}

/// The fewest digits that give the number back, in scientific notation.
fn shortest(number: f64) -> String {
    let shortest = format!("{number:e}");
    let digits = shortest.split('e').next().unwrap_or_default().bytes().filter(u8::is_ascii_digit).count();
    // Of two that are equally near, Python takes the even one: 1801514316094494.25 is …4.2 and not …4.3.
    let rounded = format!("{number:.*e}", digits - 1);
    if rounded.parse() == Ok(number) { rounded } else { shortest }
}

fn write_str(text: &str, out: &mut String) {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    out.push(quote);
    for letter in text.chars() {
        match letter {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\\' => out.push_str("\\\\"),
            _ if letter == quote => out.extend(['\\', quote]),
            _ if is_printable(letter) => out.push(letter),
            _ => match u32::from(letter) {
                code @ ..0x100 => push(out, format_args!("\\x{code:02x}")),
                code @ 0x100..0x1_0000 => push(out, format_args!("\\u{code:04x}")),
                code => push(out, format_args!("\\U{code:08x}")),
            },
        }
    }
    out.push(quote);
}

fn write_bytes(bytes: &[u8], out: &mut String) {
    let quote = if bytes.contains(&b'\'') && !bytes.contains(&b'"') { '"' } else { '\'' };
    out.extend(['b', quote]);
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'\\' => out.push_str("\\\\"),
            _ if char::from(byte) == quote => out.extend(['\\', quote]),
            b' '..=b'~' => out.push(char::from(byte)),
            _ => push(out, format_args!("\\x{byte:02x}")),
        }
    }
    out.push(quote);
}

fn repr_str(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_str(text, &mut out);
    out
}

fn repr_bytes(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() + 3);
    write_bytes(bytes, &mut out);
    out
}

/// Number of columns that Python counts: one for each character.
fn columns(text: &str) -> isize {
    text.chars().count().try_into().unwrap_or(isize::MAX)
}

/// Python's pretty printer. `indent` is the column at which the value stands, `allowance` the columns to be left free
/// after it for closing brackets, `level` how many values it is inside of.
struct Printer {
    out: String,
    width: isize,
}

impl Printer {
    fn format(&mut self, value: &Value, indent: isize, allowance: isize, level: usize) {
        let mut line = String::new();
        write_repr(value, Order::Sorted, &mut line);
        if columns(&line) <= self.width - indent - allowance {
            self.out.push_str(&line);
            return;
        }
        let level = level + 1;
        match value {
            Value::String(text) => self.format_str(text, indent, allowance, level),
            Value::Shared(text) => self.format_str(text, indent, allowance, level),
            Value::Base64(bytes) => self.format_bytes(bytes, indent, allowance, level),
            Value::Array(values) => self.format_list(values, indent, allowance + 1, level),
            Value::Struct(members) => self.format_dict(members, indent, allowance + 1, level),
            _ => self.out.push_str(&line),
        }
    }

    fn format_list(&mut self, values: &[Value], indent: isize, allowance: isize, level: usize) {
        self.out.push('[');
        for (index, value) in values.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
                self.new_line(indent + 1);
            }
            let last = index + 1 == values.len();
            self.format(value, indent + 1, if last { allowance } else { 1 }, level);
        }
        self.out.push(']');
    }

    fn format_dict(&mut self, members: &[Member], indent: isize, allowance: isize, level: usize) {
        let items = items(members, Order::Sorted);
        self.out.push('{');
        for (index, (name, value)) in items.iter().enumerate() {
            if index > 0 {
                self.out.push(',');
                self.new_line(indent + 1);
            }
            let name = repr_str(name);
            self.out.push_str(&name);
            self.out.push_str(": ");
            let last = index + 1 == items.len();
            self.format(value, indent + 1 + columns(&name) + 2, if last { allowance } else { 1 }, level);
        }
        self.out.push('}');
    }

    /// A string that does not fit: a literal for each of its lines, and for each piece of a line that is too long.
    fn format_str(&mut self, text: &str, indent: isize, allowance: isize, level: usize) {
        if text.is_empty() {
            self.out.push_str("''");
            return;
        }
        // On its own it stands in parentheses, which take a column on each side.
        let alone = isize::from(level == 1);
        let (indent, allowance) = (indent + alone, allowance + alone);
        let width = self.width - indent;
        let lines = split_lines(text);
        let mut literals = Vec::new();
        for (index, line) in lines.iter().enumerate() {
            let last_line = index + 1 == lines.len();
            let literal = repr_str(line);
            if columns(&literal) <= if last_line { width - allowance } else { width } {
                literals.push(literal);
                continue;
            }
            let pieces = split_blanks(line);
            // Where the literal that is being collected begins and ends in the line.
            let (mut start, mut end) = (0, 0);
            for (index, piece) in pieces.iter().enumerate() {
                let last = last_line && index + 1 == pieces.len();
                let next = end + piece.len();
                if columns(&repr_str(&line[start..next])) > if last { width - allowance } else { width } {
                    if start < end {
                        literals.push(repr_str(&line[start..end]));
                    }
                    start = end;
                }
                end = next;
            }
            if start < end {
                literals.push(repr_str(&line[start..end]));
            }
        }
        self.write_literals(&literals, indent, level == 1 && literals.len() > 1);
    }

    /// Bytes that do not fit: literals of as many groups of four as a line holds.
    fn format_bytes(&mut self, bytes: &[u8], indent: isize, allowance: isize, level: usize) {
        if bytes.len() <= 4 {
            self.out.push_str(&repr_bytes(bytes));
            return;
        }
        let alone = isize::from(level == 1);
        let (indent, allowance) = (indent + alone, allowance + alone);
        let mut width = self.width - indent;
        let mut literals = Vec::new();
        let (mut start, mut end) = (0, 0);
        while end < bytes.len() {
            let next = (end + 4).min(bytes.len());
            // Python takes the allowance off only where a last, shorter group stands.
            if end == bytes.len() / 4 * 4 {
                width -= allowance;
            }
            if columns(&repr_bytes(&bytes[start..next])) > width {
                if start < end {
                    literals.push(repr_bytes(&bytes[start..end]));
                }
                start = end;
            }
            end = next;
        }
        literals.push(repr_bytes(&bytes[start..end]));
        self.write_literals(&literals, indent, level == 1);
    }

    fn write_literals(&mut self, literals: &[String], indent: isize, in_parentheses: bool) {
        self.out.push_str(if in_parentheses { "(" } else { "" });
        for (index, literal) in literals.iter().enumerate() {
            if index > 0 {
                self.new_line(indent);
            }
            self.out.push_str(literal);
        }
        self.out.push_str(if in_parentheses { ")" } else { "" });
    }

    fn new_line(&mut self, indent: isize) {
        self.out.push('\n');
        self.out.extend(std::iter::repeat_n(' ', indent.unsigned_abs()));
    }
}

/// The lines of `text` with their ends, as Python's `splitlines(True)` finds them.
fn split_lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut start = 0;
    let mut letters = text.char_indices().peekable();
    while let Some((index, letter)) = letters.next() {
        let is_end =
            matches!(letter, '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}');
        if !is_end {
            continue;
        }
        let mut end = index + letter.len_utf8();
        if letter == '\r' && letters.next_if(|(_, next)| *next == '\n').is_some() {
            end += 1;
        }
        lines.push(&text[start..end]);
        start = end;
    }
    if start < text.len() {
        lines.push(&text[start..]);
    }
    lines
}

/// `line` cut after each run of blanks.
fn split_blanks(line: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut after_blank) = (0, false);
    for (index, letter) in line.char_indices() {
        let is_blank = letter.is_whitespace() || matches!(letter, '\x1c'..='\x1f');
        if after_blank && !is_blank {
            pieces.push(&line[start..index]);
            start = index;
        }
        after_blank = is_blank;
    }
    if start < line.len() {
        pieces.push(&line[start..]);
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOREM: &str =
        "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore";

    // What is expected here was printed by Python 3.11.

    #[test]
    fn strings_are_quoted_and_escaped() {
        for (text, expected) in [
            ("bar baz", "'bar baz'"),
            ("it's", "\"it's\""),
            ("say \"hi\"", "'say \"hi\"'"),
            ("it's \"x\"", r#"'it\'s "x"'"#),
            ("a\\b\t\r\n\0\x7f", r"'a\\b\t\r\n\x00\x7f'"),
            ("é日\u{301}\u{1f600}", "'é日\u{301}\u{1f600}'"),
            ("\u{a0}\u{200b}\u{feff}\u{e000}\u{10ffff}", r"'\xa0\u200b\ufeff\ue000\U0010ffff'"),
            // Assigned in Unicode 15, which Python 3.11 does not know.
            ("\u{1fae8}", r"'\U0001fae8'"),
        ] {
            assert_eq!(repr(&text.into()), expected);
        }
    }

    #[test]
    fn floats_are_short() {
        for (number, expected) in [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (0.1, "0.1"),
            (1e-4, "0.0001"),
            (1e-9, "1e-09"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (5e-324, "5e-324"),
            (1_801_514_316_094_494.2, "1801514316094494.2"),
            (f64::NAN, "nan"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(repr(&number.into()), expected);
        }
    }

    #[test]
    fn dictionaries_are_sorted_by_pformat_alone() {
        let value = Value::structure([("b", 1.into()), ("a", Value::Nil), ("b", false.into())]);
        assert_eq!(repr(&value), "{'b': False, 'a': None}");
        assert_eq!(pformat(&value, 80), "{'a': None, 'b': False}");
        assert_eq!(pformat(&Value::structure::<&str>([]), 80), "{}");
        assert_eq!(pformat(&Value::array([]), 80), "[]");
    }

    #[test]
    fn other_types_are_shown_too() {
        assert_eq!(repr(&Value::Base64(b"a'\xff\n".to_vec().into())), r#"b"a'\xff\n""#);
        assert_eq!(repr(&Value::DateTime("20240101T00:00:00".into())), "<DateTime '20240101T00:00:00'>");
        assert_eq!(repr(&Value::Int64(1 << 40)), "1099511627776");
    }

    #[test]
    fn long_strings_are_cut_on_blanks() {
        let alone = "\
('Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod '
 'tempor incididunt ut labore')";
        let listed = "\
['Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod '
 'tempor incididunt ut labore']";
        assert_eq!(pformat(&LOREM.into(), 80), alone);
        assert_eq!(pformat(&Value::array([LOREM.into()]), 80), listed);
        let lines = format!("one\ntwo {} z", "y".repeat(80));
        let expected = format!("('one\\n'\n 'two '\n '{} '\n 'z')", "y".repeat(80));
        assert_eq!(pformat(&lines.into(), 80), expected);
        let one_word = format!("'{}'", "x".repeat(100));
        assert_eq!(pformat(&"x".repeat(100).into(), 80), one_word);
    }

    #[test]
    fn nested_values_are_aligned() {
        let value = Value::structure([
            ("b", Value::array([LOREM.into(), 1.into()])),
            ("a", Value::structure([("key", "x".repeat(90).into())])),
        ]);
        let expected = format!(
            "\
{{'a': {{'key': '{}'}},
 'b': ['Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do '
       'eiusmod tempor incididunt ut labore',
       1]}}",
            "x".repeat(90)
        );
        assert_eq!(pformat(&value, 80), expected);
    }

    #[test]
    fn bytes_are_cut_in_groups_of_four() {
        let bytes: Vec<u8> = (0..30).collect();
        let expected = r"(b'\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13'
 b'\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d')";
        assert_eq!(pformat(&Value::Base64(bytes.into()), 80), expected);
    }
}
