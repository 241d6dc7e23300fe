//! Limits of calls and answers, and the size of an answer.

use plugin_api::{Fault, abi::Value};

/// Arrays and structs that may stand inside each other in a call. An answer may be half as deep again, because
/// `system.multicall` wraps what a client had stored.
pub const NESTING_LIMIT: usize = 64;

/// Arrays and structs that may stand inside each other in an answer.
pub const ANSWER_NESTING_LIMIT: usize = NESTING_LIMIT + NESTING_LIMIT / 2;

/// Length of an answer, in bytes, that none may exceed. Whatever can be asked for piece by piece, such as a log, never
/// needs to.
pub const ANSWER_LIMIT: usize = 256 << 20;

/// Bytes that a value costs beside its text, as XML and in memory: a guess.
const PER_VALUE: usize = 48;

/// Make the fault of a call whose answer would be longer.
pub fn too_large() -> Fault {
    Fault::failed_with(format_args!("the answer is too large, more than {} MiB", ANSWER_LIMIT >> 20))
}

/// Guess how many bytes of XML a value becomes. Past `enough` it is not counted any further, nor below the depth to
/// which it could be written.
pub fn size_up_to(value: &Value, enough: usize) -> usize {
    size(value, enough, ANSWER_NESTING_LIMIT, |bytes| bytes / 3 * 4)
}

/// Guess how many bytes of memory a value takes, as far as [`size_up_to`] counts.
pub fn memory_up_to(value: &Value, enough: usize) -> usize {
    size(value, enough, ANSWER_NESTING_LIMIT, |bytes| bytes)
}

fn size(value: &Value, enough: usize, levels: usize, base64: fn(usize) -> usize) -> usize {
    let mut sum = PER_VALUE;
    match value {
        Value::Nil | Value::Bool(_) | Value::Int(_) | Value::Int64(_) | Value::Double(_) => {}
        Value::String(text) | Value::DateTime(text) => sum += text.len(),
        Value::Shared(text) => sum += text.len(),
        Value::Base64(bytes) => sum += base64(bytes.len()),
        Value::Array(_) | Value::Struct(_) if levels == 0 => {}
        Value::Array(values) => {
            for value in values {
                if sum > enough {
                    break;
                }
                sum += size(value, enough - sum, levels - 1, base64);
            }
        }
        Value::Struct(members) => {
            for member in members {
                if sum > enough {
                    break;
                }
                sum += member.name.len() + size(&member.value, enough.saturating_sub(sum), levels - 1, base64);
            }
        }
    }
    sum
}

/// Return true for a value with more than `levels` arrays and structs inside each other.
pub fn is_deeper(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(values) => levels == 0 || values.iter().any(|value| is_deeper(value, levels - 1)),
        Value::Struct(members) => levels == 0 || members.iter().any(|member| is_deeper(&member.value, levels - 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_value_holds_counts_until_it_is_enough() {
        let text = Value::from("x".repeat(1000));
        let values =
            Value::array([text.clone(), Value::structure([("x".repeat(1000), Value::shared("x".repeat(1000)))])]);
        assert!((3000..3500).contains(&size_up_to(&values, 1 << 20)));
        let bytes = Value::Base64(vec![0; 3000].into());
        assert_eq!((size_up_to(&bytes, 1 << 20), memory_up_to(&bytes, 1 << 20)), (PER_VALUE + 4000, PER_VALUE + 3000));
        let many = Value::array((0..1_000_000).map(Value::Int));
        assert!((1000..1100).contains(&size_up_to(&many, 1000)));
        let deep = (0..2000).fold(text, |value, _| Value::array([value]));
        assert!(size_up_to(&deep, usize::MAX) < 100 * PER_VALUE, "no deeper than it could be written");
    }
}
