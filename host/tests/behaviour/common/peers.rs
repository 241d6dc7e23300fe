//! The real Supervisor, its extensions for the cache and for twiddling, and superlance's event listeners, in a virtual
//! environment below the target directory.
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
const REQUIREMENTS: [&str; 5] = [
    "supervisor==4.3.0",
    "supervisor_cache==1.1.0",
    "supervisor_twiddler==1.0.0",
    "superlance==2.0.0",
    "setuptools<81",
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
            let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp lies below target");
            let directory = target.join("peers");
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
    pub fn program(&self, name: &str) -> PathBuf {
        self.root.join("bin").join(name)
    }
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
