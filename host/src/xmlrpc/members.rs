//! Members of a struct that have the same name.

use std::collections::{HashMap, HashSet};

use abi_stable::std_types::RString;
use plugin_api::abi::Member;

/// Keep of members with the same name the last one's value, at the place of the first, as in a Python dictionary.
pub(super) fn keep_last(members: &mut Vec<Member>) {
    if are_distinct(members) {
        return;
    }
    let mut places: HashMap<RString, usize> = HashMap::with_capacity(members.len());
    let mut kept: Vec<Member> = Vec::with_capacity(members.len());
    for member in members.drain(..) {
        if let Some(place) = places.get(&member.name) {
            kept[*place].value = member.value;
        } else {
            places.insert(member.name.clone(), kept.len());
            kept.push(member);
        }
    }
    *members = kept;
}

/// Tell whether no two members have the same name.
fn are_distinct(members: &[Member]) -> bool {
    /// Number of members up to which comparing names is faster than hashing them.
    const FEW: usize = 24;
    if members.len() > FEW {
        let mut seen = HashSet::with_capacity(members.len());
        return members.iter().all(|member| seen.insert(member.name.as_str()));
    }
    // A bit for each mark that was seen: as good as always a name has one of its own, and is compared with no other.
    let mut seen = 0_u64;
    members.iter().enumerate().all(|(at, member)| {
        let bit = 1 << mark(&member.name);
        let is_new = seen & bit == 0;
        seen |= bit;
        is_new || members[..at].iter().all(|earlier| earlier.name != member.name)
    })
}

/// Make a number below 64 of a name.
fn mark(name: &str) -> u8 {
    let (first, last) = (name.as_bytes().first(), name.as_bytes().last());
    (first.unwrap_or(&0) ^ last.unwrap_or(&0) ^ name.len().to_le_bytes()[0]) % 64
}
