//! Proof that both sides' compilers pass small structs alike: functions that each side has, and the other calls.

#![allow(improper_ctypes_definitions, reason = "how a compiler treats `()` is what is tried")]

/// A pair, of which one half may be nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuple2<A, B>(A, B);

/// Three, of which one may be nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tuple3<A, B, C>(A, B, C);

/// Nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unit;

/// The functions, as `abi_stable` names them.
#[repr(C)]
pub(crate) struct CAbiTestingFns {
    take_pair_a: extern "C" fn(Tuple2<u16, ()>) -> u32,
    take_pair_b: extern "C" fn(Tuple2<(), u16>) -> u32,
    ret_pair_a: extern "C" fn(u32) -> Tuple2<u16, ()>,
    ret_pair_b: extern "C" fn(u32) -> Tuple2<(), u16>,
    take_triple_a: extern "C" fn(Tuple3<(), u16, u16>) -> u64,
    take_triple_b: extern "C" fn(Tuple3<u16, (), u16>) -> u64,
    take_triple_c: extern "C" fn(Tuple3<u16, u16, ()>) -> u64,
    ret_triple_a: extern "C" fn(u64) -> Tuple3<(), u16, u16>,
    ret_triple_b: extern "C" fn(u64) -> Tuple3<u16, (), u16>,
    ret_triple_c: extern "C" fn(u64) -> Tuple3<u16, u16, ()>,
    take_2_pairs_a: extern "C" fn(Tuple2<(), u16>, Tuple2<(), u16>) -> u64,
    take_2_pairs_b: extern "C" fn(Tuple2<u16, ()>, Tuple2<u16, ()>) -> u64,
    ret_2_pairs_a: extern "C" fn(u64) -> Tuple2<Tuple2<(), u16>, Tuple2<(), u16>>,
    ret_2_pairs_b: extern "C" fn(u64) -> Tuple2<Tuple2<u16, ()>, Tuple2<u16, ()>>,
    mixed_units: extern "C" fn(u16, Unit, u16, Unit, u16, Unit, u16) -> u64,
}

/// Sixteen bits of a number.
#[allow(clippy::cast_possible_truncation, reason = "that is what it is for")]
const fn word(number: u64, place: u32) -> u16 {
    (number >> (16 * place)) as u16
}

extern "C" fn take_pair_a(pair: Tuple2<u16, ()>) -> u32 {
    pair.0.into()
}

extern "C" fn take_pair_b(pair: Tuple2<(), u16>) -> u32 {
    u32::from(pair.1) << 16
}

extern "C" fn ret_pair_a(number: u32) -> Tuple2<u16, ()> {
    Tuple2(word(number.into(), 0), ())
}

extern "C" fn ret_pair_b(number: u32) -> Tuple2<(), u16> {
    Tuple2((), word(number.into(), 1))
}

extern "C" fn take_triple_a(triple: Tuple3<(), u16, u16>) -> u64 {
    u64::from(triple.1) << 16 | u64::from(triple.2) << 32
}

extern "C" fn take_triple_b(triple: Tuple3<u16, (), u16>) -> u64 {
    u64::from(triple.0) | u64::from(triple.2) << 32
}

extern "C" fn take_triple_c(triple: Tuple3<u16, u16, ()>) -> u64 {
    u64::from(triple.0) | u64::from(triple.1) << 16
}

extern "C" fn ret_triple_a(number: u64) -> Tuple3<(), u16, u16> {
    Tuple3((), word(number, 1), word(number, 2))
}

extern "C" fn ret_triple_b(number: u64) -> Tuple3<u16, (), u16> {
    Tuple3(word(number, 0), (), word(number, 2))
}

extern "C" fn ret_triple_c(number: u64) -> Tuple3<u16, u16, ()> {
    Tuple3(word(number, 0), word(number, 1), ())
}

extern "C" fn take_2_pairs_a(one: Tuple2<(), u16>, other: Tuple2<(), u16>) -> u64 {
    u64::from(one.1) << 16 | u64::from(other.1) << 48
}

extern "C" fn take_2_pairs_b(one: Tuple2<u16, ()>, other: Tuple2<u16, ()>) -> u64 {
    u64::from(one.0) | u64::from(other.0) << 32
}

extern "C" fn ret_2_pairs_a(number: u64) -> Tuple2<Tuple2<(), u16>, Tuple2<(), u16>> {
    Tuple2(Tuple2((), word(number, 1)), Tuple2((), word(number, 3)))
}

extern "C" fn ret_2_pairs_b(number: u64) -> Tuple2<Tuple2<u16, ()>, Tuple2<u16, ()>> {
    Tuple2(Tuple2(word(number, 0), ()), Tuple2(word(number, 2), ()))
}

extern "C" fn mixed_units(a: u16, _: Unit, b: u16, _: Unit, c: u16, _: Unit, d: u16) -> u64 {
    u64::from(a) | u64::from(b) << 16 | u64::from(c) << 32 | u64::from(d) << 48
}

/// The functions of this library.
pub(crate) static OURS: CAbiTestingFns = CAbiTestingFns {
    take_pair_a,
    take_pair_b,
    ret_pair_a,
    ret_pair_b,
    take_triple_a,
    take_triple_b,
    take_triple_c,
    ret_triple_a,
    ret_triple_b,
    ret_triple_c,
    take_2_pairs_a,
    take_2_pairs_b,
    ret_2_pairs_a,
    ret_2_pairs_b,
    mixed_units,
};

/// True if the other side's functions answer as ours do, also for what the other side's have made.
pub(crate) fn passes_alike(theirs: &CAbiTestingFns) -> bool {
    let numbers = [0, 1, 5, 0x5_0000, 0x7_0003_0000, 0x7_0000_0003, 0xF_0000_000A_0000, 0x7_0008_0009_000A];
    numbers.into_iter().all(|number| answers(theirs, theirs, number) == answers(&OURS, &OURS, number))
        && numbers.into_iter().all(|number| answers(&OURS, theirs, number) == answers(theirs, &OURS, number))
}

/// All answers for a number: what `it` returns, `taker` takes.
#[allow(clippy::cast_possible_truncation, reason = "pairs have 32 bits")]
fn answers(it: &CAbiTestingFns, taker: &CAbiTestingFns, number: u64) -> [u64; 8] {
    let (two_a, two_b) = ((it.ret_2_pairs_a)(number), (it.ret_2_pairs_b)(number));
    [
        (taker.take_pair_a)((it.ret_pair_a)(number as u32)).into(),
        (taker.take_pair_b)((it.ret_pair_b)(number as u32)).into(),
        (taker.take_triple_a)((it.ret_triple_a)(number)),
        (taker.take_triple_b)((it.ret_triple_b)(number)),
        (taker.take_triple_c)((it.ret_triple_c)(number)),
        (taker.take_2_pairs_a)(two_a.0, two_a.1),
        (taker.take_2_pairs_b)(two_b.0, two_b.1),
        (taker.mixed_units)(word(number, 0), Unit, word(number, 1), Unit, word(number, 2), Unit, word(number, 3)),
    ]
}
