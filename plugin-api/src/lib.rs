//! Plugins for supervisord and supervisorctl, in Rust.
//!
//! A plugin is a library that supervisord or supervisorctl loads at start. It adds methods to the XML-RPC interface, or
//! commands to the shell. This is a whole one, of both kinds; nothing is left out but `Cargo.toml`:
//!
//! ```
//! #![forbid(unsafe_code)]
//!
//! use std::{sync::Mutex, time::Duration};
//!
//! use plugin_api::{Config, Controller, Fault, Host, Level, Proxy, ctl_plugin, rpc_interface};
//!
//! /// A notice board in the supervisor: the RPC interface `board`.
//! pub struct Board {
//!     supervisord: Host,
//!     options: Options,
//!     notes: Mutex<Vec<String>>,
//! }
//!
//! /// The further keys of its section in the config file.
//! #[derive(serde::Deserialize)]
//! struct Options {
//!     #[serde(default = "Options::some")]
//!     max_notes: usize,
//! }
//! # impl Options { fn some() -> usize { 100 } }
//!
//! #[rpc_interface]
//! impl Board {
//!     /// Pin a note to the board.
//!     ///
//!     /// # Returns
//!     /// how many notes there are now
//!     pub fn pin(&self, /** what it says */ note: String) -> Result<usize, Fault> {
//!         let mut notes = self.notes.lock().unwrap();
//!         if notes.len() >= self.options.max_notes {
//!             return Err(Fault::new(500, "BOARD_FULL"));
//!         }
//!         notes.push(note);
//!         Ok(notes.len())
//!     }
//!
//!     /// Read the last notes, or all of them.
//!     #[rpc(name = "getNotes", nonblocking)]
//!     pub fn read(&self, count: Option<usize>) -> Vec<String> {
//!         let notes = self.notes.lock().unwrap();
//!         let first = notes.len().saturating_sub(count.unwrap_or(usize::MAX));
//!         notes[first..].to_vec()
//!     }
//!
//!     /// Start a program, and pin a note about it a second later.
//!     pub async fn announce(&self, program: String) -> Result<bool, Fault> {
//!         let started: bool = self.supervisord.call_async("supervisor.startProcess", (&program,)).await?;
//!         self.supervisord.sleep(Duration::from_secs(1)).await?;
//!         self.supervisord.log(Level::Info, format_args!("{program} is on the board"));
//!         self.pin(format!("{program} was started"))?;
//!         Ok(started)
//!     }
//! }
//!
//! /// The commands `board_pin` and `board_read` of supervisorctl.
//! pub struct BoardCommands {
//!     ctl: Controller,
//!     board: Proxy,
//! }
//!
//! #[ctl_plugin]
//! impl BoardCommands {
//!     /// Pin a note to the board.
//!     pub fn board_pin(&self, words: Vec<String>) -> Result<(), Fault> {
//!         self.board.call("pin", (words.join(" "),))
//!     }
//!
//!     /// Read the last <count> notes.
//!     pub fn board_read(&self, count: Option<usize>) -> Result<(), Fault> {
//!         let notes: Vec<String> = self.board.call("getNotes", (count.unwrap_or(10),))?;
//!         self.ctl.output(&notes.join("\n"));
//!         Ok(())
//!     }
//! }
//!
//! fn make_board(supervisord: Host, config: Config) -> Result<Board, Fault> {
//!     Ok(Board { supervisord, options: config.read()?, notes: Mutex::default() })
//! }
//!
//! fn make_board_commands(controller: Controller, _config: Config) -> Result<BoardCommands, Fault> {
//!     Ok(BoardCommands { board: controller.proxy("board"), ctl: controller })
//! }
//!
//! plugin_api::export!(rpcinterface: make_board, ctl: make_board_commands);
//! # fn main() {}
//! ```
//!
//! # Build, install, configure
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! supervisor-plugin-api = "1"
//! serde = { version = "1", features = ["derive"] } # only for options
//! ```
//!
//! `cargo build --release` makes `libboard.so`. Copy it under another name into a directory that only root and the user of
//! supervisord can write, and rename it: to write over a library that is in use crashes the process that uses it. Then,
//! in `supervisord.conf`:
//!
//! ```ini
//! [supervisord]
//! plugin_path = /usr/lib/supervisor
//!
//! [rpcinterface:board]
//! supervisor.rpcinterface_factory = board:make_board
//! max_notes = 20
//!
//! [ctlplugin:board]
//! supervisor.ctl_factory = board:make_board_commands
//! ```
//!
//! # What is published
//!
//! The `pub fn`s of the `impl` block under [`#[rpc_interface]`](macro@rpc_interface) or
//! [`#[ctl_plugin]`](macro@ctl_plugin), and nothing else. They take `&self`, because several threads may call at once.
//! Parameters and results are what [`FromValue`] and [`IntoValue`] are for: strings, numbers, `bool`, lists, maps,
//! `Option`, and [`Value`] for anything. Supervisor reads parameters leniently, and so do these: `"4"` is an integer
//! too. The wrong number of parameters is fault 2, `INCORRECT_PARAMETERS`, without a line of yours.
//!
//! # Waiting
//!
//! A method runs on a thread of a pool, and may wait. One that never does can say `#[rpc(nonblocking)]`, and is called at
//! once, on the server's own thread. An `async fn` holds no thread while it waits: for [`Host::call_async`], for
//! [`Host::sleep`], for a channel of `tokio::sync`. Timers, sockets and tasks of an async runtime do not work there, since
//! a library has a runtime of its own, which nobody runs. When the client goes away, the future is dropped.
//!
//! # Going wrong
//!
//! * Return a [`Fault`]: one of Supervisor's ([`Fault::bad_name_with`], …) or one of your own ([`Fault::new`]).
//! * A panic is caught, and the caller gets `FAILED: pin panicked: … (src/lib.rs:13:12)`. A lock of `std` is poisoned then;
//!   `.lock().unwrap_or_else(PoisonError::into_inner)` goes on.
//! * What cannot be caught ends the process: `abort`, a stack overflow, memory written by `unsafe` code, a panic while
//!   panicking. A plugin that is built with `panic = "abort"` is refused.
//! * The supervision of processes does not wait for plugins. An endless loop costs one thread of the pool.
//!
//! # Versions
//!
//! Host and plugin compare the layout of every type that they share when the library is loaded. The boundary is frozen
//! since 1.0.0: a plugin built against any 1.x is loaded by every host of 1.x, newer or older, whatever compiler built
//! either. What the host learns later, it learns as a method with a name, so an older host answers a newer plugin
//! `UNKNOWN_METHOD`.
//!
//! A plugin brings its own allocator. One with static thread-local storage, such as mimalloc, fits into a process only a
//! few times.

