//! What a call of a plugin costs by itself: through a real library, guarded, without the wire.

use std::{env, hint::black_box, path::PathBuf, process::Command, sync::Arc, time::Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use plugin_api::{NamespaceObject, RVec, Reply, Value, namespace, rpc_interface};
use supervisor_host::{
    config::{FactorySpec, Library},
    plugin::{SearchPath, load},
};

/// A supervisord that runs.
struct Running;

#[rpc_interface]
impl Running {
    #[rpc(nonblocking)]
    pub fn state(&self) -> i32 {
        1
    }

    pub async fn later(&self) -> bool {
        true
    }
}

/// The cache, from its library.
fn cache() -> NamespaceObject {
    let target: PathBuf = env::current_exe().expect("this program has a path").ancestors().nth(3).unwrap().to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--quiet", "--release", "--offline", "--package=supervisor-cache", "--target-dir"])
        .arg(&target);
    assert!(cargo.status().expect("cargo runs").success(), "the cache could not be built");
    let spec = FactorySpec {
        text: "supervisor_cache.rpcinterface:make_cache_rpcinterface".to_owned(),
        library: Library::Named("supervisor_cache".to_owned()),
        factory: "make_cache_rpcinterface".to_owned(),
    };
    let start = Instant::now();
    let factory = load(&spec, "rpcinterface", &SearchPath::new(&[target.join("release")])).expect("the cache loads");
    println!("load of the library, once: {:?}", start.elapsed());
    factory.make(namespace(Arc::new(Running)), RVec::new()).expect("the cache has no options")
}

fn call(object: &NamespaceObject, method: &str, params: impl Into<RVec<Value>>) -> Reply {
    object.call(method.into(), params.into())
}

fn calls(criterion: &mut Criterion) {
    let running = namespace(Arc::new(Running));
    criterion
        .bench_function("state (in this library)", |bench| bench.iter(|| call(&running, black_box("state"), vec![])));
    criterion.bench_function("an answer that comes later, waited for", |bench| {
        bench.iter(|| call(&running, black_box("later"), vec![]).wait());
    });

    let cache = cache();
    for (name, size) in [("short", 16), ("large", 1 << 20)] {
        call(&cache, "store", vec![name.into(), "x".repeat(size).into()]).wait().expect("it can be stored");
    }
    criterion.bench_function("cache.getAPIVersion", |bench| {
        bench.iter(|| call(&cache, black_box("getAPIVersion"), vec![]));
    });
    criterion.bench_function("cache.fetch of 16 bytes", |bench| {
        bench.iter(|| call(&cache, black_box("fetch"), vec!["short".into()]));
    });
    criterion.bench_function("cache.fetch of 1 MiB", |bench| {
        bench.iter(|| call(&cache, black_box("fetch"), vec!["large".into()]));
    });
    criterion.bench_function("cache.store of 16 bytes", |bench| {
        bench.iter(|| call(&cache, black_box("store"), vec!["short".into(), "0123456789abcdef".into()]));
    });
    criterion.bench_function("cache.nope", |bench| bench.iter(|| call(&cache, black_box("nope"), vec![])));
}

criterion_group!(benches, calls);
criterion_main!(benches);
