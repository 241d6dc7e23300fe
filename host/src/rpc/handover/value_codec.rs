//! Values of plugins in a form that serde writes and reads: a released format, in which each value names its kind.
//!
//! Written by `rmp-serde`, nil is the string `nil`, and any other value a map of one member, `{"int": 5}`. A struct is a
//! map in the order of its members, base64 a `bin`, and a double the eight bytes that it is. The kinds are those of
//! [`Value`], which never gains one.

use std::fmt;

use plugin_api::{Member, Value};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor},
    ser::Error as _,
};
use serde_bytes::{ByteBuf, Bytes};

use crate::rpc::execution::VALUE_DEPTH_LIMIT;

/// Name of the type, for formats that write it.
const TYPE: &str = "Value";

/// Names of the kinds, in the order of [`Kind`].
const KINDS: &[&str] = &["nil", "bool", "int", "int64", "double", "string", "datetime", "base64", "array", "struct"];

/// Most items for which room is made before they are read: a length that was never true costs nothing.
const FORETOLD: usize = 1024;

/// A value that serde writes and reads. One that is nested deeper than a plugin's may be is an error both ways.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HandedValue(pub(crate) Value);

impl Serialize for HandedValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Written { value: &self.0, levels: VALUE_DEPTH_LIMIT }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HandedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Expected { levels: VALUE_DEPTH_LIMIT }.deserialize(deserializer).map(Self)
    }
}

/// Text of the error for a value that is nested too deep.
fn too_deep() -> String {
    format!("a value is nested more than {VALUE_DEPTH_LIMIT} deep")
}

/// A value to be written, in which so many arrays and structs may stand inside each other.
struct Written<'a> {
    value: &'a Value,
    levels: usize,
}

/// A value with the name of its kind.
#[derive(Serialize)]
#[serde(rename = "Value", rename_all = "lowercase")]
enum Named<'a> {
    Nil,
    Bool(bool),
    Int(i32),
    Int64(i64),
    Double(f64),
    String(&'a str),
    DateTime(&'a str),
    Base64(&'a Bytes),
    Array(Items<'a>),
    Struct(Members<'a>),
}

impl Serialize for Written<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let inner = || self.levels.checked_sub(1).ok_or_else(|| S::Error::custom(too_deep()));
        let named = match self.value {
            Value::Nil => Named::Nil,
            Value::Bool(value) => Named::Bool(*value),
            Value::Int(number) => Named::Int(*number),
            Value::Int64(number) => Named::Int64(*number),
            Value::Double(number) => Named::Double(*number),
            Value::String(text) => Named::String(text),
            Value::Shared(text) => Named::String(text),
            Value::DateTime(text) => Named::DateTime(text),
            Value::Base64(bytes) => Named::Base64(Bytes::new(bytes)),
            Value::Array(values) => Named::Array(Items { values, levels: inner()? }),
            Value::Struct(members) => Named::Struct(Members { members, levels: inner()? }),
        };
        named.serialize(serializer)
    }
}

/// The items of an array to be written.
struct Items<'a> {
    values: &'a [Value],
    levels: usize,
}

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.values.iter().map(|value| Written { value, levels: self.levels }))
    }
}

/// The members of a struct to be written.
struct Members<'a> {
    members: &'a [Member],
    levels: usize,
}

impl Serialize for Members<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let levels = self.levels;
        let members = self.members.iter();
        serializer.collect_map(members.map(|member| (member.name.as_str(), Written { value: &member.value, levels })))
    }
}

/// The kind of a value.
#[derive(Deserialize)]
#[serde(variant_identifier, rename_all = "lowercase")]
enum Kind {
    Nil,
    Bool,
    Int,
    Int64,
    Double,
    String,
    DateTime,
    Base64,
    Array,
    Struct,
}

/// A value to be read, in which so many arrays and structs may stand inside each other.
#[derive(Clone, Copy)]
struct Expected {
    levels: usize,
}

