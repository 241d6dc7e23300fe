//! TLS, a cluster of three nodes, and a primary that sentinels look after.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use plugin_api::{Fault, Value};

use super::super::{
    engines::{self, Engine},
    peers::Peers,
    shared_engines::settings,
    subject::{Subject, subject_with},
};
use crate::store::{Limits, Settings};

/// A process that takes connections with TLS and hands them on to a port of this machine.
const TLS: &str = r"
import asyncio, ssl, sys
async def copy(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    writer.close()
async def serve(reader, writer):
    back_reader, back_writer = await asyncio.open_connection('127.0.0.1', int(sys.argv[1]))
    await asyncio.gather(copy(reader, back_writer), copy(back_reader, writer))
async def main():
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server = await asyncio.start_server(serve, '127.0.0.1', 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    import os; os._exit(0)
asyncio.run(main())
";

struct Terminator {
    process: Child,
    port: u16,
}

impl Terminator {
    fn start(engine: &Engine, certificate: &Path, key: &Path) -> Self {
        let mut process = Command::new(Peers::get().program("python"))
            .args(["-c", TLS, &engine.port.to_string()])
            .args([certificate, key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Self { process, port: port.trim().parse().expect("it has a port") }
    }
}

impl Drop for Terminator {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn certificates_are_checked() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, pem: &str| {
        let path = directory.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path
    };
    let authority = || {
        let mut parameters = rcgen::CertificateParams::new([]).unwrap();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        rcgen::CertifiedIssuer::self_signed(parameters, rcgen::KeyPair::generate().unwrap()).unwrap()
    };
    let (ours, other) = (authority(), authority());
    let key = rcgen::KeyPair::generate().unwrap();
    let names = ["localhost".to_owned()];
    let certificate = rcgen::CertificateParams::new(names).unwrap().signed_by(&key, &ours).unwrap();
    let (certificate, key) = (write("certificate", &certificate.pem()), write("key", &key.serialize_pem()));

    let engine = Engine::valkey(&[]);
    let terminator = Terminator::start(&engine, &certificate, &key);
    let call = |host: &str, ca: Option<&str>| {
        let settings = settings(&format!("valkeys://{host}:{}", terminator.port), "tls:");
        let ca = ca.map(|pem| pem.as_bytes().to_vec());
        let subject = subject_with(Settings { ca, ..settings }, Limits::default());
        subject.call("store", ("k", "v")).and_then(|_| subject.call("fetch", ("k",)))
    };
    assert_eq!(call("localhost", Some(&ours.pem())), Ok("v".into()));
    assert_eq!(engine.ask(&["GET", "tls:k"]), "v");
    for (host, ca) in [("localhost", Some(other.pem())), ("localhost", None), ("127.0.0.1", Some(ours.pem()))] {
        let fault = call(host, ca.as_deref()).unwrap_err();
        assert!(fault.code == 241 && fault.text.contains("certificate"), "{fault}");
    }
}

/// Three primaries with a replica each.
struct Cluster {
    nodes: Vec<Engine>,
}

impl Cluster {
    fn start(program: &Path) -> Self {
        let nodes: Vec<_> = (0..6)
            .map(|_| {
                Engine::start_with(program, |_| {
                    let bus = engines::free_port().to_string();
                    let options =
                        ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000", "--cluster-port", &bus];
                    let timeouts = ["--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"];
                    options.into_iter().chain(timeouts).map(str::to_owned).collect()
                })
            })
            .collect();
        for (number, node) in nodes.iter().enumerate() {
            node.ask(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
            let port = nodes[0].port.to_string();
            let bus = nodes[0].ask(&["CONFIG", "GET", "cluster-port"]);
            let bus = bus.lines().last().unwrap_or_default();
            if number > 0 {
                assert_eq!(node.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, bus]), "OK");
            }
        }
        for (node, (first, last)) in nodes.iter().zip([(0, 5460), (5461, 10922), (10923, 16383)]) {
            let (first, last) = (f64::from(first).to_string(), f64::from(last).to_string());
            assert_eq!(node.ask(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]), "OK");
        }
        let ids: Vec<_> = nodes.iter().map(|node| node.ask(&["CLUSTER", "MYID"])).collect();
        for node in &nodes {
            node.ask_until(&["CLUSTER", "NODES"], |known| ids.iter().all(|id| known.contains(id)));
        }
        for (replica, id) in nodes[3..].iter().zip(&ids) {
            replica.ask_until(&["CLUSTER", "REPLICATE", id], |answer| answer == "OK");
        }
        for node in &nodes {
            node.ask_until(&["CLUSTER", "INFO"], |info| info.contains("cluster_state:ok"));
            node.ask_until(&["CLUSTER", "SLOTS"], |slots| slots.lines().count() >= 3 * 8);
        }
        for replica in &nodes[3..] {
            replica.ask_until(&["INFO", "replication"], |info| info.contains("master_link_status:up"));
        }
        Self { nodes }
    }

    fn subject(&self, prefix: &str) -> Subject {
        let places: Vec<_> = self.nodes.iter().map(Engine::place).collect();
        let url = format!("redis-cluster://{}", places.join(","));
        let timeout = Duration::from_secs(5);
        subject_with(Settings { timeout, ..settings(&url, prefix) }, Limits::default())
    }
}

#[test]
fn a_cluster_is_one_cache_and_goes_on_without_a_node() {
    for (name, program) in engines::programs() {
        let cluster = Cluster::start(&program);
        let (one, other) = (cluster.subject("cache:"), cluster.subject("cache:"));
        let keys: Vec<_> = (0..60).map(|number| format!("k{number:02}")).collect();
        for key in &keys {
            one.call("store", (key.as_str(), key.as_str())).unwrap();
        }
        for node in &cluster.nodes[..3] {
            assert_ne!(node.ask(&["DBSIZE"]), "0", "{name}: every node has a part");
        }
        let all = || Value::array(keys.iter().map(|key| key.as_str().into()));
        assert_eq!(other.call("getKeys", ()), Ok(all()));
        assert_eq!(other.call("getCount", ()), Ok(60.into()));
        let found = other.call("fetchMany", (all(),)).unwrap();
        assert!(keys.iter().all(|key| found.get(key) == Some(&key.as_str().into())), "{found:?}");
        assert_eq!(other.call("increment", ("n", 5)), Ok(5.into()));
        assert_eq!(one.call("replaceIf", ("k00", "k00", "new")), Ok(true.into()));
        assert_eq!(one.call("add", ("k00", "x")), Ok(false.into()));
        let info = one.call("getInfo", ()).unwrap();
        assert_eq!((info.get("store"), info.get("keys")), (Some(&"redis-cluster".into()), Some(&61.into())));

        // Several slots are not written in one step, and not in several either.
        let entries = || Value::structure([("x", 1.into()), ("y", 2.into()), ("z", 3.into())]);
        let fault = one.call("storeMany", (entries(),)).unwrap_err();
        assert!(fault.code == 241 && fault.text.contains("'{cache}:'"), "{fault}");
        assert_eq!(one.call("fetch", ("x",)), Err(Fault::bad_name()));
        let tagged = cluster.subject("{cache}:");
        assert_eq!(tagged.call("storeMany", (entries(),)), Ok(true.into()));
        assert_eq!(tagged.call("getCount", ()), Ok(3.into()));
        drop(tagged);

        // What one does the other hears of.
        let mut waits = other.cache.as_ref().unwrap().begin::<Value>("wait", ("k00", "new", 3600));
        assert!(!waits.is_ready());
        one.call("delete", ("k00",)).unwrap();
        assert_eq!(waits.wait().unwrap().get("changed"), Some(&true.into()));
        other.host.wait_until(|host| host.events().iter().any(|event| event == "CACHE_DELETE key:k00"));

        // A primary is gone: its replica takes its part, and each call comes back.
        cluster.nodes[0].signal("KILL");
        for key in &keys[1..] {
            one.host.wait_until(|_| match one.call("fetch", (key.as_str(),)) {
                Ok(value) => value == *key.as_str(),
                Err(fault) => {
                    assert_eq!(fault.code, 241, "{fault}");
                    false
                }
            });
            one.host.wait_until(|_| one.call("store", (key.as_str(), "again")).is_ok());
        }
        one.host.wait_until(|_| one.call("getCount", ()) == Ok(60.into()));
        one.wait_for_log("connected again");
        assert_eq!(one.told().len(), 2, "{:?}", one.told());
        assert_eq!(one.call("clear", ()), Ok(true.into()));
        assert_eq!(one.call("getCount", ()), Ok(0.into()));
    }
}

#[test]
fn a_slot_that_moves_is_followed() {
    let (_, program) = &engines::programs()[0];
    let cluster = Cluster::start(program);
    let subject = cluster.subject("{moves}:");
    subject.call("store", ("k", 1)).unwrap();
    let slot = cluster.nodes[0].ask(&["CLUSTER", "KEYSLOT", "{moves}:k"]);
    let is_there = |node: &&Engine| node.ask(&["DBSIZE"]) == "1";
    let from = cluster.nodes[..3].iter().find(is_there).expect("one has it");
    let to = cluster.nodes[..3].iter().find(|node| !is_there(node)).expect("another has not");
    let (from_id, to_id) = (from.ask(&["CLUSTER", "MYID"]), to.ask(&["CLUSTER", "MYID"]));
    to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id]);
    from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id]);
    // A key that is not there is asked for at the other node.
    assert_eq!(subject.call("increment", ("new",)), Ok(1.into()));
    assert_eq!(from.ask(&["MIGRATE", "127.0.0.1", &to.port.to_string(), "{moves}:k", "0", "5000"]), "OK");
    assert_eq!(subject.call("increment", ("k",)), Ok(2.into()));
    for node in [to, from] {
        node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id]);
    }
    assert_eq!(subject.call("increment", ("k",)), Ok(3.into()));
    assert_eq!(subject.call("increment", ("new",)), Ok(2.into()));
    assert_eq!(subject.told(), Vec::<String>::new());
}

