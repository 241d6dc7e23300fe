//! A plugin whose methods do what plugins should not do. Each says in the log that it has begun, so that a test knows
//! when.

#![forbid(unsafe_code)]
// The form of a factory is given, whatever one of them makes of it.
#![allow(clippy::unnecessary_wraps, clippy::needless_pass_by_value)]

use std::{
    future,
    path::PathBuf,
    process::{self, Command},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use plugin_api::{Config, Event, Fault, Host, Level, MaybeReady, Metrics, Value, rpc_interface};
use serde::Deserialize;

/// Methods that come to no end, or to a bad one.
pub struct Unruly {
    host: Host,
    /// Word for what it does in an upgrade.
    at_upgrade: Mutex<String>,
    /// Word for what it does when it is asked for metrics.
    at_metrics: Mutex<String>,
    /// What was handed over to it.
    handed_over: Value,
}

impl Unruly {
    fn new(host: Host) -> Self {
        let handed_over = host.handed_over().unwrap_or_default();
        Self { host, at_upgrade: Mutex::default(), at_metrics: Mutex::default(), handed_over }
    }
}

#[rpc_interface]
impl Unruly {
    /// Sleep for ever.
    pub fn sleep(&self) {
        self.begin("sleep");
        sleep_for_ever();
    }

    /// Keep a processor busy for ever.
    pub fn spin(&self) {
        self.begin("spin");
        spin_for_ever();
    }

    /// Answer later, which is never.
    pub async fn wait(&self) {
        self.begin("wait");
        future::pending::<()>().await;
    }

    /// Sleep for ever in a future's poll, on whatever thread polls it.
    pub async fn sleep_in_poll(&self) {
        self.begin("sleepInPoll");
        sleep_for_ever();
    }

    /// Keep a processor busy for ever in a future's poll.
    pub async fn spin_in_poll(&self) {
        self.begin("spinInPoll");
        spin_for_ever();
    }

    /// Run one command after the other for ever, on so many threads of its own.
    pub fn run_commands(&self, threads: u32) {
        for _ in 0..threads {
            thread::spawn(|| {
                loop {
                    let _ = Command::new("/bin/true").status();
                }
            });
        }
        self.begin("runCommands");
    }

    /// Publish so many events as fast as it can.
    pub fn storm(&self, events: u32) -> Result<u32, Fault> {
        for number in 0..events {
            self.host.emit("UNRULY_STORM", format_args!("number:{number}"))?;
        }
        Ok(events)
    }

    /// Add so many programs to a group.
    pub fn flood(&self, group: String, programs: u32) -> Result<u32, Fault> {
        for number in 0..programs {
            let options =
                [("command", "/bin/cat".into()), ("autostart", "false".into()), ("stdout_logfile", "NONE".into())];
            self.host.add_program(&group, &format!("flood_{number}"), options)?;
        }
        Ok(programs)
    }

    /// Sleep for ever after the promise not to.
    #[rpc(nonblocking)]
    pub fn broken_promise(&self) {
        self.begin("brokenPromise");
        sleep_for_ever();
    }

    /// Call a method after the promise not to wait.
    #[rpc(nonblocking)]
    pub fn call_here(&self, method: String) -> Result<Value, Fault> {
        self.host.call(&method, ())
    }

    /// Panic.
    pub fn panic(&self, message: String) -> bool {
        panic!("{message}")
    }

    /// Panic after a while.
    pub async fn panic_later(&self, message: String) -> Result<bool, Fault> {
        self.host.sleep(Duration::from_millis(10)).await?;
        panic!("{message}")
    }

    /// Answer a text of so many megabytes.
    pub fn huge(&self, megabytes: usize) -> String {
        "x".repeat(megabytes << 20)
    }

    /// Answer so many arrays inside each other.
    pub fn nested(&self, levels: usize) -> Value {
        nested(levels)
    }

    /// Answer so many arrays inside each other, at once.
    #[rpc(nonblocking)]
    pub fn nested_here(&self, levels: usize) -> Value {
        nested(levels)
    }

    /// Answer so many arrays inside each other, later.
    pub async fn nested_later(&self, levels: usize) -> Result<Value, Fault> {
        self.host.sleep(Duration::from_millis(10)).await?;
        Ok(nested(levels))
    }

    /// Hand so many arrays inside each other to another plugin.
    pub fn hand_over_nested(&self, levels: usize) -> Result<bool, Fault> {
        self.host.call("cache.store", ("nested", nested(levels)))
    }

    /// Panic in a thread of its own.
    pub fn panic_in_thread(&self) -> bool {
        thread::spawn(|| panic!("in a thread")).join().is_err()
    }

    /// Call itself for ever.
    pub fn call_itself(&self) -> Result<bool, Fault> {
        self.host.call("unruly.callItself", ())
    }

    /// Call itself for ever, and wait for each answer.
    pub async fn call_itself_later(&self) -> Result<bool, Fault> {
        self.host.call_async("unruly.callItselfLater", ()).await
    }

    /// Call back while it is being called: the supervisor, another plugin, and itself.
    pub fn call_back(&self) -> Result<Vec<Value>, Fault> {
        let call = |method: &str| self.host.call::<Value>(method, ());
        Ok(vec![call("supervisor.getIdentification")?, call("cache.getCount")?, call("unruly.panicInThread")?])
    }

    /// Panic at events that clients send, or never come back.
    #[rpc(on_event = "REMOTE_COMMUNICATION")]
    fn on_event(&self, event: Event) {
        match event.get("type") {
            Some("panic") => panic!("at {}", event.data()),
            Some("sleep") => {
                self.begin("onEvent");
                sleep_for_ever();
            }
            _ => self.host.log(Level::Info, format!("unruly: it heard {}", event.data())),
        }
    }

    /// Choose what it does in an upgrade: `hang`, `spin`, `wait` (as a future), `panic`, `fault`, `nest`, `much` and a
    /// number of megabytes (`much 1024`), `many` and a number of strings; of any other word it hands over that. It
    /// begins with none, for which it hands over nothing.
    pub fn at_upgrade(&self, how: String) {
        *self.at_upgrade.lock().unwrap_or_else(PoisonError::into_inner) = how;
    }

    /// Tell what was handed over to it; of what is long, the length.
    pub fn handed_over(&self) -> Value {
        match &self.handed_over {
            Value::Base64(bytes) => i64::try_from(bytes.len()).unwrap_or(i64::MAX).into(),
            Value::Array(values) => i64::try_from(values.len()).unwrap_or(i64::MAX).into(),
            other => other.clone(),
        }
    }

    #[rpc(on_upgrade)]
    fn hand_over(&self) -> Result<MaybeReady<Value>, Fault> {
        let how = self.at_upgrade.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.begin("onUpgrade");
        let number = || how.split_once(' ').and_then(|(_, number)| number.parse().ok()).unwrap_or(1);
        let value = match how.split(' ').next().unwrap_or_default() {
            "" => Value::Nil,
            "hang" => {
                sleep_for_ever();
                Value::Nil
            }
            "spin" => {
                spin_for_ever();
                Value::Nil
            }
            "wait" => return Ok(MaybeReady::later(future::pending())),
            "panic" => panic!("no upgrade today"),
            "fault" => return Err(Fault::failed_with("the moon is not full")),
            "nest" => nested(1000),
            "much" => Value::Base64(vec![b'x'; number() << 20].into()),
            "many" => Value::array((0..number()).map(|number| number.to_string().into())),
            _ => how.into(),
        };
        Ok(Ok(value).into())
    }

    /// Choose what it does when it is asked for metrics: `hang`, `wait` (as a future), `panic`, `fault`, `lie` (metrics
    /// that would break the text), or of any other word tell one that is right.
    pub fn at_metrics(&self, how: String) {
        *self.at_metrics.lock().unwrap_or_else(PoisonError::into_inner) = how;
    }

    #[rpc(on_metrics)]
    fn metrics(&self) -> Result<MaybeReady<Metrics>, Fault> {
        let how = self.at_metrics.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut metrics = Metrics::new();
        match how.as_str() {
            "hang" => sleep_for_ever(),
            "wait" => return Ok(MaybeReady::later(future::pending())),
            "panic" => panic!("no metrics today"),
            "fault" => return Err(Fault::failed_with("the moon is not full")),
            "lie" => {
                metrics.gauge("a b", "Bad name.").set(1);
                metrics.counter("backwards", "Bad count.").set(-1);
                metrics.gauge("words", "Bad\ntext\" \n# EOF\nx 1").set_with([("at", "\"} 1\n# EOF\n")], 2);
                metrics.gauge("twice", "Twice.").set(3).set(4);
                metrics.gauge("twice", "Twice.").set(5);
            }
            _ => drop(metrics.gauge("mood", "Mood.").set(7)),
        }
        Ok(Ok(metrics).into())
    }

    fn begin(&self, method: &str) {
        self.host.log(Level::Info, format!("unruly: {method} has begun"));
    }
}

fn nested(levels: usize) -> Value {
    (0..levels).fold(Value::Nil, |value, _| Value::array([value]))
}

fn sleep_for_ever() {
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}

fn spin_for_ever() {
    loop {
        std::hint::black_box(());
    }
}

/// The options of `make_choosy_rpcinterface`.
#[derive(Deserialize)]
struct Options {
    times: u32,
    #[serde(default)]
    loudly: bool,
}

fn make_unruly_rpcinterface(host: Host, _config: Config) -> Result<Unruly, Fault> {
    Ok(Unruly::new(host))
}

/// A factory that panics.
fn make_panicking_rpcinterface(_host: Host, _config: Config) -> Result<Unruly, Fault> {
    panic!("no interface today")
}

/// A factory that refuses.
fn make_refusing_rpcinterface(_host: Host, _config: Config) -> Result<Unruly, Fault> {
    Err(Fault::failed_with("the moon is not full"))
}

/// A factory that comes to no end.
fn make_hanging_rpcinterface(host: Host, _config: Config) -> Result<Unruly, Fault> {
    host.log(Level::Info, "unruly: the constructor has begun");
    sleep_for_ever();
    Ok(Unruly::new(host))
}

/// A factory that ends the process as a mistake does.
fn make_aborting_rpcinterface(_host: Host, _config: Config) -> Result<Unruly, Fault> {
    process::abort()
}

/// A factory that ends the process in good order.
fn make_exiting_rpcinterface(_host: Host, _config: Config) -> Result<Unruly, Fault> {
    process::exit(0)
}

/// The option of `make_moody_rpcinterface`.
#[derive(Deserialize)]
struct Mood {
    abort_if: PathBuf,
}

/// A factory that ends the process if there is that file.
fn make_moody_rpcinterface(host: Host, config: Config) -> Result<Unruly, Fault> {
    let Mood { abort_if } = config.read()?;
    if abort_if.exists() { process::abort() } else { Ok(Unruly::new(host)) }
}

/// A factory with options of its own.
fn make_choosy_rpcinterface(host: Host, config: Config) -> Result<Unruly, Fault> {
    let Options { times, loudly } = config.read()?;
    host.log(Level::Info, format!("unruly: times {times}, loudly {loudly}"));
    Ok(Unruly::new(host))
}

/// An interface that does not go without a word.
pub struct Leaver {
    host: Host,
    how: String,
}

#[rpc_interface]
impl Leaver {
    /// Tell how it will leave.
    pub fn how(&self) -> String {
        self.how.clone()
    }
}

impl Drop for Leaver {
    fn drop(&mut self) {
        self.host.log(Level::Info, "leaver: begins to leave");
        match self.how.as_str() {
            "panics" => panic!("not like this"),
            "never" => sleep_for_ever(),
            _ => thread::sleep(Duration::from_millis(300)),
        }
        self.host.log(Level::Info, "leaver: has left");
    }
}

#[derive(Deserialize)]
struct Leaving {
    how: String,
}

/// A factory of what leaves as its option says: `slowly`, `never`, or it `panics`.
fn make_leaving_rpcinterface(host: Host, config: Config) -> Result<Leaver, Fault> {
    let Leaving { how } = config.read()?;
    Ok(Leaver { host, how })
}

/// An interface that does not want to hear of the end.
pub struct Clinging {
    panics: bool,
}

#[rpc_interface]
impl Clinging {
    #[rpc(on_shutdown)]
    fn end(&self) {
        assert!(!self.panics, "it cannot be over");
        sleep_for_ever();
    }

    /// Wait for what never happens.
    #[rpc(on_event = "PROCES_STATE")]
    fn hear(&self, _event: Event) {}
}

#[derive(Deserialize)]
struct Clings {
    panics: bool,
}

fn make_clinging_rpcinterface(_host: Host, config: Config) -> Result<Clinging, Fault> {
    let Clings { panics } = config.read()?;
    Ok(Clinging { panics })
}

plugin_api::export!(
    rpcinterface: make_unruly_rpcinterface { events: ["UNRULY_STORM"] },
    rpcinterface: make_panicking_rpcinterface,
    rpcinterface: make_refusing_rpcinterface,
    rpcinterface: make_choosy_rpcinterface,
    rpcinterface: make_hanging_rpcinterface,
    rpcinterface: make_aborting_rpcinterface,
    rpcinterface: make_moody_rpcinterface,
    rpcinterface: make_exiting_rpcinterface,
    rpcinterface: make_clinging_rpcinterface,
    rpcinterface: make_leaving_rpcinterface,
);
