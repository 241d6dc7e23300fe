//! Reading of a layout: fields and functions with their names, of whatever library it is.

#![allow(unsafe_code)] // A layout is raw pointers and lengths.

use super::{
    parts::{
        CompTLField, CompTLFields, CompTLFunction, GenericTLData, MonoTLData, ReprAttr, StartLen, TLDiscriminants,
    },
    types::{ConstGeneric, GetTypeLayout, RequiredTraits, SharedVars, TypeLayout, list, text},
};

/// A field of a type, a parameter of a function, or its result.
pub(super) struct Field {
    /// The name.
    pub(super) name: &'static str,
    /// The type.
    pub(super) layout: &'static TypeLayout,
    /// Lifetimes, by their numbers.
    pub(super) lifetimes: Vec<u8>,
    /// Function pointers in it.
    pub(super) functions: Vec<Function>,
}

/// Signature of a function pointer.
pub(super) struct Function {
    /// The name: that of the field.
    pub(super) name: &'static str,
    /// Parameters, and the result as the last, which has no lifetimes of its own.
    pub(super) fields: Vec<Field>,
    /// Lifetimes of parameters and result, by their numbers.
    pub(super) lifetimes: Vec<u8>,
    /// True for an `unsafe fn`.
    pub(super) is_unsafe: bool,
}

/// Kind of a type, and what is known of that kind alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A type of the language, by its number.
    Primitive(u8),
    /// A type into which nobody looks.
    Opaque,
    /// A struct.
    Struct,
    /// A union.
    Union,
    /// An enum.
    Enum {
        /// Names of the variants.
        variants: Vec<&'static str>,
        /// Number of fields of each.
        fields: Vec<u8>,
        /// Number of each, and the letter of its width.
        numbers: Vec<(char, i64)>,
    },
    /// A struct that may grow.
    Prefix {
        /// Number of the fields that never change.
        fixed: u8,
        /// Fields among those that may be missing, as bits.
        conditional: u64,
        /// Fields that can be reached, as bits.
        accessible: u64,
    },
}

// SAFETY of all blocks below: whoever hands out a `TypeLayout` has it from `super::data`, or from a library that
// promised by the name of its entry point to have laid it out so.

