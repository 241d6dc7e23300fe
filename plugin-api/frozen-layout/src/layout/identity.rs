//! Places in the table of types, and the identities by which the other side tells its types apart.

use super::parts::UTypeId;

/// Places in the table of the prefix types, whose objects name them.
pub(crate) mod place {
    pub(crate) const PLUGIN: usize = 1;
    pub(crate) const VEC_VTABLE: usize = 14;
    pub(crate) const NAMESPACE_VTABLE: usize = 50;
    pub(crate) const OBJECT_VTABLE: usize = 67;
    pub(crate) const ARC_VTABLE: usize = 74;
    /// Type of the only constant: the length of an array.
    pub(crate) const USIZE: usize = 8;
    pub(crate) const REQUIRED_TRAITS: usize = 45;

    /// Each with its type's name, for the test.
    #[cfg(test)]
    pub(crate) const ALL: [(usize, &str); 7] = [
        (PLUGIN, "Plugin"),
        (VEC_VTABLE, "VecVTable"),
        (NAMESPACE_VTABLE, "VTable"),
        (OBJECT_VTABLE, "RObjectVtable"),
        (ARC_VTABLE, "ArcVtable"),
        (USIZE, "usize"),
        (REQUIRED_TRAITS, "RequiredTraits"),
    ];
}

/// Byte whose address no other library has.
static LIBRARY: u8 = 0;

/// Identity of the type at that place of the table.
pub(crate) extern "C" fn type_id<const PLACE: usize>() -> UTypeId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&PLACE.to_ne_bytes());
    UTypeId { library: &raw const LIBRARY, id }
}
