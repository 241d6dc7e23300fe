//! How long the XML-RPC codec takes by itself, and that of what plugins hand over:
//! `cargo bench -p supervisor-host --bench codec`.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use plugin_api::Value;
use supervisor_host::{
    rpc::HandedOver,
    xmlrpc::{ANSWER_LIMIT, decode_call, decode_response, encode_call, encode_response},
};

/// What a client sends to fetch one value.
fn fetch() -> (&'static str, Vec<Value>) {
    ("cache.fetch", vec!["deploy.marker".into()])
}

/// A thousand fetches in one call.
fn multicall() -> (&'static str, Vec<Value>) {
    let call = |number: usize| {
        let params = Value::array([format!("deploy.marker.{number}").into()]);
        Value::structure([("methodName", "cache.fetch".into()), ("params", params)])
    };
    ("system.multicall", vec![Value::array((0..1000).map(call))])
}

/// A value of one MiB, of which every 80th byte is a line feed.
fn large() -> String {
    let line = "x".repeat(79) + "\n";
    line.repeat((1 << 20) / 80)
}

/// One MiB in which every tenth character must be escaped.
fn markup() -> String {
    "<b>1 & 2</b> and so on and on ".repeat((1 << 20) / 30)
}

/// What `supervisor.getAllProcessInfo` gives for 100 processes.
fn process_infos() -> Value {
    Value::array((0..100).map(|number: i32| {
        Value::structure([
            ("name", format!("worker_{number:02}").into()),
            ("group", "worker".into()),
            ("start", Value::Int(1_795_249_298)),
            ("stop", Value::Int(0)),
            ("now", Value::Int(1_795_249_307)),
            ("state", Value::Int(20)),
            ("statename", "RUNNING".into()),
            ("spawnerr", "".into()),
            ("exitstatus", Value::Int(0)),
            ("logfile", format!("/var/log/supervisor/worker_{number:02}.log").into()),
            ("stdout_logfile", format!("/var/log/supervisor/worker_{number:02}.log").into()),
            ("stderr_logfile", "".into()),
            ("pid", Value::Int(4711 + number)),
            ("description", format!("pid {}, uptime 0:00:09", 4711 + number).into()),
        ])
    }))
}

fn calls(c: &mut Criterion) {
    let large_call = || ("cache.store", vec!["key".into(), large().into()]);
    let markup_call = || ("cache.store", vec!["key".into(), markup().into()]);
    let cases: [(&str, (&str, Vec<Value>)); 4] = [
        ("fetch", fetch()),
        ("multicall of 1,000", multicall()),
        ("store of 1 MiB", large_call()),
        ("store of 1 MiB of markup", markup_call()),
    ];
    for (name, (method, params)) in cases {
        let mut text = Vec::new();
        encode_call(method, &params, &mut text).expect("it is not deep");
        let mut group = c.benchmark_group(format!("call: {name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("decode", |b| b.iter(|| decode_call(black_box(&text)).unwrap()));
        group.bench_function("encode", |b| {
            b.iter(|| {
                let mut out = Vec::new();
                encode_call(black_box(method), &params, &mut out).expect("it is not deep");
                out
            });
        });
    }
}

fn responses(c: &mut Criterion) {
    let results = Value::array((0..1000).map(|number| Value::shared(format!("value {number}"))));
    let cases = [
        ("fetch", Value::shared("2026-11-21 deployed")),
        ("multicall of 1,000", results),
        ("fetch of 1 MiB", Value::shared(large())),
        ("fetch of 1 MiB of markup", Value::shared(markup())),
        ("getAllProcessInfo of 100", process_infos()),
    ];
    for (name, value) in cases {
        let mut text = Vec::new();
        encode_response(&value, ANSWER_LIMIT, &mut text);
        let mut group = c.benchmark_group(format!("response: {name}"));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function("encode", |b| {
            b.iter(|| {
                let mut out = Vec::new();
                encode_response(black_box(&value), ANSWER_LIMIT, &mut out);
                out
            });
        });
        group.bench_function("decode", |b| b.iter(|| decode_response(black_box(&text)).unwrap()));
    }
}

/// Content of a large cache, as it is handed over in an upgrade.
fn handover(c: &mut Criterion) {
    const BYTES: u32 = 100 << 20;
    let mut written = b"\x81\xaerpcinterface:x\x81\xa6base64\xc6".to_vec();
    written.extend_from_slice(&BYTES.to_be_bytes());
    written.resize(written.len() + BYTES as usize, b'x');
    let value: HandedOver = rmp_serde::from_slice(&written).expect("it is well-formed");
    let mut group = c.benchmark_group("handover of 100 MiB");
    group.sample_size(10).throughput(Throughput::Bytes(written.len() as u64));
    group.bench_function("encode", |b| b.iter(|| rmp_serde::to_vec_named(black_box(&value)).expect("it is not deep")));
    group.bench_function("decode", |b| b.iter(|| rmp_serde::from_slice::<HandedOver>(black_box(&written)).unwrap()));
    group.bench_function("memcpy", |b| b.iter(|| black_box(&written).clone()));
}

/// The yardstick for the large ones.
fn copy(c: &mut Criterion) {
    let text = large();
    let mut group = c.benchmark_group("copy of 1 MiB");
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("memcpy", |b| b.iter(|| black_box(&text).clone()));
}

criterion_group! {
    name = codec;
    config = Criterion::default().sample_size(30).measurement_time(std::time::Duration::from_secs(1)).warm_up_time(std::time::Duration::from_millis(300));
    targets = calls, responses, handover, copy
}
criterion_main!(codec);
