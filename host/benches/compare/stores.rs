//! The stores of the cache: what a file costs beside memory, how soon it is read, and what a million keys hold up.

use std::{
    fmt::Write as _,
    fs::{self, OpenOptions},
    io::Write as _,
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use super::{
    CONNECTIONS, ROUNDS, address,
    common::{Config, Kind, Supervisord, http},
    load::{self, Connection},
    processes,
    table::{Limit, Row, median},
};

/// Time for which each contestant is measured in a round.
const TIME: Duration = Duration::from_millis(200);

/// Keys that a file is read with.
const IN_FILE: usize = 100_000;

/// Keys that are listed.
const MANY: usize = 1_000_000;

/// Entries that are stored with one request.
const AT_ONCE: usize = 20_000;

/// All rows of this file.
pub fn rows() -> Vec<Row> {
    let mut rows = rates();
    rows.push(start());
    rows.extend(slowest_fetches());
    rows
}

/// A folder for files of the cache. It lies where this was built, since many a temporary folder lies on no disk.
pub fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder beside what was built")
}

/// The config of a cache that is kept in a file.
pub fn in_file(file: &Path, sync: &str) -> Config {
    Config::new().section("rpcinterface:cache", &format!("store=file\nfile={}\nsync={sync}", file.display()))
}

/// Requests in a second, of fetches and of stores.
fn rates() -> Vec<Row> {
    eprintln!("cache.fetch and cache.store, in memory and in a file …");
    let folder = folder();
    let memory = Supervisord::start(&Config::new());
    let everysec = Supervisord::start(&in_file(&folder.path().join("everysec"), "everysec"));
    let always = Supervisord::start(&in_file(&folder.path().join("always"), "always"));
    let value = "v".repeat(100);
    for supervisord in [&memory, &everysec, &always] {
        supervisord.call("cache.store", &["foo", "bar baz"]);
    }
    let fetch = |_| load::request(&http::call("cache.fetch", &["foo"]));
    let store = |client| load::request(&http::call("cache.store", &[&format!("key:{client}"), &value]));
    let mut rates = [const { Vec::new() }; 6];
    for _ in 0..3 * ROUNDS {
        let rate = |supervisord, request: &dyn Fn(usize) -> Vec<u8>| {
            load::rate(address(supervisord), CONNECTIONS, request, TIME).per_second
        };
        let round = [
            rate(&memory, &fetch),
            rate(&everysec, &fetch),
            rate(&memory, &store),
            rate(&everysec, &store),
            rate(&always, &store),
            bare_loop(&folder.path().join("bare")),
        ];
        rates.iter_mut().zip(round).for_each(|(rates, rate)| rates.push(rate));
    }
    let [fetched, fetched_beside_file, stored, everysec, always, bare] = rates;
    vec![
        Row::new("cache.fetch, 32 connections, requests/s")
            .other("file", median(&fetched_beside_file))
            .other("memory", median(&fetched))
            .ratio("of memory", &fetched_beside_file, &fetched, Limit::AtLeast(0.95)),
        Row::new("cache.store, 32 connections, sync=everysec, requests/s")
            .other("file", median(&everysec))
            .other("memory", median(&stored))
            .ratio("of memory", &everysec, &stored, Limit::AtLeast(0.7)),
        Row::new("cache.store, 32 connections, sync=always, requests/s")
            .other("file", median(&always))
            .other("a bare loop of append and fdatasync", median(&bare))
            .ratio("times that", &always, &bare, Limit::AtLeast(8.0)),
    ]
}

/// Times in a second that a program can append a line and see to it that it is on the disk.
fn bare_loop(path: &Path) -> f64 {
    let mut file = OpenOptions::new().create(true).append(true).open(path).expect("a file beside the cache's");
    let (start, mut number) = (Instant::now(), 0);
    while start.elapsed() < TIME {
        file.write_all(&[b'v'; 140]).and_then(|()| file.sync_data()).expect("a disk that has room");
        number += 1;
    }
    f64::from(number) / start.elapsed().as_secs_f64()
}