impl Expected {
    /// Values to be read inside this one.
    fn inner<E: de::Error>(self) -> Result<Self, E> {
        let levels = self.levels.checked_sub(1).ok_or_else(|| E::custom(too_deep()))?;
        Ok(Self { levels })
    }
}

impl<'de> DeserializeSeed<'de> for Expected {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_enum(TYPE, KINDS, self)
    }
}

impl<'de> Visitor<'de> for Expected {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with its kind")
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Value, A::Error> {
        let (kind, content) = data.variant::<Kind>()?;
        Ok(match kind {
            Kind::Nil => {
                content.unit_variant()?;
                Value::Nil
            }
            Kind::Bool => Value::Bool(content.newtype_variant()?),
            Kind::Int => Value::Int(content.newtype_variant()?),
            Kind::Int64 => Value::Int64(content.newtype_variant()?),
            Kind::Double => Value::Double(content.newtype_variant()?),
            Kind::String => Value::String(content.newtype_variant::<String>()?.into()),
            Kind::DateTime => Value::DateTime(content.newtype_variant::<String>()?.into()),
            Kind::Base64 => Value::Base64(content.newtype_variant::<ByteBuf>()?.into_vec().into()),
            Kind::Array => content.newtype_variant_seed(ExpectedItems(self.inner()?))?,
            Kind::Struct => content.newtype_variant_seed(ExpectedMembers(self.inner()?))?,
        })
    }
}

/// The items of an array to be read.
struct ExpectedItems(Expected);

impl<'de> DeserializeSeed<'de> for ExpectedItems {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ExpectedItems {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the items of an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(FORETOLD));
        while let Some(value) = seq.next_element_seed(self.0)? {
            values.push(value);
        }
        Ok(Value::Array(values.into()))
    }
}

/// The members of a struct to be read.
struct ExpectedMembers(Expected);

impl<'de> DeserializeSeed<'de> for ExpectedMembers {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ExpectedMembers {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the members of a struct")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Vec::with_capacity(map.size_hint().unwrap_or(0).min(FORETOLD));
        while let Some(name) = map.next_key::<String>()? {
            members.push(Member { name: name.into(), value: map.next_value_seed(self.0)? });
        }
        Ok(Value::Struct(members.into()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        prelude::{Just, Strategy, any, prop_oneof},
        prop_assert_eq, proptest,
    };

    use super::*;

    fn written(value: &Value) -> Vec<u8> {
        rmp_serde::to_vec_named(&HandedValue(value.clone())).expect("it can be written")
    }

    fn read(bytes: &[u8]) -> Result<Value, String> {
        rmp_serde::from_slice::<HandedValue>(bytes).map(|value| value.0).map_err(|error| error.to_string())
    }

    /// A value with its exact content, in which one that is not a number is itself.
    fn exactly(value: &Value) -> String {
        match value {
            Value::Double(number) => format!("Double({:#x})", number.to_bits()),
            Value::Shared(text) => format!("String({text:?})"),
            Value::String(text) => format!("String({text:?})"),
            Value::Array(values) => format!("{:?}", values.iter().map(exactly).collect::<Vec<_>>()),
            Value::Struct(members) => {
                format!("{:?}", members.iter().map(|it| (it.name.as_str(), exactly(&it.value))).collect::<Vec<_>>())
            }
            other => format!("{other:?}"),
        }
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Bool),
            any::<i32>().prop_map(Value::Int),
            any::<i64>().prop_map(Value::Int64),
            // Infinities and what is no number, whatever bits it has, among them.
            any::<u64>().prop_map(|bits| Value::Double(f64::from_bits(bits))),
            Just(Value::Double(f64::NAN)),
            Just(Value::Double(f64::NEG_INFINITY)),
            ".*".prop_map(Value::from),
            ".*".prop_map(Value::shared),
            ".*".prop_map(|text| Value::DateTime(text.into())),
            proptest::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Value::Base64(bytes.into())),
        ];
        leaf.prop_recursive(6, 100, 10, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..20).prop_map(Value::array),
                // Names may be there twice.
                proptest::collection::vec(("[ab]{0,2}", inner), 0..20).prop_map(|members| {
                    let member = |(name, value): (String, Value)| Member { name: name.into(), value };
                    Value::Struct(members.into_iter().map(member).collect())
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn values_come_back_as_they_went(value in values()) {
            let again = read(&written(&value)).expect("it can be read");
            prop_assert_eq!(exactly(&again), exactly(&value));
        }

        #[test]
        fn damage_is_an_error_or_another_value(
            value in values(),
            damages in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4),
        ) {
            let mut bytes = written(&value);
            for (at, byte) in damages {
                let at = at % bytes.len();
                bytes[at] = byte;
            }
            if let Ok(value) = read(&bytes) {
                prop_assert_eq!(exactly(&read(&written(&value)).expect("it can be read")), exactly(&value));
            }
        }
    }

