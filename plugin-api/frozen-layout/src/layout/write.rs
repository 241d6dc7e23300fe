//! The table of [`super::data`], written from what `abi_stable` says of the boundary.

#![allow(unsafe_code)] // A layout is raw pointers and lengths.

use std::{collections::HashMap, env, fmt::Write as _, fs, path::Path};

use abi_stable::StableAbi as _;
use plugin_api::abi::PluginRef;

use super::{
    check::check,
    describe::{Identity, all, describe, hash, identity},
    identity::place,
    parts::{CompTLField, CompTLFields, CompTLFunction, GenericTLData, MonoTLData, StartLen, TLDiscriminants},
    types::{ConstGeneric, GetTypeLayout, TypeLayout, list, text},
};

/// Variable with which table and text are written anew.
const WRITE: &str = "WRITE_LAYOUT";

/// The layout of the boundary as `abi_stable` has it.
fn abi_stable() -> &'static TypeLayout {
    // SAFETY: the record is laid out as ours is; that is what this crate is about.
    unsafe { &*std::ptr::from_ref(PluginRef::LAYOUT).cast::<TypeLayout>() }
}

#[test]
fn the_table_is_what_abi_stable_says() {
    let (root, folder) = (abi_stable(), Path::new(env!("CARGO_MANIFEST_DIR")));
    if env::var_os(WRITE).is_some() {
        fs::write(folder.join("src/layout/table.in"), table(root)).unwrap();
        fs::write(folder.join("layout-1.0.0.txt"), describe(root)).unwrap();
    }
    assert_eq!(check(super::plugin(), root), Ok(()));
    assert_eq!(check(root, super::plugin()), Ok(()));
    let kept = fs::read_to_string(folder.join("layout-1.0.0.txt")).unwrap();
    assert!(describe(super::plugin()) == kept, "layout-1.0.0.txt is frozen");
    assert_eq!(hash(&kept), super::HASH, "the number of the text");
    for (place, name) in place::ALL {
        assert_eq!(super::table::TABLE[place].name(), name);
    }
}

