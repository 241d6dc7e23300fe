//! Builds of `elder` in other ways than this test was built.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// A compiler that is there.
pub(crate) struct Toolchain {
    pub(crate) name: String,
    /// Text that it gives for its version.
    pub(crate) version: String,
    /// Words that call Cargo with it.
    cargo: Vec<String>,
    rustc: Option<PathBuf>,
}

/// Settings of a build.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settings {
    Debug,
    Release,
    /// Optimised for size, with LTO and without symbols.
    Small,
}

impl Settings {
    /// Changes of the one profile that all builds use: so what only runs while something is built, which is most of
    /// the work, is built once for all of them.
    fn profile(self) -> &'static [(&'static str, &'static str)] {
        const RELEASE: &[(&str, &str)] = &[
            // Optimised, and no longer in the making than it has to be.
            ("OPT_LEVEL", "1"),
            ("DEBUG", "false"),
            ("DEBUG_ASSERTIONS", "false"),
            ("OVERFLOW_CHECKS", "false"),
            ("INCREMENTAL", "false"),
            ("BUILD_OVERRIDE_DEBUG_ASSERTIONS", "true"),
            ("BUILD_OVERRIDE_OVERFLOW_CHECKS", "true"),
        ];
        const SMALL: &[(&str, &str)] = &[
            ("OPT_LEVEL", "s"),
            ("LTO", "true"),
            ("CODEGEN_UNITS", "1"),
            ("STRIP", "symbols"),
            ("DEBUG", "false"),
            ("DEBUG_ASSERTIONS", "false"),
            ("OVERFLOW_CHECKS", "false"),
            ("INCREMENTAL", "false"),
            ("BUILD_OVERRIDE_DEBUG_ASSERTIONS", "true"),
            ("BUILD_OVERRIDE_OVERFLOW_CHECKS", "true"),
            ("BUILD_OVERRIDE_STRIP", "none"),
        ];
        match self {
            Self::Debug => &[],
            Self::Release => RELEASE,
            Self::Small => SMALL,
        }
    }
}

/// The compiler of this test.
pub(crate) fn own() -> Toolchain {
    let version = version(&mut Command::new("rustc")).expect("a compiler built this test");
    Toolchain { name: "own".into(), version, cargo: vec![env!("CARGO").into()], rustc: None }
}

/// Whatever else is there: a nightly compiler, another stable one, the system's own.
pub(crate) fn others() -> Vec<Toolchain> {
    let mut all = Vec::new();
    let own = own().version;
    let of_rustup = Command::new("rustup").args(["toolchain", "list", "--quiet"]).output();
    let names = of_rustup.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
    let found = names.lines().filter_map(|name| {
        let version = version(Command::new("rustc").arg(format!("+{name}")))?;
        Some((name, version))
    });
    let found: Vec<_> = found.filter(|(_, version)| *version != own).collect();
    let is_nightly = |it: &&(&str, String)| it.1.contains("nightly");
    for (kind, one) in [("nightly", found.iter().find(is_nightly)), ("stable", found.iter().find(|it| !is_nightly(it)))]
    {
        if let Some((name, version)) = one {
            let cargo = vec!["cargo".into(), format!("+{name}")];
            all.push(Toolchain { name: kind.into(), version: version.clone(), cargo, rustc: None });
        }
    }
    let system = PathBuf::from("/usr/bin/rustc");
    if let Some(version) = version(&mut Command::new(&system)).filter(|version| *version != own) {
        all.push(Toolchain { name: "system".into(), version, cargo: vec![env!("CARGO").into()], rustc: Some(system) });
    }
    all
}

