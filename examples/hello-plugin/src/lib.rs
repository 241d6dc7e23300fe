//! The smallest plugin: `hello.greet`.

#![forbid(unsafe_code)]

use plugin_api::{Config, Fault, Host, rpc_interface};

/// The RPC interface `hello`.
pub struct Hello;

#[rpc_interface]
impl Hello {
    /// Say hello.
    pub fn greet(&self, name: String) -> String {
        format!("Hello, {name}!")
    }
}

/// The factory that `supervisor.rpcinterface_factory` names.
pub fn make_hello_rpcinterface(_supervisord: Host, _config: Config) -> Result<Hello, Fault> {
    Ok(Hello)
}

plugin_api::export!(rpcinterface: make_hello_rpcinterface);
