//! The mistakes an author can make that the macro sees. Each has a test of its message in `plugin-api/tests/ui`.

use proc_macro2::Span;
use syn::{Error, FnArg, LitStr, ReceiverKind, Result, Safety, Signature, Type, spanned::Spanned};

use crate::{
    attributes::{Hook, MethodOptions},
    interface::{Arity, Param},
};

const GENERIC: &str = "a published method cannot be generic, since clients send values and not types: \
                       name the type, or take a `plugin_api::Value` for any";

/// An `async fn` never waits on the thread that calls it, so there is nothing to promise.
pub(crate) fn waiting(nonblocking: bool, signature: &Signature) -> Result<()> {
    match &signature.asyncness {
        Some(keyword) if nonblocking => Err(Error::new(
            keyword.span(),
            "an `async fn` holds no thread while it waits: take `nonblocking` away, or `async` if it never waits",
        )),
        _ => Ok(()),
    }
}

/// A published function has `&self`, no type parameters, and is neither `unsafe` nor `extern`.
pub(crate) fn signature(signature: &Signature) -> Result<()> {
    if let Some(parameter) = signature.generics.params.first() {
        return Err(Error::new(parameter.span(), GENERIC));
    }
    if let Safety::Unsafe(keyword) = &signature.safety {
        return Err(Error::new(
            keyword.span(),
            "a published method cannot be `unsafe`, since any client may call it: check what it needs, and return a `Fault`",
        ));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(
            abi.span(),
            "a published method cannot be `extern`: write `pub fn`, the macro makes what crosses the boundary",
        ));
    }
    let other = "a published method takes `&self`: it may run on several threads at once; \
                 keep what changes behind a `Mutex`, and what is not to be published out of this `impl` block or not `pub`";
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver)) if is_shared_reference(receiver) => Ok(()),
        Some(FnArg::Receiver(receiver)) => Err(Error::new(receiver.span(), other)),
        _ => Err(Error::new(signature.ident.span(), other)),
    }
}

fn is_shared_reference(receiver: &syn::Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => matches!(&**ty, Type::Reference(reference) if reference.mutability.is_none()),
        _ => false,
    }
}

/// `Option`s come last, and after them at most one list of further words.
pub(crate) fn order(params: &[(Param, Span)]) -> Result<()> {
    for pair in params.windows(2) {
        let ((first, span), (second, _)) = (&pair[0], &pair[1]);
        let message = match (first.arity, second.arity) {
            (Arity::Optional, Arity::One) => {
                format!("`{}` may be left out, so `{}` after it must be an `Option` too", first.name, second.name)
            }
            (Arity::Rest, _) => format!("`{}` takes all further words, so it must come last", first.name),
            _ => continue,
        };
        return Err(Error::new(*span, message));
    }
    Ok(())
}

/// A parameter owns its value.
pub(crate) fn parameter(ty: &Type) -> Result<()> {
    match ty {
        Type::Reference(_) => Err(Error::new(
            ty.span(),
            "a parameter owns its value: take `String` instead of `&str`, `Vec<T>` instead of `&[T]`",
        )),
        Type::ImplTrait(_) => Err(Error::new(ty.span(), GENERIC)),
        _ => Ok(()),
    }
}

/// A result has a type that can be named.
pub(crate) fn result(ty: &Type) -> Result<()> {
    match ty {
        Type::ImplTrait(_) => Err(Error::new(
            ty.span(),
            "name the type of the result, since clients are told what comes back: `Vec<String>` instead of `impl Iterator`",
        )),
        _ => Ok(()),
    }
}

/// A name that a client can call.
pub(crate) fn name(name: &LitStr) -> Result<String> {
    let text = name.value();
    let well_formed = !text.is_empty() && !text.contains(|letter: char| letter == '.' || letter.is_whitespace());
    if well_formed {
        Ok(text)
    } else {
        Err(Error::new(
            name.span(),
            "a published name has no dots and no blanks: write `getKeys` for what clients call `shelf.getKeys`",
        ))
    }
}

/// What the host calls of its own accord is not published, and takes an event or nothing.
pub(crate) fn hook(hook: &Hook, place: Span, is_public: bool, options: &MethodOptions, params: usize) -> Result<()> {
    let message = match hook {
        _ if is_public => "the host alone calls this, and no client: take `pub` away",
        _ if options.name.is_some() || options.alias.is_some() || options.returns.is_some() => {
            "the host alone calls this, so it has no `name` and no `returns` for clients"
        }
        Hook::Event(types) if types.value().split(',').any(|name| !is_event_type(name.trim())) => {
            return Err(Error::new(
                types.span(),
                "write the types of events as `events=` of an event listener does: `\"PROCESS_STATE, TICK_60\"`",
            ));
        }
        Hook::Event(_) if params != 1 => "what is called for events takes one parameter: `event: plugin_api::Event`",
        Hook::Start | Hook::Shutdown if params != 0 => "this is called without parameters: it takes `&self` alone",
        _ => return Ok(()),
    };
    Err(Error::new(place, message))
}

/// Types of a plugin's own are among them, so that no list can be complete.
fn is_event_type(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_')
}
