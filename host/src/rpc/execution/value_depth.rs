//! Depth to which the values of plugins may be nested.
//!
//! Whoever walks a value, or drops it, goes one call deeper with each level, and a stack that overflows ends the
//! process. Values of clients are limited by who reads them; those that plugins hand over are limited here, as they come
//! in, and deeper ones are taken apart level by level.

use abi_stable::std_types::RVec;
use plugin_api::{Fault, Reply, Value};

use crate::xmlrpc::{NESTING_LIMIT, is_deeper};

/// Number of arrays and structs that may stand inside each other: whatever a client may have stored, and what the
/// plugin wraps around it. It leaves `system.multicall` room to wrap the answer, too.
pub(crate) const VALUE_DEPTH_LIMIT: usize = NESTING_LIMIT + NESTING_LIMIT / 4;

/// Turn an answer of a plugin into a fault if it is nested too deep. One that comes later is for [`limit_answer`].
#[inline]
pub(super) fn limit_reply(reply: Reply) -> Reply {
    match &reply {
        Reply::Done(value @ (Value::Array(_) | Value::Struct(_))) if is_deeper(value, VALUE_DEPTH_LIMIT) => {
            refuse(reply)
        }
        _ => reply,
    }
}

/// Turn a reply that is nested too deep into a fault.
#[cold]
fn refuse(reply: Reply) -> Reply {
    match reply {
        Reply::Done(value) => limit_answer(value).into(),
        reply => reply,
    }
}

/// Turn a value that a plugin has answered later into a fault if it is nested too deep.
pub(crate) fn limit_answer(value: Value) -> Result<Value, Fault> {
    if is_deeper(&value, VALUE_DEPTH_LIMIT) {
        take_apart(vec![value]);
        return Err(Fault::failed_with(format_args!("the answer is nested more than {VALUE_DEPTH_LIMIT} deep")));
    }
    Ok(value)
}

/// Refuse parameters of a plugin's call that are nested too deep.
pub(crate) fn limit_params(params: RVec<Value>) -> Result<RVec<Value>, Fault> {
    // Those of the method that it calls through the host stand in an array.
    if params.iter().any(|value| is_deeper(value, VALUE_DEPTH_LIMIT + 1)) {
        take_apart(params.into_vec());
        return Err(Fault::bad_arguments_with(format_args!("the call is nested more than {VALUE_DEPTH_LIMIT} deep")));
    }
    Ok(params)
}

/// Drop values, however deep.
fn take_apart(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        match value {
            Value::Array(inner) => values.extend(inner),
            Value::Struct(members) => values.extend(members.into_iter().map(|member| member.value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrays(levels: usize) -> Value {
        (0..levels).fold(Value::from("x"), |value, _| Value::array([value, Value::Nil]))
    }

    fn structs(levels: usize) -> Value {
        (0..levels).fold(Value::from("x"), |value, _| Value::structure([("a", Value::Nil), ("b", value)]))
    }

    #[test]
    fn what_is_deeper_than_the_limit_is_refused_and_harms_nobody() {
        for nested in [arrays, structs] {
            assert_eq!(limit_answer(nested(VALUE_DEPTH_LIMIT)), Ok(nested(VALUE_DEPTH_LIMIT)));
            assert!(limit_params(vec![Value::array([nested(VALUE_DEPTH_LIMIT)])].into()).is_ok());
            for levels in [VALUE_DEPTH_LIMIT + 1, 1_000_000] {
                let fault = limit_answer(nested(levels)).unwrap_err();
                assert_eq!(fault.text, "FAILED: the answer is nested more than 80 deep");
                assert!(matches!(limit_reply(Reply::Done(nested(levels))), Reply::Failed(failed) if failed == fault));
                let fault = limit_params(vec![Value::Nil, Value::array([nested(levels)])].into()).unwrap_err();
                assert_eq!(fault.text, "BAD_ARGUMENTS: the call is nested more than 80 deep");
            }
        }
    }
}