#[test]
fn the_primary_that_sentinels_name_is_used() {
    for (name, program) in engines::programs() {
        let primary = Engine::start(&program, &["--repl-diskless-sync-delay", "0"]);
        let port = primary.port.to_string();
        let replica = Engine::start(&program, &["--replicaof", "127.0.0.1", &port, "--repl-diskless-sync-delay", "0"]);
        replica.ask_until(&["INFO", "replication"], |info| info.contains("master_link_status:up"));
        let sentinel = Engine::start_with(&program, |directory| {
            let file = directory.join("sentinel.conf");
            let text = format!(
                "sentinel monitor main 127.0.0.1 {port} 1\nsentinel down-after-milliseconds main 1000\n\
                 sentinel failover-timeout main 5000\n"
            );
            std::fs::write(&file, text).unwrap();
            vec![file.display().to_string(), "--sentinel".to_owned()]
        });
        sentinel.ask_until(&["SENTINEL", "replicas", "main"], |known| known.contains(&replica.port.to_string()));

        // One of the sentinels is not there.
        let url = format!("redis-sentinel://127.0.0.1:{},{}/main", engines::free_port(), sentinel.place());
        let timeout = Duration::from_secs(5);
        let subject = subject_with(Settings { timeout, ..settings(&url, "cache:") }, Limits::default());
        subject.call("store", ("k", "v")).unwrap();
        assert_eq!(primary.ask(&["GET", "cache:k"]), "v", "{name}");
        replica.ask_until(&["GET", "cache:k"], |value| value == "v");

        let mut waits = subject.cache.as_ref().unwrap().begin::<Value>("wait", ("k", "v", 3600));
        assert!(!waits.is_ready());
        primary.signal("KILL");
        subject.host.wait_until(|_| match subject.call("store", ("k", "w")) {
            Ok(_) => true,
            Err(fault) => {
                assert_eq!(fault.code, 241, "{fault}");
                false
            }
        });
        assert_eq!(replica.ask(&["GET", "cache:k"]), "w", "{name}: the replica is the primary now");
        let told = waits.wait();
        assert!(told.as_ref().map_or_else(|fault| fault.code == 241, |told| told.get("value") == Some(&"w".into())));
        assert_eq!(subject.told().len(), 2, "{name}: {:?}", subject.told());
    }
}