// The macros write `::plugin_api::…`, also where this crate uses them itself.
extern crate self as plugin_api;

pub mod abi;
mod block_on;
mod config;
mod controller;
mod describe;
mod export;
pub mod fault;
mod guard;
mod host;
mod interface;
mod params;
pub mod testing;
pub mod value;

pub use abi_stable::std_types::{RArc, RString, RVec};
pub use supervisor_plugin_macros::{FromValue, IntoValue, ctl_plugin, rpc_interface};

pub use crate::{
    abi::{Fault, Member, MethodInfo, NamespaceObject, Param, Reply, Value},
    block_on::block_on,
    config::Config,
    controller::{Controller, Proxy},
    fault::Code,
    host::{Host, Level, SupervisorState},
    interface::{Methods, namespace},
    params::{IntoParams, Params},
    value::{
        convert::{FromValue, IntoAnswer, IntoValue},
        de::from_value,
        find,
        pformat::{pformat, repr},
        ser::to_value,
    },
};

/// What the macros' code calls.
#[doc(hidden)]
pub mod __macro {
    pub use abi_stable::{library::LibHeader, std_types::RResult};
    pub use serde::{Deserialize, Serialize};

    use crate::{Fault, Reply, Value, to_value};
    pub use crate::{
        describe::Describe,
        export::{API_VERSION, Library, entry_point, factory, make_ctl, make_rpcinterface},
    };

    /// A list of further words, and the type of one.
    pub trait List {
        /// One word.
        type Item;
    }

    impl<T> List for Vec<T> {
        type Item = T;
    }

    /// What `#[derive(FromValue)]` does. The bound is written so that serde's own hint follows where it is not met.
    pub fn from_value<T: for<'de> Deserialize<'de>>(value: Value) -> Result<T, Fault> {
        crate::from_value(value)
    }

    /// What `#[derive(IntoValue)]` does.
    #[track_caller]
    pub fn into_value<T: Serialize>(what: &T) -> Value {
        // A closure would be the place that is named.
        match to_value(what) {
            Ok(value) => value,
            Err(fault) => panic!("`{}` cannot become a value: {}", std::any::type_name::<T>(), fault.detail()),
        }
    }

    /// The reply of a method that answers at once.
    pub fn try_now(call: impl FnOnce() -> Result<Value, Fault>) -> Reply {
        call().into()
    }

    /// The reply of a method that answers later, unless its parameters are wrong.
    pub fn try_later(call: impl FnOnce() -> Result<Reply, Fault>) -> Reply {
        call().unwrap_or_else(Reply::Failed)
    }
}
