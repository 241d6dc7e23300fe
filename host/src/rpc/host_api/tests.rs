//! Plugins that call each other and the host in every way there is.

use std::{
    future::Future as _,
    sync::OnceLock,
    task::{Context, Wake, Waker},
};

use plugin_api::{Host, IntoParams, MaybeReady, SupervisorState, namespace};
use tokio::time::timeout;

use super::*;
use crate::{
    rpc::{Origin, Registry, fixtures::TestRuntime, handover::HandedOver},
    supervisor::fixtures::{AtWork, Mount},
};

/// A plugin that passes calls on in every way there is.
struct Relay(Host);

#[rpc_interface]
impl Relay {
    pub fn block(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
        self.0.call(&method, params.into_vec())
    }

    pub async fn wait(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
        self.0.call_async(&method, params.into_vec()).await
    }

    /// Block in a future, as an author had better not do.
    pub async fn block_in_async(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
        self.0.call(&method, params.into_vec())
    }

    #[rpc(nonblocking)]
    pub fn state(&self) -> Result<i32, Fault> {
        self.0.state().map(|state| state as i32)
    }

    /// Block on the server's thread, as an author had better not do either.
    #[rpc(nonblocking)]
    pub fn block_here(&self, method: String, params: RVec<Value>) -> Result<Value, Fault> {
        self.0.call(&method, params.into_vec())
    }

    #[rpc(nonblocking)]
    pub fn doze_at_once(&self) -> Result<(), Fault> {
        plugin_api::block_on(self.0.sleep(Duration::from_millis(5)))
    }

    /// Wait for the host in the future of a method that promised not to.
    #[rpc(nonblocking)]
    pub fn doze_later(&self) -> MaybeReady<()> {
        let host = self.0.clone();
        MaybeReady::later(async move { host.sleep(Duration::from_millis(5)).await })
    }

    pub async fn doze(&self) -> Result<&'static str, Fault> {
        self.0.sleep(Duration::from_millis(5)).await.map(|()| "slept")
    }

    /// Names of the threads by which it is woken while it waits for the host.
    pub async fn woken_by(&self) -> Result<Vec<String>, Fault> {
        #[derive(Default)]
        struct Witness(parking_lot::Mutex<Vec<String>>, OnceLock<Waker>);
        impl Wake for Witness {
            fn wake(self: Arc<Self>) {
                self.0.lock().push(std::thread::current().name().unwrap_or_default().to_owned());
                self.1.get().unwrap().wake_by_ref();
            }
        }
        let witness = Arc::new(Witness::default());
        let mut news = std::pin::pin!(self.0.call_async::<String>("outside.news", Vec::new()));
        std::future::poll_fn(|cx| {
            witness.1.get_or_init(|| cx.waker().clone());
            news.as_mut().poll(&mut Context::from_waker(&witness.clone().into()))
        })
        .await?;
        let names = witness.0.lock().clone();
        Ok(names)
    }

    pub fn doze_here(&self) -> Result<&'static str, Fault> {
        plugin_api::block_on(self.0.sleep(Duration::from_millis(5))).map(|()| "slept")
    }
}

/// A namespace of the host, whose news come from another of its threads.
struct Outside;

#[rpc_interface]
impl Outside {
    pub async fn news(&self) -> &'static str {
        let (tell, told) = tokio::sync::oneshot::channel();
        std::thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || {
                std::thread::sleep(Duration::from_millis(20));
                tell.send("news")
            })
            .unwrap();
        told.await.unwrap()
    }
}

fn supervisor() -> AtWork {
    AtWork::mounted([], &Mount::default(), Duration::from_secs(20))
}

fn host(name: &str, supervisor: &Supervisor, registry_ref: &RegistryRef) -> Host {
    let logger = Logger::new(Level::Critical, |_| {});
    Host::new(HostApi::object(name, Vec::new(), supervisor, &logger, registry_ref, Offer::default()))
}

/// A registry with two plugins, and the supervisor that they know, which ends when it is dropped.
fn registry(runtime: &TestRuntime) -> (Arc<Registry>, AtWork) {
    let (registry_ref, supervisor) = (RegistryRef::default(), supervisor());
    let plugin = |name: &str| {
        let relay = Relay(host(name, &supervisor, &registry_ref));
        (name.to_owned(), namespace(Arc::new(relay)), Origin::Plugin)
    };
    let mut namespaces = vec![plugin("a"), plugin("b")];
    namespaces.push(("outside".to_owned(), namespace(Arc::new(Outside)), Origin::Host));
    namespaces.push(("hidden".to_owned(), namespace(Arc::new(Outside)), Origin::Private));
    let registry = Registry::with_system(&registry_ref, namespaces, Logger::new(Level::Critical, |_| {}));
    registry.run_on(runtime.handle());
    (registry, supervisor)
}

