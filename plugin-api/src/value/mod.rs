//! [`Value`](crate::Value) made comfortable: methods, conversions, serde, and how Python would print one.
//!
//! The type itself stands in [`crate::abi`], because it crosses the boundary. The modules are floors; each imports only
//! from those above it in this list.

mod error;
mod methods;
mod unprintable;

mod pformat;

mod convert;

mod roundtrip;

mod de;
mod ser;

pub(crate) use self::{convert::within, error::Error};
pub use self::{
    convert::{FromValue, IntoAnswer, IntoValue},
    de::from_value,
    methods::find,
    pformat::{pformat, repr},
    ser::to_value,
};
