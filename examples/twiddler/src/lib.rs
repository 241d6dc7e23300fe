//! Supervisord's groups, changed while it runs: what the extension `supervisor_twiddler` 1.0.0 does for Supervisor,
//! under the lines that stand in config files for that.

#![forbid(unsafe_code)]

mod resulthandler;
mod rpcinterface;

pub use self::{
    resulthandler::stdin_write_handler,
    rpcinterface::{API_VERSION, NOT_IN_WHITELIST, TwiddlerNamespaceRPCInterface, make_twiddler_rpcinterface},
};

plugin_api::export!(rpcinterface: make_twiddler_rpcinterface, result_handler: stdin_write_handler);
