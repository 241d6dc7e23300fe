//! Real plugin libraries, good and bad, loaded as supervisord loads them.

use std::{
    env::consts::{DLL_PREFIX, DLL_SUFFIX},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicI32, Ordering},
    },
    time::Duration,
};

use plugin_api::{Fault, IntoParams, Member, MethodInfo, NamespaceObject, RVec, Value, find, namespace, rpc_interface};
use supervisor_host::{
    config::{FactorySpec, Library},
    plugin::{Factory, PluginError, SearchPath, load},
};

/// Where Cargo put the plugins of this workspace, built just now if they were not.
fn built() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        let directory = test.ancestors().nth(2).unwrap().to_owned();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--offline", "--package=supervisor-plugin-api", "--package=supervisor-cache"]);
        cargo.args(["--package=hello-plugin", "--target-dir"]).arg(directory.parent().unwrap());
        if directory.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the plugins could not be built");
        directory
    })
}

/// A directory for this test's own libraries, which nobody else can write.
fn scratch() -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugin_loading");
    fs::create_dir_all(&directory).unwrap();
    set_mode(&directory, 0o755);
    directory.canonicalize().unwrap()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Compiles a library from `source`, against the plugin API that was built already.
fn compile(name: &str, source: &str, options: &[&str]) -> PathBuf {
    let target = built();
    let (source_file, library) = (scratch().join(format!("{name}.rs")), scratch().join(format!("lib{name}.so")));
    fs::write(&source_file, source).unwrap();
    let mut rustc = Command::new("rustc");
    rustc.args(["--edition=2024", "--crate-type=cdylib", "--crate-name", name, "-L"]);
    rustc.arg(format!("dependency={}", target.join("deps").display()));
    rustc.arg("--extern").arg(format!("plugin_api={}", target.join("libplugin_api.rlib").display()));
    rustc.env("CARGO_PKG_NAME", name).env("CARGO_PKG_VERSION", "0.1.0");
    rustc.args(options).arg("-o").arg(&library).arg(&source_file);
    assert!(rustc.status().unwrap().success(), "{name} could not be compiled");
    set_mode(&library, 0o755);
    library
}

fn named(library: &str, factory: &str) -> FactorySpec {
    let text = format!("{library}.module:{factory}");
    FactorySpec { text, library: Library::Named(library.to_owned()), factory: factory.to_owned() }
}

fn at(path: &Path, factory: &str) -> FactorySpec {
    let text = format!("{}:{factory}", path.display());
    FactorySpec { text, library: Library::Path(path.to_owned()), factory: factory.to_owned() }
}

fn load_built(library: &str, kind: &str, factory: &str) -> Result<Factory, PluginError> {
    load(&named(library, factory), kind, &SearchPath::new(&[built().to_owned()]))
}

/// Why the library at `path` is refused.
fn refusal(path: &Path) -> String {
    match load(&at(path, "make_it"), "rpcinterface", &SearchPath::new(&[])) {
        Ok(_) => panic!("{} was loaded", path.display()),
        Err(error) => error.to_string(),
    }
}

/// What a plugin sees of a supervisord.
struct FakeHost {
    state: AtomicI32,
}

#[rpc_interface]
impl FakeHost {
    #[rpc(nonblocking)]
    pub fn state(&self) -> i32 {
        self.state.load(Ordering::Relaxed)
    }

    pub async fn call(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        if method == "supervisor.nope" { Err(Fault::unknown_method()) } else { Ok(Value::Array(params)) }
    }
}

fn host() -> NamespaceObject {
    namespace(Arc::new(FakeHost { state: AtomicI32::new(1) }))
}

fn call(object: &NamespaceObject, method: &str, params: impl IntoParams) -> Result<Value, Fault> {
    object.call(method.into(), params.into_params()).wait()
}

fn options(options: &[(&str, &str)]) -> RVec<Member> {
    options.iter().map(|(name, value)| Member { name: (*name).into(), value: (*value).into() }).collect()
}