impl TypeLayout {
    /// Name of the type, without a path.
    pub(super) fn name(&self) -> &'static str {
        // SAFETY: above.
        unsafe { text(self.mono.name, self.mono.name_len.into()) }
    }

    /// Name and version of the crate that defines the type.
    pub(super) fn package(&self) -> (&'static str, &'static str) {
        let both = self.mono.item_info.package_and_version.as_str();
        both.split_once(';').unwrap_or((both, ""))
    }

    /// Size in bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Alignment in bytes.
    pub(super) fn alignment(&self) -> usize {
        1 << self.alignment_power_of_two
    }

    /// True if the type is never all zeros.
    pub(super) fn is_nonzero(&self) -> bool {
        self.is_nonzero
    }

    /// The `repr` attribute.
    pub(super) fn repr(&self) -> ReprAttr {
        self.mono.repr_attr
    }

    /// Number of lifetimes among the generic parameters.
    pub(super) fn lifetime_count(&self) -> u8 {
        self.mono.generics.lifetime_count
    }

    /// Constants among the generic arguments.
    pub(super) fn constants(&self) -> &'static [ConstGeneric] {
        // SAFETY: above.
        let all = unsafe { list(self.shared_vars.constants, self.shared_vars.constants_len.into()) };
        part(all, self.mono.generics.consts)
    }

    /// Kind of the type.
    pub(super) fn kind(&self) -> Kind {
        match (self.mono.data, self.data) {
            (MonoTLData::Primitive(number), _) => Kind::Primitive(number),
            (MonoTLData::Struct(_), _) => Kind::Struct,
            (MonoTLData::Union(_), _) => Kind::Union,
            (MonoTLData::Enum(mono), GenericTLData::Enum(generic)) => {
                let names = self.shared_vars.text(mono.variant_names);
                // SAFETY: above.
                let fields = unsafe { list(mono.field_count, mono.field_count_len.into()) }.to_vec();
                let variants = names.split(';').take(fields.len()).collect();
                let numbers = match generic.discriminants {
                    TLDiscriminants::U8 { len, discriminants } => {
                        // SAFETY: above.
                        let numbers = unsafe { list(discriminants, len.into()) };
                        numbers.iter().map(|number| ('b', i64::from(*number))).collect()
                    }
                    TLDiscriminants::Isize { len, discriminants } => {
                        // SAFETY: above.
                        let numbers = unsafe { list(discriminants, len.into()) };
                        numbers.iter().map(|number| ('i', *number as i64)).collect()
                    }
                    _ => Vec::new(),
                };
                Kind::Enum { variants, fields, numbers }
            }
            (MonoTLData::PrefixType(mono), GenericTLData::PrefixType(accessible)) => {
                Kind::Prefix { fixed: mono.first_suffix_field, conditional: mono.conditional_prefix_fields, accessible }
            }
            // Two halves that do not fit are a type into which nobody should look.
            _ => Kind::Opaque,
        }
    }

    /// Fields of the type; those of all variants if it is an enum.
    pub(super) fn fields(&self) -> Vec<Field> {
        let fields = match self.mono.data {
            MonoTLData::Struct(fields) | MonoTLData::Union(fields) => fields,
            MonoTLData::Enum(data) => data.fields,
            MonoTLData::PrefixType(data) => data.fields,
            MonoTLData::Primitive(_) | MonoTLData::Opaque => return Vec::new(),
        };
        self.shared_vars.fields(fields)
    }

    /// Fields that are compared, and that no value has.
    pub(super) fn phantom_fields(&self) -> Vec<Field> {
        let (comp_fields, comp_fields_len) = (self.mono.phantom_fields, u16::from(self.mono.phantom_fields_len));
        self.shared_vars.fields(CompTLFields { comp_fields, functions: None, comp_fields_len })
    }
}

