//! Mistakes of an author that the macro sees. Each has a test of its message in `plugin-api/tests/ui`.

use proc_macro2::Span;
use syn::{Error, FnArg, LitStr, ReceiverKind, Result, ReturnType, Safety, Signature, Type, spanned::Spanned};

use crate::{
    attributes::{Hook, MethodOptions},
    event_types,
    kind::Kind,
    method::{Arity, Param},
    names,
};

const GENERIC: &str = "a published method cannot be generic, since clients send values and not types: \
                       name the type, or take a `plugin_api::Value` for any";

/// Refuse `nonblocking` of an `async fn`, which never waits on the thread that calls it.
pub(crate) fn waiting(nonblocking: bool, signature: &Signature) -> Result<()> {
    match &signature.asyncness {
        Some(keyword) if nonblocking => Err(Error::new(
            keyword.span(),
            "an `async fn` holds no thread while it waits: take `nonblocking` away, or `async` if it never waits",
        )),
        _ => Ok(()),
    }
}

/// Check that a published function has `&self`, no type parameters, and is neither `unsafe` nor `extern`.
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

/// Check that `Option`s come last, and after them at most one list of further words.
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

/// Check that a parameter owns its value.
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

/// Check that a result has a type that can be named.
pub(crate) fn result(ty: &Type) -> Result<()> {
    match ty {
        Type::ImplTrait(_) => Err(Error::new(
            ty.span(),
            "name the type of the result, since clients are told what comes back: `Vec<String>` instead of `impl Iterator`",
        )),
        _ => Ok(()),
    }
}

/// Check a name, which a client has to call, or supervisorctl to find at the beginning of a line.
pub(crate) fn name(kind: Kind, name: &str, place: Span) -> Result<()> {
    let message = match kind {
        Kind::Rpc if name.is_empty() || name.contains(|letter: char| letter == '.' || letter.is_whitespace()) => {
            "a published name has no dots and no blanks: write `getKeys` for what clients call `shelf.getKeys`"
        }
        Kind::Ctl if name.is_empty() || name != names::of_command(name) => {
            let right = if name.is_empty() { "board_pin".to_owned() } else { names::of_command(name) };
            let message = format!(
                "a command of supervisorctl is made of letters from a to z, digits and underscores: write `{right}`"
            );
            return Err(Error::new(place, message));
        }
        // That is between the macros and supervisorctl.
        Kind::Ctl if name.starts_with('_') => "a command does not begin with an underscore: take it away",
        Kind::Ctl if name == "help" || name == "EOF" => "supervisorctl keeps this name for itself: give another",
        _ => return Ok(()),
    };
    Err(Error::new(place, message))
}

/// Check a function that the host calls of its own accord: it is not published, takes an event, a panel's query or
/// nothing, and has a result for an upgrade, for metrics and for a panel.
pub(crate) fn hook(
    (hook, place): (&Hook, Span),
    is_public: bool,
    options: &MethodOptions,
    params: usize,
    output: &ReturnType,
) -> Result<()> {
    if let (Hook::Event(types), false) = (hook, is_public) {
        event_types(types)?;
    }
    if let (Hook::Panel(title), false) = (hook, is_public)
        && title.value().trim().is_empty()
    {
        return Err(Error::new(title.span(), "a panel is found by its title: `panel = \"Notes\"`"));
    }
    let message = match hook {
        _ if is_public => "the host alone calls this, and no client: take `pub` away",
        _ if options.name.is_some() || options.alias.is_some() || options.returns.is_some() => {
            "the host alone calls this, so it has no `name` and no `returns` for clients"
        }
        Hook::Event(_) if params != 1 => "what is called for events takes one parameter: `event: plugin_api::Event`",
        Hook::Start | Hook::Shutdown | Hook::Upgrade | Hook::Metrics if params != 0 => {
            "this is called without parameters: it takes `&self` alone"
        }
        Hook::Panel(_) if params != 1 => {
            "a panel is asked for a page: it takes one parameter, `query: plugin_api::PanelQuery`"
        }
        Hook::Panel(_) if matches!(output, ReturnType::Default) => {
            "a panel is what this returns: write `-> Panel`, or `-> Result<Panel, Fault>`"
        }
        Hook::Upgrade if matches!(output, ReturnType::Default) => {
            "this hands over what it returns: write `-> Value`, or another type of results"
        }
        Hook::Metrics if matches!(output, ReturnType::Default) => {
            "this tells what it returns: write `-> plugin_api::Metrics`"
        }
        _ => return Ok(()),
    };
    Err(Error::new(place, message))
}

/// Check the types of events of a function. A plugin's own are among them, so that no list can be complete; but none of
/// those is below one of Supervisor's.
fn event_types(types: &LitStr) -> Result<()> {
    let value = types.value();
    for name in value.split(',').map(str::trim) {
        if !event_types::is_well_formed(name) {
            let message =
                "write the types of events as `events=` of an event listener does: `\"PROCESS_STATE, TICK_60\"`";
            return Err(Error::new(types.span(), message));
        }
        if let Some(own) = event_types::taken_by(name) {
            let below = event_types::below(own).join("`, `");
            let known = if below.is_empty() { "there is nothing".to_owned() } else { format!("there are `{below}`") };
            let message = format!("nobody publishes events of the type `{name}`: below Supervisor's `{own}` {known}");
            return Err(Error::new(types.span(), message));
        }
    }
    Ok(())
}
