//! The Rust types that a published method may take and give.
//!
//! Reading is as lenient as Supervisor's own methods, which Python's dynamic typing made so: any true value is a
//! `bool`, `"4"` and `1.9` are integers, base64 that is UTF-8 is a string.

use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher,
};

use abi_stable::std_types::{RArc, RString, RVec};

use crate::{
    abi::{Fault, Member, Reply, Value},
    fault::Code,
};

/// A type that a published method can take as a parameter, and that the answer of a call can be read into.
///
/// For a type of your own, derive it together with serde's `Deserialize`:
///
/// ```
/// #[derive(serde::Deserialize, plugin_api::FromValue)]
/// struct Note {
///     text: String,
///     #[serde(default)]
///     pinned: bool,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a published method",
    label = "no conversion from an XML-RPC value to `{Self}`",
    note = "parameters can be `String`, `bool`, integers, `f64`, `Vec<T>`, `BTreeMap<String, T>`, `HashMap<String, T>`, `Option<T>` or `Value`",
    note = "for a type of your own write `#[derive(serde::Deserialize, plugin_api::FromValue)]`"
)]
pub trait FromValue: Sized {
    /// The XML-RPC type as `system.methodSignature` names it.
    const KIND: &'static str;

    /// Read `value`; where it does not fit, a fault `INCORRECT_PARAMETERS: expected a string, not an array`.
    fn from_value(value: Value) -> Result<Self, Fault>;

    /// The value for a parameter that the caller left out. Only an `Option` may be left out.
    fn missing() -> Option<Self> {
        None
    }
}

/// A type that a published method can return, and that a call can pass as a parameter.
///
/// For a type of your own, derive it together with serde's `Serialize`:
///
/// ```
/// #[derive(serde::Serialize, plugin_api::IntoValue)]
/// struct Note {
///     text: String,
///     pinned: bool,
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot become an XML-RPC value",
    label = "no conversion from `{Self}` to an XML-RPC value",
    note = "values can be `String`, `&str`, `bool`, integers, `f64`, `Vec<T>`, `BTreeMap<String, T>`, `HashMap<String, T>`, `Option<T>`, tuples or `Value`",
    note = "for a type of your own write `#[derive(serde::Serialize, plugin_api::IntoValue)]`"
)]
pub trait IntoValue {
    /// The XML-RPC type as `system.methodSignature` names it.
    const KIND: &'static str;

    /// Convert it to a value.
    fn into_value(self) -> Value;
}

/// A type that a published method may return: a value, or `Result<value, Fault>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the result of a published method",
    label = "neither a value nor `Result<value, Fault>`",
    note = "results can be `String`, `&str`, `bool`, integers, `f64`, `Vec<T>`, `BTreeMap<String, T>`, `HashMap<String, T>`, `Option<T>`, tuples, `Value`, `()`, or `Result<T, Fault>` of any of them",
    note = "for a type of your own write `#[derive(serde::Serialize, plugin_api::IntoValue)]`",
    note = "turn an error of another type into a fault: `.map_err(Fault::failed_with)`"
)]
pub trait IntoAnswer {
    /// The XML-RPC type of the value.
    const KIND: &'static str;

    /// The value, or the fault.
    fn into_answer(self) -> Result<Value, Fault>;

    /// The reply of a method that is not an `async fn`. Only what may come later needs to say more than the default.
    fn into_reply(self, _method: &str) -> Reply
    where
        Self: Sized,
    {
        self.into_answer().into()
    }
}

impl<T: IntoValue> IntoAnswer for T {
    const KIND: &'static str = T::KIND;

    fn into_answer(self) -> Result<Value, Fault> {
        Ok(self.into_value())
    }
}

impl<T: IntoValue> IntoAnswer for Result<T, Fault> {
    const KIND: &'static str = T::KIND;

    fn into_answer(self) -> Result<Value, Fault> {
        self.map(IntoValue::into_value)
    }
}

/// The fault for a value of the wrong type.
pub(super) fn expected(what: &str, value: &Value) -> Fault {
    Fault::incorrect_parameters_with(format_args!("expected {what}, not {}", with_article(value)))
}

/// `a string`, `an array`, `nil`.
fn with_article(value: &Value) -> String {
    match value.kind_name() {
        kind @ ("nil" | "base64") => kind.to_owned(),
        kind if kind.starts_with(['a', 'i']) => format!("an {kind}"),
        kind => format!("a {kind}"),
    }
}

