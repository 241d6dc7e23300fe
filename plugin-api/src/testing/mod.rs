//! A test kit: a supervisord and a supervisorctl that do what a test tells them.
//!
//! A plugin that is made through [`FakeHost::make`] or [`FakeController::make`] is called as clients call it, by
//! published names and with values, and everything that it asks of its host is written down. Nothing is loaded and no
//! process runs, so a test takes microseconds. Time stands still until the test moves it.
//!
//! ```
//! use std::time::Duration;
//!
//! use plugin_api::{Config, Fault, Host, Level, rpc_interface, testing::FakeHost};
//!
//! struct Reviver {
//!     supervisord: Host,
//! }
//!
//! #[rpc_interface]
//! impl Reviver {
//!     /// Start a program, a minute from now.
//!     pub async fn revive(&self, name: String) -> Result<bool, Fault> {
//!         self.supervisord.sleep(Duration::from_secs(60)).await?;
//!         self.supervisord.log(Level::Info, format_args!("reviving {name}"));
//!         self.supervisord.call_async("supervisor.startProcess", (name,)).await
//!     }
//! }
//!
//! fn make_reviver(supervisord: Host, _config: Config) -> Result<Reviver, Fault> {
//!     Ok(Reviver { supervisord })
//! }
//!
//! # fn a_program_is_started_after_a_minute() -> Result<(), Fault> {
//! let host = FakeHost::new();
//! host.answers("supervisor.startProcess", true);
//! let reviver = host.make(make_reviver, [])?;
//!
//! let mut revived = reviver.begin::<bool>("revive", ("cat",));
//! assert!(!revived.is_ready());
//! host.advance(Duration::from_secs(60));
//! assert_eq!(revived.wait(), Ok(true));
//! assert_eq!(host.calls(), ["supervisor.startProcess('cat')"]);
//! assert_eq!(host.logs(), ["info: reviving cat"]);
//! # Ok(()) }
//! # a_program_is_started_after_a_minute().unwrap();
//! ```
//!
//! It is always there, and not behind a feature: it needs no other crate, an author need not know of it before the
//! first test, and the linker leaves it out of a library that does not use it.
//!
//! The modules are floors; each imports only from those above it in this list.

mod clock;
mod script;
mod state;

mod groups;
mod published;

mod controller;
mod host;

pub use self::{
    controller::FakeController,
    host::FakeHost,
    published::{Answer, Published},
};
