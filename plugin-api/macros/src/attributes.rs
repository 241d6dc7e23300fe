//! The options of an `impl` block, and `#[rpc(…)]` and `#[ctl(…)]` on its methods and parameters.

use proc_macro2::{Span, TokenStream};
use syn::{Attribute, Error, Ident, LitStr, Result, Token, meta::ParseNestedMeta, parse::Parser, spanned::Spanned};

use crate::kind::Kind;

/// Options of a whole block, which stand in the attribute before it: `#[rpc_interface(refuse_in_shutdown)]`.
#[derive(Clone, Copy, Default)]
pub(crate) struct BlockOptions {
    /// Set where the host is to answer calls with `SHUTDOWN_STATE` itself while it shuts down.
    pub(crate) refuse_in_shutdown: bool,
}

impl BlockOptions {
    /// Read the arguments of the macro.
    pub(crate) fn parse(kind: Kind, arguments: &TokenStream) -> Result<Self> {
        let mut options = Self::default();
        if kind == Kind::Ctl && !arguments.is_empty() {
            let message = "`#[ctl_plugin]` takes no options; `#[ctl(…)]` on a method does";
            return Err(Error::new_spanned(arguments, message));
        }
        let read = syn::meta::parser(|meta| {
            match known(&meta).as_str() {
            "refuse_in_shutdown" => {
                options.refuse_in_shutdown = true;
                flag(&meta)
            }
            _ => Err(meta.error(
                "unknown option; `#[rpc_interface]` takes `refuse_in_shutdown`, and `#[rpc(…)]` on a method takes others",
            )),
        }
        });
        read.parse2(arguments.clone()).map(|()| options)
    }
}

/// Options of a method, which stand in its attributes.
#[derive(Default)]
pub(crate) struct MethodOptions {
    /// Published name, instead of the function's own.
    pub(crate) name: Option<LitStr>,
    /// Second published name.
    pub(crate) alias: Option<LitStr>,
    /// Set where the method promises never to wait.
    pub(crate) nonblocking: bool,
    /// XML-RPC type of the result, instead of the type's own.
    pub(crate) returns: Option<LitStr>,
    /// Line before a command's help text, instead of the one that its parameters make.
    pub(crate) usage: Option<LitStr>,
    /// Kind of words that supervisorctl completes for a command.
    pub(crate) complete: Option<LitStr>,
    /// Name of the function that completes a command's words.
    pub(crate) complete_with: Option<LitStr>,
    /// Occasion on which the host calls it, and the place where that is written, for errors.
    pub(crate) hook: Option<(Hook, Span)>,
}

/// Occasion on which the host calls a method of its own accord.
pub(crate) enum Hook {
    /// Start: everything may be called.
    Start,
    /// An event of one of these types.
    Event(LitStr),
    /// Shutdown, before the plugin is dropped.
    Shutdown,
    /// Upgrade of supervisord: the answer is for the instance that takes its place.
    Upgrade,
    /// A look at the panel of this title, of supervisord's page.
    Panel(LitStr),
    /// Look of a client at the metrics, among which the answer is to be.
    Metrics,
}

/// Options of a parameter, which stand in its attributes.
#[derive(Default)]
pub(crate) struct ParamOptions {
    /// XML-RPC type, instead of the type's own.
    pub(crate) kind: Option<LitStr>,
}

/// Kinds of words that supervisorctl can complete.
const COMPLETIONS: [&str; 3] = ["processes", "groups", "actions"];

impl Hook {
    /// The name by which the host calls `function`. There may be several functions for events, and several panels.
    pub(crate) fn name(&self, function: &str) -> String {
        match self {
            Self::Start => "_start".to_owned(),
            Self::Event(_) => format!("_event_{function}"),
            Self::Shutdown => "_shutdown".to_owned(),
            Self::Upgrade => "_upgrade".to_owned(),
            Self::Panel(_) => format!("_panel_{function}"),
            Self::Metrics => "_metrics".to_owned(),
        }
    }
}

