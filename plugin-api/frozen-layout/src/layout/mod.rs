//! Type layouts: the records of `abi_stable`, those of the boundary as static data, and what is done with them.

mod parts;

mod types;

mod identity;
mod macros;
mod read;

mod check;
mod describe;
mod extra_checks;

mod table;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod write;

pub use self::{
    check::check,
    describe::{describe, hash},
    parts::{PTStructLayout, UTypeId, WithMetadata},
    table::plugin,
    types::TypeLayout,
};
pub(crate) use self::{
    identity::{place, type_id},
    parts::{MaybeCmp, RObjectVtable},
    table::NAMES,
};

/// Number of the text of the boundary's layout, `layout-1.0.0.txt`.
pub const HASH: u64 = 0xaa9c_0507_9ef7_4d38;
