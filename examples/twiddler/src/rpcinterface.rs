//! `twiddler.*`.

use plugin_api::{Config, Fault, Host, Level, Value, rpc_interface};
use serde::Deserialize;

/// The version of this interface, not of the library.
pub const API_VERSION: &str = "1.0";

/// The number of the fault for a method that `whitelist` does not have.
pub const NOT_IN_WHITELIST: i32 = 230;

#[derive(Deserialize)]
struct Options {
    /// The methods that may be called; all, if it is empty.
    #[serde(default)]
    whitelist: Vec<String>,
}

/// An RPC interface for changing what cannot be changed otherwise while supervisord runs.
pub struct TwiddlerNamespaceRPCInterface {
    supervisord: Host,
    whitelist: Vec<String>,
}

#[rpc_interface(refuse_in_shutdown)]
impl TwiddlerNamespaceRPCInterface {
    /// Tell which version of the twiddler's methods this is.
    ///
    /// # Returns
    /// the version
    #[rpc(name = "getAPIVersion", nonblocking)]
    pub fn get_api_version(&self) -> Result<&'static str, Fault> {
        self.check_whitelist("getAPIVersion")?;
        Ok(API_VERSION)
    }

    /// List the groups that are active.
    ///
    /// # Returns
    /// their names
    #[rpc(nonblocking)]
    pub fn get_group_names(&self) -> Result<Vec<String>, Fault> {
        self.check_whitelist("getGroupNames")?;
        Ok(self.supervisord.groups()?.into_iter().map(|group| group.name).collect())
    }

    /// Write a line to supervisord's log, to note what was twiddled.
    ///
    /// # Returns
    /// true
    #[rpc(nonblocking)]
    pub fn log(
        &self,
        /// the line
        message: String,
        /// `INFO`, if it is left out; a name or a number
        #[rpc(kind = "string|int")]
        level: Option<Value>,
    ) -> Result<bool, Fault> {
        self.check_whitelist("log")?;
        self.supervisord.log(level_of(level.as_ref())?, message);
        Ok(true)
    }

    /// Add a program to an active group. It becomes as many processes as its `numprocs` says.
    ///
    /// # Returns
    /// true
    pub fn add_program_to_group(
        &self,
        /// the group
        group_name: String,
        /// what would follow `program:` in the config
        program_name: String,
        /// its options, as in the config
        #[rpc(kind = "struct")]
        program_options: Value,
    ) -> Result<bool, Fault> {
        self.check_whitelist("addProgramToGroup")?;
        let options = match program_options.as_array() {
            // What some clients make of a struct without members.
            Some([]) => &[],
            _ => program_options.as_struct().ok_or_else(Fault::incorrect_parameters)?,
        };
        let options = options.iter().map(|option| (option.name.as_str(), option.value.clone()));
        self.supervisord.add_program(&group_name, &program_name, options)?;
        Ok(true)
    }

    /// Take a process that does not run out of its group.
    ///
    /// # Returns
    /// true
    pub fn remove_process_from_group(
        &self,
        /// the group
        group_name: String,
        /// the process, which is one of those of its program
        process_name: String,
    ) -> Result<bool, Fault> {
        self.check_whitelist("removeProcessFromGroup")?;
        self.supervisord.remove_process(&group_name, &process_name)?;
        Ok(true)
    }

    /// Refuse a method that `whitelist` does not have. Every method begins with it.
    fn check_whitelist(&self, method: &str) -> Result<(), Fault> {
        if !self.whitelist.is_empty() && !self.whitelist.iter().any(|allowed| allowed == method) {
            return Err(Fault::new(NOT_IN_WHITELIST, format!("NOT_IN_WHITELIST: {method}")));
        }
        Ok(())
    }
}

/// The level that a client means by a name in any case, or by Supervisor's number.
fn level_of(level: Option<&Value>) -> Result<Level, Fault> {
    let Some(level) = level else { return Ok(Level::Info) };
    let found = match level.as_str() {
        Some(name) => Level::ALL.into_iter().find(|known| name.eq_ignore_ascii_case(known.label())),
        None => level.as_i64().and_then(|number| Level::from_number(number.try_into().ok()?)),
    };
    found.ok_or_else(Fault::incorrect_parameters)
}

/// Make the interface for `[rpcinterface:twiddler]`.
///
/// # Errors
///
/// An option that it does not have.
#[expect(clippy::needless_pass_by_value, reason = "the form of a factory is given")]
pub fn make_twiddler_rpcinterface(supervisord: Host, config: Config) -> Result<TwiddlerNamespaceRPCInterface, Fault> {
    let Options { whitelist } = config.read()?;
    Ok(TwiddlerNamespaceRPCInterface { supervisord, whitelist })
}
