//! The versions that both sides of the wire must agree on.

/// The Supervisor that this one is a stand-in for. Clients and people compare it.
pub const SUPERVISOR: &str = "4.3.0";

/// The version of the `supervisor` namespace, for which the commands of `supervisorctl` are written.
pub const API: &str = "3.0";

/// Version of this program itself.
pub const OWN: &str = env!("CARGO_PKG_VERSION");
