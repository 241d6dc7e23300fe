//! The parts of the records in which `abi_stable` 0.11 keeps what it knows of a type, field by field as it lays them
//! out; and what vtables begin with. The names are those of `abi_stable`, so that its documentation serves here too.

#![allow(unsafe_code)] // Raw pointers that are shared between threads.

use crate::str::RStr;

/// Identity of a type within a library: no two libraries share one.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UTypeId {
    /// Address that only one library has.
    pub(crate) library: *const u8,
    /// Bytes that only one type of the library has.
    pub(crate) id: [u8; 16],
}

/// Lists that are the same for all generic arguments.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct MonoSharedVars {
    /// All names, one after the other.
    pub(crate) strings: *const u8,
    /// Pairs of lifetimes, four bits each.
    pub(crate) lifetime_indices: *const u8,
    /// Length of `strings` in bytes.
    pub(crate) strings_len: u16,
    /// Length of `lifetime_indices`.
    pub(crate) lifetime_indices_len: u16,
}

/// Whatever is the same for all generic arguments of a type.
#[repr(C)]
pub(crate) struct MonoTypeLayout {
    /// Lists that are the same for all generic arguments.
    pub(crate) shared_vars: MonoSharedVars,
    /// Name of the type, without a path.
    pub(crate) name: *const u8,
    /// Place of its definition.
    pub(crate) item_info: ItemInfo,
    /// Kind of the type, and its fields.
    pub(crate) data: MonoTLData,
    /// Generic parameters.
    pub(crate) generics: CompGenericParams,
    /// Fields that are compared, and that no value has.
    pub(crate) phantom_fields: *const CompTLField,
    /// Length of `phantom_fields`.
    pub(crate) phantom_fields_len: u8,
    /// The `repr` attribute.
    pub(crate) repr_attr: ReprAttr,
    /// Treatment by those who list a module's items.
    pub(crate) mod_refl_mode: ModReflMode,
    /// Length of `name` in bytes.
    pub(crate) name_len: u16,
}

/// Place of a type's definition.
#[repr(C)]
pub(crate) struct ItemInfo {
    /// Name and version of the crate, with a semicolon between them.
    pub(crate) package_and_version: RStr<'static>,
    /// Line in the file.
    pub(crate) line: u32,
    /// Path of the module, which ends in a zero byte.
    pub(crate) mod_path: *const u8,
}

/// Kind of a type, and its fields.
#[repr(u8)]
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "other libraries write it")]
pub(crate) enum MonoTLData {
    /// A type of the language, by its number.
    Primitive(u8),
    /// A type into which nobody looks.
    Opaque,
    /// A struct.
    Struct(CompTLFields),
    /// A union.
    Union(CompTLFields),
    /// An enum.
    Enum(MonoTLEnum),
    /// A struct that may grow at its end.
    PrefixType(MonoTLPrefixType),
}

/// Fields of a type.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CompTLFields {
    /// Fields, in their order.
    pub(crate) comp_fields: *const CompTLField,
    /// Function pointers among the fields.
    pub(crate) functions: Option<&'static TLFunctions>,
    /// Length of `comp_fields`.
    pub(crate) comp_fields_len: u16,
}

/// A field: 26 bits for its name's place and length, 21 for its lifetimes, 3 for its accessor, 10 for the index of its
/// type, and one that tells if it is a function pointer.
pub(crate) type CompTLField = u64;

/// Variants of an enum.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct MonoTLEnum {
    /// Number of fields of each variant.
    pub(crate) field_count: *const u8,
    /// Number of variants.
    pub(crate) field_count_len: u16,
    /// Place of the variants' names, which semicolons part.
    pub(crate) variant_names: StartLen,
    /// Fields of all variants, one after the other.
    pub(crate) fields: CompTLFields,
}

/// A struct that may grow at its end.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct MonoTLPrefixType {
    /// Number of the fields that never change.
    pub(crate) first_suffix_field: u8,
    /// Fields among those that may be missing all the same, as bits.
    pub(crate) conditional_prefix_fields: u64,
    /// Fields, in their order.
    pub(crate) fields: CompTLFields,
}

/// The rest of the data of a type.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "other libraries write it")]
pub(crate) enum GenericTLData {
    /// Nothing more.
    Primitive,
    /// Nothing more.
    Opaque,
    /// Nothing more.
    Struct,
    /// Nothing more.
    Union,
    /// Numbers of an enum's variants.
    Enum(GenericTLEnum),
    /// Fields of a prefix type that can be reached, as bits.
    PrefixType(u64),
}

/// Numbers of an enum's variants.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct GenericTLEnum {
    /// Description of an enum to which variants may be added. None of the boundary's is one.
    pub(crate) exhaustiveness: Option<&'static ()>,
    /// Numbers of the variants.
    pub(crate) discriminants: TLDiscriminants,
}

/// Numbers of variants. Those of all enums of the boundary are bytes, or of the `isize` that C gives them.
#[repr(u8)]
#[derive(Clone, Copy)]
#[allow(dead_code, reason = "the other widths have to be there for their numbers")]
pub(crate) enum TLDiscriminants {
    /// Bytes.
    U8 {
        /// Number of variants.
        len: u16,
        /// The numbers.
        discriminants: *const u8,
    },
    /// Not among the boundary's.
    I8,
    /// Not among the boundary's.
    U16,
    /// Not among the boundary's.
    I16,
    /// Not among the boundary's.
    U32,
    /// Not among the boundary's.
    I32,
    /// Not among the boundary's.
    U64,
    /// Not among the boundary's.
    I64,
    /// Not among the boundary's.
    Usize,
    /// Numbers of an enum whose `repr` names no width.
    Isize {
        /// Number of variants.
        len: u16,
        /// The numbers.
        discriminants: *const isize,
    },
}

