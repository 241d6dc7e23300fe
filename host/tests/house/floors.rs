//! The `mod` lines of a `lib.rs` or `mod.rs` list its modules from the ground up, an empty line between two floors. A
//! module takes from those below it alone: not from its neighbours, nor from the file that lists it, unless that hands
//! on what stands below. So no two files can ever need each other.

use std::collections::BTreeMap;

use crate::source::{self, CRATES, Module, Names};

/// Where a path leads: the module that defines its last name, through all that hand it on.
fn definition<'a>(modules: &'a BTreeMap<Names, Module>, path: &[String]) -> &'a [String] {
    let is_module = |length: &usize| modules.contains_key(&path[..*length]);
    let length = (0..=path.len()).rev().find(is_module).expect("the root is a module");
    let (name, module) = modules.get_key_value(&path[..length]).expect("just found");
    match path.get(length).and_then(|item| module.exports.get(item)) {
        Some(handed_on) if handed_on[..] != *path => definition(modules, handed_on),
        _ => name,
    }
}

/// The number of the floor on which a module stands in a room.
fn floor(room: &Module, name: &str) -> usize {
    let floor = room.floors.iter().position(|floor| floor.iter().any(|module| module == name));
    floor.unwrap_or_else(|| panic!("{} has no `mod {name};`", room.file.display()))
}

/// What is wrong with it that `from` takes `path`.
fn fault(modules: &BTreeMap<Names, Module>, from: &[String], path: &[String]) -> Option<String> {
    let to = definition(modules, path);
    let shared = from.iter().zip(to).take_while(|(a, b)| a == b).count();
    // A room may take from what it holds.
    let inside = from.get(shared)?;
    let room = &modules[&from[..shared]];
    let (user, taken) = (from.join("::"), path.join("::"));
    match to.get(shared) {
        None if path.len() == shared + 1 && room.foreign.contains(&path[shared]) => None,
        None => Some(format!("{user} takes {taken} from the file that lists its room: move it to a floor below")),
        Some(other) if floor(room, other) < floor(room, inside) => None,
        Some(other) => Some(format!("{user} takes {taken}, and {other} does not stand below {inside}")),
    }
}

#[test]
fn every_module_takes_from_those_below_it_alone() {
    let mut faults = Vec::new();
    for root in CRATES {
        let modules = source::modules(&source::workspace().join(root));
        assert!(modules.len() > 1, "{root} has files");
        for (name, module) in &modules {
            faults.extend(module.paths.iter().filter_map(|path| fault(&modules, name, path)));
        }
    }
    assert!(faults.is_empty(), "{} imports run up:\n{}", faults.len(), faults.join("\n"));
}

/// The modules that supervisorctl may know: it is a client, and has nothing of the supervisor in it.
const KNOWN_TO_CTL: [&str; 8] = ["config", "ctl", "linux", "plugin", "states", "text", "version", "xmlrpc"];

#[test]
fn supervisorctl_knows_nothing_of_the_supervisor() {
    let modules = source::modules(&source::workspace().join("host/src"));
    let of_ctl = modules.iter().filter(|(name, _)| name.first().is_some_and(|first| first == "ctl"));
    for (name, path) in of_ctl.flat_map(|(name, module)| module.paths.iter().map(move |path| (name, path))) {
        let room = definition(&modules, path).first();
        assert!(room.is_some_and(|room| KNOWN_TO_CTL.contains(&room.as_str())), "{name:?} takes {path:?}");
    }
}