impl SharedVars {
    /// The text of a part of the strings.
    fn text(&self, place: StartLen) -> &'static str {
        // SAFETY: above.
        let all = unsafe { text(self.mono.strings, self.mono.strings_len.into()) };
        all.get(place.start()..place.start() + place.length()).unwrap_or_default()
    }

    fn type_layout(&self, index: usize) -> &'static TypeLayout {
        // SAFETY: above.
        let all: &[GetTypeLayout] = unsafe { list(self.type_layouts, self.type_layouts_len.into()) };
        all[index]()
    }

    fn fields(&self, fields: CompTLFields) -> Vec<Field> {
        // SAFETY: above.
        let all = unsafe { list(fields.comp_fields, fields.comp_fields_len.into()) };
        all.iter().enumerate().map(|(index, field)| self.field(*field, index, fields)).collect()
    }

    fn field(&self, field: CompTLField, index: usize, all: CompTLFields) -> Field {
        let functions = all.functions.map_or_else(Vec::new, |functions| {
            // SAFETY: above.
            let ranges = unsafe { list(functions.field_fn_ranges, functions.field_fn_ranges_len.into()) };
            // SAFETY: above.
            let list = unsafe { list(functions.functions, functions.functions_len.into()) };
            ranges
                .get(index)
                .map_or_else(Vec::new, |range| part(list, *range).iter().map(|it| self.function(it)).collect())
        });
        Field {
            name: self.text(StartLen(bits(field, 0, 16) | bits(field, 16, 10) << 16)),
            layout: self.type_layout(bits(field, 50, 10) as usize),
            lifetimes: self.lifetimes(bits(field, 26, 21)),
            functions,
        }
    }

    fn function(&self, function: &CompTLFunction) -> Function {
        let (first, second) = (u64::from(function.param_type_layouts0), u64::from(function.param_type_layouts1));
        let inline =
            [bits(first, 10, 10), bits(first, 20, 10), bits(second, 0, 10), bits(second, 10, 10), bits(second, 20, 10)];
        // More parameters than there is room for have the types that follow that of the fifth.
        let index =
            |number: usize| inline.get(number).map_or_else(|| inline[4] as usize + number - 4, |it| *it as usize);
        let start = function.contiguous_strings_offset + function.bound_lifetimes_len;
        let names = self.text(StartLen(u32::from(start) | u32::from(function.param_names_len) << 16));
        let plain = |name, layout| Field { name, layout, lifetimes: Vec::new(), functions: Vec::new() };
        let parameter =
            |number| plain(names.split(',').nth(number).unwrap_or_default(), self.type_layout(index(number)));
        let mut fields: Vec<Field> = (0..bits(first, 0, 10) as usize).map(parameter).collect();
        if function.return_type_layout != u16::MAX {
            fields.push(plain("->", self.type_layout(function.return_type_layout.into())));
        }
        Function {
            name: self.text(function.name),
            fields,
            lifetimes: self.lifetimes(function.paramret_lifetime_range),
            is_unsafe: function.fn_qualifs & 1 != 0,
        }
    }

    /// Numbers of lifetimes: up to five in the bits themselves, or a part of the list.
    fn lifetimes(&self, range: u32) -> Vec<u8> {
        let mut found: Vec<u8> = if range & 1 << 20 == 0 {
            (0..5).map(|place| bits(range.into(), place * 4, 4).to_le_bytes()[0]).collect()
        } else {
            // SAFETY: above.
            let all = unsafe { list(self.mono.lifetime_indices, self.mono.lifetime_indices_len.into()) };
            let (start, length) = (bits(range.into(), 0, 13), bits(range.into(), 13, 7));
            part(all, StartLen(start | length << 16)).iter().flat_map(|pair| [pair & 15, pair >> 4]).collect()
        };
        while found.last() == Some(&0) {
            found.pop();
        }
        found
    }
}

impl StartLen {
    fn start(self) -> usize {
        (self.0 & 0xffff) as usize
    }

    fn length(self) -> usize {
        (self.0 >> 16) as usize
    }
}

/// A part of a list.
fn part<T>(list: &'static [T], place: StartLen) -> &'static [T] {
    list.get(place.start()..place.start() + place.length()).unwrap_or_default()
}

/// A few bits of a word.
#[allow(clippy::cast_possible_truncation, reason = "no part has more than 32 bits")]
fn bits(word: u64, start: u32, length: u32) -> u32 {
    (word >> start & ((1 << length) - 1)) as u32
}

impl ConstGeneric {
    /// Compare two constants of the same type.
    pub(super) fn is_equal(&self, other: &Self) -> bool {
        // SAFETY: above; and the caller has compared their types.
        unsafe { (self.vtable.value.partial_eq)(self.ptr, other.ptr) }
    }
}

/// The part of a version that may not change: `0.11` of `0.11.3`, `1` of `1.0.0`.
pub(super) fn compatible(version: &str) -> &str {
    let parts = if version.starts_with("0.") { 2 } else { 1 };
    let end = version.match_indices('.').nth(parts - 1).map_or(version.len(), |(place, _)| place);
    &version[..end]
}

impl TypeLayout {
    /// Layout of the type of its check, if it has one.
    pub(super) fn type_of_check(&self) -> Option<&'static TypeLayout> {
        // SAFETY: the function is for this check.
        self.extra_checks.map(|check| unsafe { (check.vtable.value.type_layout)(check.value) })
    }

    /// Traits that its check asks for, if that is a check for traits.
    pub(super) fn required_traits(&self) -> Option<RequiredTraits> {
        let layout = self.type_of_check()?;
        let is_it = layout.name() == "RequiredTraits" && layout.size() == size_of::<RequiredTraits>();
        // SAFETY: the check is of that type.
        is_it.then(|| unsafe { *self.extra_checks.expect("it has a type").value })
    }
}
