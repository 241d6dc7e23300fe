//! Serde over the values of a config section, where text becomes what the target wants.

use std::fmt;

use serde::{
    Deserialize, Deserializer, de,
    de::{DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::SeqDeserializer},
    forward_to_deserialize_any,
};

use crate::{
    abi::{Member, Value},
    value::{Error, repr},
};

/// Read `options` into `T`.
pub(super) fn read<'de, T: Deserialize<'de>>(options: &'de [Member]) -> Result<T, Error> {
    T::deserialize(OptionsDeserializer { members: options, place: "" })
}

/// A section, or a table within one.
struct OptionsDeserializer<'de> {
    members: &'de [Member],
    /// The key of the table, for errors.
    place: &'de str,
}

impl<'de> Deserializer<'de> for OptionsDeserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(OptionAccess { members: self.members.iter(), value: None })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if let Some(unknown) = self.members.iter().find(|member| !fields.contains(&member.name.as_str())) {
            let place = if self.place.is_empty() { String::new() } else { format!(" in '{}'", self.place) };
            let known = match fields {
                [] => "this plugin has no options".to_owned(),
                fields => {
                    format!(
                        "known are {}",
                        fields.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
                    )
                }
            };
            return Err(Error(format!("unknown key '{}'{place}; {known}", unknown.name)));
        }
        self.deserialize_any(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_struct("", &[], EmptyVisitor(visitor))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

/// A visitor that takes an empty map for a unit.
struct EmptyVisitor<V>(V);

impl<'de, V: Visitor<'de>> Visitor<'de> for EmptyVisitor<V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<V::Value, A::Error> {
        self.0.visit_unit()
    }
}

/// The keys and values of a section.
struct OptionAccess<'de> {
    members: std::slice::Iter<'de, Member>,
    /// The member whose value comes next.
    value: Option<&'de Member>,
}

impl<'de> MapAccess<'de> for OptionAccess<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.value = self.members.next();
        self.value.map(|member| seed.deserialize(member.name.as_str().into_deserializer())).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let member = self.value.take().ok_or_else(|| Error("a value without its key".to_owned()))?;
        seed.deserialize(OptionDeserializer::Value(&member.value, &member.name))
            .map_err(|error| Error(format!("{}: {error}", member.name)))
    }
}

/// A value of the config to be read.
#[derive(Clone, Copy)]
enum OptionDeserializer<'de> {
    /// The value as it stands in the config, and the key of its section for errors.
    Value(&'de Value, &'de str),
    /// An item of a list that was given as text.
    Item(&'de str),
}

impl<'de> OptionDeserializer<'de> {
    fn text(self) -> Option<&'de str> {
        match self {
            Self::Value(value, _) => value.as_str().map(str::trim),
            Self::Item(text) => Some(text),
        }
    }

    fn unlike(self, expected: &str) -> Error {
        let shown = match self {
            Self::Value(value, _) => repr(value),
            Self::Item(text) => repr(&text.into()),
        };
        Error(format!("expected {expected}, not {shown}"))
    }
}

impl<'de> IntoDeserializer<'de, Error> for OptionDeserializer<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Write the methods that read a whole number from text.
macro_rules! whole_numbers {
    ($($method:ident: $type:ty => $visit:ident;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.text() {
                Some(text) => match text.parse::<$type>() {
                    Ok(number) => visitor.$visit(number),
                    // A negative number, or one that is too large: the visitor knows what it would have taken.
                    Err(_) => match text.parse::<i64>() {
                        Ok(number) => visitor.visit_i64(number),
                        Err(_) => Err(self.unlike("a whole number")),
                    },
                },
                None => self.deserialize_any(visitor),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for OptionDeserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let (value, place) = match self {
            Self::Value(value, place) => (value, place),
            Self::Item(text) => return visitor.visit_borrowed_str(text),
        };
        match value {
            Value::Nil => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Int(number) => visitor.visit_i32(*number),
            Value::Int64(number) => visitor.visit_i64(*number),
            Value::Double(number) => visitor.visit_f64(*number),
            Value::String(text) | Value::DateTime(text) => visitor.visit_borrowed_str(text),
            Value::Shared(text) => visitor.visit_borrowed_str(text),
            Value::Base64(bytes) => visitor.visit_borrowed_bytes(bytes),
            Value::Array(items) => visitor
                .visit_seq(SeqDeserializer::new(items.iter().map(|value| OptionDeserializer::Value(value, place)))),
            Value::Struct(members) => OptionsDeserializer { members, place }.deserialize_any(visitor),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text().map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "yes" | "on" | "1") => visitor.visit_bool(true),
            Some("false" | "no" | "off" | "0") => visitor.visit_bool(false),
            Some(_) => Err(self.unlike("true or false")),
            None => self.deserialize_any(visitor),
        }
    }

    whole_numbers! {
        deserialize_i8: i64 => visit_i64;
        deserialize_i16: i64 => visit_i64;
        deserialize_i32: i64 => visit_i64;
        deserialize_i64: i64 => visit_i64;
        deserialize_i128: i128 => visit_i128;
        deserialize_u8: u64 => visit_u64;
        deserialize_u16: u64 => visit_u64;
        deserialize_u32: u64 => visit_u64;
        deserialize_u64: u64 => visit_u64;
        deserialize_u128: u128 => visit_u128;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.text().map(str::parse) {
            Some(Ok(number)) => visitor.visit_f64(number),
            Some(Err(_)) => Err(self.unlike("a number")),
            None => self.deserialize_any(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Value(Value::Nil, _) => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(text) = self.text() else { return self.deserialize_any(visitor) };
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        visitor.visit_seq(SeqDeserializer::new(items.map(OptionDeserializer::Item)))
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

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Value(Value::Struct(members), place) => {
                OptionsDeserializer { members, place }.deserialize_struct(name, fields, visitor)
            }
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match (self.text(), self) {
            (Some(text), _) => visitor.visit_enum(text.into_deserializer()),
            (None, Self::Value(Value::Struct(members), _)) if members.len() == 1 => {
                let members = OptionAccess { members: members.iter(), value: None };
                visitor.visit_enum(de::value::MapAccessDeserializer::new(members))
            }
            _ => Err(self.unlike("the name of one of its variants")),
        }
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct map identifier ignored_any
    }
}
