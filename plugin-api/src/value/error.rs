//! The error of serde's two directions, from a value and into one.

use std::fmt::{self, Display};

use serde::{
    de::{self, Expected, Unexpected},
    ser,
};

use crate::abi::Fault;

/// Text of what serde could not read or write, on one line.
#[derive(Debug)]
pub(crate) struct Error(pub(crate) String);

impl Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self(format!("'{field}' is missing"))
    }

    fn invalid_value(unexpected: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match unexpected {
            Unexpected::Signed(number) => Self(format!("{number} is out of range")),
            Unexpected::Unsigned(number) => Self(format!("{number} is out of range")),
            other => Self(format!("expected {expected}, not {other}")),
        }
    }
}

impl ser::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

impl Error {
    pub(super) fn of(fault: &Fault) -> Self {
        Self(fault.detail().to_owned())
    }

    pub(super) fn within(self, place: impl Display) -> Self {
        Self(format!("{place}: {self}"))
    }
}
