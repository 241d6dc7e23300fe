//! Serde out of a [`Value`]: into a struct of the author's.
//!
//! What a field takes is what a parameter of its type takes, so that a struct is read as leniently as everything else.
//! Members that the struct does not have are skipped: answers of the supervisor gain members over time.

use std::collections::HashSet;

use abi_stable::std_types::RString;
use serde::{
    Deserializer, de,
    de::{DeserializeOwned, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Visitor},
    forward_to_deserialize_any,
};

use super::{
    convert::{FromValue, expected},
    error::Error,
    roundtrip::{self, DateTimeAccess},
};
use crate::abi::{Fault, Member, Value};

/// Read `value` into a type that has serde's `Deserialize`, where deriving [`FromValue`](derive@crate::FromValue) is
/// not possible because the type is another crate's.
///
/// The fault is `INCORRECT_PARAMETERS: size: expected an int, not 'big'`, with the path of the member in front.
///
/// ```
/// use plugin_api::{Value, from_value};
///
/// let pids = Value::structure([("cat", 4711.into()), ("dog", 4712.into())]);
/// let pids: std::collections::BTreeMap<String, u32> = from_value(pids)?;
/// assert_eq!(pids["dog"], 4712);
/// # Ok::<(), plugin_api::Fault>(())
/// ```
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Fault> {
    T::deserialize(ValueDeserializer(value)).map_err(Fault::incorrect_parameters_with)
}

/// A value to be read.
struct ValueDeserializer(Value);

impl ValueDeserializer {
    /// The value as a parameter of that type would take it.
    fn take<T: FromValue>(self) -> Result<T, Error> {
        T::from_value(self.0).map_err(|fault| Error::of(&fault))
    }

    fn unlike(&self, what: &str) -> Error {
        Error::of(&expected(what, &self.0))
    }
}

macro_rules! integers {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.visit_i64(self.take()?)
        }
    )* };
}

macro_rules! texts {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.0 {
                Value::Shared(text) => visitor.visit_str(&text),
                _ => visitor.visit_string(self.take::<RString>()?.into()),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for ValueDeserializer {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Nil => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Int(number) => visitor.visit_i32(number),
            Value::Int64(number) => visitor.visit_i64(number),
            Value::Double(number) => visitor.visit_f64(number),
            Value::String(text) | Value::DateTime(text) => visitor.visit_string(text.into()),
            Value::Shared(text) => visitor.visit_str(&text),
            Value::Base64(bytes) => visitor.visit_byte_buf(bytes.into()),
            Value::Array(items) => visitor.visit_seq(ItemAccess { items: items.into_vec().into_iter(), next: 0 }),
            Value::Struct(members) => visitor.visit_map(MemberAccess::new(members.into())),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.take()?)
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_f64(self.take()?)
    }

    texts! { deserialize_char deserialize_str deserialize_string deserialize_identifier }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Nil => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::DateTime(text) if name == roundtrip::NAME => visitor.visit_enum(DateTimeAccess(text)),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            // A list of numbers may be bytes.
            Value::Array(_) | Value::Base64(_) => self.deserialize_any(visitor),
            _ => Err(self.unlike("an array")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Struct(_) => self.deserialize_any(visitor),
            _ => Err(self.unlike("a struct")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(_) | Value::Shared(_) | Value::Base64(_) => {
                visitor.visit_enum(self.take::<String>()?.into_deserializer())
            }
            Value::Struct(members) if members.len() == 1 => {
                visitor.visit_enum(de::value::MapAccessDeserializer::new(MemberAccess::new(members.into())))
            }
            _ => Err(self.unlike(&format!("one of {}", variants.join(", ")))),
        }
    }

    forward_to_deserialize_any! { bytes byte_buf unit unit_struct ignored_any }
}

/// The items of an array.
struct ItemAccess {
    items: std::vec::IntoIter<Value>,
    next: usize,
}

