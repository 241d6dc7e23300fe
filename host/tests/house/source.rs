//! The source of a crate as modules, and the paths that each names. Code of tests is left out.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("host is a folder of the workspace").to_owned()
}

/// The folders of production code.
pub(crate) const CRATES: [&str; 5] =
    ["host/src", "plugin-api/src", "plugin-api/macros/src", "plugin-api/loader/src", "cache-plugin/src"];

/// A path in the code, from the crate's root: `["supervisor", "status", "Refused"]`.
pub(crate) type Names = Vec<String>;

/// A file of the crate.
#[derive(Debug, Default)]
pub(crate) struct Module {
    pub(crate) file: PathBuf,
    /// Its modules in groups that an empty line parts, in the order in which they stand.
    pub(crate) floors: Vec<Vec<String>>,
    /// Its modules of tests.
    tests: Vec<String>,
    /// All that it names by a path which begins in this crate.
    pub(crate) paths: BTreeSet<Names>,
    /// What it hands on of this crate, by its name.
    pub(crate) exports: BTreeMap<String, Names>,
    /// Names that it hands on of other crates, and those of its macros, which are the root's.
    pub(crate) foreign: BTreeSet<String>,
}

/// All files below `root`, without tests.
pub(crate) fn files(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root).unwrap_or_else(|error| panic!("{}: {error}", root.display())).flatten() {
        let path = entry.path();
        let name = entry.file_name().into_string().expect("names of source files are text");
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|it| it == "rs") && !is_of_tests(&name) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn is_of_tests(file: &str) -> bool {
    ["tests.rs", "fixtures.rs"].iter().any(|end| file.ends_with(end))
}

/// The modules of a crate by their path; the root's is empty. Binaries are crates of their own.
pub(crate) fn modules(root: &Path) -> BTreeMap<Names, Module> {
    let mut files = files(root);
    files.retain(|file| !file.starts_with(root.join("bin")));
    let named = files.into_iter().map(|file| (module_name(file.strip_prefix(root).expect("it lies there")), file));
    let named: BTreeMap<Names, PathBuf> = named.collect();
    let known: BTreeSet<Names> = named.keys().cloned().collect();
    let mut modules: BTreeMap<Names, Module> =
        named.into_iter().map(|(name, file)| (name.clone(), Module::read(name, file, &known))).collect();
    let of_tests = |(room, module): (&Names, &Module)| -> Vec<Names> {
        module.tests.iter().map(|name| [room, std::slice::from_ref(name)].concat()).collect()
    };
    let macros: Vec<String> = modules.values().flat_map(|module| module.foreign.iter().cloned()).collect();
    modules.entry(Names::new()).or_default().foreign.extend(macros);
    let tests: Vec<Names> = modules.iter().flat_map(of_tests).collect();
    modules.retain(|name, _| !tests.iter().any(|test| name.starts_with(test)));
    modules
}

/// `supervisor/status.rs` is `supervisor::status`, `supervisor/mod.rs` is `supervisor`.
fn module_name(file: &Path) -> Names {
    let mut names: Names = file.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|last| ["mod", "lib"].contains(&last.as_str())) {
        names.pop();
    }
    names
}

impl Module {
    fn read(name: Names, file: PathBuf, known: &BTreeSet<Names>) -> Self {
        let text = fs::read_to_string(&file).expect("it was listed");
        let tokens: TokenStream = text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let (floors, tests) = floors(&text);
        let mut module = Self { file, floors, tests, ..Self::default() };
        let tokens: Vec<_> = tokens.into_iter().collect();
        Reader { module: &mut module, known, place: name, is_export: false }.read(&tokens, &[]);
        module
    }
}

/// The `mod` lines by their floors, and apart those of tests, which have an attribute above them.
fn floors(text: &str) -> (Vec<Vec<String>>, Vec<String>) {
    let (mut floors, mut tests, mut is_test) = (vec![Vec::new()], Vec::new(), false);
    for line in text.lines().map(str::trim_end) {
        let declared = line.strip_suffix(';').and_then(|line| line.split_once("mod "));
        match declared.filter(|(before, _)| before.is_empty() || before.starts_with("pub")) {
            Some((_, name)) if is_test => tests.push(name.to_owned()),
            Some((_, name)) => floors.last_mut().expect("never empty").push(name.to_owned()),
            None if line.is_empty() => floors.push(Vec::new()),
            _ => {}
        }
        is_test = line == "#[cfg(test)]";
    }
    floors.retain(|floor| !floor.is_empty());
    (floors, tests)
}

