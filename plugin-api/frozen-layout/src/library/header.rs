//! The entry point of a plugin library: one static, whose name the host knows.

#![allow(unsafe_code)] // The other library reads it.

use std::{
    panic::catch_unwind,
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
    thread,
};

use super::c_abi::{CAbiTestingFns, OURS};
use crate::{
    layout::{NAMES, TypeLayout, WithMetadata, place, plugin},
    result::RResult,
    str::RStr,
};

/// Name of the static.
pub const ROOT_MODULE_LOADER_NAME: &str = "_1as_0lib_1header_0root_bmodule_bloader";

/// The static: what a host reads before it believes anything.
#[repr(C)]
pub struct LibHeader {
    header: AbiHeader,
    pub(super) consts: RootModuleConsts,
    /// Take over what the host's `abi_stable` keeps for the process. Nothing here needs it.
    init_globals_with: extern "C" fn(*const ()),
    /// The root module, once it has been made.
    module: LateStaticRef,
    pub(super) constructor: extern "C" fn() -> RootModuleResult,
}

/// The version of `abi_stable` by which the rest is laid out.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AbiHeader {
    pub(super) magic: [u8; 32],
    pub(super) major: u32,
    pub(super) minor: u32,
}

impl AbiHeader {
    pub(super) const VALUE: Self = Self { magic: *b"abi stable library for Rust     ", major: 0, minor: 11 };
}

/// Facts of the root module that are there before it is made.
#[repr(C)]
pub(super) struct RootModuleConsts {
    pub(super) base_name: RStr<'static>,
    name: RStr<'static>,
    pub(super) version: RStr<'static>,
    pub(super) layout: IsLayoutChecked,
    pub(super) c_abi: &'static CAbiTestingFns,
}

/// Layout of the root module, if the library says.
#[repr(u8)]
#[derive(Clone, Copy)]
pub(super) enum IsLayoutChecked {
    Yes(&'static TypeLayout),
    #[allow(dead_code, reason = "other libraries write it")]
    No,
}

/// A pointer that is set once, under a lock that the library brings.
#[repr(C)]
struct LateStaticRef {
    pointer: AtomicPtr<()>,
    lock: RMutex,
}

/// The lock, of which only its own functions know the word.
#[repr(C)]
struct RMutex {
    word: AtomicUsize,
    vtable: &'static WithMetadata<MutexVtable>,
}

/// Functions of a lock.
#[repr(C)]
struct MutexVtable {
    lock: extern "C" fn(&AtomicUsize),
    try_lock: extern "C" fn(&AtomicUsize) -> bool,
    unlock: extern "C" fn(&AtomicUsize),
    /// Lock, unless it takes longer than that.
    try_lock_for: extern "C" fn(&AtomicUsize, Duration) -> bool,
}

#[repr(C)]
struct Duration {
    seconds: u64,
    nanoseconds: u32,
}

static MUTEX: WithMetadata<MutexVtable> = WithMetadata {
    field_accessibility: 0b1111,
    // Not among the boundary's types; only a message about a missing field would name it, and none is missing.
    type_layout: &NAMES[place::PLUGIN],
    value: MutexVtable { lock, try_lock, unlock, try_lock_for },
};

/// Wait for the lock. It is held while the root module is made, once.
extern "C" fn lock(word: &AtomicUsize) {
    while !try_lock(word) {
        thread::yield_now();
    }
}

extern "C" fn try_lock(word: &AtomicUsize) -> bool {
    word.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed).is_ok()
}

extern "C" fn unlock(word: &AtomicUsize) {
    word.store(0, Ordering::Release);
}

extern "C" fn try_lock_for(word: &AtomicUsize, limit: Duration) -> bool {
    let end = std::time::Instant::now() + std::time::Duration::new(limit.seconds, limit.nanoseconds);
    while !try_lock(word) {
        if std::time::Instant::now() >= end {
            return false;
        }
        thread::yield_now();
    }
    true
}

/// The root module, or that there is none.
pub type RootModuleResult = RResult<*const (), RootModuleError>;

/// Reason for which there is no root module.
#[repr(u8)]
pub enum RootModuleError {
    /// An error of the library's own: three words that nobody here reads.
    Returned([usize; 3]),
    /// A panic.
    Unwound,
}

/// Choice whether a header says how the root module is laid out.
#[derive(Clone, Copy, Debug)]
pub enum CheckTypeLayout {
    /// The header has the layout.
    Yes,
}

/// The pointer to a root module, and what it is called.
///
/// # Safety
///
/// It points to the boundary's `Plugin`.
pub unsafe trait RootModule: Copy + 'static {
    /// Name of what the library is for.
    const BASE_NAME: &'static str;
    /// Version of the crate that defines the root module.
    const VERSION: &'static str;

    /// The address.
    fn as_ptr(self) -> *const ();

    /// The root module at an address that a library gave out.
    ///
    /// # Safety
    ///
    /// One is there, for ever.
    unsafe fn from_ptr(address: *const ()) -> Self;
}

impl LibHeader {
    /// The header of a library whose root module `constructor` makes.
    ///
    /// # Safety
    ///
    /// `constructor` gives out an `M`.
    pub const unsafe fn from_constructor<M: RootModule>(
        constructor: extern "C" fn() -> RootModuleResult,
        _layout: CheckTypeLayout,
    ) -> Self {
        let lock = RMutex { word: AtomicUsize::new(0), vtable: &MUTEX };
        Self {
            header: AbiHeader::VALUE,
            consts: RootModuleConsts {
                base_name: RStr::from_str(M::BASE_NAME),
                name: RStr::from_str(M::BASE_NAME),
                version: RStr::from_str(M::VERSION),
                layout: IsLayoutChecked::Yes(plugin()),
                c_abi: &OURS,
            },
            init_globals_with: keep_none,
            module: LateStaticRef { pointer: AtomicPtr::new(ptr::null_mut()), lock },
            constructor,
        }
    }
}

extern "C" fn keep_none(_globals: *const ()) {}

/// Make the root module; a panic is the answer that there is none.
#[doc(hidden)]
pub fn __call_root_module_loader<M: RootModule>(make: fn() -> M) -> RootModuleResult {
    catch_unwind(make).map(RootModule::as_ptr).map_err(|_| RootModuleError::Unwound).into()
}