impl<'de> SeqAccess<'de> for ItemAccess {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(item) = self.items.next() else { return Ok(None) };
        let index = self.next;
        self.next += 1;
        seed.deserialize(ValueDeserializer(item)).map(Some).map_err(|error| error.within(format_args!("item {index}")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.items.len())
    }
}

/// The members of a struct.
struct MemberAccess {
    members: std::vec::IntoIter<Member>,
    /// The member whose value comes next.
    value: Option<Member>,
}

impl MemberAccess {
    /// Keep the last of the members of one name, which counts everywhere.
    fn new(mut members: Vec<Member>) -> Self {
        let mut seen = HashSet::new();
        let counts: Vec<bool> = members.iter().rev().map(|member| seen.insert(member.name.as_str())).collect();
        let mut counts = counts.into_iter().rev();
        members.retain(|_| counts.next().unwrap_or(true));
        Self { members: members.into_iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for MemberAccess {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.value = self.members.next();
        let Some(member) = &self.value else { return Ok(None) };
        seed.deserialize(ValueDeserializer(Value::String(member.name.clone()))).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Member { name, value } = self.value.take().ok_or_else(|| Error("a value without its key".to_owned()))?;
        seed.deserialize(ValueDeserializer(value)).map_err(|error| error.within(&name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.members.len())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Size {
        Small,
        Exactly(u8),
        Between { least: u8, most: u8 },
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Order {
        name: String,
        count: u8,
        urgent: bool,
        weight: Option<f64>,
        #[serde(default)]
        sizes: Vec<Size>,
        #[serde(default)]
        notes: BTreeMap<u8, (String, char)>,
    }

    fn order(changes: impl IntoIterator<Item = (&'static str, Value)>) -> Result<Order, String> {
        let members = [("name", "cup".into()), ("count", "3".into()), ("urgent", 0.into()), ("unknown", Value::Nil)];
        from_value(Value::structure(members.into_iter().chain(changes))).map_err(|fault| fault.text.into())
    }

    #[test]
    fn fields_are_read_as_parameters_are() {
        let sizes = Value::array([
            "small".into(),
            Value::structure([("exactly", 5.into())]),
            Value::structure([("between", Value::structure([("least", 1.into()), ("most", 2.9.into())]))]),
        ]);
        let notes = Value::structure([("7", Value::array([Value::shared("a"), "b".into()]))]);
        let expected = Order {
            name: "cup".into(),
            count: 9,
            urgent: false,
            weight: Some(2.0),
            sizes: vec![Size::Small, Size::Exactly(5), Size::Between { least: 1, most: 2 }],
            notes: BTreeMap::from([(7, ("a".into(), 'b'))]),
        };
        let changes = [("weight", 2.into()), ("sizes", sizes), ("notes", notes), ("count", 9.into())];
        assert_eq!(order(changes), Ok(expected));
        assert_eq!(order([("weight", Value::Nil)]).unwrap().weight, None);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        for (change, text) in [
            (("count", "many".into()), "count: expected an int, not 'many'"),
            (("count", 300.into()), "count: 300 is out of range"),
            (("name", 1.into()), "name: expected a string, not an int"),
            (("sizes", "small".into()), "sizes: expected an array, not a string"),
            (("sizes", Value::array([1.into()])), "sizes: item 0: expected one of small, exactly, between, not an int"),
            (("notes", Value::array([])), "notes: expected a struct, not an array"),
        ] {
            assert_eq!(order([change]).unwrap_err(), format!("INCORRECT_PARAMETERS: {text}"));
        }
        let fault = from_value::<Order>(Value::structure([("name", "cup".into())])).unwrap_err();
        assert_eq!(fault.text, "INCORRECT_PARAMETERS: 'count' is missing");
        assert_eq!(
            from_value::<Order>(Value::Nil).unwrap_err().text,
            "INCORRECT_PARAMETERS: expected a struct, not nil"
        );
    }
}
