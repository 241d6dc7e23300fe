//! Parts of log files, by Supervisor's rules for offsets and lengths.

use std::{
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::Path,
};

use plugin_api::{Code, Fault, FromValue, Value};

use crate::{
    logger::open_to_read,
    text::{
        python::{NotInt, exact_int},
        utf8::{rest_of_character, unfinished_character},
    },
    xmlrpc::{ANSWER_LIMIT, readable},
};

/// Number of bytes of a file that fit into one answer, which has a few words around it.
const MOST: u64 = (ANSWER_LIMIT - 1024) as u64;

/// A place in a log, or a number of its bytes, as a parameter. No log has as many as 64 bits can count, so that a
/// number beyond them, which Python takes, is as good as the nearest that they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteCount(pub i64);

impl FromValue for ByteCount {
    const KIND: &'static str = i64::KIND;

    fn from_value(value: Value) -> Result<Self, Fault> {
        let nearest = match &value {
            Value::Double(number) if number.is_finite() && number.abs() >= TWO_TO_63 => {
                Some(if *number < 0.0 { i64::MIN } else { i64::MAX })
            }
            other => match other.as_str().map(|text| exact_int(text, 10)) {
                Some(Err(NotInt::Beyond(nearest))) => Some(nearest),
                _ => None,
            },
        };
        nearest.map_or_else(|| i64::from_value(value), Ok).map(Self)
    }
}

/// The first number that 64 bits with a sign do not hold.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// Read `length` bytes from `offset`; length 0 is to the end, a negative offset with length 0 the last so many bytes.
pub(super) fn read(path: &Path, offset: i64, length: i64) -> Result<String, Fault> {
    let (from_end, start) = (offset < 0, offset.unsigned_abs());
    let mut file = open_to_read(path).map_err(failed)?;
    if from_end && length != 0 || length < 0 {
        return Err(Code::BadArguments.into());
    }
    let size = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let (start, most) = if from_end {
        (size.saturating_sub(start), start)
    } else {
        (start, if length == 0 { u64::MAX } else { length.unsigned_abs() })
    };
    // What is no file may have no end; and what comes while this is read is for the next call.
    let most = most.min(size.saturating_sub(start));
    if most > MOST {
        let text = "that is more than 256 MiB; read it in pieces, with an offset and a length for each";
        return Err(Fault::failed_with(text));
    }
    part(&mut file, start, most).map_err(failed)
}

/// Read the last `length` bytes as a client that follows the log asks for them: text, the size of the log, and true
/// where more was written than it asked for.
pub(super) fn tail(path: &Path, offset: i64, length: i64) -> (String, i64, bool) {
    let Ok(mut file) = open_to_read(path) else { return (String::new(), offset, false) };
    let Ok(size) = file.seek(SeekFrom::End(0)) else { return (String::new(), offset, false) };
    let size = i64::try_from(size).unwrap_or(i64::MAX);
    let (start, length, overflow) = last(offset, length, size);
    (part(&mut file, start, length).unwrap_or_default(), size, overflow)
}

/// Begin and length of the text that such a client gets of a log of this size, and true where more was written.
fn last(offset: i64, length: i64, size: i64) -> (u64, u64, bool) {
    let end = offset.saturating_add(length);
    let overflow = size > end;
    let (mut start, mut length) = (if overflow { size - 1 } else { offset }, length);
    if start.saturating_add(length) > size {
        if start > size - 1 {
            length = 0;
        }
        start = size.saturating_sub(length);
    }
    let start = start.max(0);
    let length = length.clamp(0, (size - start).max(0)).unsigned_abs();
    // Of more than fits into an answer, the end.
    (start.unsigned_abs() + length.saturating_sub(MOST), length.min(MOST), overflow)
}

/// Read at most so many bytes from `start`.
fn part(file: &mut File, start: u64, most: u64) -> io::Result<String> {
    let mut data = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.take(most).read_to_end(&mut data)?;
    Ok(text(&data, start == 0))
}

/// Make bytes text that every client can read: a character that was cut at either end is left out; for other bytes that are
/// none, and for what XML cannot carry, stands something else.
fn text(mut data: &[u8], begins_file: bool) -> String {
    if !begins_file {
        data = &data[rest_of_character(data)..];
    }
    data = &data[..data.len() - unfinished_character(data)];
    readable(&String::from_utf8_lossy(data)).into_owned()
}

