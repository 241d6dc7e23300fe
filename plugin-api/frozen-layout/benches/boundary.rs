//! Cost of the boundary with our types and with those of `abi_stable`, in the same run.
//!
//! The plugin is `elder`, the same source on both sides and built alike; so are the host's few methods. Each row is a
//! call through the library, with both sides' types in all four ways; the ratios are ours to those of `abi_stable`, and
//! what is below 1 is faster.

use std::{
    env,
    fmt::Write as _,
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

/// Series of each call, of which the fastest counts.
const ROUNDS: u32 = 300;

/// A host and its calls, by the names of one plugin API.
macro_rules! host {
    ($host:ident, $api:ident, $loader:path) => {
        mod $host {
            use std::{path::Path, sync::Arc};

            use $api::{Fault, MethodInfo, Methods, NamespaceObject, RVec, Reply, Value, namespace};
            use $loader as Library;

            /// A supervisord of which a plugin asks nothing but this.
            struct Host;

            impl Methods for Host {
                fn methods(&self) -> Vec<MethodInfo> {
                    Vec::new()
                }

                fn call(self: Arc<Self>, method: &str, _params: RVec<Value>) -> Reply {
                    match method {
                        "call" => Reply::Done(5.into()),
                        "sleep" => Reply::later("sleep", async { Ok(Value::Nil) }),
                        "log" => Reply::Done(Value::Nil),
                        _ => Reply::Failed(Fault::unknown_method()),
                    }
                }
            }

            pub(crate) struct Elder(NamespaceObject);

            pub(crate) fn open(path: &Path) -> Elder {
                let library = Library::open(path).unwrap_or_else(|error| panic!("{error}"));
                let factory = library.factory("make_elder", "rpcinterface").unwrap_or_else(|error| panic!("{error}"));
                let options = vec![$api::Member::new("greeting", "Hello")];
                Elder(factory.make(namespace(Arc::new(Host)), options.into()).unwrap_or_else(|fault| panic!("{fault}")))
            }

            impl Elder {
                fn call(&self, method: &str, params: impl Into<RVec<Value>>) -> Value {
                    self.0.call(method.into(), params.into()).wait().unwrap_or_else(|fault| panic!("{method}: {fault}"))
                }

                /// The calls by the names of their rows. What they are made of is made before, but for a copy.
                pub(crate) fn calls(self) -> Vec<(&'static str, Box<dyn Fn() -> usize>)> {
                    let elder = Arc::new(self);
                    let mut calls: Vec<(&'static str, Box<dyn Fn() -> usize>)> = Vec::new();
                    let values = [
                        ("echo of an int", Value::Int(7)),
                        ("echo of a string of 16 bytes", "0123456789abcdef".into()),
                        ("echo of a string of 64 KiB", "x".repeat(1 << 16).into()),
                        ("echo of 1,000 ints", Value::array((0..1000).map(Value::Int))),
                        (
                            "echo of a struct of 20 strings",
                            Value::structure((0..20).map(|number| (format!("member{number}"), "value".into()))),
                        ),
                    ];
                    for (row, value) in values {
                        let elder = Arc::clone(&elder);
                        calls.push((
                            row,
                            Box::new(move || match elder.call("echo", vec![value.clone()]) {
                                Value::Array(items) => items.len(),
                                Value::Struct(members) => members.len(),
                                other => other.as_str().map_or(0, str::len),
                            }),
                        ));
                    }
                    let words = Value::array((0..20).map(|number| Value::from(format!("word{}", number % 5))));
                    let named = [
                        ("greet: a string there and back", "greet", vec![Value::from("world")]),
                        (
                            "mirror: a struct by serde",
                            "mirror",
                            vec![Value::structure([("x", 2.into()), ("y", Value::Double(0.5))]), Value::Int(10)],
                        ),
                        ("count: 20 strings to a map", "count", vec![words]),
                        ("ask: two calls of the host in it", "ask", vec![Value::from("supervisor.getPID")]),
                        ("askLater: two futures, one in the other", "askLater", vec![Value::from("supervisor.getPID")]),
                    ];
                    for (row, method, params) in named {
                        let elder = Arc::clone(&elder);
                        calls.push((
                            row,
                            Box::new(move || elder.call(method, params.clone()).as_struct().map_or(0, <[_]>::len)),
                        ));
                    }
                    let describe = Arc::clone(&elder);
                    calls.push(("methods: all descriptions", Box::new(move || describe.0.methods().len())));
                    calls
                }
            }
        }
    };
}

host!(abi_stable_host, plugin_api, plugin_loader::Library);
host!(our_host, frozen_sdk, frozen_sdk::loader::Library);

/// Directory of the build, below which everything is put.
fn target() -> PathBuf {
    env::current_exe().expect("this program has a path").ancestors().nth(3).expect("target/release/deps").to_owned()
}

/// The plugin with `abi_stable`, built as ours was.
fn abi_stable_elder() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../loader/tests/elder/Cargo.toml");
    let target = target().join("abi_stable_elder");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--release", "--offline", "--manifest-path"]).arg(manifest);
    cargo.arg("--target-dir").arg(&target);
    let as_ours = [("OPT_LEVEL", "3"), ("LTO", "thin"), ("CODEGEN_UNITS", "1"), ("STRIP", "debuginfo")];
    cargo.envs(as_ours.map(|(key, value)| (format!("CARGO_PROFILE_RELEASE_{key}"), value)));
    assert!(cargo.status().expect("cargo runs").success(), "the plugin could not be built");
    target.join("release/libelder.so")
}

/// The plugin with our types.
fn our_elder() -> PathBuf {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["rustc", "--quiet", "--release", "--offline", "--package=frozen-elder", "--target-dir"]).arg(target());
    // With the other kind beside it there would be no optimization across crates.
    cargo.arg("--crate-type=cdylib");
    assert!(cargo.status().expect("cargo runs").success(), "the plugin could not be built");
    target().join("release/libfrozen_elder.so")
}

