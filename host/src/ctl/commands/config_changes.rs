//! Differences between the config files and what is active, as `supervisor.reloadConfig` reports them.

use plugin_api::Value;

use crate::ctl::process_info::items;

/// Names of the groups that differ.
pub(super) struct ConfigChanges {
    pub(super) added: Vec<String>,
    pub(super) changed: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl ConfigChanges {
    /// Read `[[added, changed, removed]]`.
    pub(super) fn from_value(result: &Value) -> Self {
        let lists = items(result).first().map_or(&[][..], items);
        let list = |index: usize| {
            let names = lists.get(index).map_or(&[][..], items);
            names.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        Self { added: list(0), changed: list(1), removed: list(2) }
    }
}