    #[test]
    fn the_format_stays_as_it_is() {
        let value = Value::structure([
            ("nil", Value::Nil),
            ("bool", true.into()),
            ("int", Value::Int(-7)),
            ("int64", Value::Int64(7)),
            ("double", Value::Double(0.5)),
            ("string", "ä".into()),
            ("datetime", Value::DateTime("20240101T00:00:00".into())),
            ("base64", Value::Base64(vec![0, 255].into())),
            ("array", Value::array([Value::Nil])),
        ]);
        let bytes = b"\x81\xa6struct\x89\xa3nil\xa3nil\xa4bool\x81\xa4bool\xc3\xa3int\x81\xa3int\xf9\
            \xa5int64\x81\xa5int64\x07\xa6double\x81\xa6double\xcb\x3f\xe0\0\0\0\0\0\0\
            \xa6string\x81\xa6string\xa2\xc3\xa4\xa8datetime\x81\xa8datetime\xb120240101T00:00:00\
            \xa6base64\x81\xa6base64\xc4\x02\0\xff\xa5array\x81\xa5array\x91\xa3nil";
        assert_eq!(written(&value), bytes);
        assert_eq!(read(bytes), Ok(value));
    }

    #[test]
    fn depth_has_a_limit_both_ways() {
        let nested = |levels: usize| (0..levels).fold(Value::Nil, |value, _| Value::array([value]));
        let deepest = nested(VALUE_DEPTH_LIMIT);
        assert_eq!(read(&written(&deepest)), Ok(deepest.clone()));
        let error = rmp_serde::to_vec_named(&HandedValue(nested(VALUE_DEPTH_LIMIT + 1))).unwrap_err().to_string();
        assert!(error.contains("nested more than 80 deep"), "{error}");
        for (array, one) in [(&b"\x81\xa5array\x91"[..], "items"), (&b"\x81\xa6struct\x81\xa1a"[..], "members")] {
            for levels in [VALUE_DEPTH_LIMIT + 1, 1_000_000] {
                let bytes = [&array.repeat(levels)[..], b"\xa3nil"].concat();
                let error = read(&bytes).expect_err(one);
                assert!(error.contains("nested more than 80 deep"), "{error}");
            }
        }
    }

    #[test]
    fn what_makes_no_sense_is_an_error_and_costs_nothing() {
        let whole = written(&Value::structure([("a", Value::array(["b".into(), Value::Base64(vec![1; 70].into())]))]));
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_err(), "{end}");
        }
        let length = [0xff; 4];
        for head in [&b"\x81\xa5array\xdd"[..], b"\x81\xa6struct\xdf", b"\x81\xa6string\xdb", b"\x81\xa6base64\xc6"] {
            assert!(read(&[head, &length].concat()).is_err());
        }
        for bytes in [&b"\x81\xa5color\x01"[..], b"\xa5color"] {
            assert!(read(bytes).unwrap_err().contains("unknown variant `color`"));
        }
        for bytes in [
            &b"\x81\xa3int\xa1x"[..],
            b"\x81\xa3int\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x82\xa3int\x01\xa3int\x01",
            b"\x81\xa3nil\x01",
            b"\x81\xa5array\x80",
            b"\x81\xa6string\xa1\xff",
            b"\xc0",
            b"\x01",
            b"",
        ] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }
}