/// Milliseconds from exec to an answer, with a cache that is read from a file.
fn start() -> Row {
    eprintln!("start with {IN_FILE} keys in a file …");
    let folder = folder();
    let path = folder.path().join("cache");
    let config = in_file(&path, "everysec");
    fill(&Supervisord::start(&config), IN_FILE, &"x".repeat(1000));
    let time = median(&(0..ROUNDS).map(|_| processes::start_once(Kind::Ours, &config)).collect::<Vec<_>>());
    let size = fs::metadata(&path).map_or(0, |file| file.len() >> 20);
    Row::new("exec to an answer, 100,000 keys of 1 kB in a file, ms")
        .other("MiB on disk", f64::from(u32::try_from(size).unwrap_or(u32::MAX)))
        .own("ms", time, Limit::Below(500.0))
}

/// Store so many entries.
pub fn fill(supervisord: &Supervisord, keys: usize, value: &str) {
    let mut connection = Connection::open(address(supervisord));
    for first in (0..keys).step_by(AT_ONCE) {
        let answer = connection.call(&load::request(&store_many(first..(first + AT_ONCE).min(keys), value)));
        assert!(answer.contains("<boolean>1</boolean>"), "{answer}");
    }
}

/// A call that stores these.
fn store_many(numbers: std::ops::Range<usize>, value: &str) -> String {
    let mut members = String::new();
    for number in numbers {
        let _ = write!(members, "<member><name>{}</name><value><string>{value}</string></value></member>", key(number));
    }
    format!(
        "<?xml version='1.0'?><methodCall><methodName>cache.storeMany</methodName><params><param><value><struct>\
         {members}</struct></value></param></params></methodCall>"
    )
}

fn key(number: usize) -> String {
    format!("key {number:07}")
}

/// The slowest fetch, while another client does what takes long with a million keys.
fn slowest_fetches() -> Vec<Row> {
    eprintln!("cache.fetch beside calls that touch {MANY} keys …");
    let folder = folder();
    let file = in_file(&folder.path().join("cache"), "everysec");
    let names = ["the slowest cache.fetch, memory, ms", "the slowest cache.fetch, file, ms"];
    names.into_iter().zip([Config::new(), file]).map(|(name, config)| slowest_fetches_of(name, &config)).collect()
}

fn slowest_fetches_of(name: &'static str, config: &Config) -> Row {
    let supervisord = Supervisord::start(config);
    let call = |method| load::request(&http::call(method, &[]));
    let nothing = || thread::sleep(Duration::from_millis(300));
    let store_many = || fill(&supervisord, MANY, "value");
    let get_keys = || {
        let mut connection = Connection::open(address(&supervisord));
        let listed = connection.call(&call("cache.getKeys")).matches("<string>").count();
        assert_eq!(listed, MANY);
    };
    let clear = || {
        let mut connection = Connection::open(address(&supervisord));
        assert!(connection.call(&call("cache.clear")).contains("<boolean>1</boolean>"));
    };
    let calls: [(_, &(dyn Fn() + Sync)); 4] = [
        ("beside nothing", &nothing),
        ("beside storeMany", &store_many),
        ("beside getKeys", &get_keys),
        ("beside clear", &clear),
    ];
    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        for ((_, call), times) in calls.iter().zip(&mut times) {
            times.push(slowest_fetch(&supervisord, *call));
        }
    }
    let row = Row::new(name).other(calls[0].0, median(&times[0]));
    let others = calls.iter().zip(&times).skip(1);
    others.fold(row, |row, ((call, _), times)| row.own(call, median(times), Limit::Below(20.0)))
}

/// Milliseconds of the slowest fetch from the beginning of a call to a moment after its end.
fn slowest_fetch(supervisord: &Supervisord, call: &(dyn Fn() + Sync)) -> f64 {
    let fetch = load::request(&http::call("cache.fetch", &[&key(MANY / 2)]));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            call();
            // What the call leaves behind is freed after its answer.
            thread::sleep(Duration::from_millis(50));
            done.store(true, Relaxed);
        });
        let (mut connection, mut slowest) = (Connection::open(address(supervisord)), 0.0_f64);
        while !done.load(Relaxed) {
            let start = Instant::now();
            connection.call(&fetch);
            slowest = slowest.max(start.elapsed().as_secs_f64() * 1000.0);
        }
        slowest
    })
}
