//! Serde into a [`Value`]: from a struct of the author's.

use serde::{
    Serialize, Serializer,
    ser::{
        SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
        SerializeTupleVariant,
    },
};

use super::{convert::IntoValue, error::Error, roundtrip};
use crate::abi::{Fault, Value};

/// Make a value of a type that has serde's `Serialize`, where deriving [`IntoValue`](derive@crate::IntoValue) is not
/// possible because the type is another crate's.
///
/// An enum's variant is its name, or a struct of one member if it holds something. A map's keys become strings. The
/// fault is `FAILED`: a map has keys that are no strings, numbers or names, or the type's own `Serialize` refused.
///
/// ```
/// use plugin_api::{Value, to_value};
///
/// let place = std::net::Ipv4Addr::LOCALHOST;
/// assert_eq!(to_value(&place)?, Value::from("127.0.0.1"));
/// # Ok::<(), plugin_api::Fault>(())
/// ```
pub fn to_value<T: Serialize + ?Sized>(what: &T) -> Result<Value, Fault> {
    what.serialize(ValueSerializer).map_err(Fault::failed_with)
}

/// The serializer that makes a value.
struct ValueSerializer;

/// An array or a struct in the making, and the variant that it belongs to.
struct Compound<T> {
    parts: Vec<T>,
    variant: Option<&'static str>,
}

impl<T> Compound<T> {
    fn new(length: Option<usize>, variant: Option<&'static str>) -> Self {
        // A length may come from anywhere; reserving is no more than a kindness.
        Self { parts: Vec::with_capacity(length.unwrap_or(0).min(1024)), variant }
    }

    fn finish(self, whole: impl FnOnce(Vec<T>) -> Value) -> Value {
        let value = whole(self.parts);
        match self.variant {
            Some(variant) => Value::structure([(variant, value)]),
            None => value,
        }
    }
}

type ArraySerializer = Compound<Value>;
type StructSerializer = Compound<(String, Value)>;

macro_rules! plainly {
    ($($method:ident: $type:ty;)*) => { $(
        fn $method(self, value: $type) -> Result<Value, Error> {
            Ok(value.into_value())
        }
    )* };
}

impl Serializer for ValueSerializer {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = ArraySerializer;
    type SerializeTuple = ArraySerializer;
    type SerializeTupleStruct = ArraySerializer;
    type SerializeTupleVariant = ArraySerializer;
    type SerializeMap = StructSerializer;
    type SerializeStruct = StructSerializer;
    type SerializeStructVariant = StructSerializer;

    plainly! {
        serialize_bool: bool;
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_f64: f64;
        serialize_str: &str;
    }

    fn serialize_f32(self, number: f32) -> Result<Value, Error> {
        Ok(Value::Double(number.into()))
    }

    fn serialize_char(self, letter: char) -> Result<Value, Error> {
        Ok(letter.to_string().into())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<Value, Error> {
        Ok(Value::Base64(bytes.into()))
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Nil)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Nil)
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<Value, Error> {
        Ok(Value::Nil)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Error> {
        Ok(variant.into())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, inner: &T) -> Result<Value, Error> {
        match (inner.serialize(self)?, name) {
            (Value::String(text), roundtrip::NAME) => Ok(Value::DateTime(text)),
            (value, _) => Ok(value),
        }
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        inner: &T,
    ) -> Result<Value, Error> {
        Ok(Value::structure([(variant, inner.serialize(self)?)]))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<ArraySerializer, Error> {
        Ok(ArraySerializer::new(length, None))
    }

    fn serialize_tuple(self, length: usize) -> Result<ArraySerializer, Error> {
        Ok(ArraySerializer::new(Some(length), None))
    }

    fn serialize_tuple_struct(self, _name: &'static str, length: usize) -> Result<ArraySerializer, Error> {
        Ok(ArraySerializer::new(Some(length), None))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<ArraySerializer, Error> {
        Ok(ArraySerializer::new(Some(length), Some(variant)))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<StructSerializer, Error> {
        Ok(StructSerializer::new(length, None))
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<StructSerializer, Error> {
        Ok(StructSerializer::new(Some(length), None))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<StructSerializer, Error> {
        Ok(StructSerializer::new(Some(length), Some(variant)))
    }
}

macro_rules! sequences {
    ($($trait:ident::$method:ident)*) => { $(
        impl $trait for ArraySerializer {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.parts.push(item.serialize(ValueSerializer)?);
                Ok(())
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.finish(Value::array))
            }
        }
    )* };
}

sequences! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! structs {
    ($($trait:ident)*) => { $(
        impl $trait for StructSerializer {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.parts.push((name.to_owned(), value.serialize(ValueSerializer)?));
                Ok(())
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.finish(Value::structure))
            }
        }
    )* };
}

structs! { SerializeStruct SerializeStructVariant }

impl SerializeMap for StructSerializer {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let key = match key.serialize(ValueSerializer)? {
            Value::String(text) => text.into(),
            Value::Int(number) => number.to_string(),
            Value::Int64(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            other => {
                return Err(Error(format!("the keys of a map must be strings, not of the type {}", other.kind_name())));
            }
        };
        self.parts.push((key, Value::Nil));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let (_, place) = self.parts.last_mut().ok_or_else(|| Error("a value without its key".to_owned()))?;
        *place = value.serialize(ValueSerializer)?;
        Ok(())
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.finish(Value::structure))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Size {
        Small,
        Exactly(u8),
        Pair(u8, u8),
        Between { least: u8 },
    }

    #[derive(Serialize)]
    struct Order {
        name: &'static str,
        weight: Option<f32>,
        sizes: [Size; 4],
        notes: BTreeMap<u64, char>,
        nothing: (),
        #[serde(skip_serializing_if = "Option::is_none")]
        left_out: Option<bool>,
    }

    #[test]
    fn a_struct_becomes_a_struct() {
        let order = Order {
            name: "cup",
            weight: Some(0.5),
            sizes: [Size::Small, Size::Exactly(5), Size::Pair(1, 2), Size::Between { least: 1 }],
            notes: BTreeMap::from([(7, 'a')]),
            nothing: (),
            left_out: None,
        };
        let expected = Value::structure([
            ("name", "cup".into()),
            ("weight", 0.5.into()),
            (
                "sizes",
                Value::array([
                    "Small".into(),
                    Value::structure([("Exactly", 5.into())]),
                    Value::structure([("Pair", Value::array([1.into(), 2.into()]))]),
                    Value::structure([("Between", Value::structure([("least", 1.into())]))]),
                ]),
            ),
            ("notes", Value::structure([("7", "a".into())])),
            ("nothing", Value::Nil),
        ]);
        assert_eq!(to_value(&order), Ok(expected));
    }

    #[test]
    fn a_key_has_to_be_text() {
        let fault = to_value(&BTreeMap::from([((1, 2), 3)])).unwrap_err();
        assert_eq!(fault.text, "FAILED: the keys of a map must be strings, not of the type array");
    }
}
