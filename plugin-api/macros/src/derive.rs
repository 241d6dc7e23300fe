//! `FromValue` and `IntoValue` for types of the author's own, through serde.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Data, DeriveInput, Error, Fields, Generics};

/// Implement `FromValue` with serde's `Deserialize`.
pub(crate) fn from_value(input: &DeriveInput) -> TokenStream {
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let message = "what is read from a value is owned: hold `String` instead of `&str`, `Vec<T>` instead of `&[T]`";
        return Error::new_spanned(lifetime, message).into_compile_error();
    }
    let (name, kind) = (&input.ident, kind(&input.data));
    let generics =
        requiring(&input.generics, || syn::parse_quote!(Self: for<'de> ::plugin_api::__macro::Deserialize<'de>));
    let (parameters, arguments, conditions) = generics.split_for_impl();
    // With the type's own span, since that is what lacks `Deserialize`.
    let read = quote_spanned! { name.span()=> ::plugin_api::__macro::from_value::<Self> };
    quote! {
        #[automatically_derived]
        impl #parameters ::plugin_api::FromValue for #name #arguments #conditions {
            const KIND: &'static str = #kind;

            fn from_value(value: ::plugin_api::Value) -> ::std::result::Result<Self, ::plugin_api::Fault> {
                #read(value)
            }
        }
    }
}

/// Implement `IntoValue` with serde's `Serialize`.
pub(crate) fn into_value(input: &DeriveInput) -> TokenStream {
    let (name, kind) = (&input.ident, kind(&input.data));
    let generics = requiring(&input.generics, || syn::parse_quote!(Self: ::plugin_api::__macro::Serialize));
    let (parameters, arguments, conditions) = generics.split_for_impl();
    let write = quote_spanned! { name.span()=> ::plugin_api::__macro::into_value::<Self> };
    quote! {
        #[automatically_derived]
        impl #parameters ::plugin_api::IntoValue for #name #arguments #conditions {
            const KIND: &'static str = #kind;

            fn into_value(self) -> ::plugin_api::Value {
                #write(&self)
            }
        }
    }
}

/// Generics with `condition` added, if the type has type parameters; of any other the compiler says at once that it
/// lacks the trait.
fn requiring(generics: &Generics, condition: impl FnOnce() -> syn::WherePredicate) -> Generics {
    let mut generics = generics.clone();
    if generics.type_params().next().is_some() {
        generics.make_where_clause().predicates.push(condition());
    }
    generics
}

/// The XML-RPC type that serde makes of it.
fn kind(data: &Data) -> &'static str {
    match data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(_) => "struct",
            Fields::Unit => "nil",
            // Serde looks through it, and the macro cannot.
            Fields::Unnamed(fields) if fields.unnamed.len() == 1 => "value",
            Fields::Unnamed(_) => "array",
        },
        Data::Enum(data) if data.variants.iter().all(|variant| matches!(variant.fields, Fields::Unit)) => "string",
        Data::Enum(_) | Data::Union(_) => "value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn the_kind_is_what_serde_makes() {
        let shapes: [(DeriveInput, &str); 6] = [
            (parse_quote! { struct Note { text: String } }, "struct"),
            (parse_quote! { struct Pair(u8, u8); }, "array"),
            (parse_quote! { struct Name(String); }, "value"),
            (parse_quote! { struct Nothing; }, "nil"),
            (parse_quote! { enum Size { Small, Large } }, "string"),
            (parse_quote! { enum Size { Small, Exactly(u8) } }, "value"),
        ];
        for (input, expected) in shapes {
            assert_eq!(kind(&input.data), expected, "{}", input.ident);
        }
    }
}
