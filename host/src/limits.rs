//! Limits of resources as numbers of 64 bits, whatever the system's own have: on 32-bit Linux it is 32.

use nix::{
    errno::Errno,
    sys::resource::{RLIM_INFINITY, Resource, getrlimit, rlim_t, setrlimit},
};

/// Value of a limit that is none.
pub(crate) const INFINITY: u64 = u64::MAX;

/// Return the soft and the hard limit of a resource.
pub(crate) fn get(resource: Resource) -> Result<(u64, u64), Errno> {
    #[allow(clippy::useless_conversion, reason = "it is one where the system's numbers have 32 bits")]
    let wide = |limit: rlim_t| if limit == RLIM_INFINITY { INFINITY } else { limit.into() };
    getrlimit(resource).map(|(soft, hard)| (wide(soft), wide(hard)))
}

/// Set the soft and the hard limit of a resource. A value that is more than the system can count is no limit.
pub(crate) fn set(resource: Resource, soft: u64, hard: u64) -> Result<(), Errno> {
    let narrow = |limit: u64| rlim_t::try_from(limit).unwrap_or(RLIM_INFINITY);
    setrlimit(resource, narrow(soft), narrow(hard))
}