/// Fault for a log that cannot be read.
fn failed(_: io::Error) -> Fault {
    Code::Failed.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn parts_are_read_by_offset_and_length() {
        let log = log(b"0123456789");
        for ((offset, length), expected) in [
            ((0, 0), "0123456789"),
            ((0, 4), "0123"),
            ((4, 3), "456"),
            ((8, 100), "89"),
            ((8, i32::MAX.into()), "89"),
            ((8, i64::MAX), "89"),
            ((i64::from(i32::MAX) + 1, i64::MAX), ""),
            ((i64::MIN, 0), "0123456789"),
            ((100, 0), ""),
            ((-3, 0), "789"),
            ((-100, 0), "0123456789"),
        ] {
            assert_eq!(read(log.path(), offset, length).unwrap(), expected, "{offset} {length}");
        }
        for (offset, length) in [(-3, 1), (0, -1), (-3, -1)] {
            assert_eq!(read(log.path(), offset, length), Err(Code::BadArguments.into()));
        }
        assert_eq!(read(Path::new("/nonexistent"), 0, 0), Err(Code::Failed.into()));
    }

    #[test]
    fn numbers_beyond_64_bits_are_held_within_them() {
        for (value, expected) in [
            (Value::from(5), 5),
            (" -7 ".into(), -7),
            ("9223372036854775808".into(), i64::MAX),
            ("-99999999999999999999".into(), i64::MIN),
            (Value::Double(1e300), i64::MAX),
            (Value::Double(-TWO_TO_63 * 2.0), i64::MIN),
            (Value::Double(1.9), 1),
        ] {
            assert_eq!(ByteCount::from_value(value.clone()), Ok(ByteCount(expected)), "{value:?}");
        }
        for value in [Value::from("x"), Value::Double(f64::INFINITY), Value::Double(f64::NAN), Value::Nil] {
            assert!(ByteCount::from_value(value.clone()).is_err(), "{value:?}");
        }
    }

    #[test]
    fn tails_are_supervisors_own() {
        let whole = "first line\nsecond line\nthe third line\n";
        let log = log(whole.as_bytes());
        let size = 38;
        for ((offset, length), expected) in [
            ((0, 5), ("line\n", true)),
            ((0, 0), ("", true)),
            ((7, 1000), (whole, false)),
            ((1000, 10), ("", false)),
            ((0, 38), (whole, false)),
            ((0, -5), ("", true)),
            ((-5, 2), ("e\n", true)),
            ((0, i32::MAX.into()), (whole, false)),
            ((7, i64::from(i32::MAX) + 1), (whole, false)),
            ((0, i64::MAX), (whole, false)),
            ((i64::MAX, i64::MAX), ("", false)),
            ((i32::MIN.into(), i32::MAX.into()), (whole, true)),
            ((i64::MIN, i64::MAX), (whole, true)),
            ((i64::MIN, i64::MIN), ("", true)),
            ((i64::MAX, i64::MIN), ("", true)),
        ] {
            let (text, end, overflow) = tail(log.path(), offset, length);
            assert_eq!((text.as_str(), overflow), expected, "{offset} {length}");
            assert_eq!(end, size);
        }
        assert_eq!(tail(Path::new("/nonexistent"), 7, 1), (String::new(), 7, false));
    }

    #[test]
    fn of_more_than_fits_into_an_answer_a_tail_is_the_end() {
        let most = i64::try_from(MOST).unwrap();
        for size in [most + 1, 1 << 40, 1 << 60] {
            for length in [most, most + 1, 1 << 30, i64::from(i32::MAX), 1 << 40, i64::MAX] {
                assert_eq!(
                    last(0, length, size),
                    ((size - most).unsigned_abs(), MOST, size > length),
                    "{length} {size}"
                );
            }
        }
    }

    #[test]
    fn what_is_no_file_gives_nothing_and_takes_no_time() {
        for device in ["/dev/zero", "/dev/null"] {
            for (offset, length) in [(0, 0), (0, 1 << 40), (-1000, 0), (5, 5)] {
                assert_eq!(read(Path::new(device), offset, length), Ok(String::new()), "{device} {offset} {length}");
            }
            assert_eq!(tail(Path::new(device), 0, 1 << 40).0, "", "{device}");
        }
        let directory = tempfile::tempdir().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read(&fifo, 0, 0), Err(Code::Failed.into()));
        assert_eq!(tail(&fifo, 7, 100), (String::new(), 7, false));
    }

    #[test]
    fn more_than_fits_into_an_answer_is_read_in_pieces() {
        let log = log(b"begin");
        log.as_file().set_len(1 << 40).unwrap();
        for (offset, length) in [(0, 0), (5, 1 << 30), (-(1 << 30), 0)] {
            let fault = read(log.path(), offset, length).unwrap_err();
            assert!(fault.text.starts_with("FAILED: that is more than 256 MiB; read it in pieces"), "{fault}");
        }
        assert_eq!(read(log.path(), 0, 5).unwrap(), "begin");
        assert_eq!(read(log.path(), -3, 0).unwrap(), "\u{2400}\u{2400}\u{2400}");
    }

    #[test]
    fn a_character_that_is_cut_is_left_out_and_a_stray_byte_replaced() {
        let log = log("aéb".as_bytes());
        assert_eq!(read(log.path(), 0, 2).unwrap(), "a");
        assert_eq!(read(log.path(), 2, 0).unwrap(), "b");
        assert_eq!(text(b"a\x88b", false), "a\u{fffd}b");
        assert_eq!(text(b"a\xff", false), "a\u{fffd}");
        assert_eq!(text(b"\x88\x88", true), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn what_xml_cannot_carry_is_replaced() {
        let log = log(b"\x1b[31mred\x1b[0m\0\t\r\n\x7f\xff\xef\xbf\xbe");
        let shown = "\u{241b}[31mred\u{241b}[0m\u{2400}\t\r\n\u{7f}\u{fffd}\u{fffd}";
        assert_eq!(read(log.path(), 0, 0).unwrap(), shown);
        assert_eq!(tail(log.path(), 0, 1000).0, shown);
    }
}
