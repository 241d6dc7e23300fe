//! The texts of single values: integers, doubles, dates, base64.
//!
//! They are read as Supervisor reads them, that is, as Python's `int()`, `float()`, `time.strptime()` and
//! `base64.decodebytes()` do.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::NaiveDate;
use plugin_api::abi::Value;

use super::problem::Problem;
use crate::text::python::{NotInt, exact_int};

/// Read what Python's `int()` reads, up to 64 bits: blanks around, a sign, `_` between digits.
pub(super) fn parse_int(text: &str) -> Result<i64, Problem> {
    exact_int(text, 10).map_err(|error| match error {
        NotInt::NoNumber => Problem::Int,
        NotInt::Beyond(_) => Problem::IntRange,
    })
}

/// Read the text of `<int>`. A number that needs more than 32 bits becomes one of 64.
pub(super) fn parse_int_value(text: &str) -> Result<Value, Problem> {
    // Whatever Rust takes for an integer Python takes for the same one, and most texts are no more than digits.
    if let Ok(number) = text.parse() {
        return Ok(Value::Int(number));
    }
    let number = parse_int(text)?;
    Ok(i32::try_from(number).map_or(Value::Int64(number), Value::Int))
}

/// Read what Python's `float()` reads: also `inf`, `nan`, `.5` and `1_000.0`.
pub(super) fn parse_double(text: &str) -> Result<f64, Problem> {
    let digits = text.trim();
    match digits.parse() {
        Ok(number) => Ok(number),
        Err(_) => match without_underscores(digits) {
            Some(digits) => parse_double(&digits),
            None => Err(Problem::Double),
        },
    }
}

/// Take out single underscores between two digits, which Python allows. `None` if there is none, or one elsewhere.
fn without_underscores(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
    let mut found = false;
    for (at, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == b'_') {
        if !(digit(at.checked_sub(1)) && digit(Some(at + 1))) {
            return None;
        }
        found = true;
    }
    found.then(|| text.replace('_', ""))
}

/// Check a date as `strptime` with `%Y%m%dT%H:%M:%S` does, and return it with all its digits.
///
/// `strptime` lets single digits pass where two are usual; nobody writes them, and what Supervisor sends back always
/// has 17 characters, so does this.
pub(super) fn parse_date_time(text: &str) -> Result<String, Problem> {
    let (date, time) = text.split_once(['T', 't']).ok_or(Problem::DateTime)?;
    let (year, rest) = date.split_at_checked(4).ok_or(Problem::DateTime)?;
    let year = number(year, 4..=4).filter(|year| *year > 0).ok_or(Problem::DateTime)?;
    let (month, day) = [2, 1]
        .into_iter()
        .find_map(|width| {
            let (month, day) = rest.split_at_checked(width)?;
            let month = number(month, 1..=2)?;
            let day = match day.strip_prefix(' ') {
                Some(digit) => number(digit, 1..=1)?,
                None => number(day, 1..=2)?,
            };
            NaiveDate::from_ymd_opt(year.cast_signed(), month, day).map(|_| (month, day))
        })
        .ok_or(Problem::DateTime)?;
    let mut clock = time.split(':');
    let mut part = |limit: u32| clock.next().and_then(|text| number(text, 1..=2)).filter(|value| *value <= limit);
    let (Some(hour), Some(minute), Some(second)) = (part(23), part(59), part(59)) else {
        return Err(Problem::DateTime);
    };
    if clock.next().is_some() {
        return Err(Problem::DateTime);
    }
    Ok(format!("{year:04}{month:02}{day:02}T{hour:02}:{minute:02}:{second:02}"))
}

