//! `#[rpc(…)]` and `#[ctl(…)]` on methods and parameters.

use syn::{Attribute, LitStr, Result, meta::ParseNestedMeta};

use crate::interface::Kind;

/// What stands in the attributes of a method.
#[derive(Default)]
pub(crate) struct MethodOptions {
    pub(crate) name: Option<LitStr>,
    pub(crate) nonblocking: bool,
    pub(crate) returns: Option<LitStr>,
    pub(crate) usage: Option<LitStr>,
    pub(crate) complete: Option<LitStr>,
}

/// What stands in the attributes of a parameter.
#[derive(Default)]
pub(crate) struct ParamOptions {
    pub(crate) kind: Option<LitStr>,
}

/// What supervisorctl can complete.
const COMPLETIONS: [&str; 3] = ["processes", "groups", "actions"];

impl MethodOptions {
    /// Reads and removes the options among `attributes`.
    pub(crate) fn take(kind: Kind, attributes: &mut Vec<Attribute>) -> Result<Self> {
        let mut options = Self::default();
        each(kind, attributes, |meta| match (kind, known(&meta).as_str()) {
            (_, "name") => text(&meta, &mut options.name),
            (Kind::Rpc, "nonblocking") => {
                options.nonblocking = true;
                Ok(())
            }
            (Kind::Rpc, "returns") => text(&meta, &mut options.returns),
            (Kind::Ctl, "usage") => text(&meta, &mut options.usage),
            (Kind::Ctl, "complete") => {
                text(&meta, &mut options.complete)?;
                match &options.complete {
                    Some(what) if !COMPLETIONS.contains(&what.value().as_str()) => {
                        let known = COMPLETIONS.map(|name| format!("\"{name}\"")).join(", ");
                        Err(syn::Error::new(
                            what.span(),
                            format!("supervisorctl cannot complete that; known are {known}"),
                        ))
                    }
                    _ => Ok(()),
                }
            }
            (Kind::Rpc, _) => Err(meta.error("unknown option; a method has `name`, `nonblocking` and `returns`")),
            (Kind::Ctl, _) => Err(meta.error("unknown option; a command has `name`, `usage` and `complete`")),
        })?;
        Ok(options)
    }
}

impl ParamOptions {
    /// Reads and removes the options among `attributes`.
    pub(crate) fn take(kind: Kind, attributes: &mut Vec<Attribute>) -> Result<Self> {
        let mut options = Self::default();
        each(kind, attributes, |meta| match known(&meta).as_str() {
            "kind" => text(&meta, &mut options.kind),
            _ => Err(meta.error("unknown option; a parameter has `kind`")),
        })?;
        Ok(options)
    }
}

/// Hands each option of the macro's attributes to `read`, and removes those attributes.
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

fn text(meta: &ParseNestedMeta<'_>, into: &mut Option<LitStr>) -> Result<()> {
    *into = Some(meta.value()?.parse()?);
    Ok(())
}
