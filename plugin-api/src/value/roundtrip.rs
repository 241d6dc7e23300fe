//! [`Value`] as a field of a struct that goes through serde.
//!
//! It comes out as it went in, but for what serde has no words for: a shared string is copied, and an `Int64` that fits
//! becomes an `Int`. A `DateTime` gets through under a name that only our own two sides know.

use std::fmt;

use abi_stable::std_types::RString;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        DeserializeSeed, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
        value::StringDeserializer,
    },
};

use super::{convert::IntoValue, error::Error};
use crate::abi::{Member, Value};

/// The name under which a value travels through our own side of serde.
pub(super) const NAME: &str = "$plugin_api::Value";

/// A date on its way to a [`Value`]: as an enum, since nothing that comes from outside is offered as one unasked.
pub(super) struct DateTimeAccess(pub(super) RString);

impl<'de> EnumAccess<'de> for DateTimeAccess {
    type Error = Error;
    type Variant = DateTimeVariant;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, DateTimeVariant), Error> {
        Ok((seed.deserialize(().into_deserializer())?, DateTimeVariant(String::from(self.0).into_deserializer())))
    }
}

/// The text of a date, as the content of the enum's variant.
pub(super) struct DateTimeVariant(StringDeserializer<Error>);

impl<'de> VariantAccess<'de> for DateTimeVariant {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, _fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_any(visitor)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Nil => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(number) => serializer.serialize_i32(*number),
            Self::Int64(number) => serializer.serialize_i64(*number),
            Self::Double(number) => serializer.serialize_f64(*number),
            Self::String(text) => serializer.serialize_str(text),
            Self::Shared(text) => serializer.serialize_str(text),
            Self::DateTime(text) => serializer.serialize_newtype_struct(NAME, text.as_str()),
            Self::Base64(bytes) => serializer.serialize_bytes(bytes),
            Self::Array(items) => serializer.collect_seq(items),
            Self::Struct(members) => {
                serializer.collect_map(members.iter().map(|Member { name, value }| (name.as_str(), value)))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(NAME, ValueVisitor)
    }
}

struct ValueVisitor;

macro_rules! visits {
    ($($method:ident: $type:ty => |$it:ident| $value:expr;)*) => { $(
        fn $method<E>(self, $it: $type) -> Result<Value, E> {
            Ok($value)
        }
    )* };
}

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    visits! {
        visit_bool: bool => |value| value.into();
        visit_i32: i32 => |number| number.into();
        visit_i64: i64 => |number| number.into();
        visit_u64: u64 => |number| number.into_value();
        visit_f64: f64 => |number| number.into();
        visit_str: &str => |text| text.into();
        visit_string: String => |text| text.into();
        visit_bytes: &[u8] => |bytes| Value::Base64(bytes.into());
        visit_byte_buf: Vec<u8> => |bytes| Value::Base64(bytes.into());
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Nil)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, access: A) -> Result<Value, A::Error> {
        let ((), text) = access.variant()?;
        Ok(Value::DateTime(text.newtype_variant::<String>()?.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(items.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = access.next_entry::<String, Value>()? {
            members.push(member);
        }
        Ok(Value::structure(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::{de::from_value, ser::to_value};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Envelope {
        letter: Value,
        more: Vec<Option<Value>>,
    }

    #[test]
    fn any_value_goes_through_a_struct() {
        let letter = Value::structure([
            ("nil", Value::Nil),
            ("bool", true.into()),
            ("long", Value::Int64(1 << 40)),
            ("double", 0.5.into()),
            ("shared", Value::shared("text")),
            ("when", Value::DateTime("20240101T00:00:00".into())),
            ("bytes", Value::Base64(vec![0, 255].into())),
            ("list", Value::array([1.into(), Value::DateTime("20240101T00:00:00".into())])),
        ]);
        let envelope = Envelope { letter: letter.clone(), more: vec![Some("a".into()), None] };
        let value = to_value(&envelope).unwrap();
        assert_eq!(value.get("letter"), Some(&letter));
        assert_eq!(from_value::<Envelope>(value), Ok(envelope));
    }
}