/// Number of runs of `work` that take about a fifth of a millisecond: long beside the clock, and short enough that many
/// a series is not interrupted on a busy machine.
fn series(work: &dyn Fn() -> usize) -> u32 {
    let mut times = 1;
    while times < 1 << 20 && nanoseconds(work, times) * f64::from(times) < 200_000.0 {
        times *= 2;
    }
    times
}

/// Nanoseconds of one of so many runs.
fn nanoseconds(work: &dyn Fn() -> usize, times: u32) -> f64 {
    let start = Instant::now();
    for _ in 0..times {
        black_box(work());
    }
    start.elapsed().as_secs_f64() * 1e9 / f64::from(times)
}

/// The way in which a host opens a library.
type Open<'a> = &'a dyn Fn(&Path);

/// A copy that the dynamic loader takes for another library, opened; in milliseconds.
fn opening(open: Open<'_>, library: &Path, directory: &Path, number: u32) -> f64 {
    let copy = directory.join(format!("lib{number}.so"));
    fs::copy(library, &copy).expect("there is room");
    let start = Instant::now();
    open(&copy);
    start.elapsed().as_secs_f64() * 1e3
}

fn main() {
    let (theirs, ours) = (abi_stable_elder(), our_elder());
    let directory = tempfile::tempdir().expect("a directory");
    let [of_theirs, of_ours] = [&theirs, &ours].map(|library| fs::metadata(library).expect("it was built").len());
    println!(
        "size of the plugin, stripped of debug information: {of_theirs} bytes with abi_stable, {of_ours} with ours\n"
    );

    let sets = [
        abi_stable_host::open(&theirs).calls(),
        our_host::open(&ours).calls(),
        abi_stable_host::open(&ours).calls(),
        our_host::open(&theirs).calls(),
    ];
    let mut table = String::new();
    let _ = writeln!(table, "| nanoseconds a call | both `abi_stable` | both ours | our plugin | our host | ratio |");
    let _ = writeln!(table, "|---|--:|--:|--:|--:|--:|");
    for row in 0..sets[0].len() {
        let mut best = [f64::INFINITY; 4];
        // In turns, so that a busy machine is busy for all of them.
        let times = series(&sets[0][row].1);
        for _ in 0..ROUNDS {
            for (best, set) in best.iter_mut().zip(&sets) {
                *best = best.min(nanoseconds(&set[row].1, times));
            }
        }
        let [theirs, ours, plugin, host] = best;
        let name = sets[0][row].0;
        let _ =
            writeln!(table, "| {name} | {theirs:.0} | {ours:.0} | {plugin:.0} | {host:.0} | {:.2} |", ours / theirs);
    }
    println!("{table}");

    let open_theirs = |path: &Path| drop(abi_stable_host::open(path));
    let open_ours = |path: &Path| drop(our_host::open(path));
    let ways: [(Open<'_>, &Path); 4] =
        [(&open_theirs, &theirs), (&open_ours, &ours), (&open_theirs, &ours), (&open_ours, &theirs)];
    let mut best = [f64::INFINITY; 4];
    for round in 0..20 {
        for (way, (open, library)) in (0..).zip(ways) {
            best[way as usize] = best[way as usize].min(opening(open, library, directory.path(), round * 4 + way));
        }
    }
    let [theirs, ours, plugin, host] = best;
    println!(
        "load, with the check and the first object, in milliseconds: both abi_stable {theirs:.2}, both ours {ours:.2}, \
         our plugin {plugin:.2}, our host {host:.2}; ratio {:.2}",
        ours / theirs
    );
}
