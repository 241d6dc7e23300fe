//! Figures of the stores, as ratios of what was measured in the same run: `cargo bench -p supervisor-cache`.
//!
//! A folder for the files can be named: `cargo bench -p supervisor-cache -- /var/tmp`.

#![allow(missing_docs, clippy::cast_precision_loss)]

use std::{
    fs::OpenOptions,
    io::Write as _,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use plugin_api::{
    Value,
    testing::{FakeHost, Published},
};
use supervisor_cache::rpcinterface::make_cache_rpcinterface;

/// Clients that call at once.
const CLIENTS: usize = 32;

/// Calls of which each costs what is said.
const MANY: usize = 200_000;

fn cache(options: &[(&str, &str)]) -> Published {
    let options: Vec<_> = options.iter().map(|(key, value)| (*key, Value::from(*value))).collect();
    let host = FakeHost::new();
    // As in a supervisord that has no listener; a fake one would note each event.
    host.set_listeners(false);
    host.make(make_cache_rpcinterface, options).unwrap()
}

fn in_file(path: &Path, sync: &str) -> Published {
    cache(&[("store", "file"), ("file", path.to_str().unwrap()), ("sync", sync)])
}

/// Calls in a second.
fn per_second(time: Duration, call: impl Fn(usize, u64) + Sync) -> f64 {
    let (end, calls) = (AtomicBool::new(false), AtomicU64::new(0));
    let (start, before) = (Instant::now(), cpu());
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (end, calls, call) = (&end, &calls, &call);
            scope.spawn(move || {
                let mut number = 0;
                while !end.load(Relaxed) {
                    call(client, number);
                    number += 1;
                }
                calls.fetch_add(number, Relaxed);
            });
        }
        thread::sleep(time);
        end.store(true, Relaxed);
    });
    let (calls, cpu) = (calls.load(Relaxed) as f64, cpu().saturating_sub(before));
    println!("  {:.2} microseconds of a processor for each call", cpu.as_secs_f64() * 1e6 / calls);
    calls / start.elapsed().as_secs_f64()
}

fn stores(cache: &Published) -> f64 {
    let value = "v".repeat(100);
    per_second(Duration::from_secs(3), |client, number| {
        cache.call::<bool>("store", (format!("k{client}:{}", number % 1000), &value)).unwrap();
    })
}

fn fetches(cache: &Published) -> f64 {
    cache.call::<bool>("store", ("k", "bar baz")).unwrap();
    let start = Instant::now();
    for _ in 0..1_000_000 {
        cache.call::<Value>("fetch", ("k",)).unwrap();
    }
    start.elapsed().as_secs_f64() * 1e3
}

/// Hand a cache over to the next instance, as in an upgrade but for the way that the bytes take meanwhile.
fn upgrade(keys: usize, size: usize) {
    let host = FakeHost::new();
    host.set_listeners(false);
    let cache = host.make(make_cache_rpcinterface, []).unwrap();
    let value = "x".repeat(size);
    for number in 0..keys {
        cache.call::<bool>("store", (format!("key:{number:06}"), &value)).unwrap();
    }
    let (start, before) = (Instant::now(), cpu());
    let handed_over = cache.hand_over().wait().unwrap();
    let written = start.elapsed();
    let bytes = match handed_over.get("entries") {
        Some(Value::Base64(bytes)) => bytes.len(),
        other => panic!("{other:?}"),
    };
    host.set_handed_over(handed_over);
    let next = host.make(make_cache_rpcinterface, []).unwrap();
    let (took, cpu) = (start.elapsed(), cpu().saturating_sub(before));
    assert_eq!(next.call("getCount", ()), Ok(keys));
    let mib = bytes >> 20;
    let what = format!("{keys} keys of {size} bytes, {mib} MiB");
    println!("upgrade with {what}: {took:?}, of which {written:?} to hand over; {cpu:?} of a processor");
}

fn bare(directory: &Path) -> f64 {
    let mut file = OpenOptions::new().create(true).append(true).open(directory.join("bare")).unwrap();
    let (start, mut number) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_secs(3) {
        file.write_all(&[b'v'; 140]).unwrap();
        file.sync_data().unwrap();
        number += 1;
    }
    f64::from(number) / start.elapsed().as_secs_f64()
}

