//! Containers that cross the boundary: owned by whoever holds them, freed by the library that allocated them.

mod vec;

mod arc;
mod string;

pub use self::{
    arc::RArc,
    string::RString,
    vec::{IntoIter, RVec},
};
pub use crate::{result::RResult, str::RStr};
