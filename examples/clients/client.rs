//! A client in Rust: what runs, and a marker in the cache.
//!
//!     cargo run -p supervisor-host --example client -- http://127.0.0.1:9001
//!     cargo run -p supervisor-host --example client -- unix:///run/supervisor.sock

use std::{env, error::Error};

use plugin_api::{IntoParams, Value};
use supervisor_host::xmlrpc::Client;

fn main() -> Result<(), Box<dyn Error>> {
    let url = env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:9001".to_owned());
    let mut server = Client::new(&url, None, None)?;

    let processes = server.call("supervisor.getAllProcessInfo", &[])?;
    for process in processes.as_array().unwrap_or_default() {
        let member = |name| process.get(name).and_then(Value::as_str).unwrap_or_default();
        println!("{} is {}", member("name"), member("statename"));
    }
    server.call("cache.store", &("deployed", "release 7").into_params())?;
    let marker = server.call("cache.fetch", &("deployed",).into_params())?;
    println!("deployed is {}", marker.as_str().unwrap_or_default());
    Ok(())
}
