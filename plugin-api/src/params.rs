//! The parameters of a call: taken apart on the side that is called, put together on the side that calls.

use std::fmt;

use abi_stable::std_types::RVec;

use crate::{
    abi::{Fault, Value},
    value::{FromValue, IntoValue, within},
};

/// The parameters of a call, to be taken one after the other. The macros write the code that uses it; by hand it is
/// needed only for a [`Methods`](crate::Methods) by hand.
pub struct Params(<RVec<Value> as IntoIterator>::IntoIter);

impl Params {
    /// Refuse fewer than `least` and more than `most` as Supervisor does: with a plain `INCORRECT_PARAMETERS`.
    pub fn new(params: RVec<Value>, least: usize, most: usize) -> Result<Self, Fault> {
        if params.len() < least || params.len() > most {
            return Err(Fault::incorrect_parameters());
        }
        Ok(Self(params.into_iter()))
    }

    /// Take the next one, which is called `name` in a fault.
    pub fn take<T: FromValue>(&mut self, name: &str) -> Result<T, Fault> {
        match self.0.next() {
            Some(value) => T::from_value(value).map_err(|fault| within(&fault, name)),
            None => T::missing().ok_or_else(Fault::incorrect_parameters),
        }
    }

    /// Take all that are left, each of which is called `name` in a fault.
    pub fn rest<T: FromValue>(&mut self, name: &str) -> Result<Vec<T>, Fault> {
        self.0.by_ref().map(|value| T::from_value(value).map_err(|fault| within(&fault, name))).collect()
    }
}

impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Params").finish_non_exhaustive()
    }
}

/// A type that can be the parameters of a call: `()`, `("cat",)`, `("cat", true)`, or a list of [`Value`]s.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the parameters of a call",
    label = "not a tuple of values",
    note = "write `()` for none, `(a,)` with a comma for one, `(a, b)` for two"
)]
pub trait IntoParams {
    /// The list of values that crosses the boundary.
    fn into_params(self) -> RVec<Value>;
}

impl IntoParams for () {
    fn into_params(self) -> RVec<Value> {
        RVec::new()
    }
}

impl IntoParams for RVec<Value> {
    fn into_params(self) -> RVec<Value> {
        self
    }
}

impl IntoParams for Vec<Value> {
    fn into_params(self) -> RVec<Value> {
        self.into()
    }
}

impl<const N: usize> IntoParams for [Value; N] {
    fn into_params(self) -> RVec<Value> {
        Vec::from(self).into()
    }
}

macro_rules! tuples {
    ($($($name:ident)+;)*) => { $(
        impl<$($name: IntoValue),+> IntoParams for ($($name,)+) {
            #[allow(non_snake_case, reason = "a variable for each type of the tuple")]
            fn into_params(self) -> RVec<Value> {
                let ($($name,)+) = self;
                vec![$($name.into_value()),+].into()
            }
        }
    )* };
}

tuples! { A; A B; A B C; A B C D; A B C D E; A B C D E F; }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_numbers_are_refused_plainly() {
        for (params, least, most) in [(0, 1, 1), (2, 1, 1), (3, 0, 2)] {
            let params = vec![Value::Nil; params].into();
            assert_eq!(Params::new(params, least, most).err(), Some(Fault::incorrect_parameters()));
        }
    }

    #[test]
    fn a_wrong_type_names_its_parameter() {
        let mut params = Params::new(("a", 1).into_params(), 1, 2).unwrap();
        assert_eq!(params.take::<String>("key"), Ok("a".into()));
        let fault = params.take::<Option<String>>("data").unwrap_err();
        assert_eq!(fault.text, "INCORRECT_PARAMETERS: data: expected a string, not an int");
        assert_eq!(params.take::<Option<String>>("more"), Ok(None));
    }

    #[test]
    fn the_rest_is_a_list() {
        let mut params = Params::new(("a", "b", "c").into_params(), 1, usize::MAX).unwrap();
        assert_eq!(params.take::<String>("first"), Ok("a".into()));
        assert_eq!(params.rest::<String>("words"), Ok(vec!["b".into(), "c".into()]));
    }
}