/// Read a number of so many ASCII digits and nothing else.
fn number(text: &str, width: std::ops::RangeInclusive<usize>) -> Option<u32> {
    (width.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Marks in [`SIX_BITS`]: not of the alphabet, and the padding.
const FOREIGN: u8 = 0xff;
const PADDING: u8 = 0xfe;

/// Value of each byte in base64.
const SIX_BITS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [FOREIGN; 256];
    let mut value = 0;
    while value < 64 {
        table[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    table[b'=' as usize] = PADDING;
    table
};

/// Read base64 as Python's `binascii` does when it is not strict: what is not of the alphabet is passed over, and
/// what follows the padding is not looked at.
pub(super) fn decode_base64(text: &str) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut group, mut filled, mut padding) = (0_u32, 0_u32, 0_u32);
    for byte in text.bytes() {
        match SIX_BITS[usize::from(byte)] {
            FOREIGN => {}
            PADDING => {
                padding += 1;
                if filled >= 2 && filled + padding >= 4 {
                    let [_, first, second, _] = group_of(group, filled);
                    bytes.push(first);
                    if filled == 3 {
                        bytes.push(second);
                    }
                    return Ok(bytes);
                }
            }
            bits => {
                padding = 0;
                group = group << 6 | u32::from(bits);
                filled += 1;
                if filled == 4 {
                    bytes.extend_from_slice(&group.to_be_bytes()[1..]);
                    (group, filled) = (0, 0);
                }
            }
        }
    }
    if filled == 0 { Ok(bytes) } else { Err(Problem::Base64) }
}

/// Get the bytes of a group of four of which only `filled` came.
fn group_of(group: u32, filled: u32) -> [u8; 4] {
    (group << (6 * (4 - filled))).to_be_bytes()
}

/// Bytes in a line of base64, 76 characters, as Python's `encodebytes` cuts it.
const BASE64_LINE: usize = 57;

/// Write base64 in lines of 76 characters, each with its line feed.
pub(super) fn encode_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let mut line = [0; BASE64_LINE / 3 * 4];
    out.reserve(bytes.len().div_ceil(BASE64_LINE) * (line.len() + 1));
    for part in bytes.chunks(BASE64_LINE) {
        let length = STANDARD.encode_slice(part, &mut line).expect("a line of 57 bytes gives 76 characters");
        out.extend_from_slice(&line[..length]);
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_read_as_python_reads_them() {
        for (text, number) in [(" 8 ", 8), ("+9", 9), ("-0", 0), ("\n12\t", 12), ("1_000", 1000), ("007", 7)] {
            assert_eq!(parse_int(text), Ok(number), "{text:?}");
        }
        assert_eq!(parse_int("-9223372036854775808"), Ok(i64::MIN));
        for text in ["", " ", "1.5", "1e3", "0x10", "_1", "1__0", "1_", "+ 1", "--1", "\u{0}1"] {
            assert_eq!(parse_int(text), Err(Problem::Int), "{text:?}");
        }
        assert_eq!(parse_int("9223372036854775808"), Err(Problem::IntRange));
        assert_eq!(parse_int("1_000_000_000_000_000_000_000"), Err(Problem::IntRange));
    }

    #[test]
    fn doubles_are_read_as_python_reads_them() {
        for (text, number) in [("1", 1.0), (" -1.5e3 ", -1500.0), (".5", 0.5), ("5.", 5.0), ("1_0.5", 10.5)] {
            assert_eq!(parse_double(text), Ok(number), "{text:?}");
        }
        assert_eq!(parse_double("Infinity"), Ok(f64::INFINITY));
        assert!(parse_double("NaN").unwrap().is_nan());
        for text in ["", ".", "1,5", "1e", "_1.0", "1._5", "0x1p3"] {
            assert_eq!(parse_double(text), Err(Problem::Double), "{text:?}");
        }
    }

    #[test]
    fn dates_are_checked_as_strptime_does() {
        let good = [
            ("20240229T23:59:59", "20240229T23:59:59"),
            ("19980717t14:08:55", "19980717T14:08:55"),
            ("2024111T1:2:3", "20241101T01:02:03"),
            ("202411T01:02:03", "20240101T01:02:03"),
            ("202401 5T01:02:03", "20240105T01:02:03"),
        ];
        for (text, date) in good {
            assert_eq!(parse_date_time(text).as_deref(), Ok(date), "{text}");
        }
        let bad = [
            "",
            "T",
            "2024-01-01T00:00:00",
            "20230229T00:00:00",
            "20241301T00:00:00",
            "20240100T00:00:00",
            "00000101T00:00:00",
            "20240101T24:00:00",
            "20240101T00:60:00",
            "20240101T00:00:60",
            "20240101T00:00",
            "20240101T00:00:00Z",
            "20240101T00:00:00:00",
            " 20240101T00:00:00",
            "20240101T00:00:00 ",
            "20240101T+1:00:00",
            "ééT00:00:00",
        ];
        for text in bad {
            assert_eq!(parse_date_time(text), Err(Problem::DateTime), "{text:?}");
        }
    }

    #[test]
    fn base64_is_read_as_binascii_reads_it() {
        let good: [(&str, &[u8]); 10] = [
            ("", b""),
            ("\n", b""),
            ("aGFsbG8=", b"hallo"),
            ("  aGFs\r\n bG8=\n", b"hallo"),
            ("aGFsbG8=aGFsbG8=", b"hallo"),
            ("aGFsbA==", b"hall"),
            ("aGFs", b"hal"),
            ("a-G:F é s", b"hal"),
            ("=", b""),
            ("AP/+", b"\x00\xff\xfe"),
        ];
        for (text, bytes) in good {
            assert_eq!(decode_base64(text).as_deref(), Ok(bytes), "{text:?}");
        }
        for text in ["a", "aG", "aGF", "aGFsb", "aG=", "a==="] {
            assert_eq!(decode_base64(text), Err(Problem::Base64), "{text:?}");
        }
    }

    #[test]
    fn base64_is_written_in_lines_of_76() {
        let mut out = Vec::new();
        encode_base64(&[b'x'; 58], &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("{}\neA==\n", "eHh4".repeat(19)));
    }
}