impl MethodOptions {
    /// Read and remove the options among `attributes`.
    pub(crate) fn take(kind: Kind, attributes: &mut Vec<Attribute>) -> Result<Self> {
        let mut options = Self::default();
        each(kind, attributes, |meta| match (kind, known(&meta).as_str()) {
            (_, "name") => text(&meta, &mut options.name),
            (Kind::Rpc, "alias") => text(&meta, &mut options.alias),
            (Kind::Rpc, "nonblocking") => {
                options.nonblocking = true;
                flag(&meta)
            }
            (Kind::Rpc, "returns") => text(&meta, &mut options.returns),
            (Kind::Rpc, "on_start") => {
                options.hook = Some((Hook::Start, meta.path.span()));
                flag(&meta)
            }
            (Kind::Rpc, "on_shutdown") => {
                options.hook = Some((Hook::Shutdown, meta.path.span()));
                flag(&meta)
            }
            (Kind::Rpc, "on_upgrade") => {
                options.hook = Some((Hook::Upgrade, meta.path.span()));
                flag(&meta)
            }
            (Kind::Rpc, "on_metrics") => {
                options.hook = Some((Hook::Metrics, meta.path.span()));
                flag(&meta)
            }
            (Kind::Rpc, "on_event") => {
                let mut types = None;
                text(&meta, &mut types)?;
                options.hook = types.map(|types| (Hook::Event(types), meta.path.span()));
                Ok(())
            }
            (Kind::Rpc, "panel") => {
                let mut title = None;
                text(&meta, &mut title)?;
                options.hook = title.map(|title| (Hook::Panel(title), meta.path.span()));
                Ok(())
            }
            (Kind::Ctl, "usage") => text(&meta, &mut options.usage),
            (Kind::Ctl, "complete") => {
                text(&meta, &mut options.complete)?;
                match &options.complete {
                    Some(what) if !COMPLETIONS.contains(&what.value().as_str()) => {
                        let known = COMPLETIONS.map(|name| format!("\"{name}\"")).join(", ");
                        Err(Error::new(what.span(), format!("supervisorctl cannot complete that; known are {known}")))
                    }
                    _ => Ok(()),
                }
            }
            (Kind::Ctl, "complete_with") => {
                text(&meta, &mut options.complete_with)?;
                match &options.complete_with {
                    Some(function) if function.parse::<Ident>().is_err() => {
                        Err(Error::new(function.span(), "write the name of a function of this `impl` block"))
                    }
                    _ => Ok(()),
                }
            }
            (Kind::Rpc, "refuse_in_shutdown") => Err(meta.error(
                "that is said of the whole interface: write `#[rpc_interface(refuse_in_shutdown)]` before the `impl`",
            )),
            (Kind::Rpc, _) => {
                let known = "`name = \"…\"`, `alias = \"…\"`, `nonblocking` and `returns = \"…\"`";
                let hooks = "what the host calls has `on_start`, `on_event = \"…\"`, `on_metrics`, `on_upgrade` or `on_shutdown`";
                let panel = "or, for a table of supervisord's page, `panel = \"…\"`";
                Err(meta.error(format!("unknown option; a method has {known}, and {hooks}, {panel}")))
            }
            (Kind::Ctl, _) => Err(meta.error(
                "unknown option; a command has `name = \"…\"`, `usage = \"…\"`, `complete = \"…\"` and \
                 `complete_with = \"…\"`",
            )),
        })?;
        match (&options.complete, &options.complete_with) {
            (Some(_), Some(function)) => {
                Err(Error::new(function.span(), "a command has `complete` or `complete_with`, not both"))
            }
            _ => Ok(options),
        }
    }
}

impl ParamOptions {
    /// Read and remove the options among `attributes`.
    pub(crate) fn take(kind: Kind, attributes: &mut Vec<Attribute>) -> Result<Self> {
        let mut options = Self::default();
        each(kind, attributes, |meta| match known(&meta).as_str() {
            "kind" => text(&meta, &mut options.kind),
            _ => Err(meta
                .error("unknown option; a parameter has `kind = \"…\"`, and one that may be left out is an `Option`")),
        })?;
        Ok(options)
    }
}

/// Hand each option of the macro's attributes to `read`, and remove those attributes.
fn each(
    kind: Kind,
    attributes: &mut Vec<Attribute>,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> Result<()>,
) -> Result<()> {
    let (ours, others) =
        std::mem::take(attributes).into_iter().partition(|attribute| attribute.path().is_ident(kind.attribute()));
    *attributes = others;
    let ours: Vec<Attribute> = ours;
    ours.iter().try_for_each(|attribute| attribute.parse_nested_meta(&mut read))
}

fn known(meta: &ParseNestedMeta<'_>) -> String {
    meta.path.get_ident().map(ToString::to_string).unwrap_or_default()
}

/// Read an option that is there or not.
fn flag(meta: &ParseNestedMeta<'_>) -> Result<()> {
    if meta.input.peek(Token![=]) {
        let name = known(meta);
        return Err(meta.error(format!("`{name}` has no value: write `{name}` alone, or leave it out")));
    }
    Ok(())
}

/// Read an option that is a text.
fn text(meta: &ParseNestedMeta<'_>, into: &mut Option<LitStr>) -> Result<()> {
    let name = known(meta);
    let text = meta.value().and_then(syn::parse::ParseBuffer::parse);
    *into = Some(text.map_err(|error| Error::new(error.span(), format!("write a text: `{name} = \"…\"`")))?);
    Ok(())
}