#[test]
fn the_cache_is_loaded_by_the_line_in_todays_files() {
    let factory = load_built("supervisor_cache", "rpcinterface", "make_cache_rpcinterface").unwrap();
    assert_eq!(factory.library().name, "supervisor-cache");
    assert_eq!(factory.library().api_version, "1.0.0");
    let fake = Arc::new(FakeHost { state: AtomicI32::new(1) });
    let cache = factory.make(namespace(fake.clone()), RVec::new()).unwrap();

    assert_eq!(call(&cache, "getAPIVersion", ()), Ok("0.2".into()));
    assert_eq!(call(&cache, "getKeys", ()), Ok(Value::array([])));
    assert_eq!(call(&cache, "store", ("foo", "bar baz")), Ok(true.into()));
    assert_eq!(call(&cache, "fetch", ("foo",)), Ok("bar baz".into()));
    assert_eq!(call(&cache, "getKeys", ()), Ok(Value::array(["foo".into()])));
    assert_eq!(call(&cache, "store", ("foo", "x".repeat(1 << 20))), Ok(true.into()));
    assert!(matches!(call(&cache, "fetch", ("foo",)), Ok(Value::Shared(_))), "a large string is not copied");
    assert_eq!(call(&cache, "fetch", ("nope",)), Err(Fault::bad_name()));

    fake.state.store(0, Ordering::Relaxed);
    assert_eq!(call(&cache, "getCount", ()), Ok(1.into()), "it works while the supervisor restarts");
    // While it shuts down, the host refuses for it, but for what the host calls itself.
    let refuses = |method: &MethodInfo| method.property("refuse_in_shutdown") == Some(&true.into());
    assert!(cache.methods().iter().all(|method| refuses(method) != method.name.starts_with('_')));

    let commands = load_built("supervisor_cache", "ctl", "make_cache_controllerplugin").unwrap();
    let commands = commands.make(host(), RVec::new()).unwrap();
    let names: Vec<_> = commands.methods().iter().map(|command| command.name.to_string()).collect();
    assert_eq!(names, ["cache_clear", "cache_count", "cache_delete", "cache_fetch", "cache_keys", "cache_store"]);
    let usage = find(&commands.methods()[5].properties, "usage").cloned();
    assert_eq!(usage, Some("cache_store <key> <value>".into()));
}

#[test]
fn two_libraries_do_not_get_in_each_others_way() {
    let hello = load_built("hello_plugin", "rpcinterface", "make_hello_rpcinterface").unwrap();
    let cache = load_built("supervisor_cache", "rpcinterface", "make_cache_rpcinterface").unwrap();
    let again = load_built("hello_plugin", "rpcinterface", "make_hello_rpcinterface").unwrap();
    assert_eq!(hello.library(), again.library());
    assert_ne!(hello.library().name, cache.library().name);
    let hello = again.make(host(), RVec::new()).unwrap();
    assert_eq!(call(&hello, "greet", ("world",)), Ok("Hello, world!".into()));
    assert_eq!(call(&hello, "greet", ()), Err(Fault::incorrect_parameters()));
    assert_eq!(call(&hello, "getKeys", ()), Err(Fault::unknown_method()));
}

#[test]
fn a_wrong_factory_is_told_from_a_wrong_kind() {
    let error = load_built("supervisor_cache", "rpcinterface", "make_cash").err().unwrap().to_string();
    let end = "has no factory 'make_cash' for [rpcinterface:x] sections; it has make_cache_rpcinterface";
    assert!(error.ends_with(end), "{error}");
    let error = load_built("supervisor_cache", "ctl", "make_cache_rpcinterface").err().unwrap().to_string();
    assert!(error.ends_with("is for [rpcinterface:x] sections, not for [ctlplugin:x] sections"), "{error}");
    let error = load_built("hello_plugin", "ctl", "make_it").err().unwrap().to_string();
    assert!(error.ends_with("it has none for [ctlplugin:x] sections at all"), "{error}");
}

#[test]
fn options_that_a_plugin_does_not_have_are_refused() {
    let factory = load_built("supervisor_cache", "rpcinterface", "make_cache_rpcinterface").unwrap();
    let fault = factory.make(host(), options(&[("max_size", "1")])).err().unwrap();
    let known = "'max_keys', 'max_bytes', 'max_value_bytes', 'store', 'file', 'sync', 'store_prefix', 'store_username', \
                 'store_password', 'store_password_file', 'store_ca_file', 'store_timeout'";
    assert_eq!(fault.text, format!("BAD_ARGUMENTS: unknown key 'max_size'; known are {known}"));
}

