//! The code that is written beside the author's `impl` block.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Error, Ident, Item, ItemImpl, spanned::Spanned};

use crate::{
    attributes::{BlockOptions, Hook},
    interface,
    kind::Kind,
    method::{Arity, Method, Param},
};

/// The author's block, and its `Methods` implementation.
pub(crate) fn publish(kind: Kind, arguments: &TokenStream, item: Item) -> TokenStream {
    let (options, mut block) = match inherent_impl(kind, arguments, item) {
        Ok(found) => found,
        Err((error, item)) => {
            let error = error.into_compile_error();
            return quote! { #error #item };
        }
    };
    let (methods, errors) = interface::read(kind, &mut block);
    let implementation = match errors {
        // The rest is still implemented, so that nothing is reported but the mistake.
        Some(errors) => {
            let errors = errors.into_compile_error();
            let implementation = implement(kind, options, &block, &methods);
            quote! { #errors #implementation }
        }
        None => implement(kind, options, &block, &methods),
    };
    quote! { #block #implementation }
}

#[allow(clippy::result_large_err, reason = "the item is given back so that it is still compiled")]
fn inherent_impl(kind: Kind, arguments: &TokenStream, item: Item) -> Result<(BlockOptions, ItemImpl), (Error, Item)> {
    let name = kind.name();
    let options = match BlockOptions::parse(kind, arguments) {
        Ok(options) => options,
        Err(error) => return Err((error, item)),
    };
    match item {
        Item::Impl(block) if block.trait_.is_none() => Ok((options, block)),
        Item::Impl(block) => {
            let message =
                format!("`#[{name}]` stands before an `impl` block of the type's own methods, not of a trait");
            Err((Error::new(block.impl_token.span(), message), Item::Impl(block)))
        }
        other => {
            let message = format!("`#[{name}]` stands before an `impl` block");
            Err((Error::new(Span::call_site(), message), other))
        }
    }
}

fn implement(kind: Kind, options: BlockOptions, block: &ItemImpl, methods: &[Method]) -> TokenStream {
    let ty = &block.self_ty;
    let (generics, _, conditions) = block.generics.split_for_impl();
    let descriptions =
        methods.iter().flat_map(|method| method.names().map(move |name| describe(kind, options, method, name)));
    let arms = methods.iter().map(call);
    let completions: Vec<_> = methods.iter().filter_map(completion).collect();
    let complete = (!completions.is_empty()).then(|| {
        quote! {
            "_complete" => ::plugin_api::__macro::complete(params, |command, words| match command {
                #(#completions)*
                _ => ::std::result::Result::Err(::plugin_api::Fault::unknown_method()),
            }),
        }
    });
    // With the type's own span, since that is what is at fault if it cannot be shared between threads.
    let target = quote_spanned! { ty.span()=> ::plugin_api::Methods for #ty };
    quote! {
        #[automatically_derived]
        #[allow(clippy::all, clippy::pedantic)]
        impl #generics #target #conditions {
            fn methods(&self) -> ::std::vec::Vec<::plugin_api::MethodInfo> {
                ::std::vec![#(#descriptions),*]
            }

            fn call(
                self: ::std::sync::Arc<Self>,
                method: &str,
                params: ::plugin_api::RVec<::plugin_api::Value>,
            ) -> ::plugin_api::Reply {
                match method {
                    #(#arms)*
                    #complete
                    _ => ::plugin_api::Reply::Failed(::plugin_api::Fault::unknown_method()),
                }
            }
        }
    }
}

/// The entry of a method in the table, under one of its names.
fn describe(kind: Kind, block: BlockOptions, method: &Method, name: &str) -> TokenStream {
    let Method { docs, options, returns, conditions, .. } = method;
    let text = &docs.text;
    let params = method.params.iter().map(|param| {
        let (name, ty, help) = (&param.name, item_type(param), &param.help);
        let kind = param.kind.as_deref().unwrap_or_default();
        let flags: &[&str] = match param.arity {
            Arity::One => &[],
            Arity::Optional => &["optional"],
            Arity::Rest => &["rest"],
        };
        quote_spanned! { ty.span()=> .param::<#ty>(#name, #kind, #help, &[#(#flags),*]) }
    });
    let returns_kind = options.returns.as_ref().map(syn::LitStr::value).unwrap_or_default();
    let returns_help = &docs.returns;
    let returns = quote_spanned! { returns.span()=> .returns::<#returns>(#returns_kind, #returns_help) };
    let nonblocking = options.nonblocking.then(|| quote! { .property("nonblocking", true) });
    // Calling it only makes a future, so that the host needs no thread that may block for the call itself.
    let later = method.is_async.then(|| quote! { .property("async", true) });
    // The host's own calls come also while it shuts down, as `on_shutdown` does.
    let refuse =
        (block.refuse_in_shutdown && options.hook.is_none()).then(|| quote! { .property("refuse_in_shutdown", true) });
    let events = match &options.hook {
        Some((Hook::Event(types), _)) => Some(quote! { .property("events", #types) }),
        _ => None,
    };
    let panel = match &options.hook {
        Some((Hook::Panel(title), _)) => Some(quote! { .property("panel", #title) }),
        _ => None,
    };
    let complete = match (&options.complete, &options.complete_with) {
        (Some(what), _) => Some(quote! { .property("complete", #what) }),
        (None, Some(_)) => Some(quote! { .property("complete", "plugin") }),
        (None, None) => None,
    };
    let (usage, finish) = match kind {
        Kind::Rpc => (None, quote! { .rpc() }),
        Kind::Ctl => {
            let usage = options.usage.as_ref().map_or_else(|| usage(method), syn::LitStr::value);
            (Some(quote! { .property("usage", #usage) }), quote! { .ctl() })
        }
    };
    quote! {
        #(#conditions)*
        ::plugin_api::__macro::Describe::new(#name, #text) #(#params)* #returns #nonblocking #later #refuse #events #panel #complete #usage #finish
    }
}

/// The arm that completes the words of a command.
fn completion(method: &Method) -> Option<TokenStream> {
    let Method { name, options, conditions, .. } = method;
    let literal = options.complete_with.as_ref()?;
    let function: Ident = literal.parse().ok()?;
    let convert = quote_spanned! { literal.span()=> ::plugin_api::IntoAnswer::into_answer };
    Some(quote! { #(#conditions)* #name => #convert(Self::#function(&self, words)), })
}

/// The line before the help text of a command: `cache_store <key> <value>`.
fn usage(method: &Method) -> String {
    let words = method.params.iter().map(|param| match param.arity {
        Arity::One => format!(" <{}>", param.name),
        Arity::Optional => format!(" [<{}>]", param.name),
        Arity::Rest => format!(" <{}>...", param.name),
    });
    format!("{}{}", method.name, words.collect::<String>())
}

/// The type that is converted from a value: of a list of further words, the type of one.
fn item_type(param: &Param) -> TokenStream {
    let ty = &param.ty;
    match param.arity {
        Arity::Rest => quote_spanned! { ty.span()=> <#ty as ::plugin_api::__macro::List>::Item },
        Arity::One | Arity::Optional => ty.to_token_stream(),
    }
}

/// The arm that calls a method.
fn call(method: &Method) -> TokenStream {
    let Method { ident, params, returns, conditions, .. } = method;
    let names = method.names();
    let least = params.iter().filter(|param| param.arity == Arity::One).count();
    let most = match params.last() {
        Some(param) if param.arity == Arity::Rest => quote! { usize::MAX },
        _ => params.len().to_token_stream(),
    };
    let arguments: Vec<_> =
        (0..params.len()).map(|index| format_ident!("argument{index}", span = Span::mixed_site())).collect();
    let values = params.iter().map(|param| {
        let (name, ty) = (&param.name, item_type(param));
        match param.arity {
            Arity::Rest => quote_spanned! { ty.span()=> params.rest::<#ty>(#name)? },
            Arity::One | Arity::Optional => quote_spanned! { ty.span()=> params.take::<#ty>(#name)? },
        }
    });
    // A method without parameters asks nothing of the list but that it is empty.
    let mutable = (!params.is_empty()).then(|| quote! { mut });
    let read = quote! {
        let #mutable params = ::plugin_api::Params::new(params, #least, #most)?;
        #(let #arguments = #values;)*
    };
    let convert = quote_spanned! { returns.span()=> ::plugin_api::IntoAnswer::into_answer };
    // By its path: an own method called `call` comes before the trait's there, and only there.
    let body = if method.is_async {
        quote! {
            ::plugin_api::__macro::try_later(move || {
                #read
                ::std::result::Result::Ok(::plugin_api::Reply::later(method, async move {
                    #convert(Self::#ident(&self, #(#arguments),*).await)
                }))
            })
        }
    } else {
        let convert = quote_spanned! { returns.span()=> ::plugin_api::IntoAnswer::into_reply };
        quote! {
            ::plugin_api::__macro::try_later(move || {
                #read
                ::std::result::Result::Ok(#convert(Self::#ident(&self, #(#arguments),*), method))
            })
        }
    };
    quote! { #(#conditions)* #(#names)|* => #body, }
}