/// Call the first of these methods with the call of the second as its parameters, and so on.
async fn chain(registry: &Registry, methods: &[&str]) -> Result<Value, Fault> {
    let (last, relays) = methods.split_last().unwrap();
    let mut call = (Value::from(*last), Value::array([]));
    for relay in relays.iter().rev() {
        call = (Value::from(*relay), Value::array([call.0, call.1]));
    }
    let Value::Array(params) = call.1 else { unreachable!() };
    let answer = registry.call(call.0.as_str().unwrap(), params);
    timeout(Duration::from_secs(5), answer).await.expect("no deadlock")
}

#[test]
fn plugins_may_call_back_in_every_way() {
    let runtime = TestRuntime::new();
    let (registry, _supervisor) = registry(&runtime);
    runtime.block_on(async {
        let relays = ["a.block", "a.wait", "b.block", "b.wait"];
        for first in relays {
            for second in relays {
                for third in relays {
                    let answer = chain(&registry, &[first, second, third, "a.state"]).await;
                    assert_eq!(answer, Ok(Value::Int(1)), "{first} {second} {third}");
                }
            }
        }
        // Blocking in a future holds up the plugin's other futures, but no more than those.
        for inner in relays {
            let answer = chain(&registry, &["a.blockInAsync", inner, "a.state"]).await;
            assert_eq!(answer, Ok(Value::Int(1)), "{inner}");
        }
    });
}

#[test]
fn what_is_not_published_is_for_plugins_alone() {
    let runtime = TestRuntime::new();
    let (registry, _supervisor) = registry(&runtime);
    assert_eq!(runtime.block_on(chain(&registry, &["hidden.news"])), Err(Fault::unknown_method()));
    for relay in ["a.block", "a.wait"] {
        assert_eq!(runtime.block_on(chain(&registry, &[relay, "hidden.news"])), Ok("news".into()));
        let through = runtime.block_on(chain(&registry, &[relay, "system.multicall"]));
        assert_eq!(through, Err(Fault::incorrect_parameters()));
        let call = Value::structure([("methodName", "hidden.news".into()), ("params", Value::array([]))]);
        let calls = [Value::from("system.multicall"), Value::array([Value::array([call.clone()])])];
        let through = runtime.block_on(registry.call(relay, calls.into_iter().collect()));
        assert_eq!(through, Ok(Value::array(["news".into()])), "{relay}");
        let of_a_client = runtime.block_on(registry.call("system.multicall", vec![Value::array([call])].into()));
        assert!(plugin_api::repr(&of_a_client.unwrap()).contains("UNKNOWN_METHOD"));
    }
    assert!(registry.info("hidden.news").is_none());
    assert!(registry.names().all(|name| name != "hidden.news"));
}

#[test]
fn who_has_the_servers_thread_cannot_wait_for_others() {
    let (told, answers) = std::sync::mpsc::channel();
    let server = std::thread::spawn(move || {
        let runtime = TestRuntime::new();
        let (registry, _supervisor) = registry(&runtime);
        runtime.block_on(async {
            for chained in [
                &["a.blockHere", "a.state"][..],
                &["a.blockHere", "b.blockHere", "system.listMethods"],
                &["a.blockHere", "a.block", "a.state"],
                &["a.blockHere", "b.blockHere", "b.wait", "a.state"],
                &["a.blockHere", "a.doze"],
                &["a.blockHere", "outside.news"],
                &["a.dozeAtOnce"],
                &["a.dozeLater"],
                &["a.wait", "a.dozeLater"],
                &["a.wait", "a.blockHere", "outside.news"],
            ] {
                let _ = told.send(chain(&registry, chained).await);
            }
        });
    });
    let next = || answers.recv_timeout(Duration::from_secs(20)).expect("the server's thread comes back");
    assert_eq!(next(), Ok(Value::Int(1)));
    assert!(matches!(next(), Ok(Value::Array(_))));
    for what in ["the answer of a.block", "the answer of b.wait", "the answer of a.doze", "the answer of outside.news"]
    {
        let expected = format!(
            "FAILED: a.blockHere is declared nonblocking and cannot wait for {what}, which takes its time; it must be \
             declared without nonblocking, or be an async fn that awaits it"
        );
        assert_eq!(next().unwrap_err().text, expected.as_str());
    }
    assert!(next().unwrap_err().text.starts_with("FAILED: a.dozeAtOnce is declared nonblocking and cannot wait"));
    assert!(next().unwrap_err().text.starts_with("FAILED: a.dozeLater is declared nonblocking and cannot wait"));
    assert_eq!(next(), Ok(Value::Nil), "the future of a plugin's call has the plugin's thread");
    assert_eq!(next(), Ok("news".into()), "on its own thread it may");
    server.join().unwrap();
}

