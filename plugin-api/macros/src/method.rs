//! A published method, as it was read from the author's `impl` block.

use syn::{Attribute, Ident, Type};

use crate::{attributes::MethodOptions, docs::Docs};

/// A published function.
pub(crate) struct Method {
    /// As the author calls it.
    pub(crate) ident: Ident,
    /// As clients call it.
    pub(crate) name: String,
    /// As they call it too.
    pub(crate) alias: Option<String>,
    pub(crate) docs: Docs,
    pub(crate) options: MethodOptions,
    pub(crate) params: Vec<Param>,
    pub(crate) returns: Type,
    pub(crate) is_async: bool,
    /// `#[cfg(…)]`, which holds for the published side too.
    pub(crate) conditions: Vec<Attribute>,
}

impl Method {
    /// All names by which clients call it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.alias)
    }
}

/// One of its parameters.
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) kind: Option<String>,
    pub(crate) help: String,
    pub(crate) arity: Arity,
}

/// How many words or values a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    One,
    /// An `Option`: one or none.
    Optional,
    /// A `Vec` of a command: all that are left.
    Rest,
}
