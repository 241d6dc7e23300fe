//! `supervisor.*`: the state of the supervisor itself.

use plugin_api::{Fault, Value, rpc_interface};

use crate::{server_options::VERSION, states::SupervisorState, supervisor::Supervisor};

/// `supervisor.*`.
pub struct SupervisorInterface(Supervisor);

impl SupervisorInterface {
    /// The interface to a supervisor.
    pub fn new(supervisor: Supervisor) -> Self {
        Self(supervisor)
    }

    fn running(&self) -> Result<&Supervisor, Fault> {
        if self.0.state() == SupervisorState::Shutdown { Err(Fault::shutdown_state()) } else { Ok(&self.0) }
    }
}

#[rpc_interface]
impl SupervisorInterface {
    /// Tell the version of this interface.
    #[rpc(name = "getAPIVersion", nonblocking)]
    pub fn get_api_version(&self) -> Result<&'static str, Fault> {
        self.running().map(|_| "3.0")
    }

    /// Tell the version of the supervisor.
    #[rpc(nonblocking)]
    pub fn get_supervisor_version(&self) -> Result<&'static str, Fault> {
        self.running().map(|_| VERSION)
    }

    /// Tell what the supervisor calls itself.
    #[rpc(nonblocking)]
    pub fn get_identification(&self) -> Result<String, Fault> {
        Ok(self.running()?.identifier())
    }

    /// Tell what the supervisor is doing.
    #[rpc(nonblocking, returns = "struct")]
    pub fn get_state(&self) -> Result<Value, Fault> {
        let state = self.running()?.state();
        Ok(Value::structure([("statecode", Value::Int(state as i32)), ("statename", state.name().into())]))
    }

    /// Tell the pid of the supervisor.
    #[rpc(name = "getPID", nonblocking)]
    pub fn get_pid(&self) -> Result<i64, Fault> {
        Ok(self.running()?.pid().into())
    }

    /// Stop all programs, then end.
    #[rpc(nonblocking)]
    pub fn shutdown(&self) -> Result<bool, Fault> {
        self.running()?.shutdown();
        Ok(true)
    }

    /// Stop all programs, then start anew.
    #[rpc(nonblocking)]
    pub fn restart(&self) -> Result<bool, Fault> {
        self.running()?.restart();
        Ok(true)
    }
}