impl FromValue for Value {
    const KIND: &'static str = "value";

    fn from_value(value: Value) -> Result<Self, Fault> {
        Ok(value)
    }
}

impl IntoValue for Value {
    const KIND: &'static str = "value";

    fn into_value(self) -> Value {
        self
    }
}

impl FromValue for RString {
    const KIND: &'static str = "string";

    fn from_value(value: Value) -> Result<Self, Fault> {
        match value {
            Value::String(text) => Ok(text),
            Value::Shared(text) => Ok((*text).clone()),
            Value::Base64(bytes) => RString::from_utf8(bytes)
                .map_err(|_| Fault::incorrect_parameters_with("expected a string, not base64 that is not UTF-8")),
            other => Err(expected("a string", &other)),
        }
    }
}

impl FromValue for String {
    const KIND: &'static str = "string";

    fn from_value(value: Value) -> Result<Self, Fault> {
        RString::from_value(value).map(Into::into)
    }
}

/// A string that stays where it is: [`Value::Shared`] without a copy.
impl FromValue for RArc<RString> {
    const KIND: &'static str = "string";

    fn from_value(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Shared(text) => Ok(text),
            other => RString::from_value(other).map(RArc::new),
        }
    }
}

macro_rules! strings_into_values {
    ($($type:ty => |$text:ident| $value:expr;)*) => { $(
        impl IntoValue for $type {
            const KIND: &'static str = "string";

            fn into_value(self) -> Value {
                let $text = self;
                $value
            }
        }
    )* };
}

strings_into_values! {
    RString => |text| Value::String(text);
    String => |text| Value::String(text.into());
    &str => |text| Value::String(text.into());
    &String => |text| Value::String(text.as_str().into());
    std::borrow::Cow<'_, str> => |text| Value::String(text.into_owned().into());
    RArc<RString> => |text| Value::Shared(text);
}

impl FromValue for bool {
    const KIND: &'static str = "boolean";

    fn from_value(value: Value) -> Result<Self, Fault> {
        Ok(value.is_truthy())
    }
}

impl IntoValue for bool {
    const KIND: &'static str = "boolean";

    fn into_value(self) -> Value {
        Value::Bool(self)
    }
}

/// The integer in `value`, as Python's `int()` would find it.
fn integer(value: &Value) -> Result<i64, Fault> {
    let number = match value {
        Value::Int(number) => Some(i64::from(*number)),
        Value::Int64(number) => Some(*number),
        Value::Bool(value) => Some(i64::from(*value)),
        Value::Double(number) => truncated(*number),
        Value::String(_) | Value::Shared(_) => value.as_str().and_then(parse_int),
        _ => None,
    };
    number.ok_or_else(|| match value {
        Value::Double(_) | Value::String(_) | Value::Shared(_) => {
            let shown: String = pformat_short(value);
            Fault::incorrect_parameters_with(format_args!("expected an int, not {shown}"))
        }
        other => expected("an int", other),
    })
}

/// `value` as Python writes it, cut to what an error can carry.
fn pformat_short(value: &Value) -> String {
    let mut text: String = super::pformat::repr(value);
    if let Some((end, _)) = text.char_indices().nth(40) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// `number` without its fraction, where 64 bits hold it.
#[allow(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn truncated(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    (-LIMIT..LIMIT).contains(&number).then_some(number as i64)
}

/// A decimal integer as Python's `int()` takes it: blanks around, a sign, single underscores between digits.
fn parse_int(text: &str) -> Option<i64> {
    let text = text.trim();
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let well_formed = !digits.starts_with('_')
        && !digits.ends_with('_')
        && !digits.contains("__")
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_');
    if !well_formed {
        return None;
    }
    text.replace('_', "").parse().ok()
}

macro_rules! integers {
    ($($type:ty)*) => { $(
        impl FromValue for $type {
            const KIND: &'static str = "int";

            fn from_value(value: Value) -> Result<Self, Fault> {
                let number = integer(&value)?;
                Self::try_from(number).map_err(|_| {
                    let (least, most) = (<$type>::MIN, <$type>::MAX);
                    Fault::incorrect_parameters_with(format_args!("expected an int from {least} to {most}, not {number}"))
                })
            }
        }

        impl IntoValue for $type {
            const KIND: &'static str = "int";

            fn into_value(self) -> Value {
                self.into()
            }
        }
    )* };
}

