//! Description of a published method: in data for programs, and in text as `system.methodHelp` gives it.
//!
//! The code that the macros write calls this; authors do not.

use crate::{
    abi::{Member, MethodInfo, Param, Value},
    value::{FromValue, IntoAnswer, find},
};

impl MethodInfo {
    /// Value of that property, if it has one: `info.property("nonblocking")`.
    pub fn property(&self, name: &str) -> Option<&Value> {
        find(&self.properties, name)
    }

    /// Return true if a call can have so many parameters. For a host that refuses a call which it does not pass on: one
    /// with a wrong number of parameters is `INCORRECT_PARAMETERS` in any state.
    #[doc(hidden)]
    pub fn takes(&self, count: usize) -> bool {
        let is = |param: &Param, flag| param.property(flag).and_then(Value::as_bool) == Some(true);
        let least = self.params.iter().filter(|param| !is(param, "optional") && !is(param, "rest")).count();
        least <= count && (count <= self.params.len() || self.params.last().is_some_and(|param| is(param, "rest")))
    }
}

impl Param {
    /// Value of that property, if it has one: `param.property("optional")`.
    pub fn property(&self, name: &str) -> Option<&Value> {
        find(&self.properties, name)
    }
}

/// A [`MethodInfo`] in the making.
#[derive(Debug)]
pub struct Describe {
    info: MethodInfo,
    /// The lines below the text, one for each parameter and one for the result.
    tags: Vec<String>,
}

impl Describe {
    /// Begin with a method of that name. `text` is its doc comment.
    pub fn new(name: &str, text: &str) -> Self {
        let info = MethodInfo {
            name: name.into(),
            help: text.into(),
            params: Vec::new().into(),
            returns: "".into(),
            properties: Vec::new().into(),
        };
        Self { info, tags: Vec::new() }
    }

    /// Add the next parameter. `kind` instead of the type's own, unless it is empty.
    #[must_use]
    pub fn param<T: FromValue>(mut self, name: &str, kind: &str, help: &str, flags: &[&str]) -> Self {
        let kind = if kind.is_empty() { T::KIND } else { kind };
        self.tags.push(tag(&["@param", kind, name], help));
        let mut properties: Vec<Member> = flags.iter().map(|flag| Member::new(*flag, true)).collect();
        if !help.is_empty() {
            properties.push(Member::new("help", help));
        }
        self.info.params.push(Param { name: name.into(), kind: kind.into(), properties: properties.into() });
        self
    }

    /// Set the result. `kind` instead of the type's own, unless it is empty.
    #[must_use]
    pub fn returns<T: IntoAnswer>(mut self, kind: &str, help: &str) -> Self {
        let kind = if kind.is_empty() { T::KIND } else { kind };
        self.tags.push(tag(&["@return", kind], help));
        self.info.returns = kind.into();
        if help.is_empty() { self } else { self.property("returns", help) }
    }

    /// Add a property.
    #[must_use]
    pub fn property(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.info.properties.push(Member::new(name, value));
        self
    }

    /// Finish a method of an RPC interface: the help has a line for each parameter and for the result.
    #[must_use]
    pub fn rpc(mut self) -> MethodInfo {
        let mut help = self.info.help.into_string();
        if !help.is_empty() {
            help.push_str("\n\n");
        }
        help.push_str(&self.tags.join("\n"));
        self.info.help = help.into();
        self.info
    }

    /// Finish a command of a ctl plugin: the help is the text alone.
    #[must_use]
    pub fn ctl(self) -> MethodInfo {
        self.info
    }
}

/// `@param string name  help`.
fn tag(words: &[&str], help: &str) -> String {
    let head = words.join(" ");
    if help.is_empty() { head } else { format!("{head}  {help}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_takes_so_many_parameters() {
        let none = Describe::new("clear", "");
        let two = Describe::new("put", "").param::<String>("name", "", "", &[]).param::<Option<i32>>(
            "size",
            "",
            "",
            &["optional"],
        );
        let rest =
            Describe::new("say", "").param::<String>("what", "", "", &[]).param::<String>("to", "", "", &["rest"]);
        for (method, taken) in [(none, vec![0]), (two, vec![1, 2]), (rest, vec![1, 2, 3, 4])] {
            let info = method.rpc();
            let found: Vec<usize> = (0..5).filter(|count| info.takes(*count)).collect();
            assert_eq!(found, taken, "{}", info.name);
        }
    }
}
