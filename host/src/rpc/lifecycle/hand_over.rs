//! Request to plugins for what they hand over before an upgrade: the answers of their `on_upgrade` functions.

use std::{
    collections::BTreeSet,
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};

use abi_stable::std_types::RVec;
use plugin_api::Value;

use crate::rpc::{handover::HandedOver, method::Caller, registry::Registry};

/// Name of the hook for an upgrade.
const UPGRADE: &str = "_upgrade";

/// Ask all plugins at once for what they hand over, and wait for that no longer than `timeout`. The log names those
/// whose instances will start empty though they wanted to hand something over.
pub(super) fn hand_over(registry: &Arc<Registry>, timeout: Duration) -> HandedOver {
    let mut handed_over = HandedOver::default();
    let Some(runtime) = registry.runtime() else { return handed_over };
    let end = Instant::now() + timeout;
    let mut waiting: BTreeSet<_> = registry.hooks_named(UPGRADE).collect();
    let (told, answers) = mpsc::channel();
    for hook in waiting.iter().cloned() {
        let (registry, told) = (registry.clone(), told.clone());
        runtime.spawn(async move {
            let answer = registry.call_from(Caller::Host, &hook, RVec::new()).await;
            // Nobody waits any more for one who comes too late.
            let _ = told.send((hook, answer));
        });
    }
    drop(told);
    let warn = |section: &str, why: &str| {
        registry.logger().warn(format_args!("{section} hands nothing over, and starts empty after an upgrade: {why}"));
    };
    while !waiting.is_empty() {
        let Ok((hook, answer)) = answers.recv_timeout(end.saturating_duration_since(Instant::now())) else { break };
        waiting.remove(&hook);
        let section = section_of(&hook);
        let taken = match answer {
            Ok(Value::Nil) => Ok(()),
            Ok(value) => handed_over.insert(section.clone(), value),
            Err(fault) => Err(fault.to_string()),
        };
        if let Err(why) = taken {
            warn(&section, &why);
        }
    }
    for hook in waiting {
        warn(&section_of(&hook), &format!("it has not answered in {} seconds", timeout.as_secs_f64()));
    }
    handed_over
}

/// Section of the plugin that has a hook of that full name.
fn section_of(hook: &str) -> String {
    format!("rpcinterface:{}", hook.split('.').next().unwrap_or(hook))
}
