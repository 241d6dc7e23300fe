//! A plugin that hears of all that it can hear of, and says so.

#![forbid(unsafe_code)]
// The form of a factory is given, whatever one of them makes of it.
#![allow(clippy::unnecessary_wraps)]

use std::fs;

use plugin_api::{Config, Event, Fault, FromValue as _, Host, Level, Value, rpc_interface};

/// An interface that keeps its host, and the number of upgrades that it has gone through.
pub struct Witness(Host, u32);

#[rpc_interface]
impl Witness {
    #[rpc(on_start)]
    async fn begin(&self) -> Result<(), Fault> {
        // Everything may be called by now.
        let state: Value = self.0.call_async("supervisor.getState", ()).await?;
        let name = state.get("statename").and_then(Value::as_str).unwrap_or_default().to_owned();
        self.0.log(Level::Info, format_args!("witness: it has begun, {name}"));
        Ok(())
    }

    #[rpc(on_event = "PROCESS_STATE_EXITED, SUPERVISOR_STATE_CHANGE")]
    fn on_event(&self, event: Event) -> Result<(), Fault> {
        let about = event.namespec().unwrap_or_default();
        self.0.log(Level::Info, format_args!("witness: {} {about}", event.name()));
        if event.is_a("PROCESS_STATE") {
            self.0.emit("WITNESS_SAW", format_args!("process:{about}"))?;
        }
        Ok(())
    }

    #[rpc(on_event = "WITNESS")]
    async fn on_own(&self, event: Event) {
        self.0.log(Level::Info, format_args!("witness: it said {}", event.payload()));
    }

    /// Hand over how many upgrades it will have gone through.
    #[rpc(on_upgrade)]
    async fn hand_over(&self) -> u32 {
        self.0.log(Level::Info, "witness: it hands over");
        self.1 + 1
    }

    #[rpc(on_shutdown)]
    fn end(&self) -> Result<(), Fault> {
        let file = self.0.data_dir()?.join("end");
        fs::write(file, "it has ended").map_err(Fault::failed_with)
    }

    /// Publish an event of that type.
    pub fn say(&self, name: String, payload: String) -> Result<(), Fault> {
        self.0.emit(&name, payload)
    }

    /// Tell how many upgrades it has gone through.
    pub fn upgrades(&self) -> u32 {
        self.1
    }

    /// Tell what the host is called.
    pub fn who(&self) -> Result<Vec<String>, Fault> {
        let info = self.0.supervisor_info()?;
        let directory = self.0.data_dir()?;
        Ok(vec![info.identifier, info.namespace, info.pid.to_string(), directory.display().to_string()])
    }
}

fn make_witness(host: Host, _config: Config) -> Result<Witness, Fault> {
    let upgrades = host.handed_over().map(u32::from_value).transpose()?.unwrap_or_default();
    Ok(Witness(host, upgrades))
}

fn make_impostor(host: Host, _config: Config) -> Result<Witness, Fault> {
    Ok(Witness(host, 0))
}

plugin_api::export!(
    rpcinterface: make_witness { events: ["WITNESS_SAW", "WITNESS_SAID"] },
    rpcinterface: make_impostor { events: ["PROCESS_STATE_SAD"] },
);
