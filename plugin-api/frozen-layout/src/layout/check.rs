//! Comparison of two sides' idea of the types that cross between them.

use std::collections::HashSet;

use super::{
    read::{Field, Kind, compatible},
    types::TypeLayout,
};

/// Compare the two sides' idea of a type and of everything that can be reached from it, and say what differs.
///
/// Prefix types may have more fields on one side. Either side may be the one that has more, but only one of them.
pub fn check(host: &'static TypeLayout, plugin: &'static TypeLayout) -> Result<(), String> {
    let Err(backward) = (Comparison { is_host_first: false, ..Comparison::default() }).types(plugin, host) else {
        return Ok(());
    };
    let forward = Comparison { is_host_first: true, ..Comparison::default() }.types(host, plugin);
    // What one side merely lacks is a fault in one direction only.
    forward.map_err(|forward| if forward.is_lack { backward.text } else { forward.text })
}

/// A difference, in one line.
struct Difference {
    text: String,
    /// True if the first side has more than the second, which is none the other way round.
    is_lack: bool,
}

/// One comparison: whatever the first side has, the second has too.
#[derive(Default)]
struct Comparison {
    is_host_first: bool,
    /// Names of the fields that lead to the types in hand.
    path: Vec<&'static str>,
    /// Pairs that have been compared, or are being: a type may contain itself.
    seen: HashSet<[*const TypeLayout; 2]>,
}

impl Comparison {
    fn types(&mut self, one: &'static TypeLayout, other: &'static TypeLayout) -> Result<(), Difference> {
        if !self.seen.insert([one, other]) {
            return Ok(());
        }
        let kinds = (one.kind(), other.kind());
        let may_grow = matches!(kinds, (Kind::Prefix { .. }, Kind::Prefix { .. }));
        let place = format!("type {}", if self.is_host_first { one.name() } else { other.name() });
        self.same(&place, "another type in its place", one.name(), other.name())?;
        self.same(&place, "a type of another crate in its place", one.package().0, other.package().0)?;
        self.same(&place, "a type of another version", compatible(one.package().1), compatible(other.package().1))?;
        // The fields first: what has changed in one of them changes the sizes of all that contain it.
        self.fields(&place, one.phantom_fields(), other.phantom_fields(), u64::MAX, false)?;
        let accessible = match kinds {
            (Kind::Prefix { accessible: one, .. }, Kind::Prefix { accessible: other, .. }) => one & other,
            _ => u64::MAX,
        };
        self.fields(&place, one.fields(), other.fields(), accessible, may_grow)?;
        self.same(&place, "another definition", shape(kinds.0), shape(kinds.1))?;
        self.same(&place, "another representation", one.repr(), other.repr())?;
        self.same(&place, "another idea of zero", one.is_nonzero(), other.is_nonzero())?;
        self.same(&place, "another number of lifetimes", one.lifetime_count(), other.lifetime_count())?;
        self.same(&place, "another alignment", one.alignment(), other.alignment())?;
        if !may_grow {
            self.same(&place, "another size", one.size(), other.size())?;
        }
        self.constants(&place, one, other)?;
        if let (Some(one), Some(other)) = (one.type_of_check(), other.type_of_check()) {
            self.types(one, other)?;
        }
        self.same(&place, "other traits", one.required_traits(), other.required_traits())
    }

    fn constants(
        &mut self,
        place: &str,
        one: &'static TypeLayout,
        other: &'static TypeLayout,
    ) -> Result<(), Difference> {
        let (ours, theirs) = (one.constants(), other.constants());
        self.same(place, "another number of constants", ours.len(), theirs.len())?;
        for (one, other) in ours.iter().zip(theirs) {
            self.types(one.vtable.value.layout, other.vtable.value.layout)?;
            self.same(place, "another constant", true, one.is_equal(other))?;
        }
        Ok(())
    }

    fn fields(
        &mut self,
        place: &str,
        one: Vec<Field>,
        other: Vec<Field>,
        accessible: u64,
        may_grow: bool,
    ) -> Result<(), Difference> {
        if one.len() != other.len() && !(may_grow && one.len() < other.len()) {
            let mut difference = self.difference(place, "another number of fields", one.len(), other.len());
            difference.is_lack = may_grow;
            return Err(difference);
        }
        for (index, (one, other)) in one.into_iter().zip(other).enumerate() {
            self.same(place, "another field", one.name, other.name)?;
            // A prefix type has 64 fields at most.
            if index < 64 && accessible >> index & 1 == 0 {
                // Nobody reads it; it only takes room.
                self.same(place, "another size of a field", one.layout.size(), other.layout.size())?;
                continue;
            }
            self.same(place, "other lifetimes", &one.lifetimes, &other.lifetimes)?;
            self.same(place, "another number of functions", one.functions.len(), other.functions.len())?;
            for (one, other) in one.functions.into_iter().zip(other.functions) {
                let place = format!("function `{}`", one.name);
                self.same(&place, "another safety", one.is_unsafe, other.is_unsafe)?;
                self.same(&place, "other lifetimes", &one.lifetimes, &other.lifetimes)?;
                self.path.push(one.name);
                self.fields(&place, one.fields, other.fields, u64::MAX, false)?;
                self.path.pop();
            }
            self.path.push(one.name);
            self.types(one.layout, other.layout)?;
            self.path.pop();
        }
        Ok(())
    }

    fn same<T: PartialEq + std::fmt::Debug>(
        &self,
        place: &str,
        what: &str,
        one: T,
        other: T,
    ) -> Result<(), Difference> {
        if one == other { Ok(()) } else { Err(self.difference(place, what, one, other)) }
    }

    fn difference(
        &self,
        place: &str,
        what: &str,
        one: impl std::fmt::Debug,
        other: impl std::fmt::Debug,
    ) -> Difference {
        let names: Vec<&str> = self.path.iter().copied().filter(|name| !name.is_empty()).collect();
        let path = if names.is_empty() { String::new() } else { format!(" ({})", names.join(".")) };
        let text = if self.is_host_first {
            format!("{place} has {what}: {one:?} here, {other:?} in the plugin{path}")
        } else {
            format!("{place} has {what}: {other:?} here, {one:?} in the plugin{path}")
        };
        Difference { text, is_lack: false }
    }
}

/// A kind without the fields that can be reached, in which the two sides may differ.
fn shape(kind: Kind) -> Kind {
    match kind {
        Kind::Prefix { fixed, conditional, .. } => Kind::Prefix { fixed, conditional, accessible: 0 },
        other => other,
    }
}
