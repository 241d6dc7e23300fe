//! A C library of 2.41 or later, below the target directory: Debian 13's, from Debian's archive.
//!
//! Locks that libc takes in one thread while another one spawns have changed with that version, and an older system's
//! own library cannot show what comes of it. A program is run on the newer one by its loader.

use std::{
    ffi::OsStr,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// Its release, and what it takes to run a program of Rust.
const RELEASE: &str = "trixie";
const PACKAGES: [&str; 2] = ["libc6", "libgcc-s1"];

/// A loader and the directory with its libraries.
#[derive(Debug)]
pub struct NewerLibc {
    libraries: PathBuf,
    loader: PathBuf,
}

impl NewerLibc {
    /// The one of this target directory; fetches it where there is none.
    ///
    /// # Panics
    /// Where it cannot be had: a test that has not run on it has not passed.
    pub fn get() -> &'static Self {
        static LIBC: OnceLock<NewerLibc> = OnceLock::new();
        LIBC.get_or_init(|| {
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp lies below target");
            let root = target.join("peers").join(format!("libc-{RELEASE}"));
            fs::create_dir_all(&root).unwrap_or_else(|error| panic!("cannot make {}: {error}", root.display()));
            let lock = File::create(root.join("lock")).expect("a lock file");
            lock.lock().expect("the lock on the library");
            if !root.join("complete").exists() {
                fetch(&root);
                fs::write(root.join("complete"), "").expect("a stamp");
            }
            let libraries = fs::read_dir(root.join("root/usr/lib")).expect("libraries").flatten();
            let libraries = libraries.map(|entry| entry.path()).find(|path| path.join("libc.so.6").exists());
            let libraries = libraries.expect("a directory with libc.so.6");
            let loaders = fs::read_dir(&libraries).expect("libraries").flatten().map(|entry| entry.path());
            let is_loader =
                |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-linux"));
            let loader = loaders.into_iter().find(is_loader).expect("a loader");
            Self { libraries, loader }
        })
    }

    /// That command on this library.
    pub fn run(&self, command: &Command) -> Command {
        super::run_by(command, &self.loader, &[OsStr::new("--library-path"), self.libraries.as_os_str()])
    }
}

/// Unpacks the packages from the archive that this system installs its own from.
fn fetch(root: &Path) {
    let indices = output(Command::new("apt-get").args(["indextargets", "--format", "$(REPO_URI)"]));
    let archive = indices.lines().find(|line| line.ends_with("/debian/"));
    let archive = archive.unwrap_or_else(|| panic!("apt-get knows no archive of Debian's:\n{indices}\n{HINT}"));
    let list = root.join("sources.list");
    fs::write(&list, format!("deb {archive} {RELEASE} main\n")).expect("a file");
    for directory in ["lists/partial", "cache/archives/partial", "packages"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    let apt_get = || {
        let mut command = Command::new("apt-get");
        command.current_dir(root.join("packages")).arg("-qq");
        for (option, value) in [
            ("Dir::Etc::sourcelist", list.display().to_string()),
            ("Dir::Etc::sourceparts", "-".to_owned()),
            ("Dir::State::lists", root.join("lists").display().to_string()),
            ("Dir::Cache", root.join("cache").display().to_string()),
            ("APT::Sandbox::User", String::new()),
        ] {
            command.arg("-o").arg(format!("{option}={value}"));
        }
        command
    };
    output(apt_get().arg("update"));
    output(apt_get().arg("download").args(PACKAGES));
    for package in fs::read_dir(root.join("packages")).expect("packages").flatten() {
        output(Command::new("dpkg-deb").arg("-x").arg(package.path()).arg(root.join("root")));
    }
}

const HINT: &str = "the tests run on Debian 13's C library as well, and need apt-get, dpkg-deb and Debian's archive";

fn output(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}\n{HINT}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}\n{HINT}", output.status);
    out.into_owned()
}
