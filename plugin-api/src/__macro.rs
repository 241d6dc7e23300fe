//! Support for the code that the macros write. No part of the API: it may change with any version, so this crate takes
//! the macros of its own version only.

pub use abi_stable::{library::LibHeader, std_types::RResult};
pub use serde::{Deserialize, Serialize};

use crate::{Fault, Params, RVec, Reply, Value, to_value};
pub use crate::{
    describe::Describe,
    factory::{
        API_VERSION, Library, check_factories, entry_point, factory, make_ctl, make_result_handler, make_rpcinterface,
    },
};

/// A list of further words, and the type of one.
pub trait List {
    /// The type of one word.
    type Item;
}

impl<T> List for Vec<T> {
    type Item = T;
}

/// Read a value, for `#[derive(FromValue)]`. The bound is written so that serde's own hint follows where it is not met.
pub fn from_value<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, Fault> {
    crate::from_value(value)
}

/// Make a value, for `#[derive(IntoValue)]`; panic where serde cannot.
#[track_caller]
pub fn into_value<T: Serialize>(what: &T) -> Value {
    // A closure would be the place that is named.
    match to_value(what) {
        Ok(value) => value,
        Err(fault) => panic!("`{}` cannot become a value: {}", std::any::type_name::<T>(), fault.detail()),
    }
}

/// The reply of a method that answers at once.
pub fn try_now(call: impl FnOnce() -> Result<Value, Fault>) -> Reply {
    call().into()
}

/// The reply of `_complete`, which supervisorctl calls with a command and the words before the one to complete.
pub fn complete(params: RVec<Value>, complete: impl FnOnce(&str, &[String]) -> Result<Value, Fault>) -> Reply {
    try_now(|| {
        let mut params = Params::new(params, 2, 2)?;
        let (command, words): (String, Vec<String>) = (params.take("command")?, params.take("words")?);
        complete(&command, &words)
    })
}

/// The reply of a method that answers later, unless its parameters are wrong.
pub fn try_later(call: impl FnOnce() -> Result<Reply, Fault>) -> Reply {
    call().unwrap_or_else(Reply::Failed)
}
