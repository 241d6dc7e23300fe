//! Comparison of host and plugin: do they mean the same by the types that cross between them, and if not, why not, in
//! one line.

use abi_stable::{
    abi_stability::abi_checking::{
        AbiInstability, AbiInstabilityError, AbiInstabilityErrors, CheckingGlobals, ExpectedFound,
        check_layout_compatibility_with_globals,
    },
    type_layout::{TLFieldOrFunction, TypeLayout},
};

/// Compare the two sides' idea of the root module and of everything that can be reached from it.
///
/// `abi_stable` lets the second side have more than the first, because it has programs in mind that load newer
/// libraries. Here either side may be the newer one. What is missing on one side has a default on the other.
pub(crate) fn check(host: &'static TypeLayout, plugin: &'static TypeLayout) -> Result<(), String> {
    // Fresh globals for each, because they remember types by what was said of them before.
    let compare = |one, other| check_layout_compatibility_with_globals(one, other, &CheckingGlobals::new());
    let Err(errors) = compare(host, plugin) else { return Ok(()) };
    let Err(swapped) = compare(plugin, host) else { return Ok(()) };
    // What one side merely lacks is an error in one direction only, and not what keeps them apart.
    let backward = differences(&swapped, Host::Second);
    let mut forward = differences(&errors, Host::First);
    let index = forward.iter().position(|difference| backward.contains(difference)).unwrap_or(0);
    Err(forward.swap_remove(index))
}

/// Side of a comparison that is the host's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Host {
    First,
    Second,
}

/// Texts of what differs, and where; the likeliest cause first. Never empty.
fn differences(errors: &AbiInstabilityErrors, host: Host) -> Vec<String> {
    // A type that has changed makes those that contain it larger; the change itself is what a person wants to know.
    let mut sorted: Vec<&AbiInstabilityError> = errors.errors.iter().collect();
    sorted.sort_by_key(|error| is_consequence(error));
    let mut texts = Vec::new();
    for error in sorted {
        let place = match error.stack_trace.last().map(|place| &place.expected) {
            Some(TLFieldOrFunction::Field(field)) => format!("type {}", field.layout().name()),
            Some(TLFieldOrFunction::Function(function)) => format!("function `{}`", function.name),
            None => format!("type {}", errors.interface.name()),
        };
        let mut whats: Vec<&AbiInstability> = error.errs.iter().collect();
        whats.sort_by_key(|what| is_size(what));
        texts.extend(whats.into_iter().map(|what| format!("{place} has {}", describe(what, host))));
    }
    if texts.is_empty() {
        texts.push("an unknown difference".to_owned());
    }
    texts
}

fn is_consequence(error: &AbiInstabilityError) -> bool {
    error.errs.iter().all(is_size)
}

fn is_size(what: &AbiInstability) -> bool {
    matches!(what, AbiInstability::Size(_) | AbiInstability::Alignment(_))
}

/// `another number of fields: 3 here, 4 in the plugin`.
fn describe(what: &AbiInstability, host: Host) -> String {
    use AbiInstability as A;
    match what {
        A::Size(sides) => both("another size", sides, host),
        A::Alignment(sides) => both("another alignment", sides, host),
        A::FieldCountMismatch(sides) => both("another number of fields", sides, host),
        A::TooManyVariants(sides) => both("another number of variants", sides, host),
        A::MismatchedPrefixSize(sides) => both("another number of fields that never change", sides, host),
        A::Name(sides) => both("another type in its place", sides, host),
        A::Package(sides) => both("a type of another crate in its place", sides, host),
        A::PackageVersion(sides) => both("a type of another version of its crate", sides, host),
        A::UnexpectedVariant(sides) => both("another variant", sides, host),
        A::UnexpectedField(ExpectedFound { expected, found }) => {
            let sides = ExpectedFound { expected: expected.name(), found: found.name() };
            both("another field", &sides, host)
        }
        A::MismatchedPrimitive(_) | A::TLDataDiscriminant(_) | A::ReprAttr(_) => "another kind of layout".to_owned(),
        _ => "another definition".to_owned(),
    }
}

fn both(what: &str, sides: &ExpectedFound<impl std::fmt::Display>, host: Host) -> String {
    let side = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (first, second) = (side(sides.expected.to_string()), side(sides.found.to_string()));
    let (here, there) = if host == Host::First { (first, second) } else { (second, first) };
    format!("{what}: {here} here, {there} in the plugin")
}

#[cfg(test)]
mod tests {
    use abi_stable::{
        StableAbi,
        std_types::{RSlice, RStr, RString, RVec},
    };

    use super::*;

    mod here {
        use super::*;

        #[repr(C)]
        #[derive(StableAbi)]
        pub(crate) struct Entry {
            pub(crate) name: RString,
        }

        #[repr(C)]
        #[derive(StableAbi)]
        pub(crate) struct Root {
            pub(crate) entries: RVec<Entry>,
            pub(crate) first: Entry,
        }
    }

    mod there {
        use super::*;

        #[repr(C)]
        #[derive(StableAbi)]
        pub(crate) struct Entry {
            pub(crate) name: RString,
            pub(crate) kind: RString,
        }

        #[repr(C)]
        #[derive(StableAbi)]
        pub(crate) struct Root {
            pub(crate) entries: RVec<Entry>,
            pub(crate) first: Entry,
        }
    }

    /// A host that has a field more than the plugin at its end, which does not matter, and a type that differs, which
    /// does.
    #[allow(unsafe_code, dead_code, clippy::pedantic, reason = "the derive writes it")]
    mod newer {
        use super::*;

        #[repr(C)]
        #[derive(StableAbi)]
        #[sabi(kind(Prefix(prefix_ref = RootRef)))]
        pub(crate) struct Root {
            #[sabi(last_prefix_field)]
            pub(crate) name: RStr<'static>,
            pub(crate) entries: RSlice<'static, here::Entry>,
            pub(crate) later: RStr<'static>,
        }
    }

    #[allow(unsafe_code, dead_code, clippy::pedantic, reason = "the derive writes it")]
    mod older {
        use super::*;

        #[repr(C)]
        #[derive(StableAbi)]
        #[sabi(kind(Prefix(prefix_ref = RootRef)))]
        pub(crate) struct Root {
            #[sabi(last_prefix_field)]
            pub(crate) name: RStr<'static>,
            pub(crate) entries: RSlice<'static, there::Entry>,
        }
    }

    #[test]
    fn a_difference_that_does_not_matter_hides_none_that_does() {
        let (newer, older) = (newer::RootRef::LAYOUT, older::RootRef::LAYOUT);
        let expected = "type Entry has another number of fields: ";
        assert_eq!(check(newer, older).unwrap_err(), format!("{expected}1 here, 2 in the plugin"));
        assert_eq!(check(older, newer).unwrap_err(), format!("{expected}2 here, 1 in the plugin"));
    }

    #[test]
    fn what_fits_fits() {
        assert_eq!(check(here::Root::LAYOUT, here::Root::LAYOUT), Ok(()));
    }

    #[test]
    fn a_difference_is_told_in_one_line() {
        let difference = check(here::Root::LAYOUT, there::Root::LAYOUT).unwrap_err();
        assert_eq!(difference, "type Entry has another number of fields: 1 here, 2 in the plugin");
    }
}
