//! The namespace `upgrade`: supervisord executes itself anew, and nothing stops.
//!
//! A namespace of its own, as `plugins` is: clients of Supervisor find `supervisor.*` and `system.*` as they know them.
//! A config that has an extension of this name keeps it, and goes without this.

use std::sync::{Arc, OnceLock};

use plugin_api::{Fault, Value, abi::NamespaceObject, namespace, rpc_interface};

/// Name of the namespace.
pub(crate) const NAME: &str = "upgrade";

/// Plan of an upgrade in place, as the one that is to come has answered for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpgradePlan {
    /// Version of the one that is to come.
    pub version: String,
    /// Executable of that one.
    pub executable: String,
    /// Plugins that it loads: names, versions and sections.
    pub plugins: Vec<String>,
    /// Addresses that it opens.
    pub opens: Vec<String>,
    /// Addresses that it closes.
    pub closes: Vec<String>,
    /// Number of processes, alive or not.
    pub processes: usize,
    /// Number of those that are alive, and go on.
    pub alive: usize,
}

/// Upgrades up to now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpgradeStatus {
    /// Version of this supervisord.
    pub version: String,
    /// Number of upgrades since the process was started.
    pub upgrades: u64,
    /// Number of those that failed when they had begun.
    pub failures: u64,
    /// Reason of the last failure.
    pub failure: Option<String>,
    /// Seconds that the last upgrade took.
    pub seconds: Option<f64>,
    /// Set while one goes on.
    pub is_under_way: bool,
}

/// Whoever upgrades supervisord in place.
pub trait Upgrader: Send + Sync {
    /// Check whether an upgrade could be, and do nothing. Blocks. The error says why it could not.
    fn check(&self) -> Result<UpgradePlan, String>;

    /// Check, and begin. Blocks until it has begun. The error says why it has not.
    fn start(&self) -> Result<UpgradePlan, String>;

    /// Tell of upgrades up to now.
    fn status(&self) -> UpgradeStatus;
}

/// Upgrader that comes when all else is there.
#[derive(Clone, Default)]
pub(crate) struct UpgraderRef(Arc<OnceLock<Box<dyn Upgrader>>>);

impl std::fmt::Debug for UpgraderRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpgraderRef").finish_non_exhaustive()
    }
}

impl UpgraderRef {
    /// Set it. To be called once.
    pub(crate) fn set(&self, upgrader: Box<dyn Upgrader>) {
        // Who comes second has nothing new to say.
        let _ = self.0.set(upgrader);
    }

    fn get(&self) -> Result<&dyn Upgrader, Fault> {
        self.0.get().map(|upgrader| &**upgrader).ok_or_else(|| Fault::failed_with("supervisord has not begun yet"))
    }
}

/// The namespace `upgrade`.
pub(crate) struct Upgrade(UpgraderRef);

impl Upgrade {
    /// Make the object.
    pub(crate) fn namespace(upgrader: UpgraderRef) -> NamespaceObject {
        namespace(Arc::new(Self(upgrader)))
    }
}

#[rpc_interface(refuse_in_shutdown)]
impl Upgrade {
    /// Tell what an upgrade in place would do, and do nothing.
    ///
    /// # Returns
    /// A struct with the version of the one that would come, its executable, its plugins, the addresses that it opens
    /// and closes, the number of processes and of those alive, which go on.
    #[rpc(returns = "struct")]
    pub fn check(&self) -> Result<Value, Fault> {
        self.0.get()?.check().map(|plan| planned(&plan)).map_err(Fault::failed_with)
    }

    /// Execute supervisord anew, from the file that it was started from, with the config as it is now. No program
    /// stops. Nothing has happened where the one that would come cannot go on: the fault says why.
    ///
    /// # Returns
    /// The struct of `check`. The upgrade has begun then; `getInfo` tells when it is done.
    #[rpc(returns = "struct")]
    pub fn start(&self) -> Result<Value, Fault> {
        self.0.get()?.start().map(|plan| planned(&plan)).map_err(Fault::failed_with)
    }

    /// Tell of upgrades up to now.
    ///
    /// # Returns
    /// A struct with the version, the number of upgrades since the process was started, and of failures among those
    /// that had begun; the text of the last failure, empty where there is none; the seconds that the last upgrade took;
    /// and whether one goes on, `underway`.
    #[rpc(nonblocking, returns = "struct")]
    pub fn get_info(&self) -> Result<Value, Fault> {
        let UpgradeStatus { version, upgrades, failures, failure, seconds, is_under_way } = self.0.get()?.status();
        let number = |number: u64| Value::from(i32::try_from(number).unwrap_or(i32::MAX));
        Ok(Value::structure([
            ("version", version.into()),
            ("upgrades", number(upgrades)),
            ("failures", number(failures)),
            ("failure", failure.unwrap_or_default().into()),
            ("seconds", Value::Double(seconds.unwrap_or_default())),
            ("underway", is_under_way.into()),
        ]))
    }
}

fn planned(plan: &UpgradePlan) -> Value {
    let texts = |texts: &[String]| Value::array(texts.iter().map(|text| Value::from(text.as_str())));
    let number = |number: usize| Value::from(i32::try_from(number).unwrap_or(i32::MAX));
    Value::structure([
        ("version", plan.version.as_str().into()),
        ("executable", plan.executable.as_str().into()),
        ("plugins", texts(&plan.plugins)),
        ("opens", texts(&plan.opens)),
        ("closes", texts(&plan.closes)),
        ("processes", number(plan.processes)),
        ("alive", number(plan.alive)),
    ])
}
