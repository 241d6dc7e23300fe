//! An `impl` block, read into what is published of it.

use syn::{Attribute, Error, FnArg, ImplItem, ImplItemFn, ItemImpl, Pat, Result, ReturnType, Type, Visibility};

use crate::{
    attributes::{MethodOptions, ParamOptions},
    check,
    docs::{self, Docs},
    kind::Kind,
    method::{Arity, Method, Param},
    names,
};

/// Read the published methods of `block` and take this macro's attributes out of it. All mistakes are reported at
/// once.
pub(crate) fn read(kind: Kind, block: &mut ItemImpl) -> (Vec<Method>, Option<Error>) {
    let mut methods: Vec<Method> = Vec::new();
    let mut errors: Option<Error> = None;
    let mut private = None;
    let mut report = |error: Error| match &mut errors {
        Some(all) => all.combine(error),
        None => errors = Some(error),
    };
    for item in &mut block.items {
        let ImplItem::Fn(function) = item else { continue };
        match read_method(kind, function) {
            Ok(Some(method)) => {
                let taken = |name: &String| {
                    methods.iter().find(|other| other.names().any(|theirs| theirs == name)).map(|other| &other.ident)
                };
                let twice = method.names().find_map(|name| Some((name, taken(name)?)));
                if let Some((name, first)) = twice {
                    let message = if method.options.hook.is_some() {
                        format!("the host calls `{first}` for that already, and only one")
                    } else {
                        format!(
                            "`{name}` is published twice: `{first}` has that name too; give one another with \
                             `#[{}(name = \"…\")]`",
                            kind.attribute(),
                        )
                    };
                    report(Error::new(method.ident.span(), message));
                } else {
                    methods.push(method);
                }
            }
            Ok(None) => private = Some(function.sig.ident.span()),
            Err(error) => report(error),
        }
    }
    if let (Some(place), true, None) = (private, methods.is_empty(), &errors) {
        let message = "nothing here is published: write `pub fn` for what clients shall call";
        errors = Some(Error::new(place, message));
    }
    (methods, errors)
}

/// The method behind `function`, if it is published.
fn read_method(kind: Kind, function: &mut ImplItemFn) -> Result<Option<Method>> {
    let marked = function.attrs.iter().any(|attribute| attribute.path().is_ident(kind.attribute()));
    reject_the_other(kind, &mut function.attrs)?;
    // Everything of ours is taken out first, so that a mistake is not followed by errors about unknown attributes.
    let options = MethodOptions::take(kind, &mut function.attrs);
    let is_public = matches!(function.vis, Visibility::Public(_));
    let hook = options.as_ref().is_ok_and(|options| options.hook.is_some());
    let params = take_params(kind, function, is_public || hook);
    if !is_public && !hook {
        if marked && options.is_ok() {
            let message = "only a `pub fn` is published: make it `pub`, or take the attribute away";
            return Err(Error::new(function.sig.ident.span(), message));
        }
        return options.map(|_| None);
    }
    let (options, params) = (options?, params?);
    check::signature(&function.sig)?;
    check::order(&params)?;
    check::waiting(options.nonblocking, &function.sig)?;
    if let Some((hook, place)) = &options.hook {
        check::hook((hook, *place), is_public, &options, params.len(), &function.sig.output)?;
    }

    let ident = function.sig.ident.clone();
    let own_name = names::of_ident(&ident);
    let name = match (&options.hook, &options.name, kind) {
        (Some((hook, _)), ..) => hook.name(&own_name),
        (None, Some(name), _) => name.value(),
        (None, None, Kind::Rpc) => names::camel_case(&own_name),
        (None, None, Kind::Ctl) => own_name,
    };
    if options.hook.is_none() {
        check::name(kind, &name, options.name.as_ref().map_or(ident.span(), syn::LitStr::span))?;
    }
    let alias = options.alias.as_ref().map(syn::LitStr::value);
    if let (Some(alias), Some(literal)) = (&alias, &options.alias) {
        check::name(kind, alias, literal.span())?;
    }
    if alias.as_ref() == Some(&name) {
        return Err(Error::new_spanned(&options.alias, format!("`{name}` is the method's name already")));
    }
    let returns = match &function.sig.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    check::result(&returns)?;
    // What these lints dislike is the form that a published method has.
    let allowed = syn::parse_quote! {
        #[allow(
            unreachable_pub,
            rustdoc::invalid_html_tags, // `<key>` in a help text
            clippy::missing_errors_doc,
            clippy::must_use_candidate,
            clippy::needless_pass_by_value,
            clippy::unnecessary_wraps,
            clippy::unused_async,
            clippy::unused_self,
            reason = "a published method"
        )]
    };
    function.attrs.push(allowed);
    Ok(Some(Method {
        docs: Docs::of(&function.attrs),
        conditions: function.attrs.iter().filter(|attribute| attribute.path().is_ident("cfg")).cloned().collect(),
        is_async: function.sig.asyncness.is_some(),
        ident,
        name,
        alias,
        options,
        params: params.into_iter().map(|(param, _)| param).collect(),
        returns,
    }))
}

/// Refuse, and take out, an option for the other macro.
fn reject_the_other(kind: Kind, attributes: &mut Vec<Attribute>) -> Result<()> {
    let other = kind.other();
    let Some(index) = attributes.iter().position(|attribute| attribute.path().is_ident(other.attribute())) else {
        return Ok(());
    };
    let attribute = attributes.remove(index);
    let message =
        format!("`#[{}(…)]` is for `#[{}]`: write `#[{}(…)]` here", other.attribute(), other.name(), kind.attribute());
    Err(Error::new_spanned(attribute, message))
}

/// Read the parameters, and take their doc comments and options away: rustc accepts neither there.
fn take_params(kind: Kind, function: &mut ImplItemFn, is_called: bool) -> Result<Vec<(Param, proc_macro2::Span)>> {
    let mut params = Vec::new();
    let mut outcome = Ok(());
    for input in &mut function.sig.inputs {
        let FnArg::Typed(input) = input else { continue };
        let options = ParamOptions::take(kind, &mut input.attrs);
        let help = docs::of_parameter(&input.attrs);
        input.attrs.retain(|attribute| !attribute.path().is_ident("doc"));
        if !is_called || outcome.is_err() {
            continue;
        }
        outcome = options.and_then(|options| {
            let Pat::Ident(pattern) = &*input.pat else {
                let message = "a published method names its parameters: write `name: Type` and take it apart inside";
                return Err(Error::new_spanned(&input.pat, message));
            };
            check::parameter(&input.ty)?;
            let param = Param {
                name: names::of_ident(&pattern.ident).trim_start_matches('_').to_owned(),
                ty: (*input.ty).clone(),
                kind: options.kind.map(|kind| kind.value()),
                help,
                arity: arity(kind, &input.ty),
            };
            params.push((param, pattern.ident.span()));
            Ok(())
        });
    }
    outcome.map(|()| params)
}

fn arity(kind: Kind, ty: &Type) -> Arity {
    let Type::Path(path) = ty else { return Arity::One };
    match path.path.segments.last() {
        Some(last) if last.ident == "Option" => Arity::Optional,
        Some(last) if last.ident == "Vec" && kind == Kind::Ctl => Arity::Rest,
        _ => Arity::One,
    }
}