integers! { i8 i16 i32 i64 isize u8 u16 u32 u64 usize }

impl FromValue for f64 {
    const KIND: &'static str = "double";

    fn from_value(value: Value) -> Result<Self, Fault> {
        match &value {
            Value::Double(number) => Ok(*number),
            Value::Int(number) => Ok(Self::from(*number)),
            #[allow(clippy::cast_precision_loss, reason = "as Python's float() does")]
            Value::Int64(number) => Ok(*number as Self),
            Value::Bool(value) => Ok(if *value { 1.0 } else { 0.0 }),
            other => {
                other.as_str().and_then(|text| text.trim().parse().ok()).ok_or_else(|| expected("a double", other))
            }
        }
    }
}

impl IntoValue for f64 {
    const KIND: &'static str = "double";

    fn into_value(self) -> Value {
        Value::Double(self)
    }
}

impl<T: FromValue> FromValue for Vec<T> {
    const KIND: &'static str = "array";

    fn from_value(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Array(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| T::from_value(item).map_err(|fault| within(&fault, &format!("item {index}"))))
                .collect(),
            other => Err(expected("an array", &other)),
        }
    }
}

impl<T: FromValue> FromValue for RVec<T> {
    const KIND: &'static str = "array";

    fn from_value(value: Value) -> Result<Self, Fault> {
        Vec::from_value(value).map(Into::into)
    }
}

impl<T: FromValue> FromValue for BTreeMap<String, T> {
    const KIND: &'static str = "struct";

    fn from_value(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Struct(members) => members
                .into_iter()
                .map(|Member { name, value }| match T::from_value(value) {
                    Ok(value) => Ok((name.into(), value)),
                    Err(fault) => Err(within(&fault, &name)),
                })
                .collect(),
            other => Err(expected("a struct", &other)),
        }
    }
}

impl<T: FromValue, S: BuildHasher + Default> FromValue for HashMap<String, T, S> {
    const KIND: &'static str = "struct";

    fn from_value(value: Value) -> Result<Self, Fault> {
        BTreeMap::from_value(value).map(|map| map.into_iter().collect())
    }
}

/// `fault` with the place in front: `INCORRECT_PARAMETERS: item 3: expected …`.
pub(crate) fn within(fault: &Fault, place: &str) -> Fault {
    Fault::of(Code::IncorrectParameters, format_args!("{place}: {}", fault.detail()))
}

/// An `Option` at the end of the parameters may be left out; nil is `None` too.
impl<T: FromValue> FromValue for Option<T> {
    const KIND: &'static str = T::KIND;

    fn from_value(value: Value) -> Result<Self, Fault> {
        match value {
            Value::Nil => Ok(None),
            value => T::from_value(value).map(Some),
        }
    }

    fn missing() -> Option<Self> {
        Some(None)
    }
}

/// `None` is nil.
impl<T: IntoValue> IntoValue for Option<T> {
    const KIND: &'static str = T::KIND;

    fn into_value(self) -> Value {
        self.map_or(Value::Nil, T::into_value)
    }
}

/// An answer that nobody looks at.
impl FromValue for () {
    const KIND: &'static str = "nil";

    fn from_value(_: Value) -> Result<Self, Fault> {
        Ok(())
    }
}

impl IntoValue for () {
    const KIND: &'static str = "nil";

    fn into_value(self) -> Value {
        Value::Nil
    }
}

impl<T: IntoValue> IntoValue for Vec<T> {
    const KIND: &'static str = "array";

    fn into_value(self) -> Value {
        Value::array(self.into_iter().map(T::into_value))
    }
}

impl<T: IntoValue> IntoValue for RVec<T> {
    const KIND: &'static str = "array";

    fn into_value(self) -> Value {
        Value::array(self.into_iter().map(T::into_value))
    }
}

impl<T: IntoValue> IntoValue for BTreeMap<String, T> {
    const KIND: &'static str = "struct";

    fn into_value(self) -> Value {
        Value::structure(self.into_iter().map(|(name, value)| (name, value.into_value())))
    }
}

/// The members are sorted by name, so that one map always gives one answer.
impl<T: IntoValue, S> IntoValue for HashMap<String, T, S> {
    const KIND: &'static str = "struct";

