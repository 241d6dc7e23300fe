//! Containers of one side in the hands of the other: read, made longer, taken apart, dropped.

#![allow(unsafe_code)] // A value of one type is taken for one of the other: that is what is tried.

use std::{
    mem::{ManuallyDrop, size_of},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use abi_stable::std_types as theirs;
use frozen_layout::std_types as ours;

/// Hand a value over to the other side.
fn cross<A, B>(value: A) -> B {
    assert_eq!((size_of::<A>(), align_of::<A>()), (size_of::<B>(), align_of::<B>()));
    let value = ManuallyDrop::new(value);
    // SAFETY: the tests name pairs of types with the same layout.
    unsafe { std::ptr::from_ref(&value).cast::<B>().read() }
}

/// A value that counts those that live.
struct Counted(Arc<AtomicUsize>, usize);

impl Counted {
    fn new(living: &Arc<AtomicUsize>, number: usize) -> Self {
        living.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(living), number)
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Self::new(&self.0, self.1)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Make a vector on one side and use it up on the other.
macro_rules! vectors {
    ($maker:ident to $user:ident) => {{
        let living = Arc::<AtomicUsize>::default();
        let make = || -> $user::RVec<Counted> {
            let items: $maker::RVec<Counted> = (0..5).map(|number| Counted::new(&living, number)).collect();
            cross(items)
        };
        let numbers = |items: &[Counted]| items.iter().map(|item| item.1).collect::<Vec<_>>();
        let mut grown = make();
        (5..40).for_each(|number| grown.push(Counted::new(&living, number)));
        assert_eq!(numbers(&grown), (0..40).collect::<Vec<_>>());
        grown.insert(1, Counted::new(&living, 99));
        assert_eq!((grown.pop().map(|item| item.1), grown[1].1, grown.len()), (Some(39), 99, 40));
        let copy = grown.clone();
        assert_eq!(numbers(&copy), numbers(&grown));
        assert_eq!(living.load(Ordering::Relaxed), 80);
        drop((grown, copy));
        assert_eq!(living.load(Ordering::Relaxed), 0);
        assert_eq!(numbers(&make().into_vec()), [0, 1, 2, 3, 4]);
        let mut some = make().into_iter();
        assert_eq!((some.next().map(|item| item.1), some.size_hint()), (Some(0), (4, Some(4))));
        drop(some);
        let empty: $user::RVec<Counted> = cross($maker::RVec::<Counted>::new());
        assert!(empty.is_empty() && empty.into_vec().is_empty());
        assert_eq!(living.load(Ordering::Relaxed), 0, "{} to {}", stringify!($maker), stringify!($user));
    }};
}

#[test]
fn a_vector_is_used_up_by_the_other_side() {
    vectors!(ours to theirs);
    vectors!(theirs to ours);
    vectors!(ours to ours);
}

macro_rules! strings {
    ($maker:ident to $user:ident) => {{
        let text: $user::RString = cross($maker::RString::from("Grüße"));
        assert_eq!((text.as_str(), text.clone().into_string()), ("Grüße", "Grüße".to_owned()));
        assert_eq!(String::from_utf8(text.into_bytes().into_vec()).unwrap(), "Grüße");
        let lent: $user::RStr<'_> = cross($maker::RStr::from("lent"));
        assert_eq!(lent.as_str(), "lent");
        let result: $user::RResult<u8, $user::RString> =
            cross($maker::RResult::<u8, $maker::RString>::RErr("no".into()));
        assert_eq!(result.into_result().unwrap_err(), *"no");
    }};
}

#[test]
fn a_text_is_read_by_the_other_side() {
    strings!(ours to theirs);
    strings!(theirs to ours);
}

macro_rules! arcs {
    ($maker:ident to $user:ident) => {{
        let living = Arc::<AtomicUsize>::default();
        let shared: $user::RArc<Counted> = cross($maker::RArc::new(Counted::new(&living, 7)));
        let second = shared.clone();
        assert_eq!((second.1, $user::RArc::strong_count(&shared)), (7, 2));
        let Err(shared) = $user::RArc::try_unwrap(shared) else { panic!("somebody else has it") };
        drop(second);
        let Ok(value) = $user::RArc::try_unwrap(shared) else { panic!("nobody else has it") };
        assert_eq!((value.1, living.load(Ordering::Relaxed)), (7, 1));
        drop(value);
        let there: $user::RArc<Counted> = cross($maker::RArc::new(Counted::new(&living, 8)));
        let back: $maker::RArc<Counted> = cross(there);
        assert_eq!(back.1, 8);
        drop(back);
        assert_eq!(living.load(Ordering::Relaxed), 0);
    }};
}

#[test]
fn a_shared_value_is_counted_by_the_side_that_made_it() {
    arcs!(ours to theirs);
    arcs!(theirs to ours);
}