#[test]
fn crowds_of_calls_that_call_back_do_not_wait_for_each_other() {
    let runtime = TestRuntime::new();
    let (registry, _supervisor) = registry(&runtime);
    runtime.block_on(async {
        let mut calls = tokio::task::JoinSet::new();
        for number in 0..200 {
            let registry = registry.clone();
            calls.spawn(async move {
                let chains: [&[&str]; 4] = [
                    &["a.block", "a.block", "a.state"],
                    &["a.block", "b.block", "a.block", "b.state"],
                    &["a.wait", "a.wait", "b.wait", "a.state"],
                    &["a.block", "b.wait", "b.doze"],
                ];
                chain(&registry, chains[number % 4]).await
            });
        }
        while let Some(answer) = calls.join_next().await {
            let answer = answer.unwrap();
            assert!(answer == Ok(Value::Int(1)) || answer == Ok("slept".into()), "{answer:?}");
        }
    });
}

#[test]
fn ten_thousand_may_wait() {
    struct Patient(Arc<tokio::sync::Semaphore>);
    #[rpc_interface]
    impl Patient {
        pub async fn wait(&self) -> bool {
            self.0.acquire().await.is_ok()
        }
    }
    let (runtime, gate) = (TestRuntime::new(), Arc::new(tokio::sync::Semaphore::new(0)));
    let patient = ("patient".to_owned(), namespace(Arc::new(Patient(gate.clone()))), Origin::Plugin);
    let registry = Registry::of(vec![patient]);
    registry.run_on(runtime.handle());
    runtime.block_on(async {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..10_000 {
            let registry = registry.clone();
            calls.spawn(async move { registry.call("patient.wait", RVec::new()).await });
        }
        let methods = timeout(Duration::from_secs(20), registry.call("system.listMethods", RVec::new()));
        assert!(methods.await.expect("nobody else waits").is_ok());
        gate.add_permits(10_000);
        while let Some(answer) = timeout(Duration::from_secs(20), calls.join_next()).await.expect("all are answered") {
            assert_eq!(answer.unwrap(), Ok(true.into()));
        }
    });
}

#[test]
fn only_the_server_wakes_a_plugin() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let server = std::thread::Builder::new().name("server".to_owned());
    let serving = server.spawn(move || {
        let runtime = TestRuntime::new();
        let (registry, _supervisor) = registry(&runtime);
        sender.send(runtime.block_on(chain(&registry, &["a.wokenBy"]))).unwrap();
    });
    let threads = receiver.recv().unwrap();
    assert_eq!(threads, Ok(Value::array([Value::from("server")])));
    serving.unwrap().join().unwrap();
}

#[test]
fn a_plugin_that_calls_itself_for_ever_is_stopped() {
    let runtime = TestRuntime::new();
    let (registry, _supervisor) = registry(&runtime);
    for relay in ["a.block", "a.wait"] {
        let mut methods = vec![relay; 40];
        methods.push("a.state");
        let fault = runtime.block_on(chain(&registry, &methods)).unwrap_err();
        assert_eq!(fault.text, "FAILED: calls are nested more than 16 deep", "{relay}");
    }
}

#[test]
fn a_plugin_may_sleep_and_may_not_call_before_all_is_made() {
    let runtime = TestRuntime::new();
    let (registry, supervisor) = registry(&runtime);
    for method in ["a.doze", "a.dozeHere"] {
        assert_eq!(runtime.block_on(chain(&registry, &[method])), Ok("slept".into()));
    }
    let host = host("alone", &supervisor, &RegistryRef::default());
    assert_eq!(host.state(), Ok(SupervisorState::Running));
    let fault = host.call::<Value>("a.state", ().into_params()).unwrap_err();
    assert!(fault.text.contains("still starting"), "{fault}");
    assert!(plugin_api::block_on(host.sleep(Duration::from_millis(1))).is_ok());
}

#[test]
fn a_plugin_takes_what_was_handed_over_to_it_once() {
    let (supervisor, mut all) = (supervisor(), HandedOver::default());
    all.insert("rpcinterface:a".to_owned(), "held".into()).unwrap();
    let (logger, registry_ref) = (Logger::new(Level::Critical, |_| {}), RegistryRef::default());
    let mut host = |name: &str| {
        let offer = all.offer(&format!("rpcinterface:{name}"));
        Host::new(HostApi::object(name, Vec::new(), &supervisor, &logger, &registry_ref, offer))
    };
    let (a, b) = (host("a"), host("b"));
    assert_eq!((b.handed_over(), a.handed_over(), a.handed_over()), (None, Some("held".into()), None));
}
