//! Doc comments as help texts.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// Parts of a doc comment.
#[derive(Default)]
pub(crate) struct Docs {
    /// The text but for the section `# Returns`.
    pub(crate) text: String,
    /// The section `# Returns`, on one line.
    pub(crate) returns: String,
}

impl Docs {
    /// The doc comment among these attributes.
    pub(crate) fn of(attributes: &[Attribute]) -> Self {
        let (mut text, mut returns) = (Vec::new(), Vec::new());
        let mut in_returns = false;
        for line in lines(attributes) {
            if let Some(heading) = line.strip_prefix("# ") {
                in_returns = heading.trim().eq_ignore_ascii_case("returns");
                if in_returns {
                    continue;
                }
            }
            if in_returns { returns.push(line) } else { text.push(line) }
        }
        Self { text: text.join("\n").trim().to_owned(), returns: one_line(&returns) }
    }
}

/// The doc comment of a parameter, on one line.
pub(crate) fn of_parameter(attributes: &[Attribute]) -> String {
    one_line(&lines(attributes))
}

fn one_line(lines: &[String]) -> String {
    lines.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines of the doc comment, without the blank that follows `///`.
fn lines(attributes: &[Attribute]) -> Vec<String> {
    attributes
        .iter()
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
                Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        })
        .flat_map(|comment| {
            comment
                .split('\n')
                .map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use syn::parse_quote;

    #[test]
    fn returns_is_a_section_of_its_own() {
        let function: syn::ItemFn = parse_quote! {
            /// Store a value.
            ///
            ///   Indented.
            ///
            /// # Returns
            /// Always true
            /// unless it fails.
            fn store() {}
        };
        let docs = Docs::of(&function.attrs);
        assert_eq!(docs.text, "Store a value.\n\n  Indented.");
        assert_eq!(docs.returns, "Always true unless it fails.");
    }
}
