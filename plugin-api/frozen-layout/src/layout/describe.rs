//! A layout as text, and the number that stands for it.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
};

use super::{
    parts::UTypeId,
    read::{Field, Kind, compatible},
    types::TypeLayout,
};

/// Identity of a type, with its name: markers of `abi_stable` share the identity of `()`.
pub(super) type Identity = (UTypeId, &'static str);

pub(super) fn identity(layout: &TypeLayout) -> Identity {
    ((layout.type_id)(), layout.name())
}

/// Describe a type and all that it leads to, a paragraph each, in the order in which they are met. Two layouts of the
/// same text are the same.
pub fn describe(root: &'static TypeLayout) -> String {
    let all = all(root);
    let numbers: HashMap<Identity, usize> = all.iter().enumerate().map(|(number, it)| (identity(it), number)).collect();
    let number = |layout: &TypeLayout| numbers[&identity(layout)];
    let mut text = String::new();
    for (index, layout) in all.iter().enumerate() {
        let (package, version) = layout.package();
        let _ = writeln!(
            text,
            "{index} {} of {package} {}: {} bytes, aligned to {}, {:?}{}",
            layout.name(),
            compatible(version),
            layout.size(),
            layout.alignment(),
            layout.repr(),
            if layout.is_nonzero() { ", never zero" } else { "" },
        );
        let _ = match layout.kind() {
            Kind::Primitive(kind) => writeln!(text, "  primitive {kind}"),
            Kind::Opaque => writeln!(text, "  opaque"),
            Kind::Struct => Ok(()),
            Kind::Union => writeln!(text, "  union"),
            Kind::Enum { variants, fields, numbers } => writeln!(text, "  enum {variants:?} {fields:?} {numbers:?}"),
            Kind::Prefix { fixed, conditional, accessible } => {
                writeln!(text, "  may grow behind {fixed} fields, {conditional:b} {accessible:b}")
            }
        };
        for constant in layout.constants() {
            let _ = writeln!(text, "  constant of {}", number(constant.vtable.value.layout));
        }
        if let Some(check) = layout.type_of_check() {
            let _ = writeln!(text, "  check {} {:?}", number(check), layout.required_traits());
        }
        for field in layout.phantom_fields() {
            let _ = writeln!(text, "  ({}): {}{}", field.name, number(field.layout), lifetimes(&field.lifetimes));
        }
        for field in layout.fields() {
            let _ = writeln!(text, "  {}: {}{}", field.name, number(field.layout), lifetimes(&field.lifetimes));
            for function in field.functions {
                let safety = if function.is_unsafe { "unsafe " } else { "" };
                let fields: Vec<String> =
                    function.fields.iter().map(|field| format!("{} {}", field.name, number(field.layout))).collect();
                let _ = writeln!(text, "    {safety}fn({}){}", fields.join("; "), lifetimes(&function.lifetimes));
            }
        }
    }
    text
}

fn lifetimes(numbers: &[u8]) -> String {
    numbers.iter().flat_map(|number| [" '".to_owned(), number.to_string()]).collect()
}

/// Number of a text: 64 bits of FNV-1a.
pub const fn hash(text: &str) -> u64 {
    let (text, mut hash, mut index) = (text.as_bytes(), 0xcbf2_9ce4_8422_2325_u64, 0);
    while index < text.len() {
        hash = (hash ^ text[index] as u64).wrapping_mul(0x0100_0000_01b3);
        index += 1;
    }
    hash
}

/// All types that one leads to, itself the first, in the order in which they are met.
pub(super) fn all(root: &'static TypeLayout) -> Vec<&'static TypeLayout> {
    let (mut found, mut known) = (vec![root], HashSet::from([identity(root)]));
    let mut next = 0;
    while let Some(layout) = found.get(next).copied() {
        let fields = layout.phantom_fields().into_iter().chain(layout.fields());
        let mut types: Vec<&'static TypeLayout> = fields.flat_map(types).collect();
        types.extend(layout.constants().iter().map(|constant| constant.vtable.value.layout));
        types.extend(layout.type_of_check());
        for layout in types {
            if known.insert(identity(layout)) {
                found.push(layout);
            }
        }
        next += 1;
    }
    found
}

/// The types of a field: that of its value, and those of the function pointers in it.
fn types(field: Field) -> Vec<&'static TypeLayout> {
    let mut types = vec![field.layout];
    types.extend(field.functions.into_iter().flat_map(|function| function.fields).map(|field| field.layout));
    types
}
