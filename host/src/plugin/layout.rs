//! Whether host and plugin mean the same by the types that cross between them, and if not, why not, in one line.

use abi_stable::{
    abi_stability::abi_checking::{
        AbiInstability, AbiInstabilityError, AbiInstabilityErrors, CheckingGlobals, ExpectedFound,
        check_layout_compatibility_with_globals,
    },
    type_layout::{TLFieldOrFunction, TypeLayout},
};

/// Compares the two sides' idea of the root module and of everything that can be reached from it.
///
/// `abi_stable` lets the second side have more than the first, because it has programs in mind that load newer
/// libraries. Here either side may be the newer one. What is missing on one side has a default on the other.
pub(super) fn check(host: &'static TypeLayout, plugin: &'static TypeLayout) -> Result<(), String> {
    // Fresh globals for each, because they remember types by what was said of them before.
    let compare = |one, other| check_layout_compatibility_with_globals(one, other, &CheckingGlobals::new());
    compare(host, plugin).or_else(|errors| compare(plugin, host).map_err(|_| difference(&errors)))
}

/// What differs, and where.
fn difference(errors: &AbiInstabilityErrors) -> String {
    // A type that has changed makes those that contain it larger; the change itself is what a person wants to know.
    let Some(error) = errors.errors.iter().find(|error| !is_consequence(error)).or(errors.errors.first()) else {
        return "an unknown difference".to_owned();
    };
    let place = match error.stack_trace.last().map(|place| &place.expected) {
        Some(TLFieldOrFunction::Field(field)) => format!("type {}", field.layout().name()),
        Some(TLFieldOrFunction::Function(function)) => format!("function `{}`", function.name),
        None => format!("type {}", errors.interface.name()),
    };
    match error.errs.iter().find(|what| !is_size(what)).or(error.errs.first()) {
        Some(what) => format!("{place} has {}", describe(what)),
        None => place,
    }
}

fn is_consequence(error: &AbiInstabilityError) -> bool {
    error.errs.iter().all(is_size)
}

fn is_size(what: &AbiInstability) -> bool {
    matches!(what, AbiInstability::Size(_) | AbiInstability::Alignment(_))
}

/// `another number of fields: 3 here, 4 in the plugin`.
fn describe(what: &AbiInstability) -> String {
    use AbiInstability as A;
    match what {
        A::Size(sides) => both("another size", sides),
        A::Alignment(sides) => both("another alignment", sides),
        A::FieldCountMismatch(sides) => both("another number of fields", sides),
        A::TooManyVariants(sides) => both("another number of variants", sides),
        A::MismatchedPrefixSize(sides) => both("another number of fields that never change", sides),
        A::Name(sides) => both("another type in its place", sides),
        A::Package(sides) => both("a type of another crate in its place", sides),
        A::PackageVersion(sides) => both("a type of another version of its crate", sides),
        A::UnexpectedVariant(sides) => both("another variant", sides),
        A::UnexpectedField(ExpectedFound { expected, found }) => {
            format!("another field: {} here, {} in the plugin", expected.name(), found.name())
        }
        A::MismatchedPrimitive(_) | A::TLDataDiscriminant(_) | A::ReprAttr(_) => "another kind of layout".to_owned(),
        _ => "another definition".to_owned(),
    }
}

fn both(what: &str, sides: &ExpectedFound<impl std::fmt::Display>) -> String {
    let side = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{what}: {} here, {} in the plugin", side(sides.expected.to_string()), side(sides.found.to_string()))
}

#[cfg(test)]
mod tests {
    use abi_stable::{
        StableAbi,
        std_types::{RString, RVec},
    };

    use super::*;

    mod here {
        use super::*;

        #[repr(C)]
        #[derive(StableAbi)]
        pub(super) struct Entry {
            pub(super) name: RString,
        }

        #[repr(C)]
        #[derive(StableAbi)]
        pub(super) struct Root {
            pub(super) entries: RVec<Entry>,
            pub(super) first: Entry,
        }
    }

    mod there {
        use super::*;

        #[repr(C)]
        #[derive(StableAbi)]
        pub(super) struct Entry {
            pub(super) name: RString,
            pub(super) kind: RString,
        }

        #[repr(C)]
        #[derive(StableAbi)]
        pub(super) struct Root {
            pub(super) entries: RVec<Entry>,
            pub(super) first: Entry,
        }
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
