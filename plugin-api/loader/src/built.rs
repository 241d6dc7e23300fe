//! The library of the package under test, as supervisord would load it.

use std::{
    env, iter,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use plugin_api::{
    Event, Fault, Value, Verdict,
    testing::{FakeController, FakeHost, Published},
};

use crate::{Library, LibraryInfo};

/// The library of the package whose tests run.
#[derive(Debug)]
pub struct Built(Library);

/// Build the library of the package whose tests run, and open it as supervisord does. For tests in `tests/`, with
/// this crate among `[dev-dependencies]`:
///
/// ```no_run
/// use plugin_api::testing::FakeHost;
///
/// # /*
/// #[test]
/// # */
/// fn the_library_loads() {
///     let library = plugin_loader::built();
///     let hello = library.rpcinterface("make_hello_rpcinterface", &FakeHost::new(), []).unwrap();
///     assert_eq!(hello.call("greet", ("world",)), Ok("Hello, world!".to_owned()));
/// }
/// # the_library_loads();
/// ```
///
/// The build is that of the test: debug, or release under `cargo test --release`.
///
/// # Panics
///
/// If the library cannot be built or loaded; the message is what supervisord would say.
#[track_caller]
pub fn built() -> Built {
    let path = build();
    match Library::open(&path) {
        Ok(library) => Built(library),
        Err(error) => panic!("supervisord would not load this plugin: {error}"),
    }
}

/// Have Cargo build the package, and return the file of its `cdylib`.
#[track_caller]
fn build() -> PathBuf {
    let variable =
        |name: &str| env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run this by `cargo test`"));
    let test = env::current_exe().expect("a running test has a file");
    // target/debug/deps/test
    let directory = test.ancestors().nth(2).unwrap_or(&test);
    let mut cargo = Command::new(variable("CARGO"));
    cargo.args(["build", "--quiet", "--lib", "--offline", "--message-format=json", "--manifest-path"]);
    cargo.arg(Path::new(&variable("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    cargo.arg("--target-dir").arg(directory.parent().unwrap_or(directory));
    if directory.ends_with("release") {
        cargo.arg("--release");
    }
    let output = cargo.stderr(Stdio::inherit()).output().expect("Cargo can be run");
    assert!(output.status.success(), "the library could not be built");
    let messages = String::from_utf8_lossy(&output.stdout);
    let package = format!("\"manifest_path\":\"{}", Path::new(&variable("CARGO_MANIFEST_DIR")).display());
    let of_library = |line: &&str| line.contains("\"cdylib\"") && line.contains(&package);
    let file = messages.lines().filter(of_library).find_map(|line| {
        let (_, files) = line.split_once("\"filenames\":[")?;
        let files = files.split(']').next()?;
        files.split(',').map(|file| file.trim_matches('"')).find(|file| file.ends_with(env::consts::DLL_SUFFIX))
    });
    let file = file.expect("this package makes no `cdylib`: write `crate-type = [\"cdylib\", \"rlib\"]` under `[lib]`");
    Path::new(file).canonicalize().expect("Cargo names a file that is there")
}

impl Built {
    /// Name, version and file of the library, as supervisord knows them.
    pub fn info(&self) -> &LibraryInfo {
        self.0.info()
    }

    /// Make an RPC interface, with these further keys of its section, as [`FakeHost::make`] does. It may publish the
    /// events that are listed with its factory.
    ///
    /// The fault is what supervisord would refuse to start with: that of the factory, its panic, options that it never
    /// read, or that there is no such factory.
    pub fn rpcinterface<'a>(
        &self,
        factory: &str,
        host: &FakeHost,
        options: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Published, Fault> {
        let factory = self.0.factory(factory, "rpcinterface").map_err(Fault::failed_with)?;
        host.with_events(factory.events()).make_object(|host, options| factory.make(host, options), options)
    }

    /// Make a ctl plugin, with these further keys of its section, as [`FakeController::make`] does. The fault is what
    /// supervisorctl would complain of.
    pub fn ctl<'a>(
        &self,
        factory: &str,
        controller: &FakeController,
        options: impl IntoIterator<Item = (&'a str, Value)>,
    ) -> Result<Published, Fault> {
        let factory = self.0.factory(factory, "ctl").map_err(Fault::failed_with)?;
        controller.make_object(|controller, options| factory.make(controller, options), options)
    }

    /// Have a result handler judge what an event listener answered after `RESULT`, as supervisord does.
    ///
    /// The fault is what supervisord would log: that of the handler, its panic, or that there is no such handler.
    pub fn result_handler(
        &self,
        handler: &str,
        host: &FakeHost,
        event: &Event,
        result: &[u8],
    ) -> Result<Verdict, Fault> {
        let handler = self.0.factory(handler, "result_handler").map_err(Fault::failed_with)?;
        // No section makes it, so it publishes no events.
        let host = host.with_events(iter::empty::<&str>());
        let handler = host.make_object(|host, options| handler.make(host, options), [])?;
        handler.call("handleResult", (event.clone(), Value::Base64(result.to_vec().into())))
    }
}
