//! A plugin that uses all that version 1.0.0 of the plugin API has.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, time::Duration};

use plugin_api::{
    Config, Controller, Event, Fault, FromValue, Host, IntoValue, Level, Value, Verdict, ctl_plugin, rpc_interface,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Options {
    greeting: String,
    #[serde(default)]
    loud: bool,
}

pub struct Elder {
    host: Host,
    options: Options,
}

#[derive(Serialize, Deserialize, FromValue, IntoValue)]
pub struct Point {
    x: i32,
    y: f64,
}

#[rpc_interface]
impl Elder {
    /// Greet somebody.
    #[rpc(nonblocking)]
    pub fn greet(&self, name: String) -> String {
        let greeting = format!("{}, {name}!", self.options.greeting);
        if self.options.loud { greeting.to_uppercase() } else { greeting }
    }

    /// Give a value back.
    pub fn echo(&self, value: Value) -> Value {
        value.into_shared()
    }

    /// Change sides.
    pub fn mirror(&self, point: Point, by: Option<i32>) -> Point {
        Point { x: -point.x + by.unwrap_or(0), y: -point.y }
    }

    /// Count words.
    pub fn count(&self, words: Vec<String>) -> BTreeMap<String, i32> {
        let mut counts = BTreeMap::new();
        words.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
        counts
    }

    /// Ask the supervisor, after a while.
    pub async fn ask_later(&self, method: String) -> Result<Value, Fault> {
        self.host.sleep(Duration::from_millis(1)).await?;
        self.host.call_async(&method, ()).await
    }

    /// Ask the supervisor at once.
    pub fn ask(&self, method: String) -> Result<Value, Fault> {
        self.host.log(Level::Info, "asking");
        self.host.call(&method, ())
    }

    /// Fall over.
    pub fn fall(&self) -> bool {
        panic!("too old for this")
    }

    #[rpc(on_event = "PROCESS_STATE")]
    fn on_event(&self, event: Event) -> Result<(), Fault> {
        self.host.emit("ELDER_SAW", event.name())
    }
}

pub struct Commands(Controller);

#[ctl_plugin]
impl Commands {
    /// Greet somebody.
    pub fn elder_greet(&self, words: Vec<String>) -> Result<(), Fault> {
        let greeting: String = self.0.proxy("elder").call("greet", (words.join(" "),))?;
        self.0.output(&greeting);
        Ok(())
    }
}

fn make_elder(host: Host, config: Config) -> Result<Elder, Fault> {
    let options = config.read()?;
    Ok(Elder { host, options })
}

fn make_commands(controller: Controller, _config: Config) -> Result<Commands, Fault> {
    Ok(Commands(controller))
}

fn judge(_: &Host, _: &Event, result: &[u8]) -> Result<Verdict, Fault> {
    Ok(if result == b"OK" { Verdict::Accept } else { Verdict::Reject })
}

plugin_api::export!(
    rpcinterface: make_elder { events: ["ELDER_SAW"] },
    ctl: make_commands,
    result_handler: judge,
);