/// The slowest fetch while all keys are listed again and again.
fn slowest_fetch(cache: &Published, keys: usize) -> Duration {
    for number in 0..keys {
        cache.call::<bool>("store", (format!("key {number:07}"), "v")).unwrap();
    }
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..3 {
                let start = Instant::now();
                let listed: Vec<String> = cache.call("getKeys", ()).unwrap();
                println!("  getKeys of {} took {:?}", listed.len(), start.elapsed());
            }
            done.store(true, Relaxed);
        });
        let mut slowest = Duration::ZERO;
        for number in (0_usize..).take_while(|_| !done.load(Relaxed)) {
            let start = Instant::now();
            cache.call::<Value>("fetch", (format!("key {:07}", number * 7919 % keys),)).unwrap();
            // Others write, too.
            cache.call::<bool>("store", (format!("key {:07}", number * 7919 % keys), "w")).unwrap();
            slowest = slowest.max(start.elapsed());
        }
        slowest
    })
}

/// What a fetch, a store and a key cost, by the number of keys.
fn growth(name: &str, open: impl Fn(usize) -> Published) {
    println!("{name}: keys, ns a fetch, ns a store, bytes a key");
    // Those that are done with stay, since the next ones would take memory that they give back.
    let mut kept = Vec::new();
    for keys in [1_000, 10_000, 100_000, 1_000_000] {
        let before = resident();
        let cache = open(keys);
        let each = |call: &dyn Fn(String)| {
            let start = Instant::now();
            (0..MANY).for_each(|number| call(format!("key {:07}", number * 7919 % keys)));
            start.elapsed().as_secs_f64() * 1e9 / MANY as f64
        };
        for number in 0..keys {
            cache.call::<bool>("store", (format!("key {number:07}"), "value")).unwrap();
        }
        let memory = resident().saturating_sub(before) as f64 / keys as f64;
        let fetch = each(&|key| drop(cache.call::<Value>("fetch", (key,)).unwrap()));
        let store = each(&|key| assert!(cache.call::<bool>("store", (key, "other")).unwrap()));
        println!("  {keys:>9} {fetch:>6.0} {store:>6.0} {memory:>6.0}");
        kept.push(cache);
    }
}

/// Bytes of memory that this process has.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

/// Time that all threads have had on a processor: what does not depend on what else the machine does.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().unwrap()).sum();
    Duration::from_millis(ticks * 10)
}

fn main() {
    let directory = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let directory = tempfile::tempdir_in(directory.as_deref().unwrap_or(".")).unwrap();
    let path = |name: &str| directory.path().join(name);

    upgrade(100_000, 1000);
    upgrade(1_000_000, 10);
    growth("memory", |_| cache(&[]));
    growth("file, everysec", |keys| in_file(&path(&format!("growth-{keys}")), "everysec"));

    let memory = fetches(&cache(&[]));
    let file = fetches(&in_file(&path("fetch"), "always"));
    println!("fetch: memory {memory:.0} ns, file {file:.0} ns; file/memory {:.2}", memory / file);

    let bare_loop = bare(directory.path());
    let always = stores(&in_file(&path("always"), "always"));
    println!("store at {CLIENTS}, always: {always:.0}/s; bare loop {bare_loop:.0}/s; {:.1} times", always / bare_loop);
    let memory = stores(&cache(&[]));
    let everysec = stores(&in_file(&path("everysec"), "everysec"));
    println!("store at {CLIENTS}, everysec: {everysec:.0}/s; memory {memory:.0}/s; {:.2}", everysec / memory);

    let filled = in_file(&path("start"), "everysec");
    let value = "x".repeat(1000);
    for number in 0..100_000 {
        filled.call::<bool>("store", (format!("key:{:06}", number * 7919 % 100_000), &value)).unwrap();
    }
    drop(filled);
    let (start, before) = (Instant::now(), cpu());
    let opened = in_file(&path("start"), "always");
    let (took, size) = (start.elapsed(), std::fs::metadata(path("start")).unwrap().len() >> 20);
    let (keys, cpu) = (opened.call::<usize>("getCount", ()).unwrap(), cpu().saturating_sub(before));
    println!("start with {keys} keys of 1 kB: {took:?}, {cpu:?} of a processor, {size} MiB on disk");

    println!("slowest fetch and store: {:?}", slowest_fetch(&cache(&[]), 1_000_000));
}