    fn into_value(self) -> Value {
        self.into_iter().collect::<BTreeMap<_, _>>().into_value()
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => { $(
        impl<$($name: IntoValue),+> IntoValue for ($($name,)+) {
            const KIND: &'static str = "array";

            #[allow(non_snake_case, reason = "a variable for each type of the tuple")]
            fn into_value(self) -> Value {
                let ($($name,)+) = self;
                Value::array([$($name.into_value()),+])
            }
        }
    )* };
}

tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; }

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of<T: FromValue + std::fmt::Debug>(value: impl IntoValue) -> String {
        T::from_value(value.into_value()).unwrap_err().text.into()
    }

    #[test]
    fn a_bool_is_any_truth() {
        for (value, truth) in [
            (Value::Nil, false),
            ("".into(), false),
            ("0".into(), true),
            (0.into(), false),
            (2.into(), true),
            (0.0.into(), false),
            (Value::array([]), false),
            (Value::array([Value::Nil]), true),
            (Value::shared(""), false),
        ] {
            assert_eq!(bool::from_value(value), Ok(truth));
        }
    }

    #[test]
    fn integers_are_read_as_python_does() {
        for (value, number) in [
            ("4".into(), 4),
            (" +1_000\n".into(), 1000),
            ("-0".into(), 0),
            (Value::shared("7"), 7),
            (1.9.into(), 1),
            ((-1.9).into(), -1),
            (true.into(), 1),
            (Value::Int64(9), 9),
        ] {
            assert_eq!(i32::from_value(value), Ok(number));
        }
        assert_eq!(text_of::<i32>("1.5"), "INCORRECT_PARAMETERS: expected an int, not '1.5'");
        assert_eq!(text_of::<i32>(f64::NAN), "INCORRECT_PARAMETERS: expected an int, not nan");
        assert_eq!(text_of::<i32>("_1"), "INCORRECT_PARAMETERS: expected an int, not '_1'");
        assert_eq!(text_of::<i32>(""), "INCORRECT_PARAMETERS: expected an int, not ''");
        assert_eq!(text_of::<i32>(Value::Nil), "INCORRECT_PARAMETERS: expected an int, not nil");
        assert_eq!(text_of::<u8>(256), "INCORRECT_PARAMETERS: expected an int from 0 to 255, not 256");
    }

    #[test]
    fn strings_take_what_is_text() {
        assert_eq!(String::from_value(Value::shared("a")), Ok("a".into()));
        assert_eq!(String::from_value(Value::Base64(b"a".to_vec().into())), Ok("a".into()));
        assert_eq!(text_of::<String>(vec![1]), "INCORRECT_PARAMETERS: expected a string, not an array");
        assert_eq!(text_of::<String>(1), "INCORRECT_PARAMETERS: expected a string, not an int");
        assert_eq!(
            text_of::<String>(Value::Base64(vec![0xff].into())),
            "INCORRECT_PARAMETERS: expected a string, not base64 that is not UTF-8"
        );
    }

    #[test]
    fn a_wrong_item_is_named() {
        let mixed = Value::array(["a".into(), Value::Nil]);
        assert_eq!(text_of::<Vec<String>>(mixed), "INCORRECT_PARAMETERS: item 1: expected a string, not nil");
        let map = Value::structure([("k", Value::array([]))]);
        assert_eq!(text_of::<BTreeMap<String, f64>>(map), "INCORRECT_PARAMETERS: k: expected a double, not an array");
    }

    #[test]
    fn an_option_may_be_missing_or_nil() {
        assert_eq!(Option::<bool>::missing(), Some(None));
        assert_eq!(String::missing(), None);
        assert_eq!(Option::<bool>::from_value(Value::Nil), Ok(None));
        assert_eq!(Option::<bool>::from_value(0.into()), Ok(Some(false)));
        assert_eq!(None::<i32>.into_value(), Value::Nil);
    }

    #[test]
    fn results_become_values() {
        assert_eq!(("a", 36, true).into_value(), Value::array(["a".into(), 36.into(), true.into()]));
        assert_eq!(u64::MAX.into_value(), Value::Double(18_446_744_073_709_551_615.0));
        assert_eq!(Ok::<_, Fault>("a").into_answer(), Ok("a".into()));
        assert_eq!(<Result<Vec<i32>, Fault> as IntoAnswer>::KIND, "array");
    }
}
