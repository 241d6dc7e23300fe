//! The records of a type, from a short form of them.

#![allow(unsafe_code)] // The type's functions have to have a name of their own for each.

/// Write the table of types. Each entry says what the records of one have in them.
macro_rules! types {
    ($($index:literal $name:literal of $package:literal in $path:literal:
        size $size:literal, align $align:literal, $nonzero:literal, repr $repr:ident $(($repr_of:literal))?,
        reflection $reflection:ident $(($reflection_of:literal))?,
        strings $strings:literal, lifetimes [$($lifetime:literal),*], types [$($type:literal),*],
        constants [$($constant:literal),*],
        generics ($generics:literal, $generic_types:literal, $generic_constants:literal, $lifetimes:literal),
        phantom [$($phantom:literal),*],
        extra checks $checks:tt,
        $kind:ident $(($($of_kind:tt)*))?
            $([$($field:literal),*] $(, functions [$($function:tt),*] of [$($range:literal),*])?)?;
    )*) => {
        [$({
            use $crate::layout::{parts::*, types::*};
            const LIFETIMES: &[u8] = &[$($lifetime),*];
            static VARS: MonoSharedVars = MonoSharedVars {
                strings: $strings.as_ptr(),
                lifetime_indices: LIFETIMES.as_ptr(),
                strings_len: $strings.len() as u16,
                lifetime_indices_len: LIFETIMES.len() as u16,
            };
            static TYPES: &[GetTypeLayout] = &[$(type_layout::<$type>),*];
            static CONSTANTS: &[ConstGeneric] = &[$(constant(&{ $constant })),*];
            const PHANTOM: &[CompTLField] = &[$($phantom),*];
            static SHARED: SharedVars = SharedVars {
                mono: &VARS,
                type_layouts: TYPES.as_ptr(),
                constants: CONSTANTS.as_ptr(),
                type_layouts_len: TYPES.len() as u16,
                constants_len: CONSTANTS.len() as u16,
            };
            static MONO: MonoTypeLayout = MonoTypeLayout {
                shared_vars: VARS,
                name: $name.as_ptr(),
                item_info: ItemInfo {
                    package_and_version: $crate::str::RStr::from_str($package),
                    // Messages alone have it, and it moves with every edit.
                    line: 0,
                    mod_path: $path.as_ptr(),
                },
                data: $crate::layout::macros::mono_data!(
                    $kind $(($($of_kind)*))? $([$($field),*] $(, functions [$($function),*] of [$($range),*])?)?
                ),
                generics: CompGenericParams {
                    lifetime: $generics.as_ptr(),
                    types: StartLen($generic_types),
                    consts: StartLen($generic_constants),
                    lifetime_count: $lifetimes,
                },
                phantom_fields: PHANTOM.as_ptr(),
                phantom_fields_len: PHANTOM.len() as u8,
                repr_attr: ReprAttr::$repr $(($repr_of))?,
                mod_refl_mode: ModReflMode::$reflection $(($reflection_of))?,
                name_len: $name.len() as u16,
            };
            TypeLayout {
                shared_vars: &SHARED,
                mono: &MONO,
                is_nonzero: $nonzero,
                alignment_power_of_two: $align,
                size: $size,
                tag: None,
                data: $crate::layout::macros::generic_data!($kind $(($($of_kind)*))?),
                extra_checks: $checks,
                type_id: $crate::layout::identity::type_id::<$index>,
            }
        }),*]
    };
}

/// The part of a type's data that is the same for all generic arguments.
macro_rules! mono_data {
    (Primitive($kind:literal)) => { MonoTLData::Primitive($kind) };
    (Opaque) => { MonoTLData::Opaque };
    (Struct $($fields:tt)*) => { MonoTLData::Struct($crate::layout::macros::fields!($($fields)*)) };
    (Enum($names:literal, [$($count:literal),*], $($numbers:tt)*) $($fields:tt)*) => {{
        const COUNTS: &[u8] = &[$($count),*];
        MonoTLData::Enum(MonoTLEnum {
            field_count: COUNTS.as_ptr(),
            field_count_len: COUNTS.len() as u16,
            variant_names: StartLen($names),
            fields: $crate::layout::macros::fields!($($fields)*),
        })
    }};
    (PrefixType($fixed:literal, $conditional:literal, $accessible:literal) $($fields:tt)*) => {
        MonoTLData::PrefixType(MonoTLPrefixType {
            first_suffix_field: $fixed,
            conditional_prefix_fields: $conditional,
            fields: $crate::layout::macros::fields!($($fields)*),
        })
    };
}

/// The rest of a type's data.
macro_rules! generic_data {
    (Primitive($kind:literal)) => { GenericTLData::Primitive };
    (Opaque) => { GenericTLData::Opaque };
    (Struct) => { GenericTLData::Struct };
    (Enum($names:literal, [$($count:literal),*], $width:ident [$($number:literal),*])) => {{
        const NUMBERS: &[$crate::layout::macros::number!($width)] = &[$($number),*];
        GenericTLData::Enum(GenericTLEnum {
            exhaustiveness: None,
            discriminants: TLDiscriminants::$width {
                len: NUMBERS.len() as u16,
                discriminants: NUMBERS.as_ptr(),
            },
        })
    }};
    (PrefixType($fixed:literal, $conditional:literal, $accessible:literal)) => {
        GenericTLData::PrefixType($accessible)
    };
}

macro_rules! number {
    (U8) => {
        u8
    };
    (Isize) => {
        isize
    };
}

/// The fields of a type, with the functions among them.
macro_rules! fields {
    ([$($field:literal),*]) => { $crate::layout::macros::fields!(@ None, $($field),*) };
    ([$($field:literal),*], functions [$(($name:literal, $offset:literal, $bound:literal, $params:literal,
        $returns:literal, $lifetimes:literal, $types0:literal, $types1:literal, $qualifiers:literal)),*]
        of [$($range:literal),*]) => {
        $crate::layout::macros::fields!(@ Some({
            static FUNCTIONS: &[CompTLFunction] = &[$(CompTLFunction {
                name: StartLen($name),
                contiguous_strings_offset: $offset,
                bound_lifetimes_len: $bound,
                param_names_len: $params,
                return_type_layout: $returns,
                paramret_lifetime_range: $lifetimes,
                param_type_layouts0: $types0,
                param_type_layouts1: $types1,
                fn_qualifs: $qualifiers,
            }),*];
            static RANGES: &[StartLen] = &[$(StartLen($range)),*];
            static ALL: TLFunctions = TLFunctions {
                functions: FUNCTIONS.as_ptr(),
                field_fn_ranges: RANGES.as_ptr(),
                functions_len: FUNCTIONS.len() as u16,
                field_fn_ranges_len: RANGES.len() as u16,
            };
            &ALL
        }), $($field),*)
    };
    (@ $functions:expr, $($field:literal),*) => {{
        const LIST: &[CompTLField] = &[$($field),*];
        CompTLFields { comp_fields: LIST.as_ptr(), functions: $functions, comp_fields_len: LIST.len() as u16 }
    }};
}

pub(super) use {fields, generic_data, mono_data, number, types};
