//! Variables of an environment, in the order in which they were named.

use std::{ops::Deref, slice, vec};

use serde::{Deserialize, Serialize};

/// Pairs of a name and a value, no two of one name. A program gets them in their order; two of these are equal whatever
/// that is.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Variables<T = String>(Vec<(T, T)>);

impl<T: PartialEq> Variables<T> {
    /// Give a variable its value; one that is there keeps its place.
    pub fn set(&mut self, name: T, value: T) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// Give a variable its value unless it is there.
    pub fn set_default(&mut self, name: T, value: T) {
        if self.0.iter().all(|(known, _)| *known != name) {
            self.0.push((name, value));
        }
    }
}

impl<T> Default for Variables<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Deref for Variables<T> {
    type Target = [(T, T)];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: PartialEq> PartialEq for Variables<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|variable| other.contains(variable))
    }
}

impl<T: PartialEq> Extend<(T, T)> for Variables<T> {
    fn extend<I: IntoIterator<Item = (T, T)>>(&mut self, variables: I) {
        for (name, value) in variables {
            self.set(name, value);
        }
    }
}

impl<T: PartialEq> FromIterator<(T, T)> for Variables<T> {
    fn from_iter<I: IntoIterator<Item = (T, T)>>(variables: I) -> Self {
        let mut all = Self::default();
        all.extend(variables);
        all
    }
}

impl<T> IntoIterator for Variables<T> {
    type Item = (T, T);
    type IntoIter = vec::IntoIter<(T, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a Variables<T> {
    type Item = &'a (T, T);
    type IntoIter = slice::Iter<'a, (T, T)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_gives_the_place_and_the_last_the_value() {
        let variables: Variables<&str> = [("b", "1"), ("a", "2"), ("b", "3")].into_iter().collect();
        assert_eq!(*variables, [("b", "3"), ("a", "2")]);
        let of = |pairs: &[(&'static str, &'static str)]| pairs.iter().copied().collect::<Variables<_>>();
        assert_eq!(variables, of(&[("a", "2"), ("b", "3")]));
        assert_ne!(variables, of(&[("a", "2"), ("b", "1")]));
        assert_ne!(variables, of(&[("a", "2")]));
        let mut defaults = variables;
        defaults.set_default("a", "4");
        defaults.set_default("c", "5");
        assert_eq!(*defaults, [("b", "3"), ("a", "2"), ("c", "5")]);
    }
}
