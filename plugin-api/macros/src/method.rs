//! A published method, as it was read from the author's `impl` block.

use syn::{Attribute, Ident, Type};

use crate::{attributes::MethodOptions, docs::Docs};

/// A published function.
pub(crate) struct Method {
    /// The function's own name.
    pub(crate) ident: Ident,
    /// The name by which clients call it.
    pub(crate) name: String,
    /// A second name by which clients call it.
    pub(crate) alias: Option<String>,
    /// The doc comment.
    pub(crate) docs: Docs,
    /// The options of `#[rpc(…)]` or `#[ctl(…)]`.
    pub(crate) options: MethodOptions,
    /// The parameters but for `&self`.
    pub(crate) params: Vec<Param>,
    /// The type of the result.
    pub(crate) returns: Type,
    /// Set for an `async fn`, which is published as one that answers later.
    pub(crate) is_async: bool,
    /// `#[cfg(…)]`, which holds for the published side too.
    pub(crate) conditions: Vec<Attribute>,
}

impl Method {
    /// Names by which clients call it.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.alias)
    }
}

/// A parameter of a published function.
pub(crate) struct Param {
    /// The name as clients read it in help and faults.
    pub(crate) name: String,
    /// The type as the author wrote it.
    pub(crate) ty: Type,
    /// The XML-RPC type of `#[rpc(kind = "…")]`, instead of the type's own.
    pub(crate) kind: Option<String>,
    /// The doc comment on one line.
    pub(crate) help: String,
    /// Number of values that it takes.
    pub(crate) arity: Arity,
}

/// Number of words or values that a parameter takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arity {
    /// Exactly one.
    One,
    /// An `Option`: one or none.
    Optional,
    /// A `Vec` of a command: all that are left.
    Rest,
}
