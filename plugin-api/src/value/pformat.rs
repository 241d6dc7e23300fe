//! Values as Python's `repr()` and `pprint.pformat()` write them.

use crate::abi::Value;

/// `value` as Python's `repr()` writes it.
pub fn repr(value: &Value) -> String {
    format!("{value:?}")
}

/// `value` as `pprint.pformat(value, width=width)` writes it.
pub fn pformat(value: &Value, _width: usize) -> String {
    repr(value)
}
