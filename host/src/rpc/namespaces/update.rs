//! The namespace `update`: what `update` does where a group says `update=minimal`.
//!
//! A client of Supervisor's stops a changed group, removes it and adds it again, which cannot be told from a wish to
//! stop it. So this is a way of its own, which `supervisorctl` takes. A config that has an extension of this name keeps
//! it, and goes without this.

use std::sync::Arc;

use plugin_api::{Fault, Value, abi::NamespaceObject, namespace, rpc_interface};

use crate::{
    config::OptionChange,
    supervisor::{GroupUpdate, NotUpdated, ProcessUpdate, Supervisor, UpdateAction},
};

/// Name of the namespace.
pub(crate) const NAME: &str = "update";

/// The namespace `update`.
pub(crate) struct UpdateInterface(Supervisor);

impl UpdateInterface {
    /// Make the object.
    pub(crate) fn namespace(supervisor: Supervisor) -> NamespaceObject {
        namespace(Arc::new(Self(supervisor)))
    }
}

#[rpc_interface(refuse_in_shutdown)]
impl UpdateInterface {
    /// Tell what an update of each group would do that differs from the config as `reloadConfig` has read it last.
    ///
    /// # Returns
    /// For each a struct with the members group, minimal (true where `updateProcessGroup` takes it) and processes:
    /// structs with name, action (add, remove, restart, take up, keep) and options, structs with option, old and new.
    pub fn get_changes(&self) -> Result<Vec<Value>, Fault> {
        Ok(self.0.updates().iter().map(shown).collect())
    }

    /// Update a group that says `update=minimal` to the config as `reloadConfig` has read it last. Those of its
    /// processes that are to be removed or restarted must have stopped before; no other is stopped.
    ///
    /// # Returns
    /// The struct of `getChanges`.
    #[rpc(returns = "struct")]
    pub fn update_process_group(
        &self,
        /// the group
        name: String,
    ) -> Result<Value, Fault> {
        match self.0.update_group(&name) {
            Ok(update) => Ok(shown(&update)),
            Err(NotUpdated::NoGroup) => Err(Fault::bad_name_with(name)),
            Err(NotUpdated::Running(process)) => Err(Fault::still_running_with(process)),
            Err(error @ NotUpdated::NotMinimal) => {
                Err(Fault::incorrect_parameters_with(format_args!("{name}: {error}")))
            }
            Err(error) => Err(Fault::failed_with(format_args!("{name}: {error}"))),
        }
    }
}

fn shown(update: &GroupUpdate) -> Value {
    let option = |it: &OptionChange| {
        let texts = [("option", &it.option), ("old", &it.old), ("new", &it.new)];
        Value::structure(texts.map(|(name, text)| (name, crate::xmlrpc::readable(text).as_ref().into())))
    };
    let process = |it: &ProcessUpdate| {
        let action = match it.action {
            UpdateAction::Add => "add",
            UpdateAction::Remove => "remove",
            UpdateAction::Restart => "restart",
            UpdateAction::TakeUp => "take up",
            UpdateAction::Keep => "keep",
        };
        Value::structure([
            ("name", it.name.as_str().into()),
            ("action", action.into()),
            ("options", Value::array(it.options.iter().map(option))),
        ])
    };
    Value::structure([
        ("group", update.group.as_str().into()),
        ("minimal", update.is_minimal.into()),
        ("processes", Value::array(update.processes.iter().map(process))),
    ])
}