const HEAD: &str = "// The boundary of 1.0.0, as `write.rs` wrote it once from the records of `abi_stable`.
types![
";

/// Source of the table.
fn table(root: &'static TypeLayout) -> String {
    let all = with_generics(root);
    let numbers: HashMap<Identity, usize> =
        all.iter().enumerate().map(|(number, layout)| (identity(layout), number)).collect();
    let number = |layout: &TypeLayout| numbers[&identity(layout)];
    let mut source = HEAD.to_owned();
    for (index, layout) in all.iter().enumerate() {
        assert!(layout.tag.is_none(), "{} has a tag", layout.name());
        entry(&mut source, index, layout, &number);
    }
    source.push_str("]\n");
    source
}

/// All types, those among them that are nothing but generic arguments.
fn with_generics(root: &'static TypeLayout) -> Vec<&'static TypeLayout> {
    let mut found = all(root);
    let mut next = 0;
    while let Some(layout) = found.get(next).copied() {
        let vars = layout.shared_vars;
        // SAFETY: `abi_stable` wrote it.
        let types: &[GetTypeLayout] = unsafe { list(vars.type_layouts, vars.type_layouts_len.into()) };
        for layout in types.iter().map(|get| get()) {
            if found.iter().all(|known| identity(known) != identity(layout)) {
                found.push(layout);
            }
        }
        next += 1;
    }
    found
}

fn entry(source: &mut String, index: usize, layout: &TypeLayout, number: &dyn Fn(&TypeLayout) -> usize) {
    let (mono, vars) = (layout.mono, layout.shared_vars);
    // SAFETY: `abi_stable` wrote all of it.
    let (strings, lifetimes, types, constants, phantom) = unsafe {
        (
            text(vars.mono.strings, vars.mono.strings_len.into()),
            list(vars.mono.lifetime_indices, vars.mono.lifetime_indices_len.into()),
            list(vars.type_layouts, vars.type_layouts_len.into()),
            list(vars.constants, vars.constants_len.into()),
            list(mono.phantom_fields, mono.phantom_fields_len.into()),
        )
    };
    let (package, version) = layout.package();
    let types: Vec<usize> = types.iter().map(|get| number(get())).collect();
    let generics = mono.generics;
    let _ = writeln!(
        source,
        "    {index} {:?} of {:?} in {:?}: size {}, align {}, {}, repr {:?}, reflection {:?},",
        layout.name(),
        format!("{package};{}", if package == "supervisor-plugin-api" { "1.0.0" } else { version }),
        zero_terminated(mono.item_info.mod_path),
        layout.size,
        layout.alignment_power_of_two,
        layout.is_nonzero,
        layout.repr(),
        mono.mod_refl_mode,
    );
    let _ = writeln!(
        source,
        "        strings {strings:?}, lifetimes {lifetimes:?}, types {types:?}, constants [{}],",
        constants.iter().map(constant).collect::<Vec<_>>().join(", "),
    );
    let _ = writeln!(
        source,
        "        generics ({:?}, {}, {}, {}), phantom {},",
        zero_terminated(generics.lifetime),
        generics.types.0,
        generics.consts.0,
        generics.lifetime_count,
        fields_only(phantom),
    );
    let checks = if layout.required_traits().is_some() { "(Some(&NAMESPACE))" } else { "None" };
    let _ = writeln!(source, "        extra checks {checks}, {};", data(layout));
}

fn data(layout: &TypeLayout) -> String {
    match (layout.mono.data, layout.data) {
        (MonoTLData::Primitive(kind), GenericTLData::Primitive) => format!("Primitive({kind})"),
        (MonoTLData::Opaque, GenericTLData::Opaque) => "Opaque".to_owned(),
        (MonoTLData::Struct(all), GenericTLData::Struct) => format!("Struct {}", fields(all)),
        (MonoTLData::Union(all), GenericTLData::Union) => format!("Union {}", fields(all)),
        (MonoTLData::Enum(mono), GenericTLData::Enum(generic)) => {
            assert!(generic.exhaustiveness.is_none(), "{} may get more variants", layout.name());
            // SAFETY: `abi_stable` wrote all of it.
            let (counts, numbers) = unsafe {
                let counts = list(mono.field_count, mono.field_count_len.into());
                let numbers = match generic.discriminants {
                    TLDiscriminants::U8 { len, discriminants } => format!("U8 {:?}", list(discriminants, len.into())),
                    TLDiscriminants::Isize { len, discriminants } => {
                        format!("Isize {:?}", list(discriminants, len.into()))
                    }
                    _ => panic!("{} has numbers of another width", layout.name()),
                };
                (counts, numbers)
            };
            format!("Enum({}, {counts:?}, {numbers}) {}", mono.variant_names.0, fields(mono.fields))
        }
        (MonoTLData::PrefixType(mono), GenericTLData::PrefixType(accessible)) => format!(
            "PrefixType({}, {}, {accessible}) {}",
            mono.first_suffix_field,
            mono.conditional_prefix_fields,
            fields(mono.fields)
        ),
        _ => panic!("{} is of two kinds", layout.name()),
    }
}

fn fields(all: CompTLFields) -> String {
    // SAFETY: `abi_stable` wrote it.
    let plain = fields_only(unsafe { list(all.comp_fields, all.comp_fields_len.into()) });
    let Some(functions) = all.functions else { return plain };
    // SAFETY: `abi_stable` wrote both.
    let (all, ranges) = unsafe {
        (
            list(functions.functions, functions.functions_len.into()),
            list::<StartLen>(functions.field_fn_ranges, functions.field_fn_ranges_len.into()),
        )
    };
    let one = |it: &CompTLFunction| {
        format!(
            "({}, {}, {}, {}, {}, {}, {}, {}, {})",
            it.name.0,
            it.contiguous_strings_offset,
            it.bound_lifetimes_len,
            it.param_names_len,
            it.return_type_layout,
            it.paramret_lifetime_range,
            it.param_type_layouts0,
            it.param_type_layouts1,
            it.fn_qualifs
        )
    };
    let all: Vec<String> = all.iter().map(one).collect();
    let ranges: Vec<u32> = ranges.iter().map(|range| range.0).collect();
    format!("{plain}, functions [\n            {}\n        ] of {ranges:?}", all.join(",\n            "))
}

fn fields_only(fields: &[CompTLField]) -> String {
    let fields: Vec<String> = fields.iter().map(|field| format!("{field:#x}")).collect();
    format!("[{}]", fields.join(", "))
}

fn constant(constant: &ConstGeneric) -> String {
    assert_eq!(constant.vtable.value.layout.name(), "usize", "no other is among the boundary's");
    // SAFETY: the type was just compared.
    unsafe { *constant.ptr.cast::<usize>() }.to_string()
}

fn zero_terminated(start: *const u8) -> String {
    // SAFETY: `abi_stable` wrote it, with a zero byte at its end.
    let text = unsafe { std::ffi::CStr::from_ptr(start.cast()) };
    format!("{}\0", text.to_str().unwrap())
}