fn version(command: &mut Command) -> Option<String> {
    let output = command.arg("--version").output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Lock for a build: all of one toolchain share what they depend on, and write to one place.
static BUILDING: Mutex<()> = Mutex::new(());

/// Directory in which a toolchain builds. Our own has built most of it already, where this test was built.
fn target(toolchain: &Toolchain) -> PathBuf {
    let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
    if toolchain.name == "own" {
        return temporary.parent().expect("it lies in the target directory").to_owned();
    }
    temporary.join("abi/target").join(&toolchain.name)
}

/// A directory for one test, which is kept, so that a second run is quick.
pub(crate) struct Workshop(PathBuf);

impl Workshop {
    pub(crate) fn new(name: &str) -> Self {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("abi").join(name);
        fs::create_dir_all(&directory).unwrap();
        // The loader refuses what others can write.
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        Self(directory.canonicalize().unwrap())
    }

    /// A copy of a library under a name of its own: one that is loaded must not be written over.
    pub(crate) fn put(&self, library: &Path, name: &str) -> PathBuf {
        let path = self.0.join(name);
        let _ = fs::remove_file(&path);
        fs::copy(library, &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        path
    }

    /// The sources of `elder`, to be built against that API.
    pub(crate) fn elder(&self, api: &Path) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/elder");
        let manifest = fs::read_to_string(from.join("Cargo.toml")).unwrap();
        let manifest = manifest
            .replace("../../..", &api.canonicalize().unwrap().display().to_string())
            .replace("[profile.release]", "[profile.dev]\ndebug = \"line-tables-only\"\n\n[profile.release]");
        write(&self.0.join("elder/Cargo.toml"), &manifest);
        let source = fs::read_to_string(from.join("src/lib.rs")).unwrap();
        write(&self.0.join("elder/src/lib.rs"), &source);
        write(&self.0.join("elder/Cargo.lock"), &fs::read_to_string(from.join("Cargo.lock")).unwrap());
    }

    /// The library that comes of it, under that name, or why none does.
    pub(crate) fn build(&self, toolchain: &Toolchain, settings: Settings, name: &str) -> Result<PathBuf, String> {
        let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let target = target(toolchain);
        self.cargo(toolchain, "elder", &target, settings, &["build"])?;
        Ok(self.put(&target.join("debug/libelder.so"), &format!("lib{name}.so")))
    }

    fn cargo(
        &self,
        toolchain: &Toolchain,
        package: &str,
        target: &Path,
        settings: Settings,
        words: &[&str],
    ) -> Result<(), String> {
        let (program, first) = toolchain.cargo.split_first().unwrap();
        let mut cargo = Command::new(program);
        // What Cargo has told this test about itself is not for another Cargo. But for which toolchain it is: packages
        // may come with an opinion on that, which rustup would follow.
        let kept = ["CARGO_HOME", "RUSTUP_HOME", if toolchain.name == "own" { "RUSTUP_TOOLCHAIN" } else { "" }];
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if (text.starts_with("CARGO") || text.starts_with("RUST")) && !kept.contains(&&*text) {
                cargo.env_remove(&name);
            }
        }
        if let Some(rustc) = &toolchain.rustc {
            cargo.env("RUSTC", rustc);
        }
        cargo.envs(settings.profile().iter().map(|(key, value)| (format!("CARGO_PROFILE_DEV_{key}"), value)));
        cargo.args(first).args(words).args(["--quiet", "--offline", "--target-dir"]).arg(target);
        let output = cargo.current_dir(self.0.join(package)).output().unwrap();
        if output.status.success() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        let error = stderr.lines().position(|line| line.starts_with("error")).unwrap_or(0);
        Err(stderr.lines().skip(error).take(6).collect::<Vec<_>>().join("\n"))
    }

    /// The plugin API as a later version may be: with one more method and one more field.
    pub(crate) fn later_api(&self) -> PathBuf {
        let api = self.api("1.1.0", |abi| {
            let last = "    fn call(&self, method: RStr<'_>, params: RVec<Value>) -> Reply;\n";
            let more = format!(
                "{last}\n    /// Later.\n    fn later(&self) -> RString {{\n        RString::from(\"default\")\n    }}\n"
            );
            let abi = replaced(abi, last, &more);
            let last = "    pub factories: extern \"C\" fn() -> RVec<Factory>,\n";
            let more = format!(
                "{last}    /// Later.\n    #[sabi(missing_field(default))]\n    pub later: i32,\n"
            );
            replaced(&abi, last, &more)
        });
        edit(
            &api.join("src/export.rs"),
            "                        factories: __supervisor_plugin_factories,\n",
            "                        factories: __supervisor_plugin_factories,\n                        later: 7,\n",
        );
        let version = "plugin.api_version().to_string()";
        edit(&api.join("loader/src/load.rs"), version, "format!(\"{} and {}\", plugin.api_version(), plugin.later())");
        api
    }

    /// The plugin API, changed where nothing may ever change.
    pub(crate) fn unfit_api(&self) -> PathBuf {
        self.api("1.0.0", |abi| {
            let code = "    pub code: i32,\n";
            let text = "    pub text: RString,\n}";
            replaced(&replaced(abi, code, ""), text, &format!("    pub text: RString,\n    /// Moved.\n{code}}}"))
        })
    }

    /// A copy of the plugin API with another `abi.rs`.
    fn api(&self, version: &str, change: impl FnOnce(&str) -> String) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let workspace = fs::read_to_string(from.join("Cargo.toml")).unwrap();
        let (_, rest) = workspace.split_once("[workspace.package]").unwrap();
        let later = self.0.join("api");
        let members =
            "[workspace]\nresolver = \"3\"\nmembers = [\"plugin-api\", \"plugin-api/macros\", \"plugin-api/loader\"]\n";
        let rest = rest.replacen("version = \"1.0.0\"", &format!("version = \"{version}\""), 1);
        let rest = rest.replace("\"=1.0.0\"", &format!("\"={version}\""));
        write(&later.join("Cargo.toml"), &format!("{members}\n[workspace.package]{rest}"));
        write(&later.join("Cargo.lock"), &fs::read_to_string(from.join("Cargo.lock")).unwrap());
        copy(&from.join("plugin-api"), &later.join("plugin-api"), &|path| !path.ends_with("tests"));
        let path = later.join("plugin-api/src/abi.rs");
        write(&path, &change(&fs::read_to_string(from.join("plugin-api/src/abi.rs")).unwrap()));
        later.join("plugin-api")
    }

    /// Load a library into a host that has the later API, and return what it says.
    pub(crate) fn run_later_host(&self, api: &Path, library: &Path) -> String {
        let later = api.parent().unwrap();
        write(&later.join("plugin-api/loader/src/bin/elders_host.rs"), LATER_HOST);
        let own = &own();
        let target = target(own);
        let _one_at_a_time = BUILDING.lock().unwrap_or_else(PoisonError::into_inner);
        let built = self.cargo(own, "api/plugin-api/loader", &target, Settings::Debug, &["build", "--bin=elders_host"]);
        built.unwrap_or_else(|error| panic!("{error}"));
        let output = Command::new(target.join("debug/elders_host")).arg(library).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// A host that knows the later method and field.
const LATER_HOST: &str = r#"
use std::{env, path::Path};

use plugin_api::{testing::FakeHost, Value};
use plugin_loader::Library;

fn main() {
    let path = env::args().nth(1).unwrap();
    let library = Library::open(Path::new(&path)).unwrap_or_else(|error| panic!("{error}"));
    let factory = library.factory("make_elder", "rpcinterface").unwrap();
    let options = [("greeting", Value::from("Hello"))];
    let elder = FakeHost::new().make_object(
        |host, options| {
            let object = factory.make(host, options)?;
            assert_eq!(object.later(), "default");
            Ok(object)
        },
        options,
    );
    let greeting: String = elder.unwrap().call("greet", ("world",)).unwrap();
    println!("{}: {greeting}", library.info().api_version);
}
"#;

#[track_caller]
fn edit(path: &Path, old: &str, new: &str) {
    write(path, &replaced(&fs::read_to_string(path).unwrap(), old, new));
}

#[track_caller]
fn replaced(text: &str, old: &str, new: &str) -> String {
    assert_eq!(text.matches(old).count(), 1, "{old:?}");
    text.replace(old, new)
}

/// Write only what has changed, so that Cargo builds only what has.
fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    if fs::read_to_string(path).ok().as_deref() != Some(text) {
        fs::write(path, text).unwrap();
    }
}

/// Make `to` a copy of `from`, but for `bin`, where the later host is.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&Path) -> bool) {
    // A file that has moved is not to be there twice.
    for old in fs::read_dir(to).into_iter().flatten().flatten() {
        let name = old.file_name();
        if name == "bin" || from.join(&name).exists() {
            continue;
        }
        let removed = if old.path().is_dir() { fs::remove_dir_all(old.path()) } else { fs::remove_file(old.path()) };
        removed.unwrap();
    }
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            if wanted(&path) {
                copy(&path, &target, wanted);
            }
        } else if path.file_name().is_some_and(|name| name != "abi.rs") {
            write(&target, &fs::read_to_string(&path).unwrap());
        }
    }
}