#[test]
fn what_is_no_plugin_is_refused_in_two_lines() {
    let missing = load_built("no_such_thing", "rpcinterface", "make_it").err().unwrap().to_string();
    let file = format!("{DLL_PREFIX}no_such_thing{DLL_SUFFIX}");
    let start = format!("no file {file} for the plugin 'no_such_thing.module:make_it'\nlooked in /");
    assert!(missing.starts_with(&start), "{missing}");

    let text = scratch().join("libtext.so");
    fs::write(&text, "This is no library.").unwrap();
    set_mode(&text, 0o644);
    assert_eq!(
        refusal(&text),
        format!("the plugin {} is not a library that can be loaded: file too short", text.display())
    );

    let other = compile("other", "#[unsafe(no_mangle)] pub extern \"C\" fn other() {}", &[]);
    assert_eq!(
        refusal(&other),
        format!(
            "the library {} is not a plugin for supervisord: \
             it exports no factories; its source ends in `plugin_api::export!(…)`",
            other.display()
        )
    );

    set_mode(&other, 0o777);
    assert!(refusal(&other).contains(" can be written by everybody\n"), "{}", refusal(&other));
}

/// A plugin that goes wrong in every way that can be caught.
const ODD: &str = r#"
#![forbid(unsafe_code)]
use plugin_api::{Config, Fault, Host, Value, rpc_interface};

pub struct Odd(Host);

#[rpc_interface]
impl Odd {
    pub fn boom(&self) { panic!("boom {}", 1) }
    pub async fn boom_later(&self) -> String {
        let _ = self.0.call_async::<Value>("a.b", ()).await;
        panic!("later")
    }
    pub async fn relay(&self, method: String) -> Result<Value, Fault> {
        self.0.call_async(&method, ("through", 1)).await
    }
    pub fn relay_blocking(&self, method: String) -> Result<Value, Fault> {
        self.0.call(&method, ("through", 1))
    }
}

impl Drop for Odd {
    fn drop(&mut self) { panic!("dropped") }
}

fn make_it(host: Host, _: Config) -> Result<Odd, Fault> { Ok(Odd(host)) }
fn make_panic(_: Host, _: Config) -> Result<Odd, Fault> { panic!("no luck") }
fn make_fault(_: Host, _: Config) -> Result<Odd, Fault> { Err(Fault::no_file_with("/nonexistent")) }

plugin_api::export!(rpcinterface: make_it, rpcinterface: make_panic, rpcinterface: make_fault);
"#;

#[test]
fn a_plugin_that_aborts_is_refused() {
    let abort = compile("abort", ODD, &["-Cpanic=abort"]);
    assert_eq!(
        refusal(&abort),
        format!(
            "the plugin {} was built with `panic = \"abort\"`: a panic in it would end the supervisor\n\
             build it with `panic = \"unwind\"`, which is Cargo's default",
            abort.display()
        )
    );
}

#[tokio::test]
async fn panics_are_faults_with_message_and_place() {
    let odd = compile("odd", ODD, &[]);
    let make = |factory: &str| {
        let factory = load(&at(&odd, factory), "rpcinterface", &SearchPath::new(&[])).unwrap();
        factory.make(host(), RVec::new())
    };
    let source = scratch().join("odd.rs");
    let place = |fault: Fault| fault.text.replace(&*source.to_string_lossy(), "odd.rs");

    assert_eq!(place(make("make_panic").err().unwrap()), "FAILED: make_panic panicked: no luck (odd.rs:27:59)");
    assert_eq!(make("make_fault").err(), Some(Fault::no_file_with("/nonexistent")));

    let object = make("make_it").unwrap();
    let call = |method: &str, params: RVec<Value>| object.call(method.into(), params).answer();
    assert_eq!(place(call("boom", RVec::new()).await.unwrap_err()), "FAILED: boom panicked: boom 1 (odd.rs:9:26)");
    let later = place(call("boomLater", RVec::new()).await.unwrap_err());
    assert_eq!(later, "FAILED: boomLater panicked: later (odd.rs:12:9)");

    let through = Ok(Value::array(["through".into(), 1.into()]));
    assert_eq!(call("relay", ("a.b",).into_params()).await, through);
    assert_eq!(
        call("relay", ("supervisor.nope",).into_params()).await,
        Err(Fault::unknown_method_with("supervisor.nope"))
    );
    // A call that is not waited for is cancelled, and nothing else happens.
    drop(object.call("relay".into(), ("a.b",).into_params()));
    drop(object);
}

#[tokio::test]
async fn a_plugin_can_wait_on_its_own_thread() {
    let odd = compile("odd_blocking", ODD, &[]);
    let factory = load(&at(&odd, "make_it"), "rpcinterface", &SearchPath::new(&[])).unwrap();
    let object = factory.make(host(), RVec::new()).unwrap();
    let answer = tokio::task::spawn_blocking(move || {
        let answer = object.call("relayBlocking".into(), ("a.b",).into_params()).wait();
        drop(object);
        answer
    });
    assert_eq!(answer.await.unwrap(), Ok(Value::array(["through".into(), 1.into()])));
}
