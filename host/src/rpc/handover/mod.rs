//! Values that plugins hand over in an upgrade, to their instances in the supervisord that takes this one's place.
//!
//! The modules are floors; each imports only from those above it in this list.

mod value_codec;

mod handed_over;

pub(crate) mod fuzzing;

pub use self::handed_over::HandedOver;
pub(super) use self::handed_over::Offer;
pub(crate) use self::value_codec::HandedValue;