/// Function pointers among the fields of a type.
#[repr(C)]
pub(crate) struct TLFunctions {
    /// The functions of all fields.
    pub(crate) functions: *const CompTLFunction,
    /// The functions of each field.
    pub(crate) field_fn_ranges: *const StartLen,
    /// Length of `functions`.
    pub(crate) functions_len: u16,
    /// Length of `field_fn_ranges`.
    pub(crate) field_fn_ranges_len: u16,
}

/// Signature of a function pointer.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CompTLFunction {
    /// Place of the name.
    pub(crate) name: StartLen,
    /// Place of the names of lifetimes and parameters.
    pub(crate) contiguous_strings_offset: u16,
    /// Length of the lifetimes' names in bytes.
    pub(crate) bound_lifetimes_len: u16,
    /// Length of the parameters' names in bytes.
    pub(crate) param_names_len: u16,
    /// Index of the result's type; `u16::MAX` for `()`.
    pub(crate) return_type_layout: u16,
    /// Lifetimes of parameters and result.
    pub(crate) paramret_lifetime_range: u32,
    /// Number of parameters in 10 bits, then the indices of the types of the first five, 10 bits each: two here.
    pub(crate) param_type_layouts0: u32,
    /// The other three.
    pub(crate) param_type_layouts1: u32,
    /// Bit 0 is set for `unsafe`.
    pub(crate) fn_qualifs: u16,
}

/// A part of a list: its start in the lower 16 bits, its length in the upper 16.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(crate) struct StartLen(pub(crate) u32);

/// Generic parameters of a type.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct CompGenericParams {
    /// Names of the lifetimes, which end in a zero byte.
    pub(crate) lifetime: *const u8,
    /// Part of the types that are generic arguments.
    pub(crate) types: StartLen,
    /// Part of the constants that are generic arguments.
    pub(crate) consts: StartLen,
    /// Number of lifetimes.
    pub(crate) lifetime_count: u8,
}

/// A `repr` attribute.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "other libraries write it")]
pub(crate) enum ReprAttr {
    /// `Option` of a type that is never all zeros.
    OptionNonZero,
    /// A type of the language.
    Primitive,
    /// `repr(C)`.
    C,
    /// `repr(C, u8)` and the like, with the number of the integer.
    CAndInt(u8),
    /// `repr(transparent)`.
    Transparent,
    /// `repr(u8)` and the like, with the number of the integer.
    Int(u8),
    /// `repr(packed)`, with the alignment.
    Packed(u8),
}

/// Treatment by those who list a module's items.
#[repr(u8)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "other libraries write it")]
pub(crate) enum ModReflMode {
    /// Fields are listed.
    Module,
    /// Nothing is listed.
    Opaque,
    /// The fields of the type with this index are listed.
    DelegateDeref(u8),
}

/// A struct that may grow, behind what tells how far it goes.
#[repr(C)]
pub struct WithMetadata<T: 'static> {
    /// A bit for each field that is there and may be read.
    pub(crate) field_accessibility: u64,
    /// Name and fields of the struct, for the message of who looks for one that is missing.
    pub(crate) type_layout: &'static PTStructLayout,
    /// The struct.
    pub(crate) value: T,
}

impl<T> WithMetadata<T> {
    /// The struct. A field beyond those that every library has may be missing.
    pub fn value(&self) -> &T {
        &self.value
    }
}

/// Name and fields of a prefix type.
#[repr(C)]
pub struct PTStructLayout {
    /// Generic arguments as text.
    pub(crate) generics: RStr<'static>,
    /// The rest.
    pub(crate) mono_layout: &'static MonoTypeLayout,
}

/// Functions that every object has.
#[repr(C)]
pub(crate) struct RObjectVtable {
    pub(crate) type_id: extern "C" fn() -> MaybeCmp,
    /// Drop the pointer.
    pub(crate) drop: unsafe extern "C" fn(*mut ()),
    /// The rest is for traits that ask for it, as the boundary's does not.
    pub(crate) clone: Option<unsafe extern "C" fn(*const *const ()) -> *const ()>,
    pub(crate) debug: Option<Write>,
    pub(crate) display: Option<Write>,
}

/// Function that writes an object: the object, a mode, the buffer, and the byte of an `RResult<(), ()>`.
pub(crate) type Write = unsafe extern "C" fn(*const (), u8, *mut ()) -> u8;

/// Identity of the type of the object, if it may be cast back.
#[repr(u8)]
#[allow(dead_code, reason = "other libraries write it")]
pub(crate) enum MaybeCmp {
    Just(UTypeId),
    Nothing,
}

// SAFETY: all that it points to is never written.
unsafe impl Sync for MonoTypeLayout {}

// SAFETY: all that it points to is never written.
unsafe impl Sync for MonoSharedVars {}

// SAFETY: all that it points to is never written.
unsafe impl Sync for TLFunctions {}