/// Collects the paths of one file, or of a module inside it.
struct Reader<'a> {
    module: &'a mut Module,
    known: &'a BTreeSet<Names>,
    /// The module that is read.
    place: Names,
    /// Set while `pub use` is read.
    is_export: bool,
}

impl Reader<'_> {
    /// Reads tokens that stand behind `prefix::`.
    fn read(&mut self, tokens: &[TokenTree], prefix: &[String]) {
        let (mut at, mut is_test) = (0, false);
        while at < tokens.len() {
            let word = |at: usize| match tokens.get(at) {
                Some(TokenTree::Ident(ident)) => Some(ident.to_string()),
                _ => None,
            };
            match (&tokens[at], word(at).as_deref()) {
                (TokenTree::Punct(punct), _) if punct.as_char() == '#' => {
                    is_test |= tokens
                        .get(at + 1)
                        .is_some_and(|attribute| attribute.to_string().replace(' ', "") == "[cfg(test)]");
                    at += 2;
                    continue;
                }
                // The item that an attribute has made one of tests, up to its end.
                _ if is_test => {
                    let ends = |token: &TokenTree| match token {
                        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
                        token => token.to_string() == ";",
                    };
                    at += tokens[at..].iter().position(ends).unwrap_or(tokens.len());
                    is_test = false;
                }
                (_, Some("mod")) if matches!(tokens.get(at + 2), Some(TokenTree::Group(_))) => {
                    self.place.push(word(at + 1).expect("a module has a name"));
                    self.group(&tokens[at + 2], &[]);
                    self.place.pop();
                    at += 2;
                }
                (_, Some("pub")) => at = self.export(tokens, at),
                (_, Some("macro_rules")) => {
                    self.module.foreign.extend(word(at + 2));
                    at += 2;
                }
                // The name that an import gets here.
                (_, Some("as")) => at += 1,
                (_, Some(_)) => at = self.path(tokens, at, prefix),
                (group, _) => self.group(group, prefix),
            }
            at += 1;
        }
    }

    fn group(&mut self, token: &TokenTree, prefix: &[String]) {
        if let TokenTree::Group(group) = token {
            self.read(&group.stream().into_iter().collect::<Vec<_>>(), prefix);
        }
    }

    /// Reads `pub use …;` as what the module hands on. Answers its last token, or `at` where it is something else.
    fn export(&mut self, tokens: &[TokenTree], at: usize) -> usize {
        let is_use = |token: &TokenTree| token.to_string() == "use";
        let Some(begin) = (at + 1..at + 3).find(|&at| tokens.get(at).is_some_and(is_use)) else { return at };
        let length = tokens[begin..].iter().position(|token| token.to_string() == ";").expect("an import ends");
        let before = std::mem::take(&mut self.module.paths);
        self.is_export = true;
        self.read(&tokens[begin + 1..begin + length], &[]);
        self.is_export = false;
        for path in &self.module.paths {
            self.module.exports.insert(path.last().cloned().unwrap_or_default(), path.clone());
        }
        self.module.paths.extend(before);
        begin + length
    }

    /// Reads a path. Answers its last token.
    fn path(&mut self, tokens: &[TokenTree], mut at: usize, prefix: &[String]) -> usize {
        let mut path = prefix.to_vec();
        loop {
            let word = tokens[at].to_string();
            if word != "self" || path.is_empty() {
                path.push(word);
            }
            let is_colon = |at: usize| tokens.get(at).is_some_and(|token| token.to_string() == ":");
            if !(is_colon(at + 1) && is_colon(at + 2)) {
                break;
            }
            match tokens.get(at + 3) {
                Some(TokenTree::Ident(_)) => at += 3,
                Some(list @ TokenTree::Group(_)) => {
                    self.group(list, &path);
                    return at + 3;
                }
                _ => break,
            }
        }
        self.note(&path);
        at
    }

    /// Notes a path that begins in this crate.
    fn note(&mut self, path: &[String]) {
        let mut from = self.place.clone();
        let mut rest = path;
        match path[0].as_str() {
            "crate" if path.len() > 1 => {
                from.clear();
                rest = &rest[1..];
            }
            "self" | "super" if path.len() > 1 => {
                while let Some((first @ ("self" | "super"), further)) =
                    rest.split_first().map(|(first, further)| (first.as_str(), further))
                {
                    if first == "super" {
                        from.pop();
                    }
                    rest = further;
                }
            }
            child => {
                let inside = [&from[..], &[child.to_owned()]].concat();
                if path.len() == 1 || !self.known.contains(&inside) {
                    if self.is_export {
                        self.module.foreign.extend(path.last().cloned());
                    }
                    return;
                }
            }
        }
        from.extend_from_slice(rest);
        self.module.paths.insert(from);
    }
}
