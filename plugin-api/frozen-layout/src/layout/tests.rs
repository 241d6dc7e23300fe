//! Both checkers on both sides' layouts: `abi_stable`'s takes ours, and ours sees what a growing type may do.

#![allow(unsafe_code, dead_code, clippy::pedantic, reason = "the derive writes it")]
#![allow(missing_docs, unreachable_pub, non_local_definitions, reason = "the derive writes it")]

use abi_stable::{
    StableAbi,
    abi_stability::abi_checking::{CheckingGlobals, check_layout_compatibility_with_globals},
    std_types::{RSlice, RStr, RString, RVec},
    type_layout::TypeLayout as TheirLayout,
};
use plugin_api::abi::PluginRef;

use super::{check, plugin, types::TypeLayout};

fn ours(layout: &'static TheirLayout) -> &'static TypeLayout {
    // SAFETY: the record is laid out as ours is; that is what this crate is about.
    unsafe { &*std::ptr::from_ref(layout).cast() }
}

fn theirs(layout: &'static TypeLayout) -> &'static TheirLayout {
    // SAFETY: as above.
    unsafe { &*std::ptr::from_ref(layout).cast() }
}

#[test]
fn the_checker_of_abi_stable_takes_the_table_in_both_directions() {
    for (one, other) in [(PluginRef::LAYOUT, theirs(plugin())), (theirs(plugin()), PluginRef::LAYOUT)] {
        let outcome = check_layout_compatibility_with_globals(one, other, &CheckingGlobals::new());
        assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
    }
}

mod here {
    use super::*;

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct Entry {
        pub name: RString,
        pub make: extern "C" fn(RVec<u8>) -> RString,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    #[sabi(kind(Prefix(prefix_ref = RootRef)))]
    pub struct Root {
        #[sabi(last_prefix_field)]
        pub name: RStr<'static>,
        pub entries: RSlice<'static, Entry>,
        pub later: RStr<'static>,
    }
}

mod older {
    use super::*;

    #[repr(C)]
    #[derive(StableAbi)]
    #[sabi(kind(Prefix(prefix_ref = RootRef)))]
    pub struct Root {
        #[sabi(last_prefix_field)]
        pub name: RStr<'static>,
        pub entries: RSlice<'static, here::Entry>,
    }
}

mod other {
    use super::*;

    #[repr(C)]
    #[derive(StableAbi)]
    pub struct Entry {
        pub name: RString,
        pub make: extern "C" fn(RVec<u16>) -> RString,
    }

    #[repr(C)]
    #[derive(StableAbi)]
    #[sabi(kind(Prefix(prefix_ref = RootRef)))]
    pub struct Root {
        #[sabi(last_prefix_field)]
        pub name: RStr<'static>,
        pub entries: RSlice<'static, Entry>,
    }
}

#[test]
fn a_type_that_may_grow_fits_in_both_directions() {
    let (newer, older) = (ours(here::RootRef::LAYOUT), ours(older::RootRef::LAYOUT));
    assert_eq!(check(newer, older), Ok(()));
    assert_eq!(check(older, newer), Ok(()));
}

#[test]
fn a_difference_that_matters_is_told_in_one_line() {
    let (newer, other) = (ours(here::RootRef::LAYOUT), ours(other::RootRef::LAYOUT));
    let [u8, u16] = [other_type("u8", "u16"), other_type("u16", "u8")];
    assert_eq!((check(newer, other), check(other, newer)), (Err(u8), Err(u16)));
    let foreign = "type Plugin has another type in its place: \"Plugin\" here, \"Root\" in the plugin (0)";
    assert_eq!(check(plugin(), newer), Err(foreign.into()));
}

fn other_type(here: &str, there: &str) -> String {
    let place = "0.entries.data.0.make.buffer.0.0";
    format!("type {here} has another type in its place: {here:?} here, {there:?} in the plugin ({place})")
}
